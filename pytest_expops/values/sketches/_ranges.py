"""What many numbers come to: least, greatest, mean, and a mean that depends on their order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_expops.values.bulk import Array, has_nan

GOLDEN = (math.sqrt(5) - 1) / 2
"""Its multiples, less their whole parts, lie evenly between 0 and 1, and neighbours among them far apart."""
FEW = 4
"""Up to so many elements are all in a sketch, so that a weighted mean would add nothing."""


def range_of(elements: Array) -> dict[str, Any]:
    """Return least, greatest and mean, in float64 where they are not integers; NaNs are counted and left out.

    Of complex numbers those are of their absolute values. Of more than `FEW` elements also `weighted`.
    """
    numbers = np.abs(elements) if elements.dtype.kind == "c" else elements
    found = _range_of(numbers)
    if elements.size > FEW and elements.dtype.kind != "b":
        found["weighted"] = weighted(elements)
    return found


def _range_of(numbers: Array) -> dict[str, Any]:
    if has_nan(numbers):
        missing = int(np.isnan(numbers).sum())
        numbers = numbers[~np.isnan(numbers)]
        if not numbers.size:
            return {"nan": missing, "mean": math.nan}
        return {"nan": missing, **_range_of(numbers)}
    with np.errstate(all="ignore"):
        mean = float(numbers.mean(dtype=np.float64))
    return {"min": _plain(numbers.min()), "max": _plain(numbers.max()), "mean": mean}


def _plain(number: Any) -> Any:
    return float(number) if number.dtype == np.longdouble else number.item()


def weighted(elements: Array) -> float:
    """Return the mean of all finite elements, each times a weight between 0 and 1 that depends on its place.

    The weight of place *i*, from 0 in C order, is ``(i % 65536 + 1) * GOLDEN % 1``, times, from 65536 on,
    ``(1 + (i // 65536) * GOLDEN % 1) / 2``. Imaginary parts of complex numbers count at half the weight of real ones.
    """
    flat = elements.reshape(-1)
    total = 0.0
    for number, start in enumerate(range(0, flat.size, PIECE)):
        piece = flat[start : start + PIECE]
        found = _weigh(piece.real)
        if piece.dtype.kind == "c":
            found += _weigh(piece.imag) / 2
        total += found * (1 + number * GOLDEN % 1) / 2 if number else found
    return total / flat.size


def _weigh(numbers: Array) -> float:
    weights = _WEIGHTS[: numbers.size]
    with np.errstate(all="ignore"):
        found = float((numbers * weights).sum(dtype=np.float64))
        if not math.isfinite(found):
            found = float(np.where(np.isfinite(numbers), numbers * weights, 0.0).sum())
    return found


PIECE = 1 << 16
_WEIGHTS = np.arange(1, PIECE + 1) * GOLDEN % 1


@dataclass(slots=True)
class Totals:
    """What several arrays and single numbers come to, each as one: least, greatest, and means of their means."""

    lows: list[Any] = field(default_factory=list)
    highs: list[Any] = field(default_factory=list)
    means: list[float] = field(default_factory=list)

    def add(self, leaf: Any) -> None:
        """Add a number, or what `range_of` gave; anything else is left out."""
        if isinstance(leaf, dict):
            if "min" in leaf:
                self._enter(leaf["min"], leaf["max"], leaf["mean"])
        elif type(leaf) in (int, float) and leaf == leaf:
            try:
                self._enter(leaf, leaf, float(leaf))
            except OverflowError:  # an int beyond floats
                return

    def _enter(self, low: Any, high: Any, mean: float) -> None:
        self.lows.append(low)
        self.highs.append(high)
        self.means.append(mean)

    def fields(self) -> dict[str, Any]:
        """Return the fields of a leaf; none where there were no numbers."""
        if not self.means:
            return {}
        found = {"min": min(self.lows), "max": max(self.highs), "mean": sum(self.means) / len(self.means)}
        return {**found, "weighted": weighted(np.array(self.means))}
