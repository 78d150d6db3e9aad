"""What a value is, in a few words: its type, and its shape and dtype or its length; of a small one the value."""

from __future__ import annotations

from typing import Any

from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.naming import type_name
from pytest_expops.values.showing import cut, show


def describe(value: Any) -> str:
    """Return ``numpy.ndarray of float64, shape (100, 3)``, ``dict of 4``, or a number or short text as it is.

    Whatever the value does when it is looked at, this returns: then it is the type alone.
    """
    cls = type(value)
    if cls in ATOMS:
        return show(value)
    try:
        return cut(_described(value, cls))
    except BaseException:  # KeyboardInterrupt, too: it is most likely raised by what is looked at
        return cut(type_name(cls))


def _described(value: Any, cls: type) -> str:
    name = type_name(cls)
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and not callable(shape):
        sizes = tuple(int(each) for each in shape)
        of = f" of {dtype}" if dtype is not None and not callable(dtype) else ""
        return f"{name}{of}, shape {sizes}" if sizes else show(value)
    if cls in (dict, list, tuple, set, frozenset, bytearray):
        return f"{name} of {len(value)}"
    return name
