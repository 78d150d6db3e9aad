"""Which elements of two bulks of equal shape differ, within which tolerance, and what there is to say of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.amounts import amounts, gaps, is_number, widened
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array
from pytest_expops.values.forms import digest_of

_SORTABLE = 1_000_000
"""Arrays of at most so many elements are sorted to see whether they are the same in another order."""


def close(expected: Any, obtained: Any, tolerance: Tolerance) -> bool:
    """Return whether two numbers of one type are equal, both NaN, or within tolerance.

    An infinity is close to itself only.
    """
    if expected == obtained or (expected != expected and obtained != obtained):
        return True
    if expected != expected or obtained != obtained:
        return False
    if isinstance(expected, (complex, np.complexfloating)):
        # As in an array: the absolute value of a finite complex number may be beyond floats, which Python raises for.
        return bool(_close(np.array([expected]), np.array([obtained]), tolerance)[0])
    expected, obtained = _plain(expected), _plain(obtained)
    try:
        gap, size = abs(expected - obtained), abs(expected)
        return bool(size != float("inf") and gap <= tolerance.atol + tolerance.rtol * size)
    except OverflowError:  # an int beyond floats: compared exactly above
        return False


def _plain(number: Any) -> Any:
    """Return a number of NumPy as one of Python, whose integers do not wrap around and whose floats overflow late."""
    if isinstance(number, np.generic) and number.dtype.itemsize <= (16 if number.dtype.kind == "c" else 8):
        return number.item()
    return number


def differing(expected: Array, obtained: Array, tolerance: Tolerance) -> Array:
    """Return which elements differ, as a bool array of the same shape; both arrays have one shape and one dtype."""
    if expected.dtype.hasobject:
        pairs = zip(expected.reshape(-1), obtained.reshape(-1), strict=True)
        flags = [_scalars_differ(*pair, tolerance) for pair in pairs]
        return np.array(flags, dtype=bool).reshape(expected.shape)
    if expected.dtype.kind in "fciu" and not tolerance.exact:
        return ~_close(expected, obtained, tolerance)
    return bits_differ(expected, obtained)


def _scalars_differ(expected: Any, obtained: Any, tolerance: Tolerance) -> bool:
    if expected is obtained:
        return False
    if type(expected) is not type(obtained):
        return True
    if not tolerance.exact and is_number(expected):
        return not close(expected, obtained, tolerance)
    encode = ATOMS.get(type(expected))
    if encode is not None:
        return encode(expected) != encode(obtained)
    return digest_of(expected) != digest_of(obtained)


def bits_differ(expected: Array, obtained: Array) -> Array:
    """Return which elements differ bit by bit, as bools; any NaN equals any NaN, in each part of a complex number."""
    if expected.dtype.kind == "c":
        return bits_differ(expected.real, obtained.real) | bits_differ(expected.imag, obtained.imag)
    differs = expected != obtained
    if expected.dtype.kind in "fV":
        differs &= ~((expected != expected) & (obtained != obtained))
        if expected.dtype.kind == "f":
            differs |= _other_zero(expected, obtained)
    elif expected.dtype.kind in "mM":
        differs &= ~(np.isnat(expected) & np.isnat(obtained))
    return np.asarray(differs, dtype=bool)


def _other_zero(expected: Array, obtained: Array) -> Array:
    """Return where one is 0.0 and the other -0.0."""
    with np.errstate(all="ignore"):
        zeros = np.asarray((expected == 0) & (obtained == 0))
    return zeros & (np.signbit(expected) != np.signbit(obtained)) if zeros.any() else zeros


def _close(expected: Array, obtained: Array, tolerance: Tolerance) -> Array:
    with np.errstate(all="ignore"):
        gap = gaps(expected, obtained)
        size = np.abs(expected.astype(widened(expected.dtype)))
        near = np.isfinite(size) & (gap <= tolerance.atol + tolerance.rtol * size)
    return np.asarray(near | (expected == obtained) | ((expected != expected) & (obtained != obtained)))


def summary(expected: Array, obtained: Array, mask: Array) -> str:
    """Return ``3 of 12 elements differ; max |delta| = 2.5, max ulp = 4``; `mask` says which of them differ."""
    count = int(mask.sum())
    text = f"{count} of {mask.size} element{'s' if mask.size != 1 else ''} differ{'s' if mask.size == 1 else ''}"
    one, other = expected[mask], obtained[mask]
    text += "".join(f", {number} of them by {what}" for what, number in _special(one, other).items() if mask.size > 1)
    much = amounts(one, other)
    text = f"{text}; {much}" if much else text
    return f"{text}; the same elements in another order" if count > 1 and _reordered(one, other) else text


def _special(expected: Array, obtained: Array) -> dict[str, int]:
    """Count the elements whose difference neither ``|delta|`` nor ulp shows."""
    if expected.dtype.kind != "f":
        return {}
    nans = int((np.isnan(expected) != np.isnan(obtained)).sum())
    zeros = int(_other_zero(expected, obtained).sum())
    return {what: count for what, count in (("NaN", nans), ("the sign of zero", zeros)) if count}


def _reordered(expected: Array, obtained: Array) -> bool:
    """Return whether the one holds what the other holds, in any order; where that takes long to find out, False."""
    if expected.size > _SORTABLE:
        return False
    if expected.dtype.hasobject:
        counts = [_counted(each.reshape(-1)) for each in (expected, obtained)]
        return None not in counts and counts[0] == counts[1]
    if expected.dtype.kind not in "biufcmMSU":
        return False
    return not bits_differ(np.sort(expected, axis=None), np.sort(obtained, axis=None)).any()


def _counted(values: Array) -> Counter[bytes] | None:
    encoders = [ATOMS.get(type(each)) for each in values]
    if None in encoders:
        return None
    return Counter(encode(each) for encode, each in zip(encoders, values, strict=True) if encode is not None)
