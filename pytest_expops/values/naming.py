"""What classes, keys, rows and columns are called in paths and messages: by their value, and never by an address."""

from __future__ import annotations

import datetime
import decimal
import enum
import pathlib
import uuid
from collections.abc import Sequence
from typing import Any


def module_name(cls: type) -> str:
    """Return the module that a class says it is from; empty where a C class keeps something else under that name."""
    module: object = cls.__module__
    return module if isinstance(module, str) else ""


def type_name(cls: type) -> str:
    """Return a class by module and qualified name, as it enters digests and messages."""
    module = module_name(cls)
    return cls.__qualname__ if module in ("", "builtins") else f"{module}.{cls.__qualname__}"


LIMIT = 60
"""Longer labels lose their middle."""

_PLAIN = frozenset({str, int, float, bool, bytes, type(None), complex})
_BY_TEXT = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID, pathlib.PurePath)
"""What `str` shows whole. A datetime is a date; the timestamps and durations of pandas are datetimes and timedeltas."""
_PANDAS = frozenset({"Period", "Interval"})
_SHOWN_BY = frozenset({*(module_name(base).partition(".")[0] for base in _BY_TEXT), "pandas"})
"""Modules whose `str` is known to hold no address; a subclass may be from anywhere."""


def label(key: Any) -> str:
    """Return a key as text: ``'a'``, ``(1, 'b')``, ``Timestamp('2024-01-01 00:00:00')``, ``numpy.int64(3)``.

    Of a key that has no such text, only the class is named: ``<frozenset>``.
    """
    text = _text(key)
    return text if len(text) <= LIMIT else f"{text[: LIMIT // 2]}…{text[-LIMIT // 3 :]}"


def row_label(key: Any) -> str:
    """Return the label of a row or column of a table: NumPy's scalars as the plain ones by which rows are found."""
    return label(_unboxed(key))


def column_places(labels: Sequence[Any], position: str = ".iloc[:, {}]") -> list[str]:
    """Return how paths go on to each column: by label, or, if two labels look alike, all of them by position."""
    places = [f"[{row_label(each)}]" for each in labels]
    return places if len(set(places)) == len(places) else [position.format(index) for index in range(len(places))]


def _unboxed(key: Any) -> Any:
    if type(key) is tuple:
        return tuple(_unboxed(each) for each in key)
    if module_name(type(key)) == "numpy" and getattr(getattr(key, "dtype", None), "kind", "") in "biufcSU":
        return key.item()
    return key


def _text(key: Any) -> str:
    cls = type(key)
    if cls in _PLAIN:
        return repr(key)
    if cls is tuple:
        return "(" + ", ".join(label(each) for each in key) + ("," if len(key) == 1 else "") + ")"
    if isinstance(key, enum.Enum):
        return f"{cls.__qualname__}.{key._name_}"
    if module_name(cls).partition(".")[0] in _SHOWN_BY and (isinstance(key, _BY_TEXT) or cls.__name__ in _PANDAS):
        return f"{cls.__name__}({str(key)!r})"
    if module_name(cls) == "numpy" and _unboxed(key) is not key:
        return f"{type_name(cls)}({label(_unboxed(key))})"
    if isinstance(key, (str, int, float)):  # subclasses: by value, never by their own repr
        return f"{type_name(cls)}({label(_plain(key))})"
    return f"<{type_name(cls)}>"


def _plain(key: str | int | float) -> str | int | float:
    if isinstance(key, str):
        return str.__str__(key)
    return int.__int__(key) if isinstance(key, int) else float.__float__(key)
