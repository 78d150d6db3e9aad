"""How much numbers and times differ: the greatest ``|delta|``, and the greatest distance in ulp.

The distance in units in the last place is how many floating-point numbers lie between two. An IEEE 754 number is a sign
and a magnitude, and the magnitudes, read as integers, count the numbers from zero up: subnormals, normals, infinity
(Dawson, "Comparing floating point numbers", 2012; `numpy.testing` counts so too). So the distance is a difference of
integers, and every step of `numpy.nextafter` is one.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_BITS: dict[int, type[np.unsignedinteger[Any]]] = {2: np.uint16, 4: np.uint32, 8: np.uint64}
_FLOATS = {float: np.float64, complex: np.complex128}


def is_number(value: Any) -> bool:
    """Return whether tolerance applies: Python's and NumPy's integers, floats and complex numbers, but no bools."""
    return type(value) in (int, float, complex) or (
        isinstance(value, np.number) and not isinstance(value, np.timedelta64)
    )


def rounded(delta: float) -> str:
    """Return a difference with three digits: how much it is, not where exactly it ends."""
    return repr(float(f"{delta:.3g}"))


def amounts(expected: Array, obtained: Array, prefix: str = "max ") -> str:
    """Return ``max |delta| = 2.78e-17, max ulp = 2`` of arrays of one shape and dtype; empty where there is neither.

    Pairs with a NaN have no distance and are left out, as are, in object arrays, pairs that are not two numbers. The
    distance in ulp is told where it is small: where the numbers agree in the first half of their digits. Beyond that,
    as between a number and its negative, it says nothing that ``|delta|`` does not.
    """
    found = []
    delta = _largest_gap(expected, obtained)
    if delta is not None:
        found.append(f"{prefix}|delta| = {delta}")
    steps = _largest_of_small_ulps(expected, obtained)
    if steps is not None:
        found.append(f"{prefix}ulp = {steps}")
    return ", ".join(found)


def distance(expected: Any, obtained: Any) -> float:
    """Return ``|expected - obtained|`` of two numbers; infinity where it is beyond the floats."""
    if isinstance(expected, (int, np.integer)) and isinstance(obtained, (int, np.integer)):
        expected, obtained = int(expected), int(obtained)
    else:
        expected, obtained = complex(expected), complex(obtained)
    try:
        return float(abs(expected - obtained))
    except OverflowError:  # beyond the floats
        return math.inf


def gaps(expected: Array, obtained: Array) -> Array:
    """Return ``|expected - obtained|`` of arrays of numbers; nothing wraps around, or overflows below 1.8e308."""
    with np.errstate(all="ignore"):
        wide = widened(expected.dtype)
        return np.asarray(np.abs(expected.astype(wide, copy=False) - obtained.astype(wide, copy=False)))


def widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype in which differences of numbers of `dtype` neither wrap around nor overflow early."""
    if dtype.kind in "iu":
        return np.dtype(np.longdouble)
    return np.result_type(dtype, np.float64)


def _largest_gap(expected: Array, obtained: Array) -> str | None:
    if expected.dtype.hasobject:
        pairs = list(zip(expected.reshape(-1), obtained.reshape(-1), strict=True))
        deltas = [each for each in (distance(*pair) for pair in pairs if _both_numbers(pair)) if each == each]
        return rounded(max(deltas)) if deltas else _longest_time(pairs)
    if expected.dtype.kind in "mM":
        lengths = np.abs(expected - obtained)
        lengths = lengths[~np.isnat(lengths)]
        return str(lengths.max()) if lengths.size else None
    if expected.dtype.kind not in "fciu":
        return None
    found = gaps(expected, obtained)
    found = found[~np.isnan(found)]
    return rounded(float(found.max())) if found.size else None


def _both_numbers(pair: tuple[Any, Any]) -> bool:
    return is_number(pair[0]) and is_number(pair[1])


def _longest_time(pairs: Iterable[tuple[Any, Any]]) -> str | None:
    kinds: Any = (datetime.date, datetime.timedelta)  # a datetime is a date; so are the timestamps of pandas, and NaT
    try:
        lengths: list[Any] = [abs(a - b) for a, b in pairs if isinstance(a, kinds) and type(a) is type(b)]
    except (TypeError, OverflowError):
        return None
    return str(max(lengths)) if lengths else None


def ulps(expected: Array, obtained: Array) -> Array:
    """Return how many steps of `numpy.nextafter` lead from each number to the other, as uint64 of the same shape.

    Both are of one dtype: float16, float32 or float64, in the machine's byte order. -0.0 and 0.0 are 0 steps apart,
    the greatest number and infinity 1. For a NaN the result means nothing.
    """
    kind = _BITS[expected.dtype.itemsize]
    sign = kind(1 << (8 * expected.dtype.itemsize - 1))
    one, other = np.ascontiguousarray(expected).view(kind), np.ascontiguousarray(obtained).view(kind)
    size, other_size = (one & ~sign).astype(np.uint64), (other & ~sign).astype(np.uint64)
    apart = np.maximum(size, other_size) - np.minimum(size, other_size)
    found: Array = np.where((one ^ other) & sign, size + other_size, apart).reshape(expected.shape)
    return found


def largest_ulps(expected: Array, obtained: Array) -> int | None:
    """Return the greatest distance in ulp between two arrays of one shape and dtype; None where there is none.

    Complex numbers are taken by their parts. Pairs with a NaN are left out. Other dtypes, extended precision among
    them, have no such distance here.
    """
    if expected.dtype.kind == "c":
        found = [largest_ulps(expected.real, obtained.real), largest_ulps(expected.imag, obtained.imag)]
        return max((each for each in found if each is not None), default=None)
    if expected.dtype.kind != "f" or expected.dtype.itemsize not in _BITS:
        return None
    comparable = ~(np.isnan(expected) | np.isnan(obtained))
    steps = ulps(expected[comparable], obtained[comparable])
    return int(steps.max()) if steps.size else None


def _largest_of_small_ulps(expected: Array, obtained: Array) -> int | None:
    """Return the greatest distance in ulp; None where there is none, or one that is not small."""
    found = [
        (largest_ulps(one, other), 1 << np.finfo(one.dtype).nmant // 2) for one, other in _floats(expected, obtained)
    ]
    known = [(steps, most) for steps, most in found if steps is not None]
    if any(steps > most for steps, most in known):
        return None
    return max((steps for steps, _ in known), default=None)


def _floats(expected: Array, obtained: Array) -> Iterator[tuple[Array, Array]]:
    """Yield two arrays, if they are of floats or complex numbers; of object arrays, two for each such type in them."""
    if not expected.dtype.hasobject:
        if expected.dtype.kind in "fc":
            yield expected, obtained
        return
    grouped: dict[Any, list[tuple[Any, Any]]] = {}
    for one, other in zip(expected.reshape(-1), obtained.reshape(-1), strict=True):
        if type(one) is type(other) and (type(one) in _FLOATS or isinstance(one, np.inexact)):
            grouped.setdefault(_FLOATS.get(type(one), type(one)), []).append((one, other))
    for kind, pairs in grouped.items():
        ones, others = zip(*pairs, strict=True)
        yield np.array(ones, dtype=kind), np.array(others, dtype=kind)
