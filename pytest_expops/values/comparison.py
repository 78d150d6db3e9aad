"""Two values side by side: every place where they differ, what stands there, and by how much.

It walks the forms that fingerprints are made of, and skips what has one digest, so that without a tolerance two values
compare as equal if and only if their fingerprints are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.dispatch import form_of
from pytest_expops.values.elements import close, differing, is_number, summary
from pytest_expops.values.fingerprint import Walk
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, Unordered, Unsound, label, type_name
from pytest_expops.values.showing import show

LIMIT = 20
"""So many differences are told unless more are asked for."""
ABSENT = "(absent)"
_SIZES = ("shape", "rows", "length", "dtype", "layout")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two values differ: the values as text, and what kind of difference it is."""

    path: str
    expected: str
    obtained: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, obtained {self.obtained} ({self.detail})"


def compare(
    expected: object,
    obtained: object,
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    path: str = "value",
    limit: int = LIMIT,
) -> tuple[Difference, ...]:
    """Every difference between two values, in the order of the expected one; empty if they are equal (S7.2).

    With a tolerance, numbers of one type (integers, floats, complex; alone or in arrays, not in sets or as keys) may
    differ as far as ``|expected - obtained| <= atol + rtol * |expected|``. Types, dtypes, shapes and keys never may.

    :param path: where the values stand, such as ``outputs['model']``.
    :param limit: at most so many differences are told; one more then says how many there are beyond.
    :raises FingerprintError: if something within cannot be judged soundly.
    :raises ValueError: if a tolerance is negative or NaN, or `limit` is less than 1.
    """
    if not (rtol >= 0 and atol >= 0):
        raise ValueError(f"compare: rtol={rtol!r} and atol={atol!r} must both be at least 0")
    if limit < 1:
        raise ValueError(f"compare: limit={limit!r} must be at least 1")
    comparison = _Comparison(Tolerance(rtol, atol))
    try:
        found = list(comparison.differences(expected, obtained, path))
        if not found and rtol == atol == 0 and not comparison.same(expected, obtained):
            detail = "the parts are equal, but they refer to each other in another pattern of cycles"
            found = [Difference(path, show(expected), show(obtained), detail)]
    except Unsound as error:
        raise error.error(path) from error.__cause__
    if len(found) > limit:
        more = len(found) - limit
        detail = f"and {more} more difference{'s' if more > 1 else ''}, not shown"
        found = [*found[:limit], Difference(path, "...", "...", detail)]
    return tuple(found)


@dataclass(slots=True)
class _Pair:
    """Two values to be looked at, and where they stand."""

    path: str
    expected: Any
    obtained: Any


class _Comparison:
    """One comparison; a stack of its own lets it go as deep as the values do."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._expected, self._obtained = Walk(), Walk()
        self._seen: set[tuple[int, int]] = set()
        self._kept: list[_Pair] = []

    def same(self, expected: Any, obtained: Any) -> bool:
        return self._expected.node(expected).digest == self._obtained.node(obtained).digest

    def differences(self, expected: Any, obtained: Any, path: str) -> Iterator[Difference]:
        stack: list[_Pair | Difference] = [_Pair(path, expected, obtained)]
        while stack:
            item = stack.pop()
            if isinstance(item, Difference):
                yield item
            elif not self.same(item.expected, item.obtained) and self._first_time(item):
                stack += reversed(list(self._within(item)))

    def _first_time(self, pair: _Pair) -> bool:
        key = (id(pair.expected), id(pair.obtained))
        if type(pair.expected) not in ATOMS:
            if key in self._seen:
                return False
            self._seen.add(key)
            self._kept.append(pair)  # alive, so that no other value takes its identity
        return True

    def _within(self, pair: _Pair) -> Iterator[_Pair | Difference]:
        """What there is to say of two values that are not the same, or what to look at next."""
        if type(pair.expected) is not type(pair.obtained) and not _both_forms(pair):
            yield _differs(pair, f"type differs: {_type(pair.expected)} became {_type(pair.obtained)}")
            return
        if type(pair.expected) in ATOMS:
            yield from self._atoms(pair)
            return
        expected, obtained = form_of(pair.expected), form_of(pair.obtained)
        if expected.tag != obtained.tag:
            yield _differs(pair, f"type differs: {expected.tag} became {obtained.tag}")
            return
        traits = list(_traits(expected, obtained, pair))
        yield from traits
        if type(expected) is not type(obtained) or (isinstance(expected, Bulk) and traits):
            expected, obtained = _as_parts(expected), _as_parts(obtained)
        yield from self._contents(expected, obtained, pair, bool(traits))

    def _contents(self, expected: Form, obtained: Form, pair: _Pair, reshaped: bool) -> Iterator[_Pair | Difference]:
        if isinstance(expected, Bulk) and isinstance(obtained, Bulk):
            if not reshaped:
                yield from self._elements(expected, obtained, pair)
        elif isinstance(expected, Mapping) and isinstance(obtained, Mapping):
            yield from self._mappings(expected, obtained, pair)
        elif isinstance(expected, Unordered) and isinstance(obtained, Unordered):
            yield from self._sets(expected, obtained, pair)
        elif isinstance(expected, Parts) and isinstance(obtained, Parts):
            yield from self._parts(expected, obtained, pair)

    def _atoms(self, pair: _Pair) -> Iterator[Difference]:
        detail = "value differs"
        if is_number(pair.expected):
            if not self._tolerance.exact and close(pair.expected, pair.obtained, self._tolerance):
                return
            one, other = np.array([pair.expected], dtype=object), np.array([pair.obtained], dtype=object)
            told = summary(one, other, np.array([True])).partition("; max ")[2]
            detail = f"value differs; {told}" if told else detail
        yield _differs(pair, detail)

    def _elements(self, expected: Bulk, obtained: Bulk, pair: _Pair) -> Iterator[Difference]:
        one, other = np.asarray(expected.elements()), np.asarray(obtained.elements())
        mask = differing(one, other, self._tolerance)
        if not mask.any():
            if self._tolerance.exact:
                yield _differs(pair, "contents differ in a way that their elements do not show")
            return
        first = tuple(int(each) for each in np.unravel_index(int(np.argmax(mask)), mask.shape))
        place = expected.place(first) if expected.place else "[" + ", ".join(map(str, first)) + "]" if first else ""
        detail = summary(one, other, mask) + (f"; first at {place}" if mask.size > 1 else "")
        yield Difference(pair.path + place, show(one[first]), show(other[first]), detail)

    def _parts(self, expected: Parts, obtained: Parts, pair: _Pair) -> Iterator[_Pair | Difference]:
        if expected.names is None or obtained.names is None:
            if dict(expected.traits).get("shape") == dict(obtained.traits).get("shape"):
                for index, (one, other) in enumerate(zip(expected.values, obtained.values, strict=False)):
                    yield _Pair(pair.path + expected.suffix(index), one, other)
            return
        sized = all(dict(expected.traits).get(name) == dict(obtained.traits).get(name) for name in _SIZES)
        for item in _named(dict(zip(expected.names, expected.values, strict=True)), obtained, pair):
            if sized or isinstance(item, Difference):  # else every column would tell again what the whole has told
                yield item
        if sorted(expected.names) == sorted(obtained.names) and list(expected.names) != list(obtained.names):
            yield Difference(pair.path, _listed(expected.names), _listed(obtained.names), "order differs")

    def _mappings(self, expected: Mapping, obtained: Mapping, pair: _Pair) -> Iterator[_Pair | Difference]:
        others: dict[bytes, list[int]] = {}
        for index, key in enumerate(obtained.keys):
            others.setdefault(self._obtained.node(key).digest, []).append(index)
        for index, key in enumerate(expected.keys):
            path = f"{pair.path}[{label(key)}]"
            matching = others.get(self._expected.node(key).digest)
            if matching:
                place = self._best(expected.values[index], [obtained.values[each] for each in matching])
                yield _Pair(path, expected.values[index], obtained.values[matching.pop(place)])
            else:
                yield Difference(path, show(expected.values[index]), ABSENT, "key is missing")
        for index in sorted(index for left in others.values() for index in left):
            key = obtained.keys[index]
            yield Difference(f"{pair.path}[{label(key)}]", ABSENT, show(obtained.values[index]), "key is unexpected")

    def _best(self, value: Any, candidates: list[Any]) -> int:
        """Among values under keys of one digest (two objects of one state), the equal one, else the first."""
        if len(candidates) == 1:
            return 0
        return next((index for index, each in enumerate(candidates) if self.same(value, each)), 0)

    def _sets(self, expected: Unordered, obtained: Unordered, pair: _Pair) -> Iterator[Difference]:
        missing = _counted(expected.values, self._expected)
        extra = _counted(obtained.values, self._obtained)
        for digest in [digest for digest in missing if digest in extra]:
            common = min(len(missing[digest]), len(extra[digest]))
            missing[digest], extra[digest] = missing[digest][common:], extra[digest][common:]
        lost = sorted(show(each) for values in missing.values() for each in values)
        found = sorted(show(each) for values in extra.values() for each in values)
        count = f"{len(lost)} missing, {len(found)} unexpected"
        yield Difference(pair.path, "{" + _listed(lost) + "}", "{" + _listed(found) + "}", f"elements differ: {count}")


def _named(expected: dict[str, Any], obtained: Parts, pair: _Pair) -> Iterator[_Pair | Difference]:
    """Attributes and columns under their names, whatever their order."""
    others = dict(zip(obtained.names or (), obtained.values, strict=True))
    for name, value in expected.items():
        if name in others:
            yield _Pair(pair.path + name, value, others[name])
        else:
            yield Difference(pair.path + name, show(value), ABSENT, "is missing")
    for name, value in others.items():
        if name not in expected:
            yield Difference(pair.path + name, ABSENT, show(value), "is unexpected")


def _counted(values: Any, walk: Walk) -> dict[bytes, list[Any]]:
    found: dict[bytes, list[Any]] = {}
    for value in values:
        found.setdefault(walk.node(value).digest, []).append(value)
    return found


def _traits(expected: Form, obtained: Form, pair: _Pair) -> Iterator[Difference]:
    ones, others = dict(expected.traits), dict(obtained.traits)
    for name in dict.fromkeys([*ones, *others]):
        if ones.get(name) != others.get(name):
            yield Difference(pair.path, ones.get(name, ABSENT), others.get(name, ABSENT), f"{name} differs")


def _as_parts(form: Form) -> Form:
    return form.items() if isinstance(form, Bulk) and form.items is not None else form


def _both_forms(pair: _Pair) -> bool:
    return isinstance(pair.expected, Form) and isinstance(pair.obtained, Form)


def _type(value: Any) -> str:
    return value.tag if isinstance(value, Form) else type_name(type(value))


def _differs(pair: _Pair, detail: str) -> Difference:
    return Difference(pair.path, show(pair.expected), show(pair.obtained), detail)


def _listed(texts: Any, shown: int = 5) -> str:
    texts = list(texts)
    more = f", ... {len(texts) - shown} more" if len(texts) > shown else ""
    return ", ".join(texts[:shown]) + more
