"""The `context` that a process function may ask for, and what `get_current_context()` returns."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ProcessContext:
    """Where a process runs, for one that asks (S2.2).

    `step_results` maps the base name of each direct upstream process to what this process received of it.
    """

    project_id: str
    run_id: str
    process_name: str
    hyperparameters: Mapping[str, Any]
    step_results: Mapping[str, Any] = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    checkpoint_root: Path = field(repr=False)

    @cached_property
    def global_config(self) -> dict[str, Any]:
        """The whole config as plain data; a copy, made when first asked for, so that changing it harms nobody."""
        return copy.deepcopy(dict(self.document))

    @cached_property
    def data_paths(self) -> dict[str, Any]:
        """The `data` section of the config."""
        section = self.global_config.get("data")
        return section if isinstance(section, dict) else {}

    @property
    def checkpoint_dir(self) -> Path:
        """An empty folder of this run's own, made when first asked for."""
        self.checkpoint_root.mkdir(parents=True, exist_ok=True)
        return self.checkpoint_root

    def get_step_result(self, name: str, key: str | None = None, default: Any = None) -> Any:
        """What the upstream process `name` handed over, or one `key` of it; `default` where there is none."""
        result = self.step_results.get(name)
        if result is None or key is None:
            return default if result is None else result
        return result.get(key, default)

    def get_process_data(self, name: str, key: str | None = None, default: Any = None) -> Any:
        """The same as `get_step_result`; ExpOps has both names."""
        return self.get_step_result(name, key, default)

    def get_hyperparameters(self, name: str | None = None) -> dict[str, Any]:
        """The merged hyperparameters of this process; `name` is accepted as ExpOps does, and must be its own."""
        return dict(self.hyperparameters)

    def log_metric(self, name: str, value: Any, step: int | None = None) -> None:
        """The same as `pytest_expops.core.log_metric`."""
        from pytest_expops.core import log_metric

        log_metric(name, value, step)
