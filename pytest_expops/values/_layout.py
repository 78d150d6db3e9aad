"""How many values of one type lie in memory as a table: what their shapes are, and their parts as columns.

A layout is known for what people make in great numbers: dicts with texts as keys, short lists and tuples, named tuples,
and objects whose state is their attributes. Of anything else there is none; it is taken apart one by one.
"""

from __future__ import annotations

import copyreg
import types
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

from pytest_expops.values._dispatch import handler_of
from pytest_expops.values.kinds import builtin
from pytest_expops.values.kinds.objects import is_local, object_form

Columns = list[list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How values of one type are made into tables.

    `shapes` gives what must be equal for values to be in one table, `fits` whether those of a shape can be in any,
    `columns` the parts of values of one shape, in the order in which their form has them (of a dict, the values only).
    """

    shapes: Callable[[Iterable[Any]], Sequence[Hashable]]
    fits: Callable[[Any], bool]
    columns: Callable[[Sequence[Any], Any], Columns]


def layout_of(kind: type) -> Layout | None:
    """Return the layout of values of exactly this type, None where there is none."""
    handler = handler_of(kind)
    if handler is builtin.dict_form:
        return _DICT
    if handler is builtin.sequence_form:
        return _SEQUENCE
    if handler is builtin.tuple_subclass_form:
        return _named_tuple(kind)
    if handler is object_form and _is_plain(kind):
        return _OBJECT
    return None


def _split(rows: Iterable[Iterable[Any]], count: int) -> Columns:
    cells = list(chain.from_iterable(rows))
    return [cells[place::count] for place in range(count)]


def _key_shapes(values: Iterable[Any]) -> Sequence[Hashable]:
    """Return the keys of each dict, None where one is no text: to a dict, 1 and True are one key; to us, two values."""
    values = list(values)
    keys = list(chain.from_iterable(values))
    texts = set(map(type, keys)) <= {str}
    if texts and keys == list(values[0]) * len(values):  # so each has as many: no dict has a key twice
        return [tuple(values[0])] * len(values)
    shapes: list[Any] = list(map(tuple, values))
    if texts:
        return shapes
    return [shape if set(map(type, shape)) <= {str} else None for shape in shapes]


def _attribute_shapes(values: Iterable[Any]) -> Sequence[Hashable]:
    return _key_shapes(map(attrgetter("__dict__"), values))


def _attribute_columns(values: Sequence[Any], names: Sequence[str]) -> Columns:
    columns = _split(map(dict.values, map(attrgetter("__dict__"), values)), len(names))
    return [columns[place] for place in sorted(range(len(names)), key=names.__getitem__)]


def _are_attributes(names: Sequence[str] | None) -> bool:
    # One called `__reduce__` would be taken by `__reduce_ex__` for how to pickle the object.
    return names is not None and not any(name.startswith("__") for name in names)


_DICT = Layout(
    shapes=_key_shapes,
    fits=lambda keys: keys is not None,
    columns=lambda values, keys: _split(map(dict.values, values), len(keys)),
)
_SEQUENCE = Layout(
    shapes=lambda values: list(map(len, values)),
    fits=lambda length: length < builtin.BULK_FROM,
    columns=_split,
)
_OBJECT = Layout(shapes=_attribute_shapes, fits=_are_attributes, columns=_attribute_columns)


def _named_tuple(kind: type) -> Layout | None:
    fields = getattr(kind, "_fields", None)
    if type(fields) is not tuple or kind.__dictoffset__ or kind.__len__ is not tuple.__len__:  # type: ignore[attr-defined]
        return None
    if kind.__iter__ is not tuple.__iter__:  # type: ignore[attr-defined]
        return None
    return Layout(shapes=_SEQUENCE.shapes, fits=lambda length: length == len(fields), columns=_split)


_HEAP_TYPE = 1 << 9
"""Set in the `__flags__` of a class that a ``class`` statement made; see ``Py_TPFLAGS_HEAPTYPE``."""
_OWN_WAYS = ("__getattr__", "__getnewargs__", "__getnewargs_ex__")
_INHERITED = ("__getattribute__", "__getstate__", "__reduce__", "__reduce_ex__", "__class__")


def _is_plain(kind: type) -> bool:
    """Return whether the state of each object of a class is its ``__dict__``, and nothing can make it another."""
    bases = kind.__mro__[:-1]
    return (
        all(base.__flags__ & _HEAP_TYPE and not base.__dict__.get("__slots__") for base in bases)
        and not any(hasattr(kind, name) for name in _OWN_WAYS)
        and not any(name in base.__dict__ for base in bases for name in _INHERITED)
        and all(type(base.__dict__.get("__dict__")) in _GIVEN for base in bases)
        and bool(kind.__dictoffset__)
        and kind not in copyreg.dispatch_table
        and not is_local(kind)
    )


_GIVEN = (types.GetSetDescriptorType, type(None))
