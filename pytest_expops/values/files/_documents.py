"""JSON by its values: neither white space, nor the order of keys, nor how a number is written."""

from __future__ import annotations

import json
from typing import Any

from pytest_expops.values.files._source import FileSource


def json_document(source: FileSource) -> object:
    """Return the document in a JSON file."""
    return parsed(source.data)


def json_lines(source: FileSource) -> object:
    """Return the documents of a file that has one a line."""
    lines = source.data.decode("utf-8-sig").removesuffix("\n").split("\n")
    return [parsed(line) for line in lines]


def parsed(text: str | bytes) -> Any:
    """Return a JSON document; one with two equal keys in an object is refused, since one of them would be lost."""
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has two equal keys")
    return found
