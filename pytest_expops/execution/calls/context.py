"""The `context` that a process function may ask for, and what `get_current_context()` returns."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_expops.execution.calls import recording
from pytest_expops.pipeline.config.project import Project


@dataclass(frozen=True)
class ProcessContext:
    """Where a process runs, for one that asks (S2.2).

    `upstream` maps the base name of each direct upstream process to what this process received of it, and
    `shared_state` is a dict in which the steps of one run may leave things for each other.
    """

    project_id: str
    run_id: str
    process_name: str
    hyperparameters: Mapping[str, Any]
    upstream: Mapping[str, Any] = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    config_path: Path = field(repr=False)
    checkpoint_root: str = field(repr=False)
    shared_state: dict[str, Any] = field(default_factory=dict, repr=False)
    iteration: int = 0
    """Always 0: nothing here runs in iterations. ExpOps has the attribute."""
    _steps: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def current_process(self) -> str:
        """The same as `process_name`."""
        return self.process_name

    @property
    def step_results(self) -> Mapping[str, Any]:
        """What each upstream process handed over, and what each `@step` function last returned in this process."""
        return {**self.upstream, **self._steps} if self._steps else self.upstream

    def remember_step(self, name: str, result: Any) -> None:
        """Keep what the step `name` has returned, in place of what it returned before."""
        self._steps[name] = result

    @cached_property
    def global_config(self) -> dict[str, Any]:
        """The whole config as plain data; a copy, made when first asked for, so that changing it harms nobody."""
        return copy.deepcopy(dict(self.document))

    @cached_property
    def data_paths(self) -> dict[str, Path]:
        """Absolute paths of the config's `data.sources.training.path` and `data.sources.validation.path`.

        By ``training`` and ``validation``; without one that the config does not name.
        """
        named = self._data_paths("sources")
        return {name: named[name] for name in ("training", "validation") if name in named}

    @cached_property
    def inputs(self) -> dict[str, Path]:
        """Absolute paths of the config's `data.inputs.NAME.path`, by NAME."""
        return self._data_paths("inputs")

    def _data_paths(self, key: str) -> dict[str, Path]:
        """Return the paths of one part of the config's `data` section, resolved as all its paths are (S1.1)."""
        data = self.document.get("data")
        section = data.get(key) if isinstance(data, Mapping) else None
        entries = section.items() if isinstance(section, Mapping) else ()
        written = {name: entry.get("path") for name, entry in entries if isinstance(entry, Mapping)}
        project = Project.of(self.config_path)
        return {name: project.resolve(path) for name, path in written.items() if isinstance(path, str)}

    @property
    def checkpoint_dir(self) -> Path:
        """An empty folder of this run alone, made at the first use."""
        folder = Path(self.checkpoint_root)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def get_step_result(self, name: str, key: str | None = None, default: Any = None) -> Any:
        """Return what the step `name` of this process last returned, or else the outputs of the upstream process.

        Args:
            name: A step or an upstream process.
            key: Return only this one of the outputs.
            default: What to return where there is none.
        """
        return _part(self.step_results.get(name), key, default)

    def get_step_data(self, name: str, key: str, process_name: str | None = None) -> Any:
        """Return one `key` of what a step of this process returned, or of the outputs of the process `process_name`.

        None where there is none. (What steps of other processes returned is not kept.)
        """
        return self.get_process_data(process_name, key) if process_name is not None else self.get_step_result(name, key)

    def get_process_data(self, name: str, key: str | None = None, default: Any = None) -> Any:
        """Return what the upstream process `name` handed over, or one `key` of it; `default` where there is none."""
        return _part(self.upstream.get(name), key, default)

    def get_hyperparameters(self, name: str | None = None) -> dict[str, Any]:
        """Return the merged hyperparameters of this process; `name` is accepted as ExpOps does, and must be its own."""
        return dict(self.hyperparameters)

    get_parameters = get_hyperparameters
    """ExpOps has both names."""

    def log_param(self, key: str, value: Any) -> None:
        """Do nothing: ExpOps has this method, but here parameters are those of the config."""

    def log_metric(self, name: str, value: Any, step: int | None = None) -> None:
        """Record a metric, as `pytest_expops.core.log_metric` does."""
        recording.log_metric(name, value, step)


def _part(result: Any, key: str | None, default: Any) -> Any:
    if result is None:
        return default
    return result if key is None else result.get(key, default)
