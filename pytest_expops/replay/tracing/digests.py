"""Short digests of whatever a running process holds, at a bounded cost and without disturbing it.

What has no sound fingerprint (a generator, a file, a lock) is told by its type, so that two of them match.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import abc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter  # taken now: a process, or a diagnosis, may replace the clocks
from typing import Any

from pytest_expops.execution.calls import recording
from pytest_expops.execution.calls.context import ProcessContext
from pytest_expops.execution.seeding.task_seeds import rng_digests
from pytest_expops.values.atoms import ATOMS, atom_digest
from pytest_expops.values.fingerprint import Leaf, fingerprint
from pytest_expops.values.forms import Mapping, hashed, type_name

LEAVES = 64
"""Leaves of one returned value that a trace keeps."""
DEPTH = 4
"""How deep values that cannot be judged as a whole are taken apart."""
ITEMS = 1000
"""So many items of such a value are looked at; and so many keys for the order of a mapping."""


def value_of(digest: str) -> str:
    """A digest without the part that tells the order of keys in mappings."""
    return digest.partition("~")[0]


class Digester:
    """Makes digests until `seconds` of work are spent; `owns_file` tells the project's own classes."""

    def __init__(self, owns_file: Callable[[str], bool], seconds: float) -> None:
        self._owns_file = owns_file
        self._seconds = seconds
        self.spent = 0.0
        self._metric_digest = b""
        self._metric_count = 0
        self._last_metric: recording.Metric | None = None

    @property
    def exhausted(self) -> bool:
        """Whether the time is spent."""
        return self.spent > self._seconds

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around all digesting: counts the time, and keeps collections, with the finalizers they run, out of it."""
        collecting = gc.isenabled()
        gc.disable()
        begin = perf_counter()
        try:
            yield
        finally:
            self.spent += perf_counter() - begin
            if collecting:
                gc.enable()

    def text(self, value: object) -> str:
        """The digest of a value, and after ``~`` that of the order of keys in the mappings in it, if there are any."""
        mappings: list[Mapping] = []
        return self._text(value, 0, set(), mappings) + _order(mappings)

    def texts(self, values: abc.Mapping[str, object], names: Iterable[str]) -> dict[str, str]:
        """The digests of those of the names that are bound."""
        return {name: self.text(values[name]) for name in names if name in values}

    def leaves(self, value: object, path: str) -> dict[str, Any]:
        """``{"digest": ..., "leaves": [[path, digest], ...]}`` with at most `LEAVES` leaves."""
        digest = _by_name(value)
        if digest is None:
            mappings: list[Mapping] = []
            try:
                found = fingerprint(value, path, mappings)
            except Exception:  # whatever a class's own code raises about its state
                digest = self.text(value)
            else:
                return {"digest": found.digest + _order(mappings), "leaves": _coarse(found.leaves, path)}
        return {"digest": digest, "leaves": [[path, digest]]}

    def rng(self) -> dict[str, str]:
        """The digests of the global random states, by library, and of the `metrics` logged so far, if any."""
        try:
            found = rng_digests()
        except Exception:  # a library that is half imported, or replaced by a stand-in
            found = {}
        recorder = recording.current()
        if recorder is not None:
            found["metrics"] = self._metrics(recorder)
        return found

    def _metrics(self, recorder: recording.Recorder) -> str:
        """Made from the one before: a long series is not hashed again at every call."""
        logged = recorder.metrics
        if logged and logged[-1] is not self._last_metric:
            fresh = logged[self._metric_count :] or logged[-1:]
            self._metric_digest = hashed(self._metric_digest, repr(fresh).encode("utf-8", "surrogatepass"))
            self._metric_count, self._last_metric = len(logged), logged[-1]
        return self._metric_digest.hex()

    def _text(self, value: object, depth: int, seen: set[int], mappings: list[Mapping]) -> str:
        encode = ATOMS.get(type(value))
        if encode is not None and type(value) is not types.ModuleType:
            return atom_digest(encode(value)).hex()
        named = _by_name(value)
        if named is not None:
            return named
        if type(value) is types.FunctionType:
            return self._function(value, depth, seen, mappings)
        within: list[Mapping] = []
        try:
            digest = fingerprint(value, mappings=within).digest
        except Exception:  # whatever a class's own code raises about its state
            return self._piecewise(value, depth, seen, mappings)
        mappings += within
        return digest

    def _function(self, value: types.FunctionType, depth: int, seen: set[int], mappings: list[Mapping]) -> str:
        """By name, and by what was captured when it was made: the values of an import, a draw or a clock."""
        name = f"function {value.__module__}.{value.__qualname__}"
        captured: list[object] = [value.__defaults__, value.__kwdefaults__]
        for cell in value.__closure__ or ():
            try:
                captured.append(cell.cell_contents)
            except ValueError:  # a variable that is not assigned yet
                captured.append(None)
        if all(each is None for each in captured):
            return name
        if depth >= DEPTH or id(value) in seen:
            return name
        seen.add(id(value))
        return f"{name} {self._text(captured, depth + 1, seen, mappings)}"

    def _piecewise(self, value: object, depth: int, seen: set[int], mappings: list[Mapping]) -> str:
        """Of a container, or an object of the project, as much as can be judged; anything else by its type."""
        kind = type(value)
        name = f"opaque {type_name(kind)}"
        if depth >= DEPTH or id(value) in seen:
            return name
        seen.add(id(value))

        def part(each: object) -> bytes:
            return self._text(each, depth + 1, seen, mappings).encode("utf-8", "surrogatepass")

        if type(value) is list or type(value) is tuple:
            parts = [part(each) for each in islice(value, ITEMS)]
        elif type(value) is dict or self._is_own(kind):
            if type(value) is dict:
                mappings.append(Mapping("dict", (), list(islice(value, ITEMS))))
            held = value if type(value) is dict else _attributes(value)
            parts = sorted([part(key) + b"=" + part(each) for key, each in islice(held.items(), ITEMS)])
        else:
            return name
        return f"{name} {hashed(*parts).hex()}"

    def _is_own(self, kind: type) -> bool:
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        return isinstance(file, str) and self._owns_file(file)


def _by_name(value: object) -> str | None:
    """The digest of what is told by its name alone, or None."""
    kind = type(value)
    if issubclass(kind, type):
        return f"class {type_name(value)}"  # type: ignore[arg-type]
    if issubclass(kind, types.ModuleType):
        return f"module {getattr(value, '__name__', '')}"
    if kind is ProcessContext:
        return "context"  # it knows the run's folders, which differ, and whatever is made of them shows by itself
    return None


def _attributes(value: object) -> dict[str, object]:
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return dict(found) if isinstance(found, dict) else {}


def _order(mappings: list[Mapping]) -> str:
    """Return the order of the keys of each mapping in a value, after ``~``: what remains of the order of a set."""
    if not mappings:
        return ""
    orders = [",".join(map(_key, islice(each.keys, ITEMS))).encode("utf-8", "surrogatepass") for each in mappings]
    return f"~{hashed(*orders).hex()[:16]}"


def _key(key: object) -> str:
    return repr(key) if type(key) in (str, int, float, bool, bytes) else type_name(type(key))


def _coarse(leaves: tuple[Leaf, ...], path: str) -> list[list[str]]:
    """At most `LEAVES` leaves: where there are more, those of one item or attribute of the value become one."""
    if len(leaves) > LEAVES:
        grouped: dict[str, list[bytes]] = {}
        for leaf in leaves:
            grouped.setdefault(_item(leaf.path, len(path)), []).append(leaf.digest.encode())
        leaves = tuple([Leaf(each, hashed(*parts).hex()) for each, parts in grouped.items()])
    return [[leaf.path, leaf.digest] for leaf in leaves[:LEAVES]]


def _item(path: str, start: int) -> str:
    """The path up to the end of its first part after `start`."""
    ends = [end for end in (path.find("].", start + 1), path.find("][", start + 1)) if end >= 0]
    if path[start : start + 1] == "[":
        return path[: min(ends) + 1] if ends else path
    ends = [end for end in (path.find(".", start + 1), path.find("[", start + 1)) if end >= 0]
    return path[: min(ends)] if ends else path
