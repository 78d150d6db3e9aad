"""The lock file beside a config: what every expanded process gave, and from what, as it was recorded and reviewed.

Nothing of it is ever executed. A file that cannot be read whole is an error, and is never written over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from pytest_expops.verdicts.baseline.lock_file_text import LockError, Odd, decode, encode, located, parse, render

FORMAT = 2
"""Another where an earlier version of this package cannot read it. Of format 1 no entry `covers` anything, and a file
without such an entry is still written in it."""
PACKAGES = "packages"
"""Covered: code that a script imports from packages of the user's that do not lie beside it, and their libraries."""
READS = "files read"
"""Covered: the data files that the process was seen to read."""
Readings = Mapping[int | None, Any]
"""Of one metric: value by step; under None what is no number."""

_ORDER = (
    "environment", "covers", "seeds", "base_seed", "partitions", "rows", "code", "modules", "parameters", "inputs",
    "files", "outputs", "metrics", "sketch",
)  # fmt: skip
"""Of what stands in an entry."""
_OPEN: dict[str, Any] = {}
LAYOUT = {
    "environment": {"libraries": _OPEN},
    "environments": {"*": {"libraries": _OPEN}},
    "code": {"*": _OPEN},
    "parameters": {"*": _OPEN},
    "entries": {"*": {"outputs": _OPEN, "metrics": _OPEN, "sketch": _OPEN}},
}


@dataclass(frozen=True, slots=True)
class LockEntry:
    """What one expanded process gave, and from what.

    `outputs` are fingerprints by key, `metrics` readings by ``step/name``, `sketch` leaves by path
    (`pytest_expops.values.sketches.sketch`). `code` and `parameters` are those of `execution.provenance`, `inputs` and
    `files` its digests. `modules` are those whose code counts because they were seen to be imported. `base_seed` is
    None where a seed layer gives the seed, `rows` where no data layer is open. `covers` names what is recorded besides
    what the first versions recorded: `PACKAGES`, `READS`.
    """

    environment: Mapping[str, Any]
    outputs: Mapping[str, str]
    metrics: Mapping[str, Readings] = field(default_factory=dict)
    sketch: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    base_seed: int | None = None
    partitions: tuple[int, ...] = ()
    rows: int | None = None
    modules: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return strict JSON, the inverse of `from_json`; what is empty is left out."""
        plain = {name: encode(getattr(self, name)) for name in self.__slots__ if name != "metrics"}
        plain["metrics"] = {name: _readings_to_json(each) for name, each in self.metrics.items()}
        return {
            name: plain[name]
            for name in _ORDER
            if name in ("environment", "outputs") or plain[name] not in (None, [], {})
        }

    @classmethod
    def from_json(cls, data: Any, place: Sequence[str] = ()) -> LockEntry:
        """Return what `to_json` was called on.

        Raises:
            Odd: it is something else; `place` is where the entry stands.
        """
        data = _checked(data, dict, place, "a map")
        unknown = data.keys() - set(cls.__slots__)
        if unknown:
            raise Odd(place, f"nothing reads `{min(unknown)}`")
        values = dict(data)
        for name in ("code", "inputs", "files", "outputs"):
            values[name] = _texts(data.get(name, {}), (*place, name))
        for name in ("environment", "parameters", "sketch"):
            values[name] = _decoded(_checked(data.get(name, {}), dict, (*place, name), "a map"), (*place, name))
        metrics = _checked(data.get("metrics", {}), dict, (*place, "metrics"), "a map")
        values["metrics"] = {name: _readings(each, (*place, "metrics", name)) for name, each in metrics.items()}
        for name in ("seeds", "partitions"):
            numbers = _checked(data.get(name, []), list, (*place, name), "a list")
            values[name] = tuple(_whole(each, (*place, name)) for each in numbers)
        for name in ("modules", "covers"):
            texts = _checked(data.get(name, []), list, (*place, name), "a list")
            values[name] = tuple(_checked(each, str, (*place, name), "a name") for each in texts)
        for name in ("base_seed", "rows"):
            values[name] = _whole(data[name], (*place, name)) if name in data else None
        if "outputs" not in data:
            raise Odd(place, "there are no `outputs`")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Lock:
    """The entries of one lock file by expanded name. `environment` is the one that stands at its top."""

    entries: Mapping[str, LockEntry] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)


def recorded_metrics(lock: Lock, expanded_name: str) -> Mapping[str, list[tuple[int | None, float]]] | None:
    """Return the numbers that a process logged when it was recorded, by ``step/name``: steps and values, by step.

    None if the lock has no entry for it. Metrics that are no numbers are left out.
    """
    entry = lock.entries.get(expanded_name)
    if entry is None:
        return None
    return {
        name: [(step, float(value)) for step, value in readings.items() if step is not None]
        for name, readings in entry.metrics.items()
        if readings.keys() != {None}
    }


def read_lock(path: Path) -> Lock | None:
    """Read the lock file at `path`; None if there is none.

    Raises:
        LockError: it cannot be read, is not whole, or was written by a version of this package that knows more.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{path}: the lock file cannot be read: {error}", path=path) from None
    document = parse(text, path)
    try:
        return _lock(document, path)
    except Odd as error:
        raise located(error, text, path) from None


def _lock(document: Any, path: Path) -> Lock:
    document = _checked(document, dict, (), "a map")
    version = document.get("format")
    if type(version) is not int or version < 1:
        raise Odd(("format",) if "format" in document else (), f"expected `format`: {FORMAT}, found {version!r}")
    if version > FORMAT:
        raise LockError(
            f"{path}: the lock file is of format {version}; this version of pytest-expops reads formats up to {FORMAT}",
            path=path,
            hint="install the version of pytest-expops that wrote it, or a later one",
        )
    known = {"format", *LAYOUT}
    for key in document:
        if key not in known:
            raise Odd((key,), f"nothing reads this key; there are {', '.join(sorted(known))}")
    tables = {key: _checked(document.get(key, {}), dict, (key,), "a map") for key in LAYOUT}
    entries = {}
    for name, data in tables["entries"].items():
        place = ("entries", name)
        data = dict(_checked(data, dict, place, "a map"))
        key = data.get("environment")
        data["environment"] = tables["environment"] if key is None else _referred(tables["environments"], key, place)
        for table in ("code", "parameters"):
            if table in data:
                data[table] = _referred(tables[table], data[table], (*place, table))
        entries[name] = LockEntry.from_json(data, place)
    return Lock(entries, _decoded(tables["environment"], ("environment",)))


def lock_text(lock: Lock, order: Iterable[str]) -> str:
    """Return the text of the lock file: its entries by `order`, and behind them those that it does not name."""
    names = [name for name in dict.fromkeys([*order, *sorted(lock.entries)]) if name in lock.entries]
    top = _top(lock)
    environments: dict[str, Any] = {}
    code: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    entries: dict[str, Any] = {}
    for name in names:
        data = lock.entries[name].to_json()
        environment = data.pop("environment")
        refers: dict[str, Any] = {}
        if lock.entries[name].environment != top:
            refers["environment"] = _digest(environment)
            environments[refers["environment"]] = environment
        for key, table in (("code", code), ("parameters", parameters)):
            if key in data:
                digest = _digest(data[key])
                table[digest], data[key] = data[key], digest
        entries[name] = {**refers, **data}
    tables = {"environments": dict(sorted(environments.items())), "code": code, "parameters": parameters}
    filled = {key: table for key, table in tables.items() if table}
    written = FORMAT if any(each.covers for each in lock.entries.values()) else 1
    return render({"format": written, "environment": encode(top), **filled, "entries": entries}, LAYOUT)


def _top(lock: Lock) -> Mapping[str, Any]:
    """Return the environment for the top: what it was, as long as an entry is of it; else that of most entries."""
    used = [each.environment for each in lock.entries.values()]
    if lock.environment in used or not used:
        return lock.environment
    count = Counter(_digest(each) for each in used)
    return max(used, key=lambda each: count[_digest(each)])


def _readings_to_json(readings: Readings) -> Any:
    """Return the readings of one metric as JSON.

    ``[0.9]`` for the steps 1, 2, ..., ``[[5, 0.9]]`` for others (null for none), ``{"value": "text"}`` for no number.
    """
    if [*readings] == [None]:
        return {"value": encode(readings[None])}
    values = [encode(value) for value in readings.values()]
    if [*readings] == [*range(1, len(readings) + 1)]:
        return values
    return [[step, value] for step, value in zip(readings, values, strict=True)]


def _readings(data: Any, place: Sequence[str]) -> Readings:
    if isinstance(data, dict) and data.keys() == {"value"}:
        return {None: _decoded(data["value"], place)}
    items = _checked(data, list, place, "a list of readings, or a map of `value`")
    found: dict[int | None, Any] = {}
    for number, each in enumerate(items, start=1):
        step, value = each if isinstance(each, list) and len(each) == 2 else (number, each)
        value = _decoded(value, place)
        if step is not None and type(value) not in (int, float):
            raise Odd(place, f"expected a number, or a list of step and number, found {_shown(value)}")
        found[None if step is None else _whole(step, place)] = value
    return found


def _checked(value: Any, kind: type, place: Sequence[str], expected: str) -> Any:
    if not isinstance(value, kind):
        raise Odd(place, f"expected {expected}, found {_shown(value)}")
    return value


def _texts(value: Any, place: Sequence[str]) -> dict[str, str]:
    for key, each in _checked(value, dict, place, "a map").items():
        _checked(each, str, (*place, key), "a digest")
    return dict(value)


def _whole(value: Any, place: Sequence[str]) -> int:
    if type(value) is not int:
        raise Odd(place, f"expected a whole number, found {_shown(value)}")
    return value


def _decoded(value: Any, place: Sequence[str]) -> Any:
    try:
        return decode(value)
    except (ValueError, TypeError) as error:
        raise Odd(place, f"expected a value, found {error}") from None


def _referred(table: Mapping[str, Any], key: Any, place: Sequence[str]) -> Any:
    if not isinstance(key, str) or key not in table:
        raise Odd(place, f"refers to {_shown(key)}, which the file does not have")
    return table[key]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _digest(value: Any) -> str:
    """Return 12 hex digits for plain JSON, whatever the order of keys: enough to tell the tables of one file apart."""
    return xxhash.xxh3_64_hexdigest(json.dumps(encode(value), sort_keys=True).encode())[:12]
