"""Whether there is a report to make: what is decided before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_expops.plugin.state import SessionState


def register_reports(config: pytest.Config, state: SessionState | None, paths: Sequence[Path]) -> None:
    """Have items note what a report needs, where they are run; and it gathered and written, where all are reported."""
    if not paths or config.option.collectonly:
        return
    from pytest_expops.plugin.reports._notes import ItemNotes

    in_worker = hasattr(config, "workerinput")
    if in_worker or config.getoption("dist", "no") == "no":
        config.pluginmanager.register(ItemNotes(), "expops-item-notes")
    if not in_worker:
        from pytest_expops.plugin.reports._writer import ReportHooks

        config.pluginmanager.register(ReportHooks(config, state, paths), "expops-report")
