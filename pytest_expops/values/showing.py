"""Values as text for messages: numbers with every digit, the rest shortened, and never an address.

Of two texts that differ: the first line that does, and of a long line the stretch around the first difference. So no
two values that differ are shown alike, unless their own ``repr`` makes them so.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_expops.values.forms import Form
from pytest_expops.values.naming import type_name

WIDTH = 80
"""Longer texts lose their middle; of two that differ, about so much of a line is shown."""
ABSENT = "(absent)"
"""What is shown of a value that is not there."""
_BEFORE = 20
"""Of two long texts, so many characters before the first difference are shown."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class _Shortened(reprlib.Repr):
    """Containers by their first items; atoms whole, since the last digit may be the one that differs."""

    def repr_float(self, value: float, level: int) -> str:
        return repr(value)

    def repr_int(self, value: int, level: int) -> str:
        try:
            return super().repr_int(value, level)
        except ValueError:  # more digits than Python writes in base 10
            return self.repr_str(hex(value), level).strip("'")

    def repr_instance(self, value: Any, level: int) -> str:
        return _plain(value)


_shortened = _Shortened()
_shortened.maxother = _shortened.maxstring = _shortened.maxlong = WIDTH
_WHOLE = 10_000
"""Of values that are shown alike when shortened, so many items, digits and characters are looked at."""
_whole = _Shortened()
for _limit in [each for each in vars(_whole) if each.startswith("max") and each != "maxlevel"]:
    setattr(_whole, _limit, _WHOLE)


def show(value: Any) -> str:
    """Return any value as one line of at most about `WIDTH` characters; a `repr` that fails is shown as such."""
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
    """Return one line of about `WIDTH` characters at most, without addresses."""
    return shortened(_one_line(text))


def _one_line(text: str) -> str:
    return " ".join(_ADDRESS.sub("", text).split())


def shortened(text: str) -> str:
    """Return the beginning and the end of a long line."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH * 2 // 3]}...{text[-WIDTH // 4 :]}"


@dataclass(frozen=True, slots=True)
class Beside:
    """What to show of the expected and of the obtained text, and where that stands in them."""

    expected: str
    obtained: str
    where: str


def beside(expected: Any, obtained: Any) -> Beside | None:
    """Return what to show of two texts that differ; None for other values, or texts short enough to be shown whole."""
    if isinstance(expected, str) and isinstance(obtained, str):
        expected, obtained = str.__str__(expected), str.__str__(obtained)
        if expected != obtained and ("\n" in expected or "\n" in obtained):
            return _lines(expected, obtained)
    elif not (isinstance(expected, (bytes, bytearray)) and isinstance(obtained, (bytes, bytearray))):
        return None
    if expected == obtained:  # of another type, perhaps
        return None
    if max(len(repr(expected[: WIDTH + 1])), len(repr(obtained[: WIDTH + 1]))) <= WIDTH:
        return None
    place = first_difference(expected, obtained)
    sizes = f" of {len(expected)}" if len(expected) == len(obtained) else ""
    lengths = "" if sizes else f"length {len(expected)} became {len(obtained)}; "
    return Beside(_around(expected, place), _around(obtained, place), f"{lengths}first at [{place}]{sizes}")


def apart(expected: Any, obtained: Any) -> tuple[str, str]:
    """Return two values as `show` does, or, where that shows them alike, where their whole texts first differ."""
    shown = show(expected), show(obtained)
    if shown[0] != shown[1] or isinstance(expected, Form):
        return shown
    ones, others = whole(expected), whole(obtained)
    return stretches(ones, others) if ones != others else shown


def whole(value: Any) -> str:
    """Return a value as one line, with up to `_WHOLE` items of a container and characters of a text."""
    return _one_line(_whole.repr(value))


def stretches(expected: str, obtained: str) -> tuple[str, str]:
    """Return of two lines what stands around their first difference, with dots for what is left out."""
    place = first_difference(expected, obtained)
    return _stretch(expected, place), _stretch(obtained, place)


def _lines(expected: str, obtained: str) -> Beside:
    ones, others = expected.split("\n"), obtained.split("\n")
    number = next(
        (index for index, (one, other) in enumerate(zip(ones, others, strict=False)) if one != other),
        min(len(ones), len(others)),
    )
    if len(ones) == len(others):
        count = sum(one != other for one, other in zip(ones, others, strict=True))
        where = f"{count} of {len(ones)} lines differ{'s' if count == 1 else ''}; first at line {number + 1}"
    else:
        where = f"{len(ones)} lines became {len(others)}; first at line {number + 1}"
    one = ones[number] if number < len(ones) else None
    other = others[number] if number < len(others) else None
    place = first_difference(one or "", other or "")
    shown = [ABSENT if each is None else _around(each, place) for each in (one, other)]
    return Beside(shown[0], shown[1], where)


def first_difference(expected: Any, obtained: Any) -> int:
    """Return the first index at which two sequences differ, or the length of the shorter; by halving, with slices."""
    low, high = 0, min(len(expected), len(obtained))
    while low < high:
        middle = (low + high + 1) // 2
        if expected[low:middle] == obtained[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _around(text: Any, place: int) -> str:
    """Return all of a text that is short, else the stretch around `place`, with dots for what is left out."""
    if len(repr(text[: WIDTH + 1])) <= WIDTH:
        return repr(text)
    return _stretch(text, place, repr)


def _stretch(text: Any, place: int, written: Callable[[Any], str] = str) -> str:
    start = max(0, min(place, len(text)) - _BEFORE)
    stretch = text[start : start + WIDTH * 2 // 3]
    before, after = "..." if start else "", "..." if start + len(stretch) < len(text) else ""
    return f"{before}{written(stretch)}{after}"
