"""Which elements of two bulks of equal shape differ, by how much, and where the first of them stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array

NUMBERS = frozenset({int, float, complex})


def is_number(value: Any) -> bool:
    """Whether tolerance applies: Python's and NumPy's integers, floats and complex numbers, but no bools."""
    return type(value) in NUMBERS or (isinstance(value, np.number) and not isinstance(value, np.timedelta64))


def close(expected: Any, obtained: Any, tolerance: Tolerance) -> bool:
    """Whether two numbers of one type are equal, both NaN, or within tolerance. An infinity is close to itself only."""
    if expected == obtained or (expected != expected and obtained != obtained):
        return True
    if expected != expected or obtained != obtained:
        return False
    if isinstance(expected, (int, np.integer)):
        expected, obtained = int(expected), int(obtained)
    try:
        gap, size = abs(expected - obtained), abs(expected)
        return bool(size != float("inf") and gap <= tolerance.atol + tolerance.rtol * size)
    except OverflowError:  # an int beyond floats: compared exactly above
        return False


def differing(expected: Array, obtained: Array, tolerance: Tolerance) -> Array:
    """A bool array of the same shape; `expected` and `obtained` have one shape and one dtype."""
    if expected.dtype.hasobject:
        pairs = zip(expected.reshape(-1), obtained.reshape(-1), strict=True)
        flags = [_scalars_differ(*pair, tolerance) for pair in pairs]
        return np.array(flags, dtype=bool).reshape(expected.shape)
    if expected.dtype.kind in "fciu" and not tolerance.exact:
        return ~_close(expected, obtained, tolerance)
    return _bits_differ(expected, obtained)


def _scalars_differ(expected: Any, obtained: Any, tolerance: Tolerance) -> bool:
    if type(expected) is not type(obtained):
        return True
    if not tolerance.exact and is_number(expected):
        return not close(expected, obtained, tolerance)
    encode = ATOMS.get(type(expected))
    if encode is not None:
        return encode(expected) != encode(obtained)
    from pytest_expops.values.fingerprint import fingerprint

    return fingerprint(expected).digest != fingerprint(obtained).digest


def _bits_differ(expected: Array, obtained: Array) -> Array:
    """Bit by bit, but any NaN equals any NaN; a NaN in one part of a complex number says nothing of the other."""
    if expected.dtype.kind == "c":
        return _bits_differ(expected.real, obtained.real) | _bits_differ(expected.imag, obtained.imag)
    differs = expected != obtained
    if expected.dtype.kind in "fV":
        differs &= ~((expected != expected) & (obtained != obtained))
        with np.errstate(all="ignore"):
            zeros = (expected == 0) & (obtained == 0) if expected.dtype.kind == "f" else np.zeros_like(differs)
        if zeros.any():
            differs |= zeros & (np.signbit(expected) != np.signbit(obtained))
    elif expected.dtype.kind in "mM":
        differs &= ~(np.isnat(expected) & np.isnat(obtained))
    return np.asarray(differs, dtype=bool)


def _close(expected: Array, obtained: Array, tolerance: Tolerance) -> Array:
    with np.errstate(all="ignore"):
        gap = gaps(expected, obtained)
        size = np.abs(expected.astype(np.longdouble) if expected.dtype.kind in "iu" else expected)
        near = np.isfinite(size) & (gap <= tolerance.atol + tolerance.rtol * size)
    return np.asarray(near | (expected == obtained) | ((expected != expected) & (obtained != obtained)))


def gaps(expected: Array, obtained: Array) -> Array:
    """``|expected - obtained|``; integers are subtracted without wrapping around."""
    with np.errstate(all="ignore"):
        if expected.dtype.kind in "iu":
            expected, obtained = expected.astype(np.longdouble), obtained.astype(np.longdouble)
        return np.asarray(np.abs(expected - obtained))


def summary(expected: Array, obtained: Array, mask: Array) -> str:
    """``3 of 12 elements differ; max |delta| = 2.5``; the second half where both are numbers everywhere they differ."""
    text = (
        f"{int(mask.sum())} of {mask.size} element{'s' if mask.size != 1 else ''} differ{'s' if mask.size == 1 else ''}"
    )
    delta = _largest_gap(expected[mask], obtained[mask])
    return text if delta is None else f"{text}; max |delta| = {rounded(delta)}"


def rounded(delta: float) -> str:
    """Three digits: how much a difference is, not where exactly it ends."""
    return repr(float(f"{delta:.3g}"))


def _largest_gap(expected: Array, obtained: Array) -> float | None:
    if expected.dtype.hasobject:
        if not all(is_number(a) and is_number(b) for a, b in zip(expected, obtained, strict=True)):
            return None
        try:
            expected, obtained = np.array(list(expected), dtype=complex), np.array(list(obtained), dtype=complex)
        except OverflowError:
            return None
    elif expected.dtype.kind not in "fciu":
        return None
    found = gaps(expected, obtained)
    found = found[~np.isnan(found)]
    return float(found.max()) if found.size else None
