"""Values as text for messages: numbers with every digit, the rest shortened, and never an address."""

from __future__ import annotations

import re
import reprlib
from typing import Any

from pytest_expops.values.forms import Form
from pytest_expops.values.naming import type_name

WIDTH = 80
"""Longer texts lose their middle."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class _Shortened(reprlib.Repr):
    """Containers by their first items; atoms whole, since the last digit may be the one that differs."""

    def repr_float(self, value: float, level: int) -> str:
        return repr(value)

    def repr_instance(self, value: Any, level: int) -> str:
        return _plain(value)


_shortened = _Shortened()
_shortened.maxother = _shortened.maxstring = _shortened.maxlong = WIDTH


def show(value: Any) -> str:
    """At most about `WIDTH` characters on one line. A `repr` that fails is told as such."""
    if type(value) in (str, bytes):  # as they are: what looks like an address there may be what differs
        return shortened(repr(value if len(value) <= 4 * WIDTH else value[: 2 * WIDTH] + value[-2 * WIDTH :]))
    if isinstance(value, Form):
        return " ".join([value.tag, *(f"{name}={text}" for name, text in value.traits)])
    return cut(_shortened.repr(value))


def _plain(value: Any) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and shape:
        kind = f" of {dtype}" if dtype is not None else ""
        return f"<{type_name(type(value))}{kind}, shape {tuple(int(each) for each in shape)}>"
    try:
        return repr(value)
    except Exception as error:
        return f"<repr raises {type(error).__name__}: {type_name(type(value))}>"


def cut(text: str) -> str:
    """One line of about `WIDTH` characters at most, without addresses."""
    return shortened(" ".join(_ADDRESS.sub("", text).split()))


def shortened(text: str) -> str:
    """The beginning and the end of a long line."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH * 2 // 3]}...{text[-WIDTH // 4 :]}"
