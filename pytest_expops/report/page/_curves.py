"""A metric that was logged in steps, as one line a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_expops.report.model import MetricSeries
from pytest_expops.report.page._axis import Axis, axis_of
from pytest_expops.report.page._svg import Svg, joined_elements, short, tag
from pytest_expops.report.page.showing import number_of, shown_number

WIDTH, HEIGHT = 400.0, 160.0
KINDS = 8
"""So many lines differ in colour and dashes; of more, each is told by its title alone."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The numbers of one seed, by step."""

    seed: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """The curves of one partition, drawn, with the ends of both axes. `left_out` are readings that are no numbers."""

    label: str
    chart: Svg
    steps: tuple[str, str]
    values: tuple[str, str]
    seeds: tuple[str, ...]
    left_out: int = 0


def curve_of(seed: str, series: MetricSeries, most: int) -> Curve:
    """Return the numbers of a series, at most so many, the first and the last among them."""
    found = [
        (float(step), number)
        for step, value in zip(series.steps, series.values, strict=False)
        if step is not None and (number := number_of(value)) is not None
    ]
    if len(found) > most:
        last = most - 1
        found = [found[index * (len(found) - 1) // last] for index in range(most)]
    return Curve(seed, tuple(found))


def curve_panel(label: str, curves: Sequence[Curve], left_out: int = 0) -> CurvePanel:
    """Return the panel of one partition; a curve has at least two points."""
    steps = [step for curve in curves for step, _ in curve.points]
    values = [value for curve in curves for _, value in curve.points]
    across, up = Axis(min(steps), max(steps)), axis_of(values)
    lines = [_line(curve, number, across, up, len(curves)) for number, curve in enumerate(curves)]
    told = f"{label}: {len(curves)} line{'s' if len(curves) > 1 else ''} over step "
    told += f"{shown_number(across.low)} to {shown_number(across.high)}"
    chart = tag(
        "svg",
        joined_elements(lines),
        viewBox=f"0 0 {short(WIDTH)} {short(HEIGHT)}",
        preserveAspectRatio="none",
        class_="curves",
        role="img",
        aria_label=told,
    )
    return CurvePanel(
        label,
        chart,
        (shown_number(across.low), shown_number(across.high)),
        (shown_number(min(values)), shown_number(max(values))),
        tuple(curve.seed for curve in curves),
        left_out,
    )


def _line(curve: Curve, number: int, across: Axis, up: Axis, lines: int) -> Svg:
    placed = [(WIDTH * across.share(step), HEIGHT * (1 - up.share(value))) for step, value in curve.points]
    first, last = curve.points[0], curve.points[-1]
    title = f"seed {curve.seed}: " if curve.seed else ""
    title += f"{shown_number(first[1])} at step {first[0]:g}, {shown_number(last[1])} at step {last[0]:g}"
    kind = f"curve c{number % KINDS}" if lines <= KINDS else "curve many"
    path = f"M{_at(*placed[0])}" + "".join(
        f"L{_at(*each)}" for before, each in pairwise(placed) if _apart(before, each)
    )
    return tag("path", tag("title", title), d=path, class_=kind)


def _apart(before: tuple[float, float], each: tuple[float, float]) -> bool:
    return before != each


def _at(x: float, y: float) -> str:
    return f"{x:.1f} {y:.1f}"
