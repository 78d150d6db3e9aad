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

from pytest_expops.verdicts.baseline._entry_parts import (
    Readings,
    checked,
    decoded_at,
    digests_at,
    environment_at,
    readings_at,
    referred_at,
    whole_at,
)
from pytest_expops.verdicts.baseline.lock_file_text import LockError, Odd, encode, located, parse, read_text, render
from pytest_expops.wording import cut_to_a_line, shown

FORMAT = 2
"""Another where an earlier version of this package cannot read it. Of format 1 no entry `covers` anything, and a file
without such an entry is still written in it."""
PACKAGES = "packages"
"""Covered: code that a script imports from packages of the user's that do not lie beside it, and their libraries."""
READS = "files read"
"""Covered: the data files that the process was seen to read."""

_ORDER = (
    "environment", "covers", "seeds", "base_seed", "partitions", "rows", "code", "modules", "parameters", "inputs",
    "files", "outputs", "metrics", "sketch",
)  # fmt: skip
"""Of what stands in an entry."""
_DIGESTS = ("code", "inputs", "files", "outputs")
"""Those that map names to digests; what they are called needs no marks."""
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
        plain = {name: getattr(self, name) for name in self.__slots__}
        plain |= {name: dict(plain[name]) for name in _DIGESTS}
        plain |= {name: encode(each) for name, each in plain.items() if name not in ("metrics", *_DIGESTS)}
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
        data = checked(data, dict, place, "a map")
        unknown = data.keys() - set(cls.__slots__)
        if unknown:
            raise Odd(place, f"nothing reads `{cut_to_a_line(min(unknown))}`")
        values = dict(data)
        for name in _DIGESTS:
            values[name] = digests_at(data.get(name, {}), (*place, name))
        values["environment"] = environment_at(data.get("environment", {}), (*place, "environment"))
        for name in ("parameters", "sketch"):
            values[name] = decoded_at(checked(data.get(name, {}), dict, (*place, name), "a map"), (*place, name))
        metrics = checked(data.get("metrics", {}), dict, (*place, "metrics"), "a map")
        values["metrics"] = {name: readings_at(each, (*place, "metrics", name)) for name, each in metrics.items()}
        for name in ("seeds", "partitions"):
            numbers = checked(data.get(name, []), list, (*place, name), "a list")
            values[name] = tuple(whole_at(each, (*place, name)) for each in numbers)
        for name in ("modules", "covers"):
            texts = checked(data.get(name, []), list, (*place, name), "a list")
            values[name] = tuple(checked(each, str, (*place, name), "a name") for each in texts)
        for name in ("base_seed", "rows"):
            values[name] = whole_at(data[name], (*place, name)) if name in data else None
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
    text = read_text(path)
    return None if text is None else lock_of(text, path)


def lock_of(text: str, path: Path) -> Lock:
    """Return the lock that is in `text`, which is that of the file at `path`, or is to be.

    Raises:
        LockError: it is not whole, or was written by a version of this package that knows more.
    """
    document = parse(text, path)
    try:
        return _lock(document, path)
    except Odd as error:
        raise located(error, text, path) from None


def _lock(document: Any, path: Path) -> Lock:
    document = checked(document, dict, (), "a map")
    version = document.get("format")
    if type(version) is not int or version < 1:
        raise Odd(("format",) if "format" in document else (), f"expected `format`: {FORMAT}, found {shown(version)}")
    if version > FORMAT:
        raise LockError(
            f"{path}: the lock file is of format {shown(version)}; "
            f"this version of pytest-expops reads formats up to {FORMAT}",
            path=path,
            hint="install the version of pytest-expops that wrote it, or a later one",
        )
    known = {"format", *LAYOUT}
    for key in document:
        if key not in known:
            raise Odd((key,), f"nothing reads this key; there are {', '.join(sorted(known))}")
    tables = {key: checked(document.get(key, {}), dict, (key,), "a map") for key in LAYOUT}
    entries = {}
    for name, data in tables["entries"].items():
        place = ("entries", name)
        data = dict(checked(data, dict, place, "a map"))
        key = data.get("environment")
        data["environment"] = tables["environment"] if key is None else referred_at(tables["environments"], key, place)
        for table in ("code", "parameters"):
            if table in data:
                data[table] = referred_at(tables[table], data[table], (*place, table))
        entries[name] = LockEntry.from_json(data, place)
    return Lock(entries, environment_at(tables["environment"], ("environment",)))


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


def _digest(value: Any) -> str:
    """Return 12 hex digits for plain JSON, whatever the order of keys: enough to tell the tables of one file apart."""
    return xxhash.xxh3_64_hexdigest(json.dumps(encode(value), sort_keys=True).encode())[:12]
