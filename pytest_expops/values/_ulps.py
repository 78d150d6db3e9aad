"""How many floating-point numbers lie between two: their distance in units in the last place.

An IEEE 754 number is a sign and a magnitude, and the magnitudes, read as integers, count the numbers from zero up:
subnormals, normals, infinity (Dawson, "Comparing floating point numbers", 2012; `numpy.testing` counts so too). So the
distance is a difference of integers, and every step of `numpy.nextafter` is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_BITS: dict[int, type[np.unsignedinteger[Any]]] = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def ulps(expected: Array, obtained: Array) -> Array:
    """Steps from each number to the other, as uint64 of the same shape.

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
    """The greatest distance between two arrays of one shape and dtype; None where there is none to tell.

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
