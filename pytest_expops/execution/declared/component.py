"""What a library of components makes: processes and charts that need no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_expops.execution.calls.inputs import Outputs
from pytest_expops.execution.declared.chart_context import ChartContext
from pytest_expops.pipeline.declarations import IterativeLogging


class ComponentError(ValueError):
    """What a library raises for a component that it does not have, or that is used wrongly; the message says it all."""


@dataclass(frozen=True, slots=True)
class ComponentCall:
    """What a component works on.

    `inputs` holds what it asked for and is there, by its own names; `parameters` those of the process (not those of
    the whole pipeline, which an estimator would not know); `data_path` is the config's `data.path`, resolved.
    `log_metric` records a reading, of a metric at a step, of the process.
    """

    inputs: Mapping[str, Any]
    parameters: Mapping[str, Any]
    log_metric: Callable[[str, float, int], None]
    data_path: Path | None = None
    iterative_logging: IterativeLogging | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A process that a library makes. `run` returns its outputs; `inputs` must be there, `optional` may be."""

    run: Callable[[ComponentCall], Outputs]
    inputs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChartComponent:
    """A chart that a library draws into `output_dir` of its context, from the metrics of each probe."""

    draw: Callable[[Mapping[str, Any], Mapping[str, Any], ChartContext], None]
    """Called with the metrics by probe, the parameters of the process, and the context."""


Library = Callable[[str], Component | ChartComponent]
"""Finds a component by its name without the library's; raises `ComponentError` if there is none."""
