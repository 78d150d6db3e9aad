"""Metrics over seeds, each with a tiny distribution: those of which something is claimed, and all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.report.model import ClaimedGroup, ClaimedMetric, Number, Report
from pytest_expops.verdicts.stability.distribution import distribution
from pytest_expops.verdicts.stability.text import number, spanned


@dataclass(frozen=True, slots=True)
class SeedStrip:
    """One metric over the seeds of one partition. `mean` has its interval, `claims` say what was claimed and found."""

    process: str
    metric: str
    label: str
    count: int
    mean: str
    strip: str
    claims: str


def seed_strips(report: Report) -> Iterator[SeedStrip]:
    """Yield those with claims, and then those of other metrics that at least two seeds have logged."""
    told = set()
    for each in report.claims:
        told.add((each.config, each.process, each.metric))
        yield from _claimed(each)
    found: dict[tuple[str, str, str], dict[str, list[Number]]] = {}
    for subject in report.subjects:
        for series in subject.metrics if subject.seed else ():
            values = found.setdefault((subject.config, subject.group, series.name), {})
            values.setdefault(subject.partition, []).append(series.values[-1])
    for key, by_partition in found.items():
        if key not in told:
            yield from _logged(key[1], key[2], by_partition)


def _logged(process: str, metric: str, by_partition: Mapping[str, Sequence[Number]]) -> Iterator[SeedStrip]:
    ends = _ends([value for values in by_partition.values() for value in _finite(values)])
    for partition, logged in by_partition.items():
        values = _finite(logged)
        if len(values) > 1:
            label = f"partition {partition}" if partition else ""
            mean = number(sum(each / len(values) for each in values))
            others = len(logged) - len(values)
            said = f"{others} not finite, or no number" if others else ""
            yield SeedStrip(process, metric, label, len(logged), mean, distribution(values, *ends), said)


def _claimed(claimed: ClaimedMetric) -> Iterator[SeedStrip]:
    ends = _ends([value for group in claimed.groups for value in _finite(group.values)])
    for group in claimed.groups:
        values = _finite(group.values)
        strip = distribution(values, *ends) if values else ""
        mean = f"{_shown(group.mean)} ({_interval(group)})"
        said = [f"{each.bound} {each.limit:.6g}: {each.status.value}" for each in group.claims]
        told = "; ".join([*said, *([group.against] if group.against else [])])
        yield SeedStrip(claimed.process, claimed.metric, group.label, len(group.values), mean, strip, told)


def _interval(group: ClaimedGroup) -> str:
    low, high = (float(each) if isinstance(each, int | float | str) else float("nan") for each in group.interval)
    return spanned((low, high))


def _shown(value: Number) -> str:
    return number(value) if isinstance(value, int | float) else str(value)


def _finite(values: Sequence[Number]) -> list[float]:
    return [float(each) for each in values if isinstance(each, int | float) and not isinstance(each, bool)]


def _ends(values: list[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (0.0, 0.0)
