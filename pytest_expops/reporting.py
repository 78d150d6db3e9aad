"""What chart scripts import: `chart` and `ChartContext`."""

from __future__ import annotations

from pytest_expops.execution.user_code.authoring import ChartContext, chart

__all__ = ["ChartContext", "chart"]
