"""The parts of an entry in a lock file, checked as they are read: what is odd has its place told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_expops.bounds import NUMBERS
from pytest_expops.verdicts.baseline.lock_file_text import Odd, decode
from pytest_expops.wording import shown

Readings = Mapping[int | None, Any]
"""Of one metric: value by step; under None what is no number."""


def readings_at(data: Any, place: Sequence[str]) -> Readings:
    """Return the readings of one metric.

    Raises:
        Odd: it is something else that stands there; so for all functions of this file.
    """
    if isinstance(data, dict) and data.keys() == {"value"}:
        return {None: decoded_at(data["value"], place)}
    items = checked(data, list, place, "a list of readings, or a map of `value`")
    found: dict[int | None, Any] = {}
    for number, each in enumerate(items, start=1):
        step, value = each if isinstance(each, list) and len(each) == 2 else (number, each)
        value = decoded_at(value, place)
        if step is not None and not _is_metric(value):
            raise Odd(place, f"expected a number, or a list of step and number, found {shown(value)}")
        step = None if step is None else whole_at(step, place)
        if step in found:
            raise Odd(place, f"the step {shown(step)} is there twice")
        found[step] = value
    return found


def _is_metric(value: Any) -> bool:
    return type(value) is float or (type(value) is int and NUMBERS["metric"].read(value) is not None)


def environment_at(data: Any, place: Sequence[str]) -> Mapping[str, Any]:
    """Return an environment: maps of names to texts, and the `libraries` in one of their own."""
    found = checked(decoded_at(data, place), dict, place, "a map")
    if "libraries" in found:
        libraries = checked(found["libraries"], dict, (*place, "libraries"), "a map of libraries to versions")
        for name, each in libraries.items():
            checked(each, str, (*place, "libraries", name), "a version")
    return dict(found)


def checked(value: Any, kind: type, place: Sequence[str], expected: str) -> Any:
    """Return a value, which must be of this type."""
    if not isinstance(value, kind):
        raise Odd(place, f"expected {expected}, found {shown(value)}")
    return value


def digests_at(value: Any, place: Sequence[str]) -> dict[str, str]:
    """Return a map of names to digests."""
    for key, each in checked(value, dict, place, "a map").items():
        checked(each, str, (*place, key), "a digest")
    return dict(value)


def whole_at(value: Any, place: Sequence[str]) -> int:
    """Return a whole number."""
    if type(value) is not int:
        raise Odd(place, f"expected a whole number, found {shown(value)}")
    return value


def decoded_at(value: Any, place: Sequence[str]) -> Any:
    """Return what `encode` was given."""
    try:
        return decode(value)
    except ValueError as error:
        raise Odd(place, f"expected a value, found {error}") from None


def referred_at(table: Mapping[str, Any], key: Any, place: Sequence[str]) -> Any:
    """Return what stands in a table of the file under a key."""
    if not isinstance(key, str) or key not in table:
        raise Odd(place, f"refers to {shown(key)}, which the file does not have")
    return table[key]
