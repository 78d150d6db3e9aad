"""The text of a lock file: strict JSON, one thing a line, so that a review shows what changed and no more."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_expops.bounds import MOST_DIGITS
from pytest_expops.errors import ExpopsError
from pytest_expops.verdicts.baseline._json_places import location, place_of, places
from pytest_expops.wording import cut_to_a_line, shown

Layout = Mapping[str, Any]
"""Which maps are written over several lines: by key, ``*`` for any other, the layout of what is in it."""

_CONFLICT = re.compile(r"^(<<<<<<<|\|\|\|\|\|\|\||=======|>>>>>>>)( |$)", re.MULTILINE)


class LockError(ExpopsError):
    """A lock file that cannot be used, or written; `path` is the file. It is left as it is."""

    def __init__(self, message: str, *, path: Path, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class Odd(Exception):
    """What stands at a place (keys from the root) of a document is not what should."""

    def __init__(self, place: Sequence[str], message: str) -> None:
        super().__init__(message)
        self.place = tuple(place)


def read_text(path: Path) -> str | None:
    """Return the text of the file at `path`; None if there is none.

    Raises:
        LockError: it cannot be read, or is no text.
    """
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or error
        raise LockError(f"{path}: the lock file cannot be read: {reason}", path=path, hint=UNREADABLE) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        where = location(path, before, len(before))
        message = f"{where}: the lock file cannot be read: the byte 0x{data[error.start]:02x} is not UTF-8"
        raise LockError(message, path=path, hint=REPAIR) from None


def parse(text: str, path: Path) -> Any:
    """Read the document in `text`, which is that of the file at `path`.

    Raises:
        LockError: it is not JSON, nests too deep, gives a key twice, has a number that Python cannot write, or the
            marks of a merge that was not finished.
    """

    def wrong(message: str, offset: int, hint: str = REPAIR) -> LockError:
        return LockError(f"{location(path, text, offset)}: the lock file {message}", path=path, hint=hint)

    conflict = _CONFLICT.search(text)
    if conflict is not None:
        raise wrong(f"has merge-conflict markers (`{conflict[1]}`), expected JSON", conflict.start(), _RESOLVE)
    if not text.strip():
        raise wrong("is empty, expected JSON", 0)
    try:
        return json.loads(text, object_pairs_hook=_map, parse_constant=_no_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise wrong(f"is not JSON: {error.msg}", error.pos) from None
    except (_Refused, RecursionError) as error:
        found = error.found if isinstance(error, _Refused) else None
        for place in places(text):
            if place.repeated:
                key = cut_to_a_line(place.way[-1])
                raise wrong(f"gives the key `{key}` twice in one map", place.offset) from None
            if len(place.way) > MOST_DEEP:
                raise wrong(f"nests more than {MOST_DEEP} deep", place.offset) from None
            if found is not None and not place.is_key and text.startswith(found, place.offset):
                raise wrong(str(error), place.offset) from None
        raise wrong(f"cannot be read: {error}", 0) from None


MOST_DEEP = 150
"""So deep may maps and lists be in each other: what is read is walked by functions that call themselves."""
REPAIR = (
    "restore an intact version of it (`git checkout -- FILE`), or delete it and record a new one with "
    "--expops-baseline=update; --expops-baseline=off runs without it"
)
UNREADABLE = "make it a file that you may read; --expops-baseline=off runs without it"
_RESOLVE = (
    "resolve the conflict, or keep either side whole (`git checkout --ours` or `--theirs`), then run with "
    "--expops-baseline=update to record what differs"
)


class _Refused(Exception):
    """What `json` does not refuse by itself; `found` is the text of it, if it is known."""

    def __init__(self, message: str, found: str | None = None) -> None:
        super().__init__(message)
        self.found = found


def _map(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise _Refused("a key is given twice")
    return result


def _no_constant(name: str) -> Any:
    raise _Refused(
        f"is not JSON: `{name}` is not JSON; it would be written as {json.dumps({'float': name.lower()})}", name
    )


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise _Refused(f"has the number {cut_to_a_line(digits)}, of more than {MOST_DIGITS:,} digits", digits)
    return int(digits)


def located(error: Odd, text: str, path: Path) -> LockError:
    """Return the error for a reader, at `file:line:column`, found in the text by the way to the place."""
    offset = place_of(error.place, text)
    where = path if offset is None else location(path, text, offset)
    subject = cut_to_a_line(".".join(error.place)) or "the lock file"
    return LockError(f"{where}: {subject}: {error}", path=path, hint=REPAIR)


def render(document: Mapping[str, Any], layout: Layout) -> str:
    """Return the document as text, in the order in which it is given, maps of the layout over several lines."""
    text = "\n".join([*_lines(document, layout, ""), ""])
    return text if text.isascii() else _escaped(text)


def _escaped(text: str) -> str:
    """Return the text with halves of surrogate pairs escaped, which UTF-8 cannot hold."""
    return "".join(f"\\u{ord(each):04x}" if 0xD800 <= ord(each) <= 0xDFFF else each for each in text)


def _lines(value: Mapping[str, Any], layout: Layout, indent: str) -> Iterator[str]:
    if not value:
        yield f"{indent}{{}}"
        return
    yield f"{indent}{{"
    deeper = f"{indent}  "
    for number, (key, each) in enumerate(value.items(), start=1):
        comma = "," if number < len(value) else ""
        inner = layout.get(key, layout.get("*"))
        name = json.dumps(key, ensure_ascii=False)
        if inner is None or not isinstance(each, Mapping) or not each:
            yield f"{deeper}{name}: {json.dumps(each, ensure_ascii=False, allow_nan=False)}{comma}"
            continue
        first, *rest = _lines(each, inner, deeper)
        yield f"{deeper}{name}: {first.lstrip()}"
        yield from rest[:-1]
        yield f"{rest[-1]}{comma}"
    yield f"{indent}}}"


def encode(value: Any, depth: int = 0) -> Any:
    """Return a value whose numbers strict JSON can write: NaN as ``{"float": "nan"}``, and dicts like that marked.

    Raises:
        ExpopsError: it nests so deep that it could not be read again.
    """
    if depth > MOST_DEEP:
        hint = "log, or return, something flatter"
        raise ExpopsError(f"a value nests more than {MOST_DEEP} deep, and cannot be recorded", hint=hint)
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, dict):
        inner = {key: encode(each, depth + 1) for key, each in value.items()}
        return {"dict": inner} if value.keys() in ({"float"}, {"dict"}) else inner
    if isinstance(value, (list, tuple)):
        return [encode(each, depth + 1) for each in value]
    return value


def decode(value: Any, depth: int = 0) -> Any:
    """Return what `encode` was given.

    Raises:
        ValueError: it has a form that `encode` does not make.
    """
    if depth > MOST_DEEP:
        raise ValueError(f"one that nests more than {MOST_DEEP} deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number beyond 1.7e308")
    if isinstance(value, dict):
        if value.keys() == {"float"}:
            return _not_finite(value["float"])
        if value.keys() == {"dict"}:
            value = value["dict"]
            if not isinstance(value, dict):
                raise ValueError(f"{shown(value)} for a dict")
        return {key: decode(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [decode(each, depth + 1) for each in value]
    return value


def _not_finite(text: Any) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError(f"{shown(text)} for a float; expected 'nan', 'inf' or '-inf'")
    return float(text)
