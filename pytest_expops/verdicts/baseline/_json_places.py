"""Where things stand in a JSON text: json.loads forgets it, and YAML's readers do not take all of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_expops.errors import Location

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)


@dataclass(slots=True)
class _Container:
    """A map or list that is open: `key` is of the value to come, None before a key of a map was read."""

    is_map: bool
    key: str | None = None
    count: int = 0
    keys: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class JsonPlace:
    """A key of a map, or (`is_key` is false) a value, with the keys on the way to it, and its offset in the text.

    `repeated` is a key that its map has already.
    """

    way: tuple[str, ...]
    offset: int
    is_key: bool = False
    repeated: bool = False


def places(text: str) -> Iterator[JsonPlace]:
    """Yield every key and every value in the order of the text. Items of lists count from 0."""
    stack: list[_Container] = []
    for token in _TOKEN.finditer(text):
        word = token[0]
        inner = stack[-1] if stack else None
        if word in "}]":
            if stack:
                stack.pop()
        elif word in ",:":
            if word == "," and inner is not None:
                inner.key, inner.count = None, inner.count + 1
        elif inner is not None and inner.is_map and inner.key is None and word.startswith('"'):
            inner.key = _read(word)
            yield JsonPlace(_way(stack), token.start(), is_key=True, repeated=inner.key in inner.keys)
            inner.keys.add(inner.key)
        else:
            yield JsonPlace(_way(stack), token.start())
            if word in "{[":
                stack.append(_Container(word == "{"))


def place_of(way: Sequence[str], text: str) -> int | None:
    """Return the offset of the value to which these keys lead, None where there is none."""
    wanted = tuple(way)
    return next((each.offset for each in places(text) if not each.is_key and each.way == wanted), None)


def location(path: Path, text: str, offset: int) -> Location:
    """Return a place in the file at `path` by its offset in the text."""
    return Location(path, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _way(stack: Sequence[_Container]) -> tuple[str, ...]:
    return tuple((each.key or "") if each.is_map else str(each.count) for each in stack)


def _read(word: str) -> str:
    try:
        return str(json.loads(word))
    except ValueError:
        return word
