"""A value as a person would jot it down: type, shape, range, mean and a few elements of what is in it, as plain JSON.

A fingerprint tells that a value has changed; a sketch, kept beside it, tells in which numbers.
"""

from __future__ import annotations

import datetime
import math
from collections import deque
from typing import Any

import numpy as np

from pytest_expops.values.amounts import is_number
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array, has_nan
from pytest_expops.values.dispatch import form_of
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, Unsound
from pytest_expops.values.kinds.builtin import object_array
from pytest_expops.values.naming import type_name
from pytest_expops.values.showing import shortened, show

__all__ = ["LEAVES", "Leaf", "sketch"]

Leaf = Any
"""A number, text, bool or None as it is; of anything else a dict: `is`, its type (left out for `numpy.ndarray`), and
what there is to say of it.

Of an array: `dtype`, `shape`, `values` (the first three elements and the last, or all of four), and, where they are
numbers, `min`, `max` and `mean`, NaNs left out and counted as `nan`. Of complex numbers those are of their absolute
values. Of a container: `length`. Of a whole that has more parts than are told of: `parts`, their number, with the
least and greatest element of all, and the mean of their means.
"""

LEAVES = 12
"""A sketch has at most so many leaves."""
LOOKED_AT = 600
"""Of larger values, no more parts than these are looked at."""
WIDE = 256
"""A container of more parts than these is told by their number."""
_SHOWN = 3


def sketch(value: object, path: str, *, leaves: int = LEAVES) -> dict[str, Leaf]:
    """Its parts by where they stand, ``{"scores['a']": 0.5, "model.coef_": {"is": ...}}``; the whole comes first.

    Where there are more, arrays go before single numbers, numbers in containers before those that are attributes of
    an object, and these before texts and the rest. Attributes with a leading underscore are left out, as are labels.

    :param path: where the value stands; all paths begin with it.
    :raises FingerprintError: if something within has no sound form.
    """
    found: list[tuple[str, int, Leaf]] = []
    queue: deque[tuple[str, Any]] = deque([(path, value)])
    met: dict[int, Any] = {}
    looked = 0
    while queue and looked < LOOKED_AT:
        place, part = queue.popleft()
        looked += 1
        if type(part) in ATOMS:
            rank, leaf = _atom(part)
            found.append((place, rank + (_ATTRIBUTE if _is_attribute(place) else 0), leaf))
        elif id(part) not in met:
            met[id(part)] = part  # alive, so that no other value takes its identity
            try:
                form = form_of(part)
            except Unsound as error:
                raise error.error(place) from error.__cause__
            below = _below(form, place)
            if not below or place == path:
                found.append((place, *_form(form)))
            queue.extend(below)
    return _chosen(found, leaves)


def _chosen(found: list[tuple[str, int, Leaf]], leaves: int) -> dict[str, Leaf]:
    """The whole, and the most telling of the parts, in the order in which they were found."""
    ranked = sorted(range(1, len(found)), key=lambda index: found[index][1])[: leaves - 1]
    chosen: dict[str, Leaf] = {}
    for place, _, leaf in [found[index] for index in (0, *sorted(ranked))]:
        # A series and its elements stand at one place: what it is is told by the one, what is in it by the other.
        chosen[place] = {**leaf, "is": chosen[place]["is"]} if isinstance(chosen.get(place), dict) else leaf
    if len(ranked) < len(found) - 1:
        chosen[found[0][0]] |= {"parts": len(found) - 1, **_together([leaf for _, _, leaf in found[1:]])}
    return chosen


def _together(leaves: list[Leaf]) -> dict[str, Any]:
    """What the numbers of all parts come to: least, greatest, and the mean of their means."""
    arrays = [leaf for leaf in leaves if isinstance(leaf, dict) and "min" in leaf]
    if not arrays:
        return {}
    mean = sum(leaf["mean"] for leaf in arrays) / len(arrays)
    return {"min": min(leaf["min"] for leaf in arrays), "max": max(leaf["max"] for leaf in arrays), "mean": mean}


def _below(form: Form, place: str) -> list[tuple[str, Any]]:
    """The parts of a form that are worth a look."""
    if isinstance(form, Parts) and not form.whole and len(form.values) <= WIDE and not _is_numbers(form):
        parts = [(form.suffix(index), part) for index, part in enumerate(form.values)]
        return [(place + suffix, part) for suffix, part in parts if not _is_aside(suffix, form)]
    if isinstance(form, Mapping) and len(form.keys) <= WIDE:
        count = len(form.keys)
        # In no order, as a dict's own order does not count (S7.2).
        return sorted(
            ((place + form.suffix(count + index), part) for index, part in enumerate(form.values)), key=lambda at: at[0]
        )
    return []


def _is_aside(suffix: str, form: Form) -> bool:
    """Private attributes, and what hangs on a table beside its contents."""
    return suffix.startswith("._") or (suffix in _LABELS and form.tag.startswith("pandas."))


_LABELS = frozenset({".attrs", ".categories", ".columns", ".index", ".name"})


def _is_attribute(place: str) -> bool:
    return place.rpartition("]")[2].startswith(".") or ("]" not in place and "." in place)


def _is_numbers(form: Form) -> bool:
    """A short list or tuple of numbers, which is as good as an array."""
    if not isinstance(form, Parts) or form.tag not in ("list", "tuple"):
        return False
    kinds = {type(value) for value in form.values}
    return bool(kinds) and all(kind in (int, float) or issubclass(kind, np.number) for kind in kinds)


_ARRAY, _FLOAT, _INTEGER = range(3)
_ATTRIBUTE = 2
_REST = _INTEGER + _ATTRIBUTE + 1


def _atom(value: Any) -> tuple[int, Leaf]:
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        value = value.item()
    if isinstance(value, float):
        return _FLOAT, value
    if isinstance(value, bool) or value is None:
        return _REST, value
    if isinstance(value, int):
        return _INTEGER, value
    if isinstance(value, str):
        return _REST, shortened(str(value))
    return _REST, {"is": type_name(type(value)), "value": show(value)}


def _form(form: Form) -> tuple[int, Leaf]:
    if isinstance(form, Bulk):
        array = _array(form, np.asarray(form.elements()))
        return (_ARRAY if "mean" in array else _REST), array
    if isinstance(form, Parts) and _is_numbers(form):
        return _ARRAY, _array(form, object_array(form.values))
    leaf: dict[str, Any] = {"is": form.tag}
    traits = dict(form.traits)
    if "rows" in traits:
        leaf["shape"] = [int(traits["rows"]), sum(form.suffix(i).startswith("[") for i in range(len(form.children)))]
    elif "value" in traits:
        leaf["value"] = traits["value"]
    elif isinstance(form, Mapping):
        leaf["length"] = len(form.keys)
    elif not isinstance(form, Parts) or form.names is None:
        leaf["length"] = len(form.children)
    return _REST, leaf


def _array(form: Form, elements: Array) -> dict[str, Any]:
    elements = _as_numbers(elements)
    leaf: dict[str, Any] = {} if form.tag == "numpy.ndarray" else {"is": form.tag}
    leaf["dtype"] = dict(form.traits).get("dtype", elements.dtype.name)
    leaf["shape"] = [int(each) for each in elements.shape]
    if elements.dtype.kind in "biufc" and elements.size:
        leaf |= _range_of(elements)
    shown = elements.reshape(-1) if elements.flags.c_contiguous else elements.flat
    count = elements.size
    places = range(count) if count <= _SHOWN + 1 else [*range(_SHOWN), count - 1]
    leaf["values"] = [_element(shown[index]) for index in places]
    return leaf


def _as_numbers(elements: Array) -> Array:
    """A list's numbers, which come as objects, as an array of numbers; anything else as it is."""
    if not elements.dtype.hasobject or not elements.size:
        return elements
    kinds = {type(each) for each in elements.reshape(-1)}
    if kinds != {bool} and not all(kind in (int, float) or issubclass(kind, np.number) for kind in kinds):
        return elements
    try:
        numbers = np.array(elements.tolist())
    except (OverflowError, ValueError):
        return elements
    return numbers if numbers.dtype.kind in "biufc" else elements


def _range_of(elements: Array) -> dict[str, Any]:
    """Least, greatest and mean, in float64 where they are not integers; of nothing but NaNs only their number."""
    numbers = np.abs(elements) if elements.dtype.kind == "c" else elements
    if has_nan(numbers):
        missing = int(np.isnan(numbers).sum())
        numbers = numbers[~np.isnan(numbers)]
        if not numbers.size:
            return {"nan": missing, "mean": math.nan}
        return {"nan": missing, **_range_of(numbers)}
    with np.errstate(all="ignore"):
        mean = float(numbers.mean(dtype=np.float64))
    least, greatest = _element(numbers.min()), _element(numbers.max())
    return {"min": least, "max": greatest, "mean": mean}


def _element(value: Any) -> Any:
    if isinstance(value, np.generic) and value.dtype.kind in "biufcU":
        value = float(value) if value.dtype == np.longdouble else value.item()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if is_number(value) or isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64)):
        return str(value)
    return shortened(value) if isinstance(value, str) else show(value)
