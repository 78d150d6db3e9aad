"""Numbers and series as plain data that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_expops.report.model import LONGEST_SERIES, MetricSeries, Number
from pytest_expops.values.showing import show

_LARGEST = 2**63
"""Integers of more bits are shown as text: readers of JSON have no others."""


def plain(value: Any) -> Number:
    """Return a number as it is; one that JSON cannot hold, and anything else, as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = int(value)
        return number if abs(number) < _LARGEST else show(number)
    if isinstance(value, float):
        number_ = float(value)
        return number_ if math.isfinite(number_) else str(number_)
    return show(value)


def series(name: str, readings: Mapping[int | None, Any]) -> MetricSeries:
    """Return the readings of one metric by step, evenly thinned where there are too many."""
    steps = sorted(readings, key=lambda step: (step is not None, step or 0))
    count = len(steps)
    if count > LONGEST_SERIES:
        last = LONGEST_SERIES - 1
        steps = [steps[index * (count - 1) // last] for index in range(LONGEST_SERIES)]
    return MetricSeries(name, tuple(steps), tuple(plain(readings[step]) for step in steps), count)
