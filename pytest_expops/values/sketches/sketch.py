"""A value as a person would jot it down: type, shape, range, mean and a few elements of what is in it, as plain JSON.

A fingerprint shows that a value has changed; a sketch, kept beside it, shows in which numbers.
"""

from __future__ import annotations

import datetime
import re
from collections import deque
from typing import Any

import numpy as np

from pytest_expops.values.amounts import is_number
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array
from pytest_expops.values.fingerprint import form_of
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, Unsound
from pytest_expops.values.kinds.builtin import object_array
from pytest_expops.values.naming import type_name
from pytest_expops.values.showing import WIDTH, shortened, show
from pytest_expops.values.sketches._exactness import contents_digest, elements_digest, labels_digest
from pytest_expops.values.sketches._ranges import Totals, range_of

__all__ = ["LEAVES", "Leaf", "sketch"]

Leaf = Any
"""A number, text, bool or None as it is; of anything else a dict: `is`, its type (left out for `numpy.ndarray`), and
what there is to say of it.

Of an array: `dtype`, `shape`, `values` (the first three elements and the last, or all of four), and, where they are
numbers, `min`, `max` and `mean`, NaNs left out and counted as `nan`. Of complex numbers those are of their absolute
values. `weighted`, of more than four, differs for the same numbers in another order (`sketches._ranges`). `digest` is
that of elements that are no numbers, `labels` that of a table's index, columns and categories
(`sketches._exactness`).

Of a container: `length`, and where its items have no leaves of their own their `digest`. Of a whole that has more parts
than there are leaves: `parts`, their number, with the `digest`, the least and greatest number of all, and the mean of
their means. Of a long text: its `digest`.
"""

LEAVES = 12
"""A sketch has at most so many leaves."""
LOOKED_AT = 10_000
"""Of larger values, no more parts than these are looked at."""
WIDE = 256
"""A container of more parts than these has no leaves for them, only their number."""
_SHOWN = 3


def sketch(value: object, path: str, *, leaves: int = LEAVES) -> dict[str, Leaf]:
    """Return the parts of a value by path, ``{"scores['a']": 0.5, "model.coef_": {"is": ...}}``; the whole comes first.

    Where there are more, arrays go before single numbers, numbers in containers before those that are attributes of
    an object, and these before texts and the rest. Attributes with a leading underscore are left out, as are labels.

    Args:
        value: any value; it is only read.
        path: where the value stands; all paths begin with it.
        leaves: how many parts there are at most.

    Raises:
        FingerprintError: something within has no sound form.
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
            rank, leaf = _form(form)
            if not below:
                leaf |= _of_items(form)
            if not below or place == path or "labels" in leaf:
                found.append((place, rank, leaf))
            queue.extend(below)
    return _chosen(found, leaves, value)


def _chosen(found: list[tuple[str, int, Leaf]], leaves: int, value: object) -> dict[str, Leaf]:
    """Return the whole, and the most telling of the parts, in the order in which they were found."""
    ranked = sorted(range(1, len(found)), key=lambda index: found[index][1])[: leaves - 1]
    chosen: dict[str, Leaf] = {}
    for place, _, leaf in [found[index] for index in (0, *sorted(ranked))]:
        # A series and its elements stand at one place: the one says what it is, the other what is in it.
        outer = chosen.get(place)
        whole = {name: outer[name] for name in ("is", "labels") if name in outer} if isinstance(outer, dict) else None
        chosen[place] = leaf if whole is None else {**leaf, **whole}
    if len(ranked) < len(found) - 1:
        totals = Totals()
        for place, _, leaf in found[1:]:
            if isinstance(leaf, dict) or not _is_attribute(place):
                totals.add(leaf)
        chosen[found[0][0]] |= {"parts": len(found) - 1, **totals.fields(), "digest": contents_digest(value)}
    return chosen


def _of_items(form: Form) -> dict[str, Any]:
    """Return what all items come to, of a container of which none is in the sketch by itself."""
    if isinstance(form, Bulk) or not form.children or _is_numbers(form):
        return {}
    if isinstance(form, Parts) and (form.whole or (form.names is not None and not form.tag.startswith("pandas."))):
        return {}
    totals = Totals()
    digest = contents_digest(form, totals)
    return {**totals.fields(), "digest": digest}


def _below(form: Form, place: str) -> list[tuple[str, Any]]:
    """Return the parts of a form that are worth a look."""
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
    """Return whether a part is a private attribute, or what a table has beside its contents."""
    return suffix.startswith("._") or (suffix in _LABELS and form.tag.startswith("pandas."))


_LABELS = frozenset({".attrs", ".categories", ".columns", ".index", ".name"})


def _is_attribute(place: str) -> bool:
    return place.rpartition("]")[2].startswith(".") or ("]" not in place and "." in place)


def _is_numbers(form: Form) -> bool:
    """Return whether this is a short list or tuple of numbers, which is as good as an array."""
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
        shown = shortened(str(value))
        whole = shown == value
        return _REST, shown if whole else {"is": "str", "value": shown, "digest": contents_digest(str(value))}
    leaf = {"is": type_name(type(value)), "value": show(value)}
    if isinstance(value, (bytes, bytearray)) and len(value) > WIDTH // 4:
        leaf["digest"] = contents_digest(value)
    return _REST, leaf


def _form(form: Form) -> tuple[int, Leaf]:
    if isinstance(form, Bulk):
        array = _array(form, np.asarray(form.elements()))
        return (_ARRAY if "mean" in array else _REST), array
    if isinstance(form, Parts) and _is_numbers(form):
        return _ARRAY, _array(form, object_array(form.values))
    leaf: dict[str, Any] = {"is": form.tag}
    traits = dict(form.traits)
    labels = labels_digest(form)
    if labels is not None:
        leaf["labels"] = labels
    if "rows" in traits:
        leaf["shape"] = [int(traits["rows"]), sum(form.suffix(i).startswith("[") for i in range(len(form.children)))]
    elif "value" in traits:
        leaf["value"] = traits["value"]
    elif "format" in traits:  # a sparse matrix
        leaf["shape"] = [int(each) for each in re.findall(r"\d+", traits["shape"])]
    elif isinstance(form, Mapping):
        leaf["length"] = len(form.keys)
    elif not isinstance(form, Parts) or form.names is None:
        leaf["length"] = len(form.children)
    return _REST, leaf


def _array(form: Bulk | Parts, elements: Array) -> dict[str, Any]:
    elements = _as_numbers(elements)
    leaf: dict[str, Any] = {} if form.tag == "numpy.ndarray" else {"is": form.tag}
    leaf["dtype"] = dict(form.traits).get("dtype", elements.dtype.name)
    leaf["shape"] = [int(each) for each in elements.shape]
    numbers = elements if elements.dtype.kind in "biufc" else _numbers_among(elements)
    if numbers.size:
        leaf |= range_of(numbers)
    shown = elements.reshape(-1) if elements.flags.c_contiguous else elements.flat
    count = elements.size
    places = range(count) if count <= _SHOWN + 1 else [*range(_SHOWN), count - 1]
    leaf["values"] = [_element(shown[index]) for index in places]
    digest = elements_digest(form, elements)
    if digest is not None:
        ordered = dict(form.traits).get("ordered", "False")
        leaf["digest"] = digest if ordered == "False" else contents_digest([digest, ordered])
    return leaf


def _numbers_among(elements: Array) -> Array:
    """Return the numbers of an array that holds texts or what is missing, too."""
    if not elements.dtype.hasobject:
        return np.empty(0)
    found = [each for each in elements.reshape(-1) if type(each) in (int, float) or isinstance(each, np.floating)]
    try:
        return np.array(found, dtype=np.float64)
    except OverflowError:  # an int beyond floats
        return np.empty(0)


def _as_numbers(elements: Array) -> Array:
    """Return a list's numbers, which come as objects, as an array of numbers; anything else as it is."""
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
