"""A metric over seeds: every seed as a point, their mean and its interval, the bounds, and the baseline beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_expops.report.page._axis import Axis
from pytest_expops.report.page._svg import Svg, joined_elements, percent, tag
from pytest_expops.report.page.showing import shown_number

HEIGHT = 44
_SEEDS, _BASELINE = 16, 33
_SIGN = "M0 -5 L5 0 L0 5 L-5 0 Z"


@dataclass(frozen=True, slots=True)
class Bound:
    """What is claimed of the values, or of their mean: no less, or no more, than `limit`."""

    name: str
    limit: float

    @property
    def least(self) -> bool:
        """Whether it is a lower bound."""
        return self.name.startswith("min")

    @property
    def of_values(self) -> bool:
        """Whether it is of every value, and not of their mean."""
        return self.name.endswith("value")


@dataclass(frozen=True, slots=True)
class Strip:
    """What one strip shows. `points` and `recorded` are (seed, value); `interval` is that of the mean."""

    points: Sequence[tuple[str, float]]
    recorded: Sequence[tuple[str, float]] = ()
    mean: float | None = None
    interval: tuple[float, float] | None = None
    bounds: Sequence[Bound] = ()


def strip_chart(strip: Strip, axis: Axis, label: str) -> Svg:
    """Return the chart; its width is that of the place where it stands."""
    parts = [tag("line", x1="0", x2="100%", y1=_SEEDS, y2=_SEEDS, class_="axis")]
    parts += [_bound(each, axis) for each in strip.bounds if axis.shows(each.limit)]
    if strip.interval is not None:
        parts.append(_interval(strip.interval, axis))
    if strip.mean is not None:
        title, at = tag("title", f"mean {shown_number(strip.mean)}"), percent(axis.share(strip.mean))
        parts.append(tag("line", title, x1=at, x2=at, y1=4, y2=28, class_="mean"))
    parts += [_point(seed, value, axis) for seed, value in strip.points]
    parts += [_recorded(seed, value, axis) for seed, value in strip.recorded]
    return tag("svg", joined_elements(parts), class_="strip", width="100%", height=HEIGHT, role="img", aria_label=label)


def _point(seed: str, value: float, axis: Axis) -> Svg:
    title = tag("title", f"{_seed(seed)}: {shown_number(value)}")
    return tag("circle", title, cx=percent(axis.share(value)), cy=_SEEDS, r=5, class_="seed")


def _recorded(seed: str, value: float, axis: Axis) -> Svg:
    title = tag("title", f"baseline, {_seed(seed)}: {shown_number(value)}")
    sign = tag("path", title, d=_SIGN, class_="recorded")
    return tag("svg", sign, x=percent(axis.share(value)), y=_BASELINE, class_="sign")


def _seed(seed: str) -> str:
    return f"seed {seed}" if seed else "the only run"


def _interval(interval: tuple[float, float], axis: Axis) -> Svg:
    low, high = (axis.share(each) for each in interval)
    title = tag("title", f"interval of the mean: {shown_number(interval[0])} to {shown_number(interval[1])}")
    at = {"x": percent(low), "width": percent(max(high - low, 0.002))}
    return tag("rect", title, y=_SEEDS - 8, height=16, class_="interval", **at)


def _bound(bound: Bound, axis: Axis) -> Svg:
    share = axis.share(bound.limit)
    at = percent(share)
    title = tag("title", f"{bound.name} {shown_number(bound.limit)}")
    beyond = {"x": "0", "width": at} if bound.least else {"x": at, "width": percent(1 - share)}
    # Where a value would break the bound. Of a bound on the mean a point beyond it breaks nothing.
    zones = [tag("rect", y=0, height=HEIGHT - 16, class_="beyond", **beyond)] if bound.of_values else []
    return joined_elements([*zones, tag("line", title, x1=at, x2=at, y1=0, y2=HEIGHT - 16, class_="bound")])
