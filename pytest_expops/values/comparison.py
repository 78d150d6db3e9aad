"""Two values side by side: every place where they differ, what stands there, and by how much.

It walks the forms that fingerprints are made of, and skips what has one digest, so that without a tolerance two values
compare as equal if and only if their fingerprints are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values._columns import BLOCK, MANY, chosen
from pytest_expops.values._side_by_side import DifferenceCount, Met, Place, Sides, many_in
from pytest_expops.values._telling import TwoValues, comparable, differs_in, orders, reordered, told, type_of
from pytest_expops.values.amounts import amounts, is_number
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array
from pytest_expops.values.differences import Beyond, Difference, DifferenceList, Structural, one_sided
from pytest_expops.values.elements import close, differing, summary
from pytest_expops.values.fingerprint import Walk, form_of
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, Unordered, Unsound
from pytest_expops.values.naming import label
from pytest_expops.values.seldom_collected import SeldomCollected
from pytest_expops.values.showing import ABSENT, apart, show, stretches, whole
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
    found = DifferenceList(limit)
    comparison = _Comparison(Tolerance(rtol, atol), found)
    try:
        with SeldomCollected():
            for each in comparison.differences(expected, obtained, path):
                found.add(each)
            if not found.count and rtol == atol == 0 and not comparison.equal(expected, obtained):
                detail = "the parts are equal, but they refer to each other in another pattern of cycles"
                found.add(Difference(path, *apart(expected, obtained), detail))
    except Unsound as error:
        _judge(expected, path)  # from the root, to name the place
        _judge(obtained, path)
        raise error.error(path) from error.__cause__
    return found.shown(path)


def _judge(value: object, path: str) -> None:
    try:
        Walk(leaves=False).node(value)
    except Unsound as error:
        raise error.error(path) from error.__cause__


class _Comparison:
    """One comparison; a stack of its own lets it go as deep as the values do."""

    def __init__(self, tolerance: Tolerance, found: DifferenceList) -> None:
        self._tolerance = tolerance
        self._found = found
        self._sides = Sides(Walk(leaves=False), Walk(leaves=False))
        self._met = Met()
        self._alike = False

    def equal(self, expected: Any, obtained: Any) -> bool:
        """Return whether two values are equal in which no difference was found."""
        return self._alike or self._sides.same(expected, obtained)

    def differences(self, expected: Any, obtained: Any, path: str) -> Iterator[Difference | Structural | Beyond]:
        stack: list[Iterator[_Step]] = [iter([TwoValues(path, expected, obtained)])]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
            elif not isinstance(item, TwoValues):
                yield item
            elif self._same(item):
                self._alike = item.expected is expected and item.obtained is obtained
            elif self._met.first_time(item.expected, item.obtained):
                stack.append(self._within(item))

    def _same(self, pair: TwoValues) -> bool:
        """Return whether two values are; of many in a list or dict, without the digest of each where that can be."""
        many = many_in(pair.expected, pair.obtained)
        if many is not None:
            unequal = self._sides.unequal(*many)
            if not self._sides.cyclic:
                pair.unequal = unequal
                return not unequal.any()
        return self._sides.same(pair.expected, pair.obtained)

    def _within(self, pair: TwoValues) -> Iterator[_Step]:
        """Yield the differences of two values that are not the same, or the pairs of parts to look at next."""
        if not comparable(pair.expected, pair.obtained):
            yield Structural(
                differs_in(pair, f"type differs: {type_of(pair.expected)} became {type_of(pair.obtained)}")
            )
            return
        if type(pair.expected) in ATOMS:
            yield from self._atoms(pair)
            return
        expected, obtained = form_of(pair.expected), form_of(pair.obtained)
        if expected.tag != obtained.tag:
            yield Structural(differs_in(pair, f"type differs: {expected.tag} became {obtained.tag}"))
            return
        traits = list(_traits(expected, obtained, pair))
        yield from traits
        if any(isinstance(each, Difference) for each in traits):
            return  # another date, or member of an enum: its parts would say it again
        if type(expected) is not type(obtained) or (isinstance(expected, Bulk) and traits):
            expected, obtained = _as_parts(expected), _as_parts(obtained)
        yield from self._contents(expected, obtained, pair, bool(traits))

    def _contents(self, expected: Form, obtained: Form, pair: TwoValues, reshaped: bool) -> Iterator[_Step]:
        if isinstance(expected, Bulk) and isinstance(obtained, Bulk):
            if not reshaped:
                yield from self._elements(expected, obtained, pair)
        elif isinstance(expected, Mapping) and isinstance(obtained, Mapping):
            yield from self._mappings(expected, obtained, pair)
        elif isinstance(expected, Unordered) and isinstance(obtained, Unordered):
            yield from self._sets(expected, obtained, pair)
        elif isinstance(expected, Parts) and isinstance(obtained, Parts):
            yield from self._parts(expected, obtained, pair)

    def _atoms(self, pair: TwoValues) -> Iterator[Difference | Beyond]:
        number = is_number(pair.expected)
        if number and not self._tolerance.exact and close(pair.expected, pair.obtained, self._tolerance):
            return
        if self._found.full:
            yield Beyond(1)
        elif not number:
            yield differs_in(pair, "value differs")
        else:
            one, other = (np.array([each], dtype=object) for each in (pair.expected, pair.obtained))
            much = amounts(one, other, prefix="")
            yield differs_in(pair, f"value differs; {much}" if much else "value differs")

    def _elements(self, expected: Bulk, obtained: Bulk, pair: TwoValues) -> Iterator[Difference]:
        one, other = np.asarray(expected.elements()), np.asarray(obtained.elements())
        mask = differing(one, other, self._tolerance)
        if not mask.any():
            if self._tolerance.exact:
                yield differs_in(pair, "contents differ in a way that their elements do not show")
            return
        first = tuple(int(each) for each in np.unravel_index(int(np.argmax(mask)), mask.shape))
        place = expected.place(first) if expected.place else "[" + ", ".join(map(str, first)) + "]" if first else ""
        detail = summary(one, other, mask) + (f"; first at {place}" if mask.size > 1 else "")
        yield differs_in(TwoValues(pair.path + place, one[first], other[first]), detail)

    def _parts(self, expected: Parts, obtained: Parts, pair: TwoValues) -> Iterator[_Step]:
        if expected.names is None or obtained.names is None:
            if dict(expected.traits).get("shape") == dict(obtained.traits).get("shape"):
                yield from self._numbered(expected, obtained, pair)
            return
        sized = all(dict(expected.traits).get(name) == dict(obtained.traits).get(name) for name in _SIZES)
        for item in _named(expected, obtained, pair):
            if sized or not isinstance(item, TwoValues):  # else every column would repeat what the whole says
                yield item
        if sorted(expected.names) == sorted(obtained.names) and list(expected.names) != list(obtained.names):
            yield Structural(Difference(pair.path, *orders(expected.names, obtained.names), "order differs"))

    def _numbered(self, expected: Parts, obtained: Parts, pair: TwoValues) -> Iterator[_Step]:
        """Yield the items of a list; where only their order differs, as that of a set made a list, one difference."""
        ones, others = expected.values, obtained.values
        count = min(len(ones), len(others))
        differs = pair.unequal if pair.unequal is not None else self._sides.digests_differ(ones[:count], others[:count])
        places = np.flatnonzero(differs)
        differing = chosen(ones, places), chosen(others, places)
        if self._tolerance.exact and len(ones) == len(others) and self._sides.same_in_any_order(*differing):
            yield reordered(pair, expected, obtained, int(places[0]) if places.size else count)
            return
        yield from self._items(pair, expected.suffix, ones, others, places)

    def _items(
        self, pair: TwoValues, suffix: Callable[[int], str], ones: Sequence[Any], others: Sequence[Any], places: Array
    ) -> Iterator[_Step]:
        """Yield the pairs at some positions, which differ; when enough are kept, the number of those in tables only."""
        start, size = 0, MANY
        while start < len(places):
            some = places[start : start + size]
            start, size = start + size, min(4 * size, BLOCK)
            full = self._found.full
            if full or not self._tolerance.exact:
                tally = DifferenceCount(self._sides, self._tolerance, self._met if full else Met())
                there = some.tolist()
                tally.add(some, partial(_place, pair.path, suffix, there), chosen(ones, some), chosen(others, some))
                if full:
                    yield Beyond(tally.count)
                    for (_, path), one, other in sorted(tally.left, key=lambda each: each[0][0]):
                        yield TwoValues(path, one, other)
                    continue
                some = np.array(sorted(tally.rows), dtype=np.int64)
            for index in some.tolist():
                yield TwoValues(pair.path + suffix(index), ones[index], others[index])

    def _mappings(self, expected: Mapping, obtained: Mapping, pair: TwoValues) -> Iterator[_Step]:
        if pair.unequal is not None:
            keys, values, others_there = expected.keys, expected.values, obtained.values
            places = np.flatnonzero(pair.unequal)
            yield from self._items(pair, lambda place: f"[{label(keys[place])}]", values, others_there, places)
            return
        others: dict[bytes, list[int]] = {}
        for index, key in enumerate(obtained.keys):
            others.setdefault(self._sides.obtained.node(key).digest, []).append(index)
        missing, shared = [], []
        for index, key in enumerate(expected.keys):
            suffix, value = f"[{label(key)}]", expected.values[index]
            matching = others.get(self._sides.expected.node(key).digest)
            if matching:
                place = self._best(value, [obtained.values[each] for each in matching])
                shared.append(TwoValues(pair.path + suffix, value, obtained.values[matching.pop(place)]))
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
        return next((index for index, each in enumerate(candidates) if self._sides.same(value, each)), 0)

    def _sets(self, expected: Unordered, obtained: Unordered, pair: TwoValues) -> Iterator[Difference]:
        missing = _counted(expected.values, self._sides.expected)
        extra = _counted(obtained.values, self._sides.obtained)
        for digest in [digest for digest in missing if digest in extra]:
            common = min(len(missing[digest]), len(extra[digest]))
            missing[digest], extra[digest] = missing[digest][common:], extra[digest][common:]
        lost = [each for values in missing.values() for each in values]
        found = [each for values in extra.values() for each in values]
        detail = f"elements differ: {len(lost)} missing, {len(found)} unexpected"
        one, other = (f"{{{listed(sorted(map(show, values)))}}}" for values in (lost, found))
        if one == other:
            one, other = stretches(*[f"{{{', '.join(sorted(map(whole, values)))}}}" for values in (lost, found)])
        yield told(pair.path, one, other, detail)


_Step = TwoValues | Difference | Structural | Beyond


def _place(path: str, suffix: Callable[[int], str], places: Sequence[int], number: int) -> Place:
    return (places[number],), path + suffix(places[number])


def _named(expected: Parts, obtained: Parts, pair: TwoValues) -> Iterator[_Step]:
    """Yield attributes and columns under their names, whatever their order."""
    names, other_names = list(expected.names or ()), list(obtained.names or ())
    if names == other_names:  # by position, should two long names have been cut to the same text
        for name, one, other in zip(names, expected.values, obtained.values, strict=True):
            yield TwoValues(pair.path + name, one, other)
        return
    here, there = dict(zip(names, expected.values, strict=True)), dict(zip(other_names, obtained.values, strict=True))
    yield from one_sided([each for each in here.items() if each[0] not in there], pair.path, "missing")
    yield from one_sided([each for each in there.items() if each[0] not in here], pair.path, "unexpected")
    for name in [name for name in here if name in there]:
        yield TwoValues(pair.path + name, here[name], there[name])


def _counted(values: Any, walk: Walk) -> dict[bytes, list[Any]]:
    found: dict[bytes, list[Any]] = {}
    for value in values:
        found.setdefault(walk.node(value).digest, []).append(value)
    return found


def _traits(expected: Form, obtained: Form, pair: TwoValues) -> Iterator[Difference | Structural]:
    """Yield the traits that differ; the one called `value` is the value itself, as of a date."""
    ones, others = dict(expected.traits), dict(obtained.traits)
    for name in dict.fromkeys([*ones, *others]):
        if ones.get(name) != others.get(name):
            found = Difference(pair.path, ones.get(name, ABSENT), others.get(name, ABSENT), f"{name} differs")
            yield found if name == "value" else Structural(found)


def _as_parts(form: Form) -> Form:
    return form.items() if isinstance(form, Bulk) and form.items is not None else form
