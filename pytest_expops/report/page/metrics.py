"""The metrics of a session over seeds and partitions: strips, curves, and a table of all."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.report.model import ClaimedGroup, ClaimedMetric, MetricSeries, Number, Report, ShownClaim, Subject
from pytest_expops.report.page._axis import Axis, axis_of
from pytest_expops.report.page._curves import Curve, CurvePanel, curve_of, curve_panel
from pytest_expops.report.page._strips import Bound, Strip, strip_chart
from pytest_expops.report.page._svg import Svg
from pytest_expops.report.page.showing import number_of, shown_number
from pytest_expops.verdicts.stability.claims import ClaimStatus

MOST_STRIPS = 1_000
MOST_POINTS = 40_000
"""So many strips, and points of curves, are on the page; further metrics are in its table alone."""
FEWEST, MOST = 30, 200
"""Points of one curve."""
MOST_ROWS = 5_000
_DRAWN = ("min_value", "max_value", "min_mean", "max_mean")
"""The bounds that lie on the axis of the values; the others are told."""


@dataclass(frozen=True, slots=True)
class StripRow:
    """One strip, and the numbers beside it. `claims` are told in words, each with how it is judged."""

    label: str
    chart: Svg
    count: int
    mean: str
    std: str
    interval: str
    claims: tuple[tuple[str, ClaimStatus], ...]
    against: str


@dataclass(frozen=True, slots=True)
class MetricPanel:
    """One metric of one process. `confidence` is that of its claims, None where nothing is claimed of it."""

    process: str
    metric: str
    config: str
    rows: tuple[StripRow, ...]
    low: str
    high: str
    curves: tuple[CurvePanel, ...]
    compared: bool
    confidence: float | None = None
    status: ClaimStatus | None = None


@dataclass(frozen=True, slots=True)
class ShownReading:
    """One metric of one subject: its last value, and that of the baseline."""

    subject: Subject
    metric: str
    value: Number
    steps: int
    recorded: Number
    difference: float | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """All of them. `count` is the number of rows; `rows` are the first, `panels` what is drawn of `metrics`."""

    panels: tuple[MetricPanel, ...]
    rows: tuple[ShownReading, ...]
    count: int
    metrics: int


_Key = tuple[str, str, str]
_Measured = tuple[Subject, MetricSeries]


def metrics_of(report: Report) -> Metrics:
    """Return what the page shows of the metrics."""
    found: dict[_Key, list[_Measured]] = {}
    count = 0
    for subject in report.subjects:
        for series in subject.metrics:
            found.setdefault((subject.config, subject.group, series.name), []).append((subject, series))
            count += 1
    claims = {(each.config, each.process, each.metric): each for each in report.claims}
    keys = sorted({**found, **claims}, key=lambda key: key not in claims)  # what is claimed stands first
    lines = sum(each[1].count > 1 for measured in found.values() for each in measured)
    points = max(FEWEST, min(MOST, MOST_POINTS // max(1, lines)))
    panels, strips, left = [], MOST_STRIPS, MOST_POINTS
    for key in keys:
        panel, used = _panel(key, found.get(key, []), claims.get(key), points)
        strips -= len(panel.rows)
        left -= used
        if strips < 0 or left < 0:
            break
        panels.append(panel)
    rows = tuple(row for _, row in zip(range(MOST_ROWS), _rows(report.subjects), strict=False))
    return Metrics(tuple(panels), rows, count, len(keys))


def last_value(series: MetricSeries) -> Number:
    """Return the value at the highest step."""
    return series.values[-1] if series.values else None


def label_of(subject: Subject) -> tuple[str, str]:
    """Return the group of seeds in which a subject stands, as `verdicts.stability` calls it, and its seed there."""
    *outer, seed = subject.seed.split(", ")
    parts = [f"partition {subject.partition}"] if subject.partition else []
    return ", ".join([*parts, *(f"outer seed {each}" for each in outer)]), seed


def _panel(
    key: _Key, measured: Sequence[_Measured], claimed: ClaimedMetric | None, points: int
) -> tuple[MetricPanel, int]:
    config, process, metric = key
    strips = dict(_claimed_strips(claimed, measured) if claimed is not None else _strips(measured))
    values = [value for strip in strips.values() for _, value in [*strip.points, *strip.recorded]]
    values += [value for strip in strips.values() for value in strip.interval or ()]
    axis = axis_of(values or [0.0], [bound.limit for strip in strips.values() for bound in strip.bounds])
    groups = {each.label: each for each in claimed.groups} if claimed is not None else {}
    curves, used = _curves(measured, points)
    panel = MetricPanel(
        process,
        metric,
        config,
        tuple(_row(label, strip, axis, groups.get(label), metric) for label, strip in strips.items()) if values else (),
        shown_number(axis.low),
        shown_number(axis.high),
        curves,
        any(strip.recorded for strip in strips.values()),
        claimed.confidence if claimed is not None else None,
        claimed.status if claimed is not None else None,
    )
    return panel, used


def _strips(measured: Sequence[_Measured]) -> Iterator[tuple[str, Strip]]:
    """Yield a strip for each partition, of the last values that are numbers."""
    points: dict[str, list[tuple[str, float]]] = {}
    recorded: dict[str, list[tuple[str, float]]] = {}
    for subject, series in measured:
        label, seed = label_of(subject)
        value, before = number_of(last_value(series)), number_of(_recorded(subject, series.name))
        if value is not None:
            points.setdefault(label, []).append((seed, value))
        if before is not None:
            recorded.setdefault(label, []).append((seed, before))
    for label, found in points.items():
        mean = statistics.fmean(value for _, value in found) if len(found) > 1 else None
        yield label, Strip(found, recorded.get(label, ()), mean)


def _claimed_strips(claimed: ClaimedMetric, measured: Sequence[_Measured]) -> Iterator[tuple[str, Strip]]:
    recorded = {label: strip.recorded for label, strip in _strips(measured)}
    for group in claimed.groups:
        points = [
            (seed, number)
            for seed, value in zip(group.seeds, group.values, strict=False)
            if (number := number_of(value)) is not None
        ]
        low, high = map(number_of, group.interval)
        interval = (low, high) if low is not None and high is not None else None
        bounds = [Bound(each.bound, each.limit) for each in group.claims if each.bound in _DRAWN]
        yield group.label, Strip(points, recorded.get(group.label, ()), number_of(group.mean), interval, bounds)


def _recorded(subject: Subject, metric: str) -> Number:
    return next((last_value(each) for each in subject.recorded if each.name == metric), None)


def _row(label: str, strip: Strip, axis: Axis, group: ClaimedGroup | None, metric: str) -> StripRow:
    values = [value for _, value in strip.points]
    std = number_of(group.std) if group is not None else (statistics.stdev(values) if len(values) > 1 else None)
    seeds = f"{len(values)} seeds" if len(values) != 1 else "one value"
    told = f"{metric}, {label or 'all'}: {seeds}"
    told += f", mean {shown_number(strip.mean)}" if strip.mean is not None else ""
    return StripRow(
        label,
        strip_chart(strip, axis, told),
        len(values),
        shown_number(strip.mean if strip.mean is not None or not values else values[0]),
        shown_number(std) if std is not None else "",
        f"{shown_number(strip.interval[0])} to {shown_number(strip.interval[1])}" if strip.interval else "",
        tuple((_told(each, axis), each.status) for each in group.claims) if group is not None else (),
        group.against if group is not None else "",
    )


def _told(claim: ShownClaim, axis: Axis) -> str:
    text = f"{claim.bound} {shown_number(claim.limit)}: {shown_number(claim.obtained)}"
    if claim.interval is not None:
        text += f" ({shown_number(claim.interval[0])} to {shown_number(claim.interval[1])})"
    if claim.status is ClaimStatus.UNDECIDED and claim.enough is not None:
        text += f"; {claim.enough} seeds would decide it"
    if claim.bound in _DRAWN and not axis.shows(claim.limit):
        text += "; the bound is beyond the axis"
    return text


def _curves(measured: Sequence[_Measured], points: int) -> tuple[tuple[CurvePanel, ...], int]:
    """Return a panel for each partition in which a metric was logged in steps, and how many points they have."""
    found: dict[str, list[Curve]] = {}
    lost: dict[str, int] = {}
    for subject, series in measured:
        if series.count < 2:
            continue
        label, seed = label_of(subject)
        curve = curve_of(seed, series, points)
        lost[label] = lost.get(label, 0) + sum(number_of(value) is None for value in series.values)
        if len(curve.points) > 1:
            found.setdefault(label, []).append(curve)
    panels = tuple(curve_panel(label, curves, lost[label]) for label, curves in found.items())
    return panels, sum(len(curve.points) for curves in found.values() for curve in curves)


def _rows(subjects: Sequence[Subject]) -> Iterator[ShownReading]:
    for subject in subjects:
        recorded: Mapping[str, Number] = {each.name: last_value(each) for each in subject.recorded}
        for series in subject.metrics:
            value, before = last_value(series), recorded.get(series.name)
            now, then = number_of(value), number_of(before)
            difference = now - then if now is not None and then is not None else None
            yield ShownReading(subject, series.name, value, series.count, before, difference)
