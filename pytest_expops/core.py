"""What pipeline scripts import: `process`, `step`, `log_metric`, `SerializableData`, `get_current_context`."""

from __future__ import annotations

from pytest_expops.execution.user_code.authoring import (
    ModelData,
    SerializableData,
    get_current_context,
    log_metric,
    process,
    step,
)

__all__ = ["ModelData", "SerializableData", "get_current_context", "log_metric", "process", "step"]
