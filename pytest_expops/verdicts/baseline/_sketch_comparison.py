"""Two sketches side by side: which parts of an output differ, bit by bit or beyond a tolerance, and in what."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.amounts import distance, rounded
from pytest_expops.values.comparison import Difference
from pytest_expops.values.showing import ABSENT, shortened

Sketch = Mapping[str, Any]

_SIZES = {"length", "nan", "shape"}
"""Fields that count or size something: that they differ matters, by how much does not."""
_TOTALS = {"digest", "max", "mean", "min", "weighted"}
"""Fields of a whole that sum up all its parts."""
_LATER = {"digest", "labels", "weighted"}
"""What sketches of early lock files do not have."""
_WORDLESS = {"digest", "weighted"}
"""Fields that say that something differs, and not what."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Two values differ; `distance` is ``|expected - obtained|``, or None where there is none (texts, lengths, NaN)."""

    distance: float | None = None


@dataclass(frozen=True, slots=True)
class _Allowed:
    """How far the numbers of one leaf may differ; `largest` is the magnitude of the largest element of an array."""

    tolerance: Tolerance
    largest: float = 0.0

    def covers(self, distance: float, expected: float) -> bool:
        """Return whether a number may be this far from the expected one.

        With an `rtol` of 0.01, 0 may become 0.5 in an array whose largest element is 100, and may not by itself.
        """
        size = max(abs(expected), self.largest)
        try:
            return not self.tolerance.exact and distance <= self.tolerance.atol + self.tolerance.rtol * size
        except OverflowError:  # of an int beyond floats
            return False


@dataclass(frozen=True, slots=True)
class _Found:
    """One difference; `in_totals` if it is only in what all parts of a value come to."""

    difference: Difference
    in_totals: bool = False


def sketch_differences(
    expected: Sketch, obtained: Sketch, tolerance: Tolerance, *, same_libraries: bool = True
) -> list[Difference]:
    """Return where two sketches differ, in the order of the expected one.

    With a tolerance, numbers may differ as far as ``atol + rtol * size``, where `size` is that of the expected number,
    or, of the elements of an array, of the largest of them: rounding errors in an array are as large as its largest
    elements. Types, dtypes, shapes and texts never may.

    Args:
        expected: leaves by path, as `pytest_expops.values.sketches.sketch` makes them.
        obtained: the same of the other value.
        tolerance: what numbers are granted.
        same_libraries: if not, an attribute that only one has is no difference, nor the module of a class.
    """
    found = []
    for path in dict.fromkeys([*expected, *obtained]):
        if path in expected and path in obtained:
            found += _in_both(path, expected[path], obtained[path], tolerance, same_libraries)
        elif same_libraries or not _is_attribute(path):
            one, other = (described(each[path]) if path in each else ABSENT for each in (expected, obtained))
            found.append(_Found(Difference(path, one, other, "in one of the two only")))
    if len(found) > 1 and found[0].in_totals:
        del found[0]  # what all parts come to is news only where no part says more
    return [each.difference for each in found]


def _in_both(path: str, expected: Any, obtained: Any, tolerance: Tolerance, same_libraries: bool) -> list[_Found]:
    """Return the difference of two leaves at one path, if there is one."""
    if isinstance(expected, Mapping) and isinstance(obtained, Mapping):
        gaps = _differing_fields(expected, obtained, _Allowed(tolerance, _largest(expected)), same_libraries)
    else:
        gap = _gap(expected, obtained, _Allowed(tolerance))
        gaps = {} if gap is None else {"": gap}
    if not gaps:
        return []
    difference = Difference(path, described(expected, gaps), described(obtained, gaps), _detail(gaps))
    return [_Found(difference, gaps.keys() <= _TOTALS and "parts" in expected)]


def described(leaf: Any, fields: Collection[str] | None = None) -> str:
    """Return a leaf in one line, ``float64 (57,): min 0.01, mean 0.43``; with `fields`, only these, if it has many."""
    if not isinstance(leaf, Mapping):
        return shortened(repr(leaf))
    head = str(leaf.get("is", "")).rpartition(".")[2]
    if "dtype" in leaf:
        head = f"{leaf['dtype']} {_shape(leaf.get('shape', []))}"
    elif "shape" in leaf:
        head += f" {_shape(leaf['shape'])}"
    shown = [name for name in ("length", "value", "nan", "min", "max", "mean", "values") if name in leaf]
    if fields is not None:
        shown = [name for name in (*shown, *sorted(_LATER)) if name in fields and name in leaf]
    parts = [f"{name} {_shown(leaf[name])}" for name in shown]
    return f"{head}: {', '.join(parts)}" if parts else head


def _shape(shape: Any) -> str:
    return str(tuple(shape)) if isinstance(shape, list) else repr(shape)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_shown(each) for each in value)}]"
    return value if isinstance(value, str) else repr(value)


def _detail(gaps: Mapping[str, Gap]) -> str:
    """Return ``min, mean differ; max |delta| = 0.25``; of a plain value, which has no fields, just ``differs``."""
    names = [name for name in gaps if name]
    text = "differs"
    if names:
        text = f"{', '.join(names)} differ{'s' if len(names) == 1 and names != ['values'] else ''}"
    distances = [each.distance for each in gaps.values() if each.distance is not None]
    return f"{text}; max |delta| = {rounded(max(distances))}" if distances else text


def _differing_fields(
    expected: Mapping[str, Any], obtained: Mapping[str, Any], allowed: _Allowed, same_libraries: bool
) -> dict[str, Gap]:
    """Return the fields in which two leaves differ.

    ``{"is": "list", "length": 2, "digest": "a1"}`` and ``{"is": "list", "length": 3, "digest": "b2"}`` differ in
    ``length``; in ``digest`` too, but that is left out where another field says what it is that differs.
    """
    found = {}
    for name in dict.fromkeys([*expected, *obtained]):
        if not _counts(name, expected, obtained, same_libraries):
            continue
        one, other = expected.get(name), obtained.get(name)
        if name == "is" and not same_libraries:
            one, other = _class_name(one), _class_name(other)
        gap = _gap(one, other, allowed)
        if gap is not None:
            found[name] = Gap() if name in _SIZES else gap
    return {name: gap for name, gap in found.items() if name not in _WORDLESS} or found


def _counts(name: str, expected: Mapping[str, Any], obtained: Mapping[str, Any], same_libraries: bool) -> bool:
    """Return whether a difference in this field is one of the values.

    The number of ``parts`` is none: the parts that differ are found by themselves. A ``digest`` that the expected leaf
    lacks is none, since early lock files have none. Between libraries, the ``mean`` of a whole and that of its parts
    is none: that one leaf sums up its parts, and the other does not, may be for an attribute more or less.
    """
    if name == "parts":
        return False
    if name in _LATER and expected.get(name) is None:
        return False
    only_one_sums_up = ("parts" in expected) != ("parts" in obtained)
    return same_libraries or not only_one_sums_up or name not in _TOTALS


def _class_name(name: Any) -> str:
    """Return a class's name without its module, which moves between libraries: ``sklearn.svm._base.SVC`` is ``SVC``."""
    return str(name).rpartition(".")[2]


def _gap(expected: Any, obtained: Any, allowed: _Allowed) -> Gap | None:
    """Return what is between two values of a leaf; None if they are the same, or as near as is allowed.

    ``1.0`` and ``1.5`` are 0.5 apart; ``1`` and ``1.0``, being of two types, differ without a distance.
    """
    if isinstance(expected, list) and isinstance(obtained, list):
        return _gap_of_lists(expected, obtained, allowed)
    if type(expected) is not type(obtained):
        return Gap()
    if type(expected) in (int, float):
        return _gap_of_numbers(expected, obtained, allowed)
    return None if expected == obtained else Gap()


def _gap_of_lists(expected: list[Any], obtained: list[Any], allowed: _Allowed) -> Gap | None:
    """Return the greatest distance of two elements at one place: that of ``[1.0, 2.0]`` and ``[1.5, 4.0]`` is 2.

    Lists of two lengths differ without a distance.
    """
    if len(expected) != len(obtained):
        return Gap()
    pairs = zip(expected, obtained, strict=True)
    gaps = [gap for one, other in pairs if (gap := _gap(one, other, allowed)) is not None]
    distances = [gap.distance for gap in gaps if gap.distance is not None]
    return Gap(max(distances, default=None)) if gaps else None


def _gap_of_numbers(expected: float, obtained: float, allowed: _Allowed) -> Gap | None:
    """Return the distance of two numbers of one type, unless it is allowed.

    NaN is the same as NaN, and bit by bit -0.0 is not 0.0. An infinity differs from all else without a distance.
    """
    if repr(expected) == repr(obtained):
        return None
    if not (_finite(expected) and _finite(obtained)):
        return Gap()
    apart = distance(expected, obtained)
    return None if allowed.covers(apart, expected) else Gap(apart)


def _largest(leaf: Mapping[str, Any]) -> float:
    """Return the magnitude of the largest element of an array: 3 of ``{"min": -3.0, "max": 2.0}``; else 0."""
    ends = [abs(leaf[name]) for name in ("min", "max") if isinstance(leaf.get(name), (int, float))]
    return max((float(end) for end in ends if _finite(end)), default=0.0)


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int beyond floats
        return False


def _is_attribute(path: str) -> bool:
    """Return whether a path ends at an attribute: ``model.coef_`` and ``['a'].x`` do, ``scores['a']`` does not."""
    return path.rpartition("]")[2].startswith(".") or "." in path.partition("[")[0]
