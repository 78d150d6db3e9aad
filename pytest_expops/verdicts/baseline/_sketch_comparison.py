"""Two sketches side by side: which parts of an output differ, bit by bit or beyond a tolerance, and in what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.amounts import rounded
from pytest_expops.values.comparison import Difference
from pytest_expops.values.differences import ABSENT
from pytest_expops.values.showing import shortened

Sketch = Mapping[str, Any]


def sketch_differences(
    expected: Sketch, obtained: Sketch, tolerance: Tolerance, *, same_libraries: bool = True
) -> list[Difference]:
    """Where two sketches differ, in the order of the expected one.

    With a tolerance, numbers may differ as far as ``atol + rtol * size``, where `size` is that of the expected number,
    or, of the elements of an array, of the largest of them: rounding errors in an array are as large as its largest
    elements. Types, dtypes, shapes and texts never may.

    :param same_libraries: if not, an attribute that only one has is no difference, nor the module of a class.
    """
    found, summed_up = [], []
    for path in dict.fromkeys([*expected, *obtained]):
        if path not in expected or path not in obtained:
            if same_libraries or not _is_attribute(path):
                one, other = (described(each[path]) if path in each else ABSENT for each in (expected, obtained))
                found.append(Difference(path, one, other, "in one of the two only"))
                summed_up.append(False)
            continue
        fields = _differing(expected[path], obtained[path], tolerance, loose=not same_libraries)
        if fields:
            one, other = described(expected[path], fields), described(obtained[path], fields)
            found.append(Difference(path, one, other, _told(fields)))
            summed_up.append(fields.keys() <= _ALL_PARTS and "parts" in expected[path])
    # What all parts come to is news only where no part tells more.
    return found[1:] if len(found) > 1 and summed_up[:1] == [True] else found


_SIZES = {"length", "nan", "shape"}
_ALL_PARTS = {"digest", "max", "mean", "min", "weighted"}
_LATER = {"digest", "labels", "weighted"}
"""What sketches of early lock files do not have."""


def described(leaf: Any, fields: Mapping[str, float | None] | None = None) -> str:
    """``float64 (57,): min 0.01, mean 0.43``; of a leaf with many fields those that matter, at full precision."""
    if not isinstance(leaf, Mapping):
        return shortened(repr(leaf))
    head = str(leaf.get("is", "")).rpartition(".")[2]
    if "dtype" in leaf:
        head = f"{leaf['dtype']} {tuple(leaf.get('shape', ()))}"
    elif "shape" in leaf:
        head += f" {tuple(leaf['shape'])}"
    shown = [name for name in ("length", "value", "nan", "min", "max", "mean", "values") if name in leaf]
    if fields is not None:
        shown = [name for name in (*shown, *sorted(_LATER)) if name in fields and name in leaf]
    parts = [f"{name} {_shown(leaf[name])}" for name in shown]
    return f"{head}: {', '.join(parts)}" if parts else head


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_shown(each) for each in value)}]"
    return value if isinstance(value, str) else repr(value)


def _told(fields: Mapping[str, float | None]) -> str:
    """``min and mean differ; max |delta| = 0.25``."""
    names = [name for name in fields if name != ""]
    gaps = [gap for gap in fields.values() if gap is not None]
    text = f"{', '.join(names)} differ{'s' if len(names) == 1 and names != ['values'] else ''}" if names else "differs"
    return f"{text}; max |delta| = {rounded(max(gaps))}" if gaps else text


def _differing(expected: Any, obtained: Any, tolerance: Tolerance, *, loose: bool) -> dict[str, float | None]:
    """The fields of two leaves that differ, with how far; the field of a leaf that is a plain value is ``""``."""
    if not (isinstance(expected, Mapping) and isinstance(obtained, Mapping)):
        far = _far(expected, obtained, tolerance, None)
        return {} if far is None else {"": far[0]}
    size = _size(expected)
    found: dict[str, float | None] = {}
    # Of what one side tells in full and the other by its parts, an attribute more or less may be the reason.
    summed_up = _ALL_PARTS if loose and ("parts" in expected) != ("parts" in obtained) else set()
    for name in dict.fromkeys([*expected, *obtained]):
        one, other = expected.get(name), obtained.get(name)
        if name == "parts" or name in summed_up:  # those that differ are told of
            continue
        if one is None and name in _LATER:
            continue
        if name == "is" and loose:
            one, other = str(one).rpartition(".")[2], str(other).rpartition(".")[2]
        far = _far(one, other, tolerance, size)
        if far is not None:
            found[name] = None if name in _SIZES else far[0]
    # What says only that something differs is not worth telling beside what says what.
    return {name: gap for name, gap in found.items() if name not in ("digest", "weighted")} or found


def _far(expected: Any, obtained: Any, tolerance: Tolerance, size: float | None) -> tuple[float | None] | None:
    """How far two values are apart, if they are to be told apart; None as the distance of what has none."""
    if isinstance(expected, list) and isinstance(obtained, list):
        if len(expected) != len(obtained):
            return (None,)
        apart = [
            far for pair in zip(expected, obtained, strict=True) if (far := _far(*pair, tolerance, size)) is not None
        ]
        gaps = [gap for (gap,) in apart if gap is not None]
        return ((max(gaps),) if gaps else (None,)) if apart else None
    if type(expected) is not type(obtained) or type(expected) not in (int, float):
        return None if type(expected) is type(obtained) and expected == obtained else (None,)
    if repr(expected) == repr(obtained):  # NaN is NaN, and -0.0 is not 0.0
        return None
    if not (_finite(expected) and _finite(obtained)):
        return (None,)
    gap = float(abs(expected - obtained))
    near = tolerance.atol + tolerance.rtol * max(abs(expected), size or 0.0)
    return None if not tolerance.exact and gap <= near else (gap,)


def _size(leaf: Mapping[str, Any]) -> float | None:
    """The magnitude of the largest element of an array."""
    ends = [abs(leaf[name]) for name in ("min", "max") if isinstance(leaf.get(name), (int, float))]
    finite = [float(end) for end in ends if _finite(end)]
    return max(finite) if finite else None


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int beyond floats
        return False


def _is_attribute(path: str) -> bool:
    return path.rpartition("]")[2].startswith(".") or "." in path.partition("[")[0]
