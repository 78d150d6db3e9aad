"""A YAML document in which every value knows its place, so that every complaint can point at it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_expops.errors import Location
from pytest_expops.wording import cut_to_a_line


@dataclass(frozen=True, slots=True, eq=False)
class YamlNode:
    """A value and where it begins; `plain` is it as plain Python data.

    `weight` counts the values in it, written out in full (an alias counts as what it stands for); `depth` is how deep
    they nest. Both are bounded when the document is composed, so that walking one is always safe.
    """

    location: Location
    plain: Any
    weight: int = field(default=1, kw_only=True)
    depth: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(YamlNode):
    """A single value: `text` is its content before typing, `style` one of ``''``, ``'``, ``"``, ``|``, ``>``.

    `last_line` is the line on which its source ends; `merges` marks YAML's merge key, a plain ``<<``.
    """

    text: str
    style: str
    last_line: int
    merges: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class ListNode(YamlNode):
    items: tuple[YamlNode, ...]


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One `key: value` of a map; the key has a place of its own."""

    key: Scalar
    value: YamlNode


@dataclass(frozen=True, slots=True, eq=False)
class MapNode(YamlNode):
    entries: Mapping[Hashable, MapEntry]


@dataclass(frozen=True, slots=True, eq=False)
class BrokenNode(YamlNode):
    """Stands for a value that is noted as wrong already; readers pass over it in silence."""


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A config file: its top-level map and its lines of text."""

    path: Path
    root: MapNode
    lines: tuple[str, ...]


def describe(node: YamlNode) -> str:
    """Return a value in the words of a message: "the text `abc`", "a list", "nothing"."""
    match node:
        case ListNode():
            return "a list" if node.items else "an empty list"
        case MapNode():
            return "a map" if node.entries else "an empty map"
        case Scalar(plain=None):
            return "nothing"
        case Scalar():
            return f"{_noun(node.plain)} `{cut_to_a_line(node.text)}`"
    return "unreadable"


def _noun(plain: object) -> str:
    match plain:
        case bool():
            return "the truth value"
        case int() | float():
            return "the number"
        case str():
            return "the text"
        case bytes():
            return "the bytes"
    return "the date"


def same(one: object, other: object) -> bool:
    """Return whether two pieces of plain data mean the same: `1`, `1.0` and `true` do not, two `.nan` do."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))
