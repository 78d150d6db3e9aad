"""What is said of two values that differ: what each shows where they do, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array
from pytest_expops.values.differences import Difference
from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.naming import type_name
from pytest_expops.values.showing import apart, beside, first_difference, show
from pytest_expops.wording import listed


@dataclass(slots=True)
class TwoValues:
    """Two values to be looked at, and where they stand."""

    path: str
    expected: Any
    obtained: Any
    unequal: Array | None = None
    """Of many values in two lists, or under the same keys of two dicts: which differ, where that is known."""


def reordered(pair: TwoValues, expected: Parts, obtained: Parts, place: int) -> Difference:
    """Return the difference of two lists that hold the same items, shown from where it can be seen."""
    found = differs_in(pair, f"the same {len(expected.values)} items in another order")
    if not place or show(pair.expected) != show(pair.obtained):
        return found
    shown = apart(list(expected.values)[place:], list(obtained.values)[place:])
    return told(pair.path, f"...{shown[0]}", f"...{shown[1]}", f"{found.detail}; first at [{place}]")


def orders(expected: Sequence[str], obtained: Sequence[str]) -> tuple[str, str]:
    """Return the names of two values from the first on that is another, in another order."""
    place = first_difference(expected, obtained)
    before = "..., " if place else ""
    return before + listed(expected[place:]), before + listed(obtained[place:])


def comparable(expected: Any, obtained: Any) -> bool:
    """Return whether both are of one type; a class made by a function is another at each call, of the same name."""
    one, other = type(expected), type(obtained)
    if one is other or (isinstance(expected, Form) and isinstance(obtained, Form)):
        return True
    return one not in ATOMS and other not in ATOMS and type_name(one) == type_name(other)


def type_of(value: Any) -> str:
    """Return the name of a value's type; of a form, that of the value that it stands for."""
    return value.tag if isinstance(value, Form) else type_name(type(value))


def differs_in(pair: TwoValues, detail: str) -> Difference:
    """Return the difference of two values, with the stretch of each in which it can be seen."""
    texts = beside(pair.expected, pair.obtained)
    if texts is not None:
        return Difference(pair.path, texts.expected, texts.obtained, f"{detail}; {texts.where}")
    one, other = apart(pair.expected, pair.obtained)
    say = told if comparable(pair.expected, pair.obtained) else Difference
    return say(pair.path, one, other, detail)


def told(path: str, expected: str, obtained: str, detail: str) -> Difference:
    """Return a difference, which says so where both sides read the same."""
    alike = "; both have the same text" if expected == obtained else ""
    return Difference(path, expected, obtained, detail + alike)
