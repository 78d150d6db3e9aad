"""The metrics that a chart gets: of everything that its probe paths find, in the form of ExpOps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.execution.records import RunRecord
from pytest_expops.pipeline.model import ExpandedPipeline, Process
from pytest_expops.pipeline.probing import Target, find, probes_of


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probes of a chart found. `nothing` are the paths that found no place where metrics were logged."""

    metrics: Mapping[str, Mapping[str, Any]]
    nothing: tuple[str, ...] = ()


def probe(chart: Process, expanded: ExpandedPipeline, record_of: Callable[[str], RunRecord]) -> Probed:
    """Read the records of what a chart probes."""

    def steps_of(name: str) -> Collection[str]:
        record = record_of(name)
        sources = [each.source for each in record.metrics if each.source is not None]
        return dict.fromkeys(source.rpartition("/")[2] for source in [*(each.name for each in record.steps), *sources])

    metrics: dict[str, Mapping[str, Any]] = {}
    nothing = []
    for each in probes_of(chart, expanded):
        found = {key: _metrics(target, record_of) for key, target in find(each, expanded, steps_of).items()}
        metrics.update(found)
        if not any(found.values()):
            nothing.append(each.path)
    return Probed(metrics, tuple(nothing))


def _metrics(target: Target | None, record_of: Callable[[str], RunRecord]) -> dict[str, Any]:
    """The metrics logged at one place: ``{metric: {"1": value, ...}}`` for numbers, the bare value for what is none."""
    metrics: dict[str, Any] = {}
    for each in record_of(target.process).metrics if target is not None else ():
        if not _is_of(each.source, target.step if target else None):
            continue
        if each.step is None:
            metrics[each.name] = each.value
        else:
            series = metrics.get(each.name)
            readings = series if isinstance(series, dict) else {}
            readings[str(each.step)] = float(each.value)
            metrics[each.name] = readings
    return metrics


def _is_of(source: str | None, step: str | None) -> bool:
    """Whether a metric was logged in this step, which may be nested in others; None means outside all steps."""
    if source is None or step is None:
        return source == step
    return f"/{source}".endswith(f"/{step}")
