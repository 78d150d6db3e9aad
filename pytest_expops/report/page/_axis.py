"""The stretch of numbers that a chart shows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

REACH = 2.0
"""A bound further off than so many times the stretch of the values is not drawn, but told."""
_MARGIN = 0.06


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Return where a value stands, from 0 to 1; what is beyond an end stands there."""
        # In halves, as the stretch of the largest numbers is larger than any number.
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return min(1.0, max(0.0, share))

    def shows(self, value: float) -> bool:
        """Whether a value is on it."""
        return self.low <= value <= self.high


def axis_of(values: Sequence[float], bounds: Iterable[float] = ()) -> Axis:
    """Return an axis of all values, and of those bounds that are not far off; `values` has one at the least."""
    low, high = min(values), max(values)
    stretch = high - low
    near = stretch * REACH if stretch else (abs(low) or 1.0) / 2
    if math.isfinite(near):
        shown = [each for each in bounds if low - near <= each <= high + near]
        low, high = min([low, *shown]), max([high, *shown])
    stretch = high / 2 - low / 2
    margin = 2 * stretch * _MARGIN if stretch else (abs(low) or 1.0) * _MARGIN
    begin, end = low - margin, high + margin
    return Axis(begin, end) if math.isfinite(begin) and math.isfinite(end) else Axis(low, high)
