"""The text of a lock file: strict JSON, one thing a line, so that a review shows what changed and no more."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pytest_expops.errors import ExpopsError, Location

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


def parse(text: str, path: Path) -> Any:
    """Read the document in `text`, which is that of the file at `path`.

    Raises:
        LockError: it is not JSON, gives a key twice, or has the marks of a merge that was not finished.
    """
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        where = Location(path, text.count("\n", 0, conflict.start()) + 1, 1)
        raise LockError(
            f"{where}: the lock file has merge-conflict markers (`{conflict[1]}`), expected JSON",
            path=path,
            hint="resolve the conflict, or keep either side whole (`git checkout --ours` or `--theirs`), then run with "
            "--expops-baseline=update to record what differs",
        )

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(found)
        if len(result) < len(found):
            keys = [key for key, _ in found]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise _Twice(twice)
        return result

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = Location(path, error.lineno, error.colno)
        raise LockError(f"{where}: the lock file is not JSON: {error.msg}", path=path, hint=REPAIR) from None
    except _Twice as error:
        second = [found.start() for found in re.finditer(f"{re.escape(json.dumps(error.key))} *:", text)][-1]
        where = Location(path, text.count("\n", 0, second) + 1, second - text.rfind("\n", 0, second))
        message = f"{where}: the lock file gives the key `{error.key}` twice in one map"
        raise LockError(message, path=path, hint=REPAIR) from None
    except (ValueError, RecursionError) as error:
        raise LockError(f"{path}: the lock file is not JSON: {error}", path=path, hint=REPAIR) from None


REPAIR = (
    "restore an intact version of it (`git checkout -- FILE`), or delete it and record a new one with "
    "--expops-baseline=update; --expops-baseline=off runs without it"
)


class _Twice(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _no_constant(name: str) -> Any:
    raise ValueError(f"`{name}` is not JSON; it would be written as {json.dumps({'float': name.lower()})}")


def located(error: Odd, text: str, path: Path) -> LockError:
    """Return the error for a reader, at `file:line:column`, found in the text by the way to the place."""
    where: object = path
    try:
        node: Any = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # JSON is YAML
        for key in error.place:
            node = next(value for name, value in node.value if name.value == key)
        where = Location(path, node.start_mark.line + 1, node.start_mark.column + 1)
    except (yaml.YAMLError, StopIteration, AttributeError, TypeError, ValueError):
        pass
    return LockError(f"{where}: {'.'.join(error.place) or 'the lock file'}: {error}", path=path, hint=REPAIR)


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


def encode(value: Any) -> Any:
    """Return a value whose numbers strict JSON can write: NaN as ``{"float": "nan"}``, and dicts like that marked."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, dict):
        inner = {key: encode(each) for key, each in value.items()}
        return {"dict": inner} if value.keys() in ({"float"}, {"dict"}) else inner
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in value]
    return value


def decode(value: Any) -> Any:
    """Return what `encode` was given.

    Raises:
        ValueError: it has a form that `encode` does not make.
    """
    if isinstance(value, dict):
        if value.keys() == {"float"}:
            number = float(value["float"])
            if math.isfinite(number):
                raise ValueError(f"{value!r} is a number that needs no such form")
            return number
        if value.keys() == {"dict"}:
            return {key: decode(each) for key, each in dict(value["dict"]).items()}
        return {key: decode(each) for key, each in value.items()}
    if isinstance(value, list):
        return [decode(each) for each in value]
    return value
