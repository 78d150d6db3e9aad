"""Two texts side by side: the first line that differs, and of a long line the stretch around the first difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WIDTH = 80
"""What is shown of a line, in characters of its `repr`, about."""
_BEFORE = 20
"""So many characters before the first difference are shown."""
ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Beside:
    """What to show of the expected and of the obtained text, and where that stands in them."""

    expected: str
    obtained: str
    where: str


def beside(expected: Any, obtained: Any) -> Beside | None:
    """Of two texts that differ; None of other values, or of texts short enough to be shown whole."""
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
    """The first index at which two sequences differ, or the length of the shorter; by halving, at slicing's speed."""
    low, high = 0, min(len(expected), len(obtained))
    while low < high:
        middle = (low + high + 1) // 2
        if expected[low:middle] == obtained[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _around(text: Any, place: int) -> str:
    """All of a text that is short, else the stretch around `place`, with dots for what is left out."""
    if len(repr(text[: WIDTH + 1])) <= WIDTH:
        return repr(text)
    start = max(0, min(place, len(text)) - _BEFORE)
    stretch = text[start : start + WIDTH * 2 // 3]
    before, after = "..." if start else "", "..." if start + len(stretch) < len(text) else ""
    return f"{before}{stretch!r}{after}"
