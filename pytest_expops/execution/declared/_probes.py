"""The metrics that a chart gets: of everything that its probe paths find, in the form of ExpOps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.execution.records import RunRecord
from pytest_expops.pipeline.config.charts import is_xpath
from pytest_expops.pipeline.model import ExpandedPipeline, Process
from pytest_expops.pipeline.probing import MetricPlace, find, probes_of


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probes of a chart found.

    `metrics` are those of each place by the key of its probe, or by its own path; `by_process` the same, for what XPath
    found, by the name of its process: `train`, `train__2`, ... in the order in which they were found. `nothing` are the
    paths that found no place where metrics were logged.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    by_process: Mapping[str, Mapping[str, Any]]
    nothing: tuple[str, ...] = ()


def probe(chart: Process, expanded: ExpandedPipeline, record_of: Callable[[str], RunRecord]) -> Probed:
    """Read the records of what a chart probes."""

    def steps_of(name: str) -> Collection[str]:
        record = record_of(name)
        sources = [each.source for each in record.metrics if each.source is not None]
        return dict.fromkeys(source.rpartition("/")[2] for source in [*(each.name for each in record.steps), *sources])

    metrics: dict[str, Mapping[str, Any]] = {}
    by_target: dict[MetricPlace, Mapping[str, Any]] = {}
    nothing = []
    for each in probes_of(chart, expanded):
        targets = find(each, expanded, steps_of)
        found = {key: _metrics(target, record_of) for key, target in targets.items()}
        metrics.update(found)
        if is_xpath(each.path):
            by_target |= {target: found[key] for key, target in targets.items() if target is not None}
        if not any(found.values()):
            nothing.append(each.path)
    return Probed(metrics, _by_process(by_target, expanded), tuple(nothing))


def _by_process(
    by_target: Mapping[MetricPlace, Mapping[str, Any]], expanded: ExpandedPipeline
) -> dict[str, Mapping[str, Any]]:
    """ExpOps gives charts these keys too; charts of its templates read them, though its guide does not say so."""
    count: Counter[str] = Counter()
    named = {}
    for target, metrics in by_target.items():
        base = expanded[target.process].process.name
        count[base] += 1
        named[base if count[base] == 1 else f"{base}__{count[base]}"] = metrics
    return named


def _metrics(target: MetricPlace | None, record_of: Callable[[str], RunRecord]) -> dict[str, Any]:
    """Return the metrics logged at one place: ``{metric: {"1": value, ...}}`` for numbers, else the value alone."""
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
    """Return whether a metric was logged in this step, which may be nested in others; None means outside all steps."""
    if source is None or step is None:
        return source == step
    return f"/{source}".endswith(f"/{step}")
