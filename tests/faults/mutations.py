"""Valid documents made wrong: trees of maps, lists and scalars, and the texts that they are written as."""

from __future__ import annotations

import copy
import datetime
import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

Place = tuple[Any, ...]

_RAW = {
    "raw0raw": "9" * 5000,
    "raw1raw": "-0x" + "f" * 6000,
    "raw2raw": "1" + "0" * 400,
    "raw3raw": "[" * 200 + "]" * 200,
    "raw4raw": "[" * 3000,
    "raw5raw": "{a: " * 300 + "1" + "}" * 300,
    "raw6raw": "1e999",
    "raw7raw": "1_000_000_000_000",
    "raw8raw": "190:20:30",
}
"""What stands for texts that no Python value is written as."""
_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 0.5, -0.0, 1e308, float("inf"), float("nan"), 10**7, 5000, -(10**30), "", " ",
    "a", "p0", "load", "train", "train_1", "train_1_seed40", "../../etc/passwd", "/dev/zero", "a b", "a::b", "a/b",
    "x[replay]", "#", "~", "null", "yes", "1", "é", "\u202eabc", "🙂" * 50, "\x00", "\x1b[31m", "\ud800", "\u2028",
    "${HOME}", "{0.__class__}", "%s%n", "__class__", "os:system", "os.system", "builtins:eval", "sklearn.Ridge",
    "a" * 20_000, datetime.date(2020, 2, 30 - 1), b"\xff\x00", *_RAW,
)  # fmt: skip
_YAML_SNIPPETS = (
    "&a ", "*a", "*a : 1", "<<: *a", "<<: [*a, *a]", "&a [*a, *a]", "!!python/object/apply:os.system [touch canary]",
    "!!python/name:os.system ", "!!python/module:canary ", "!!python/object/new:canary.C {}", "!canary ", "!!binary ",
    "!!timestamp ", "!!int ", "!!float x", "!!set {a, b}", "!!omap [a: 1]", "%YAML 9.9\n---\n", "---\n", "...\n", "? ",
    "? ? [", ": ", "- ", "\t", "  ", "|", ">-", "'", '"', "\\", "{", "}", "[", "]", ",", "#", "@", "`", "\x00",
    "\ufeff", "\x85", "\u2028", "\x1b", "\U0010ffff", "\ud800", '"\\ud800"', '"\\UFFFFFFFF"', "\r", "\r\n", "0b_",
    "1e400", *_RAW.values(),
)  # fmt: skip
_JSON_SNIPPETS = (
    "{", "}", "[", "]", ",", ":", '"', "'", "\\", "null", "true", "NaN", "Infinity", "-Infinity", "1e999", "-0", "01",
    "0x10", "//", "/* */", "\x00", "\ufeff", "\u2028", "\ud800", '"\\ud800"', '"\\u0000"', "<<<<<<< HEAD\n",
    "=======\n",
    '"a": 1,', '"format": 3,', '"format": 1,', '"entries": {},', '"float": "nan"', '{"dict": 1}', *_RAW.values(),
)  # fmt: skip


def mutated(rng: random.Random, document: Any, *, style: str) -> bytes:
    """Return the text of a document in which one to five things were changed: in its tree, in its text, or both.

    Args:
        rng: decides.
        document: it is left as it is.
        style: ``yaml`` or ``json``.
    """
    count, text_only = rng.choice((1, 1, 1, 2, 3, 5)), rng.random() < 0.3
    changed = copy.deepcopy(document)
    if not text_only:
        for _ in range(count):
            changed = rng.choice(_CHANGES)(rng, changed)
    try:
        text = _written(rng, changed, style)
    except RecursionError:  # so deep that PyYAML cannot write it
        text = _written(rng, document, style)
    for token, raw in _RAW.items():
        text = text.replace(f'"{token}"', raw).replace(token, raw)
    if text_only or rng.random() < 0.2:
        for _ in range(count):
            text = rng.choice(_EDITS)(rng, text, _YAML_SNIPPETS if style == "yaml" else _JSON_SNIPPETS)
    return _encoded(rng, text)


def _written(rng: random.Random, document: Any, style: str) -> str:
    if style == "json":
        return json.dumps(document, indent=rng.choice((None, 2, 2)), ensure_ascii=rng.random() < 0.5, default=repr)
    flow = rng.choice((None, None, False, True))
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=flow)
    return str(text)


def places(document: Any, way: Place = ()) -> Iterator[Place]:
    """Yield the place of everything within a document, by the keys that lead there."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inner:
        yield (*way, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*way, key))


def _at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


def _somewhere(rng: random.Random, document: Any) -> tuple[Any, Any]:
    """A map or list, and a key in it."""
    found = list(places(document)) if isinstance(document, (dict, list)) else []
    if not found:
        return {"a": document}, "a"
    place = rng.choice(found)
    return _at(document, place[:-1]), place[-1]


def _drop(rng: random.Random, document: Any) -> Any:
    holder, key = _somewhere(rng, document)
    del holder[key]
    return document


def _duplicate(rng: random.Random, document: Any) -> Any:
    """Another of the same, beside it or anywhere else; in YAML, an alias of it."""
    holder, key = _somewhere(rng, document)
    other, place = _somewhere(rng, document)
    value = holder[key] if rng.random() < 0.5 else copy.deepcopy(holder[key])
    if _holds(value, other):
        value = copy.deepcopy(value)
    if isinstance(other, list):
        other.insert(place, value)
    else:
        other[rng.choice((place, key, "other"))] = value
    return document


def _holds(value: Any, part: Any) -> bool:
    if value is part:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds(each, part) for each in inner)


def _swap(rng: random.Random, document: Any) -> Any:
    one, key = _somewhere(rng, document)
    two, other = _somewhere(rng, document)
    first, second = copy.deepcopy(one[key]), copy.deepcopy(two[other])
    one[key], two[other] = second, first
    return document


def _retype(rng: random.Random, document: Any) -> Any:
    holder, key = _somewhere(rng, document)
    value = holder[key]
    as_keys = {str(each): value for each in value} if isinstance(value, list) else {"a": value}
    holder[key] = rng.choice((str(value), [value], {"value": value}, [value, value], as_keys, [], {}, None))
    return document


def _replace(rng: random.Random, document: Any) -> Any:
    holder, key = _somewhere(rng, document)
    holder[key] = rng.choice(_SCALARS)
    return document


def _rename(rng: random.Random, document: Any) -> Any:
    """Another key for a value: a misspelt one, one that stands elsewhere, or none that is a name at all."""
    holder, key = _somewhere(rng, document)
    if not isinstance(holder, dict):
        return document
    others = [place[-1] for place in places(document) if isinstance(place[-1], str)] or ["a"]
    letter = rng.randrange(len(key) + 1) if isinstance(key, str) else 0
    misspelt = f"{key[:letter]}x{key[letter + 1 :]}" if isinstance(key, str) else "x"
    hashable = [each for each in _SCALARS if not isinstance(each, (bytes, datetime.date))]
    items = list(holder.items())
    holder.clear()
    for name, value in items:
        holder[rng.choice((misspelt, rng.choice(others), rng.choice(hashable))) if name == key else name] = value
    return document


def _deepen(rng: random.Random, document: Any) -> Any:
    holder, key = _somewhere(rng, document)
    value = holder[key]
    for _ in range(rng.choice((3, 30, 120))):
        value = rng.choice(([value], {"a": value}))
    holder[key] = value
    return document


def _repeat(rng: random.Random, document: Any) -> Any:
    """Much more of something: lines of a text, members of a list or a map."""
    holder, key = _somewhere(rng, document)
    value, many = holder[key], rng.choice((2, 50, 1000))
    if isinstance(value, list):
        holder[key] = value * many
    elif isinstance(value, dict):
        holder[key] = {**value, **{f"more{number}": 1 for number in range(many)}}
    elif isinstance(value, str):
        holder[key] = value * many
    return document


_CHANGES: tuple[Callable[[random.Random, Any], Any], ...] = (
    _drop, _duplicate, _swap, _retype, _replace, _replace, _replace, _rename, _rename, _deepen, _repeat,
)  # fmt: skip


def _delete_text(rng: random.Random, text: str, _: tuple[str, ...]) -> str:
    begin = rng.randrange(len(text) + 1)
    return text[:begin] + text[begin + rng.choice((1, 1, 3, 20, 200)) :]


def _insert_text(rng: random.Random, text: str, snippets: tuple[str, ...]) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(snippets) * rng.choice((1, 1, 1, 5)) + text[place:]


def _before_a_value(rng: random.Random, text: str, snippets: tuple[str, ...]) -> str:
    starts = [number + 2 for number in range(len(text)) if text.startswith((": ", "- "), number)]
    place = rng.choice(starts) if starts else 0
    return text[:place] + rng.choice(snippets) + text[place:]


def _repeat_text(rng: random.Random, text: str, _: tuple[str, ...]) -> str:
    begin = rng.randrange(len(text) + 1)
    piece = text[begin : begin + rng.choice((5, 50, 500))]
    return text[:begin] + piece * 2 + text[begin + len(piece) :]


def _repeat_line(rng: random.Random, text: str, _: tuple[str, ...]) -> str:
    lines = text.splitlines(keepends=True) or [""]
    line = rng.randrange(len(lines))
    return "".join([*lines[:line], lines[line], *lines[line:]])


def _swap_lines(rng: random.Random, text: str, _: tuple[str, ...]) -> str:
    lines = text.splitlines(keepends=True) or [""]
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return "".join(lines)


def _indent(rng: random.Random, text: str, _: tuple[str, ...]) -> str:
    lines = text.splitlines(keepends=True) or [""]
    line = rng.randrange(len(lines))
    lines[line] = rng.choice((" ", "   ", "\t")) + lines[line] if rng.random() < 0.6 else lines[line].lstrip()
    return "".join(lines)


_EDITS: tuple[Callable[[random.Random, str, tuple[str, ...]], str], ...] = (
    _delete_text, _insert_text, _insert_text, _before_a_value, _before_a_value, _repeat_text, _repeat_line,
    _swap_lines, _indent,
)  # fmt: skip


def _encoded(rng: random.Random, text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.9 or not data:
        return data
    way = rng.randrange(5)
    if way == 0:
        return data[: rng.randrange(len(data))]
    if way == 1:
        place = rng.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
    if way == 2:
        return text.encode("utf-16", "surrogatepass")
    if way == 3:
        return data.replace(b"\n", b"\r\n")
    return text.encode("latin-1", "replace")


def texts_of(seed: int, documents: Mapping[str, Any], *, style: str) -> tuple[str, bytes]:
    """Return which of some documents is changed in the case of this seed, and what becomes of it."""
    rng = random.Random(f"{style} {seed}")
    name = rng.choice(sorted(documents))
    return name, mutated(rng, documents[name], style=style)
