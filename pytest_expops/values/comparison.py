"""Two values side by side: every place where they differ, what stands there, and by how much.

It walks the forms that fingerprints are made of, and skips what has one digest, so that without a tolerance two values
compare as equal if and only if their fingerprints are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.amounts import amounts, is_number
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.differences import Difference, DifferenceList, Structural, one_sided
from pytest_expops.values.elements import close, differing, summary
from pytest_expops.values.fingerprint import Walk, form_of
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, Unordered, Unsound
from pytest_expops.values.naming import label, type_name
from pytest_expops.values.showing import ABSENT, apart, beside, first_difference, show, stretches, whole
from pytest_expops.wording import listed

__all__ = ["LIMIT", "Difference", "compare"]

LIMIT = 20
"""So many differences are returned by default."""
_SIZES = ("shape", "rows", "length", "dtype", "layout")


def compare(
    expected: object,
    obtained: object,
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    path: str = "value",
    limit: int = LIMIT,
) -> tuple[Difference, ...]:
    """Return every difference between two values; none if they are equal (S7.2).

    Those in types, dtypes, shapes and keys come first, then those in values, both in the order of the expected value.

    With a tolerance, numbers of one type (integers, floats, complex; alone or in arrays, not in sets or as keys) may
    differ as far as ``|expected - obtained| <= atol + rtol * |expected|``. Types, dtypes, shapes and keys never may.

    Args:
        expected: any value that a pipeline returns.
        obtained: the value that is compared with it.
        rtol: how far numbers may differ, relative to the expected one.
        atol: how far they may differ besides.
        path: where the values stand, such as ``outputs['model']``.
        limit: how many differences are returned at most; one more then says how many there are beyond.

    Raises:
        FingerprintError: something within cannot be judged soundly.
        ValueError: a tolerance is negative or NaN, or `limit` is less than 1.
    """
    if not (rtol >= 0 and atol >= 0):
        raise ValueError(f"compare: rtol={rtol!r} and atol={atol!r} must both be at least 0")
    if limit < 1:
        raise ValueError(f"compare: limit={limit!r} must be at least 1")
    comparison = _Comparison(Tolerance(rtol, atol))
    found = DifferenceList(limit)
    try:
        for each in comparison.differences(expected, obtained, path):
            found.add(each)
        if not found.count and rtol == atol == 0 and not comparison.same(expected, obtained):
            detail = "the parts are equal, but they refer to each other in another pattern of cycles"
            found.add(Difference(path, *apart(expected, obtained), detail))
    except Unsound as error:
        raise error.error(path) from error.__cause__
    return found.shown(path)


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

    def differences(self, expected: Any, obtained: Any, path: str) -> Iterator[Difference | Structural]:
        stack: list[_Pair | Difference | Structural] = [_Pair(path, expected, obtained)]
        while stack:
            item = stack.pop()
            if not isinstance(item, _Pair):
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

    def _within(self, pair: _Pair) -> Iterator[_Step]:
        """Yield the differences of two values that are not the same, or the pairs of parts to look at next."""
        if not _comparable(pair.expected, pair.obtained):
            yield Structural(_differs(pair, f"type differs: {_type(pair.expected)} became {_type(pair.obtained)}"))
            return
        if type(pair.expected) in ATOMS:
            yield from self._atoms(pair)
            return
        expected, obtained = form_of(pair.expected), form_of(pair.obtained)
        if expected.tag != obtained.tag:
            yield Structural(_differs(pair, f"type differs: {expected.tag} became {obtained.tag}"))
            return
        traits = list(_traits(expected, obtained, pair))
        yield from traits
        if any(isinstance(each, Difference) for each in traits):
            return  # another date, or member of an enum: its parts would say it again
        if type(expected) is not type(obtained) or (isinstance(expected, Bulk) and traits):
            expected, obtained = _as_parts(expected), _as_parts(obtained)
        yield from self._contents(expected, obtained, pair, bool(traits))

    def _contents(self, expected: Form, obtained: Form, pair: _Pair, reshaped: bool) -> Iterator[_Step]:
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
        if not is_number(pair.expected):
            yield _differs(pair, "value differs")
        elif self._tolerance.exact or not close(pair.expected, pair.obtained, self._tolerance):
            one, other = (np.array([each], dtype=object) for each in (pair.expected, pair.obtained))
            much = amounts(one, other, prefix="")
            yield _differs(pair, f"value differs; {much}" if much else "value differs")

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
        yield _differs(_Pair(pair.path + place, one[first], other[first]), detail)

    def _parts(self, expected: Parts, obtained: Parts, pair: _Pair) -> Iterator[_Step]:
        if expected.names is None or obtained.names is None:
            if dict(expected.traits).get("shape") == dict(obtained.traits).get("shape"):
                yield from self._numbered(expected, obtained, pair)
            return
        sized = all(dict(expected.traits).get(name) == dict(obtained.traits).get(name) for name in _SIZES)
        for item in _named(expected, obtained, pair):
            if sized or not isinstance(item, _Pair):  # else every column would repeat what the whole says
                yield item
        if sorted(expected.names) == sorted(obtained.names) and list(expected.names) != list(obtained.names):
            yield Structural(Difference(pair.path, *_orders(expected.names, obtained.names), "order differs"))

    def _numbered(self, expected: Parts, obtained: Parts, pair: _Pair) -> Iterator[_Step]:
        """Yield the items of a list; where only their order differs, as that of a set made a list, one difference."""
        ones, others = _digests(expected, self._expected), _digests(obtained, self._obtained)
        if self._tolerance.exact and Counter(ones) == Counter(others):
            yield _reordered(pair, expected, obtained, first_difference(ones, others))
            return
        for index, (one, other) in enumerate(zip(expected.values, obtained.values, strict=False)):
            yield _Pair(pair.path + expected.suffix(index), one, other)

    def _mappings(self, expected: Mapping, obtained: Mapping, pair: _Pair) -> Iterator[_Step]:
        others: dict[bytes, list[int]] = {}
        for index, key in enumerate(obtained.keys):
            others.setdefault(self._obtained.node(key).digest, []).append(index)
        missing, shared = [], []
        for index, key in enumerate(expected.keys):
            suffix, value = f"[{label(key)}]", expected.values[index]
            matching = others.get(self._expected.node(key).digest)
            if matching:
                place = self._best(value, [obtained.values[each] for each in matching])
                shared.append(_Pair(pair.path + suffix, value, obtained.values[matching.pop(place)]))
            else:
                missing.append((suffix, value))
        left = sorted(index for left in others.values() for index in left)
        unexpected = [(f"[{label(obtained.keys[index])}]", obtained.values[index]) for index in left]
        yield from one_sided(missing, pair.path, "missing", keys=True)
        yield from one_sided(unexpected, pair.path, "unexpected", keys=True)
        yield from shared

    def _best(self, value: Any, candidates: list[Any]) -> int:
        """Return which of the values under keys of one digest (two objects of one state) is equal, else the first."""
        if len(candidates) == 1:
            return 0
        return next((index for index, each in enumerate(candidates) if self.same(value, each)), 0)

    def _sets(self, expected: Unordered, obtained: Unordered, pair: _Pair) -> Iterator[Difference]:
        missing = _counted(expected.values, self._expected)
        extra = _counted(obtained.values, self._obtained)
        for digest in [digest for digest in missing if digest in extra]:
            common = min(len(missing[digest]), len(extra[digest]))
            missing[digest], extra[digest] = missing[digest][common:], extra[digest][common:]
        lost = [each for values in missing.values() for each in values]
        found = [each for values in extra.values() for each in values]
        detail = f"elements differ: {len(lost)} missing, {len(found)} unexpected"
        one, other = (f"{{{listed(sorted(map(show, values)))}}}" for values in (lost, found))
        if one == other:
            one, other = stretches(*[f"{{{', '.join(sorted(map(whole, values)))}}}" for values in (lost, found)])
        yield _told(pair.path, one, other, detail)


_Step = _Pair | Difference | Structural


def _named(expected: Parts, obtained: Parts, pair: _Pair) -> Iterator[_Step]:
    """Yield attributes and columns under their names, whatever their order."""
    names, other_names = list(expected.names or ()), list(obtained.names or ())
    if names == other_names:  # by position, should two long names have been cut to the same text
        for name, one, other in zip(names, expected.values, obtained.values, strict=True):
            yield _Pair(pair.path + name, one, other)
        return
    here, there = dict(zip(names, expected.values, strict=True)), dict(zip(other_names, obtained.values, strict=True))
    yield from one_sided([each for each in here.items() if each[0] not in there], pair.path, "missing")
    yield from one_sided([each for each in there.items() if each[0] not in here], pair.path, "unexpected")
    for name in [name for name in here if name in there]:
        yield _Pair(pair.path + name, here[name], there[name])


def _counted(values: Any, walk: Walk) -> dict[bytes, list[Any]]:
    found: dict[bytes, list[Any]] = {}
    for value in values:
        found.setdefault(walk.node(value).digest, []).append(value)
    return found


def _digests(form: Parts, walk: Walk) -> list[bytes]:
    return [walk.node(value).digest for value in form.values]


def _reordered(pair: _Pair, expected: Parts, obtained: Parts, place: int) -> Difference:
    """Return the difference of two lists that hold the same items, shown from where it can be seen."""
    found = _differs(pair, f"the same {len(expected.values)} items in another order")
    if not place or show(pair.expected) != show(pair.obtained):
        return found
    shown = apart(list(expected.values)[place:], list(obtained.values)[place:])
    return _told(pair.path, f"...{shown[0]}", f"...{shown[1]}", f"{found.detail}; first at [{place}]")


def _orders(expected: Sequence[str], obtained: Sequence[str]) -> tuple[str, str]:
    """Return the names of two values from the first on that is another, in another order."""
    place = first_difference(expected, obtained)
    before = "..., " if place else ""
    return before + listed(expected[place:]), before + listed(obtained[place:])


def _traits(expected: Form, obtained: Form, pair: _Pair) -> Iterator[Difference | Structural]:
    """Yield the traits that differ; the one called `value` is the value itself, as of a date."""
    ones, others = dict(expected.traits), dict(obtained.traits)
    for name in dict.fromkeys([*ones, *others]):
        if ones.get(name) != others.get(name):
            found = Difference(pair.path, ones.get(name, ABSENT), others.get(name, ABSENT), f"{name} differs")
            yield found if name == "value" else Structural(found)


def _as_parts(form: Form) -> Form:
    return form.items() if isinstance(form, Bulk) and form.items is not None else form


def _comparable(expected: Any, obtained: Any) -> bool:
    """Return whether both are of one type; a class made by a function is another at each call, of the same name."""
    one, other = type(expected), type(obtained)
    if one is other or (isinstance(expected, Form) and isinstance(obtained, Form)):
        return True
    return one not in ATOMS and other not in ATOMS and type_name(one) == type_name(other)


def _type(value: Any) -> str:
    return value.tag if isinstance(value, Form) else type_name(type(value))


def _differs(pair: _Pair, detail: str) -> Difference:
    texts = beside(pair.expected, pair.obtained)
    if texts is not None:
        return Difference(pair.path, texts.expected, texts.obtained, f"{detail}; {texts.where}")
    one, other = apart(pair.expected, pair.obtained)
    told = _told if _comparable(pair.expected, pair.obtained) else Difference
    return told(pair.path, one, other, detail)


def _told(path: str, expected: str, obtained: str, detail: str) -> Difference:
    alike = "; both have the same text" if expected == obtained else ""
    return Difference(path, expected, obtained, detail + alike)
