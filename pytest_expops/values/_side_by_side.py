"""Two sequences of many values side by side: where they differ, and in how many places, found as tables.

What two tables say is what their values say one by one; values that are in no table are judged by their digests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from operator import ne
from typing import Any

import numpy as np

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values._columns import BLOCK, DEEPEST, EQUAL_IF_ALIKE, MANY, NotColumns, by_group, by_type, chosen
from pytest_expops.values._layout import Layout, layout_of
from pytest_expops.values.amounts import is_number
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array
from pytest_expops.values.elements import bits_differ, close
from pytest_expops.values.fingerprint import Walk, form_of
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts

Place = tuple[tuple[int, ...], str]
"""Where a pair of values is: its position at each level, by which places are sorted, and its path from the first."""


@dataclass(slots=True)
class Sides:
    """Two walks, in which values that are in no table are digested."""

    expected: Walk
    obtained: Walk

    def same(self, one: Any, other: Any) -> bool:
        """Return whether two values have one digest."""
        return self.expected.node(one).digest == self.obtained.node(other).digest

    @property
    def cyclic(self) -> bool:
        """Whether a value was met that holds itself."""
        return self.expected.cyclic or self.obtained.cyclic

    def unequal(self, ones: Sequence[Any], others: Sequence[Any]) -> Array:
        """Return at which positions two sequences of one length hold values that are not the same."""
        try:
            above: list[tuple[AbstractSet[int], AbstractSet[int]]] = []
            starts = range(0, len(ones), BLOCK)
            blocks = [self._block(ones[at : at + BLOCK], others[at : at + BLOCK], above) for at in starts]
        except NotColumns:
            return self.digests_differ(ones, others)
        return self.digests_differ(ones, others) if self.cyclic else np.concatenate([np.empty(0, np.bool_), *blocks])

    def digests_differ(self, ones: Sequence[Any], others: Sequence[Any]) -> Array:
        """Return what `unequal` does, from the digests of all."""
        differs = self.expected.digests(ones) != self.obtained.digests(others)
        return np.asarray(differs.any(axis=1))

    def same_in_any_order(self, ones: Sequence[Any], others: Sequence[Any]) -> bool:
        """Return whether two sequences of one length hold the same values."""
        one, other = self.expected.digests(ones), self.obtained.digests(others)
        if not np.array_equal(one.sum(axis=0, dtype=np.uint64), other.sum(axis=0, dtype=np.uint64)):
            return False
        return Counter(map(bytes, one)) == Counter(map(bytes, other))

    def _block(
        self, ones: Sequence[Any], others: Sequence[Any], above: list[tuple[AbstractSet[int], AbstractSet[int]]]
    ) -> Array:
        out = np.empty(len(ones), np.bool_)
        for (kind, other_kind), places in by_type(ones, others):
            some, others_there = chosen(ones, places), chosen(others, places)
            if kind is not other_kind:
                out[places] = self._singly(some, others_there)
            elif kind in ATOMS:
                out[places] = _atoms_differ(kind, some, others_there)
            else:
                out[places] = self._containers(kind, some, others_there, above)
        return out

    def _singly(self, ones: Sequence[Any], others: Sequence[Any]) -> Array:
        found = [not self.same(one, other) for one, other in zip(ones, others, strict=True)]
        return np.array(found, dtype=np.bool_)

    def _containers(
        self,
        kind: type,
        ones: Sequence[Any],
        others: Sequence[Any],
        above: list[tuple[AbstractSet[int], AbstractSet[int]]],
    ) -> Array:
        layout = layout_of(kind) if len(ones) >= MANY and len(above) < DEEPEST else None
        if layout is None:
            return self._singly(ones, others)
        here, there = set(map(id, ones)), set(map(id, others))
        if len(here) < len(ones) or len(there) < len(others):
            return self.digests_differ(ones, others)  # which know shared values
        if not all(here.isdisjoint(first) and there.isdisjoint(second) for first, second in above):
            raise NotColumns
        out = np.empty(len(ones), np.bool_)
        above.append((here, there))
        for shape, where in _shared_shapes(layout, ones, others):
            some, others_there = chosen(ones, where), chosen(others, where)
            if len(some) < MANY or shape is None or not layout.fits(shape):
                out[where] = self._singly(some, others_there)
                continue
            form_of(some[0]), form_of(others_there[0])  # which raise, if they cannot be judged
            differs = np.zeros(len(some), np.bool_)
            columns, other_columns = layout.columns(some, shape), layout.columns(others_there, shape)
            for column, other in zip(columns, other_columns, strict=True):
                differs |= self._block(column, other, above)
            out[where] = differs
        above.pop()
        return out


def many_in(expected: Any, obtained: Any) -> tuple[Sequence[Any], Sequence[Any]] | None:
    """Return the items of two lists, or the values of two dicts under the same texts, if there are many; else None."""
    kind = type(expected)
    if kind is not type(obtained) or kind not in (list, tuple, dict) or not MANY <= len(expected) == len(obtained):
        return None
    layout = layout_of(kind)
    if layout is None:
        return None
    if kind is not dict:
        bulk = any(type(form_of(each)) is Bulk for each in (expected, obtained))
        return None if bulk else (expected, obtained)
    keys, others = layout.shapes([expected, obtained])
    return (list(expected.values()), list(obtained.values())) if layout.fits(keys) and keys == others else None


class Met:
    """The pairs of values that were met; they are kept alive, so that no other value takes their identity."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[int, int], tuple[Any, Any]] = {}

    def first_time(self, expected: Any, obtained: Any) -> bool:
        """Return whether two values are met for the first time; indivisible ones always are."""
        if type(expected) in ATOMS:
            return True
        key = (id(expected), id(obtained))
        if key in self._pairs:
            return False
        self._pairs[key] = expected, obtained
        return True


def _shared_shapes(layout: Layout, ones: Sequence[Any], others: Sequence[Any]) -> Any:
    """Return the groups of pairs by their shape, None where it is not that of both."""
    shapes, other_shapes = layout.shapes(ones), layout.shapes(others)
    if shapes != other_shapes:
        shapes = [one if one == other else None for one, other in zip(shapes, other_shapes, strict=True)]
    return by_group(shapes)


def _atoms_differ(kind: type, ones: Sequence[Any], others: Sequence[Any]) -> Array:
    if kind is float:
        return bits_differ(np.array(ones), np.array(others))
    if kind in EQUAL_IF_ALIKE:
        if ones == others:
            return np.zeros(len(ones), np.bool_)
        return np.fromiter(map(ne, ones, others), np.bool_, len(ones))
    encode = ATOMS[kind]
    pairs = zip(ones, others, strict=True)
    return np.array([encode(one) != encode(other) for one, other in pairs], dtype=np.bool_)


@dataclass(slots=True)
class DifferenceCount:
    """How many differences in values there are in pairs of values that differ, and which pairs must be walked.

    Args:
        sides: the walks of both sides.
        tolerance: how far numbers may differ.
        met: the pairs of values that were met before; their differences are not counted again.
    """

    sides: Sides
    tolerance: Tolerance
    met: Met
    count: int = 0
    rows: set[int] = field(default_factory=set)
    left: list[tuple[Place, Any, Any]] = field(default_factory=list)
    """The pairs that are in no table, or may differ in more than values."""

    def add(self, rows: Array, where: Callable[[int], Place], ones: Sequence[Any], others: Sequence[Any]) -> None:
        """Count what differs in pairs that do; `rows` are the numbers of the rows that they are in."""
        for (kind, other_kind), places in by_type(ones, others):
            numbers = np.arange(len(ones))[places]
            some, others_there = chosen(ones, places), chosen(others, places)
            if kind is not other_kind:
                self._leave(rows, where, numbers, some, others_there)
            elif kind in ATOMS:
                if not self.tolerance.exact and is_number(some[0]):
                    pairs = zip(some, others_there, strict=True)
                    numbers = numbers[[not close(one, other, self.tolerance) for one, other in pairs]]
                self.count += len(numbers)
                self.rows.update(rows[numbers].tolist())
            else:
                self._containers(layout_of(kind), rows, where, numbers, some, others_there)

    def _leave(
        self, rows: Array, where: Callable[[int], Place], numbers: Array, ones: Sequence[Any], others: Sequence[Any]
    ) -> None:
        self.rows.update(rows[numbers].tolist())
        self.left += zip(map(where, numbers.tolist()), ones, others, strict=True)

    def _containers(
        self,
        layout: Layout | None,
        rows: Array,
        where: Callable[[int], Place],
        numbers: Array,
        ones: Sequence[Any],
        others: Sequence[Any],
    ) -> None:
        if layout is None:
            self._leave(rows, where, numbers, ones, others)
            return
        for shape, places in _shared_shapes(layout, ones, others):
            some, others_there, there = chosen(ones, places), chosen(others, places), numbers[places]
            if shape is None or not layout.fits(shape) or len(some) < MANY:
                self._leave(rows, where, there, some, others_there)
                continue
            fresh = np.flatnonzero([self.met.first_time(*pair) for pair in zip(some, others_there, strict=True)])
            if fresh.size:
                self._table(layout, shape, rows, where, there[fresh], chosen(some, fresh), chosen(others_there, fresh))

    def _table(
        self,
        layout: Layout,
        shape: Any,
        rows: Array,
        where: Callable[[int], Place],
        numbers: Array,
        ones: Sequence[Any],
        others: Sequence[Any],
    ) -> None:
        form = form_of(ones[0])
        columns, other_columns = layout.columns(ones, shape), layout.columns(others, shape)
        masks = np.zeros((len(columns), len(ones)), np.bool_)
        for mask, column, other in zip(masks, columns, other_columns, strict=True):
            mask[:] = self.sides.unequal(column, other)
        if isinstance(form, Parts) and form.names is None and self.tolerance.exact:
            for place in np.flatnonzero(masks.sum(axis=0) > 1).tolist():
                if self.sides.same_in_any_order(ones[place], others[place]):  # one difference: their order
                    masks[:, place] = False
                    self.count += 1
                    self.rows.add(int(rows[numbers[place]]))
        for index, mask in enumerate(masks):
            places = np.flatnonzero(mask)
            if places.size:
                there = numbers[places]
                inner = chosen(columns[index], places), chosen(other_columns[index], places)
                self.add(rows[there], _within(where, there, form, index), *inner)


def _within(where: Callable[[int], Place], numbers: Array, form: Form, index: int) -> Callable[[int], Place]:
    suffix = form.suffix(index + (len(form.keys) if isinstance(form, Mapping) else 0))

    def inner(number: int) -> Place:
        positions, path = where(int(numbers[number]))
        return (*positions, index), path + suffix

    return inner
