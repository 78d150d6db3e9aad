"""Digests of many values at once: those of one shape as a table, and a column of one type without Python per value.

Each value gets the very digest that it has by itself. Where values refer to each other across levels, so that they may
refer to themselves, `NotColumns` is raised, and they are to be walked one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from pytest_expops.values._dispatch import form_of
from pytest_expops.values._layout import layout_of
from pytest_expops.values.atoms import ATOMS, atom_digest
from pytest_expops.values.bulk import Array
from pytest_expops.values.forms import Mapping

MANY = 64
"""So many values of one shape are a table; fewer are as soon walked one by one."""
BLOCK = 2048
"""So many rows are worked on at a time, so that their bytes are still in a cache."""
DEEPEST = 8
"""So many tables may lie within one another."""


class NotColumns(Exception):
    """A value was met within a table within which it may lie itself."""


def digests_of(values: Sequence[Any], single: Callable[[Any], bytes]) -> Array:
    """Return the digest of each of many values, as rows of 16 bytes.

    Args:
        values: any values.
        single: gives the digest of one value that is in no table.

    Raises:
        NotColumns: they may hold each other; take `single` for each.
    """
    above: list[AbstractSet[int]] = []
    blocks = [_block(values[start : start + BLOCK], single, above) for start in range(0, len(values), BLOCK)]
    return blocks[0] if len(blocks) == 1 else np.concatenate([np.empty((0, 16), np.uint8), *blocks])


def by_type(*columns: Sequence[Any]) -> Iterator[tuple[tuple[type, ...], Any]]:
    """Yield the types of the values at one position of columns of one length, and the positions that have these."""
    kinds = [set(map(type, column)) for column in columns]
    if all(len(each) == 1 for each in kinds):
        yield tuple(each.pop() for each in kinds), slice(None)
    else:
        yield from by_group(list(zip(*(map(type, column) for column in columns), strict=True)))


def by_group(keys: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each distinct key, and the positions at which it is; a slice of all, where there is but one."""
    if keys.count(keys[0]) == len(keys):
        yield keys[0], slice(None)
        return
    distinct = dict.fromkeys(keys)
    codes = dict(zip(distinct, range(len(distinct)), strict=True))
    coded = np.fromiter(map(codes.__getitem__, keys), dtype=np.int64, count=len(keys))
    order = np.argsort(coded, kind="stable")
    ends = np.cumsum(np.bincount(coded, minlength=len(distinct)))
    yield from zip(distinct, np.split(order, ends[:-1]), strict=True)


def chosen(values: Sequence[Any], places: Any) -> Sequence[Any]:
    """Return the values at some positions, as `by_group` yields them."""
    return values if isinstance(places, slice) else [values[place] for place in places.tolist()]


def _block(values: Sequence[Any], single: Callable[[Any], bytes], above: list[AbstractSet[int]]) -> Array:
    out = np.empty((len(values), 16), np.uint8)
    for (kind,), places in by_type(values):
        some = chosen(values, places)
        out[places] = _atoms(kind, some) if kind in ATOMS else _containers(kind, some, single, above)
    return out


def _containers(
    kind: type, values: Sequence[Any], single: Callable[[Any], bytes], above: list[AbstractSet[int]]
) -> Array:
    distinct = set(map(id, values))
    if len(distinct) < len(values):  # shared ones once
        firsts = {id(value): value for value in values}
        places = dict(zip(firsts, range(len(firsts)), strict=True))
        found = _containers(kind, list(firsts.values()), single, above)
        return found[np.fromiter(map(places.__getitem__, map(id, values)), np.int64, len(values))]
    layout = layout_of(kind) if len(values) >= MANY and len(above) < DEEPEST else None
    if layout is None:
        return digest_rows(map(single, values))
    if not all(distinct.isdisjoint(each) for each in above):
        raise NotColumns
    out = np.empty((len(values), 16), np.uint8)
    above.append(distinct)
    for shape, where in by_group(layout.shapes(values)):
        some = chosen(values, where)
        if len(some) < MANY or not layout.fits(shape):
            out[where] = digest_rows(map(single, some))
            continue
        form = form_of(some[0])
        keys = form.keys if isinstance(form, Mapping) else ()
        matrix = np.empty((len(some), len(form.children)), "V16")
        if len(keys):
            matrix[:, : len(keys)] = _atoms(str, keys).view("V16").reshape(-1)
        for index, column in enumerate(layout.columns(some, shape), len(keys)):
            matrix[:, index] = _block(column, single, above).view("V16").reshape(-1)
        out[where] = _digests_of_rows(form.combined_rows(matrix))
    above.pop()
    return out


def digest_rows(digests: Iterable[bytes]) -> Array:
    """Return digests as rows of 16 bytes."""
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)


def _atoms(kind: type, values: Sequence[Any]) -> Array:
    """Return the digests of values of one indivisible type, those of repeated texts and integers made once."""
    if kind in EQUAL_IF_ALIKE:
        some = values[:: 1 + len(values) // _SAMPLE]
        if 2 * len(set(some)) <= len(some):
            distinct = list(set(values))
            known = dict(zip(distinct, map(bytes, _each(kind, distinct)), strict=True))
            return digest_rows(map(known.__getitem__, values))
    return _each(kind, values)


def _each(kind: type, values: Sequence[Any]) -> Array:
    if kind in _ROWS:
        return _ROWS[kind](values)
    return digest_rows(map(atom_digest, map(ATOMS[kind], values)))


EQUAL_IF_ALIKE = frozenset({type(None), bool, int, str, bytes})
"""Types of which two values are equal if and only if their bytes are; unlike floats, with two zeros."""
_SAMPLE = 256
"""Of about so many values it is seen whether values are repeated."""
_JOINED = 1 << 22
"""Texts of at most so many characters are joined, so that a block of long ones is not copied."""
_FLOATS = np.dtype([("tag", "S6"), ("value", "<f8")])
_INTS = np.dtype([("tag", "S4"), ("value", "<i8")])
_MORE_BYTES = np.array([1 << (8 * count - 1) for count in range(1, 9)], np.uint64)
"""The least integers that take more than 1, 2, ... 8 bytes with their sign."""


def _digests_of_rows(rows: Array) -> Array:
    """Return the digests of rows of bytes of one length."""
    return digest_rows(map(atom_digest, rows.view(f"V{rows.itemsize * rows.shape[1]}").reshape(-1).tolist()))


def _floats(values: Sequence[float]) -> Array:
    numbers = np.array(values)
    rows = np.empty(len(values), _FLOATS)
    rows["tag"] = b"float:"
    rows["value"] = np.where(numbers == numbers, numbers, math.nan)
    return _digests_of_rows(rows.view(np.uint8).reshape(len(values), -1))


def _ints(values: Sequence[int]) -> Array:
    try:
        numbers = np.array(values, np.int64)
    except OverflowError:
        return digest_rows(map(atom_digest, map(ATOMS[int], values)))
    lengths = 1 + np.searchsorted(_MORE_BYTES, np.abs(numbers).view(np.uint64), side="right")
    rows = np.empty(len(values), _INTS)
    rows["tag"] = b"int:"
    rows["value"] = numbers
    cells = rows.view(np.uint8).reshape(len(values), -1)
    out = np.empty((len(values), 16), np.uint8)
    for length in np.unique(lengths).tolist():
        where = lengths == length
        if length > 8:  # the least of 64 bits
            out[where] = digest_rows(map(atom_digest, map(ATOMS[int], numbers[where].tolist())))
        else:
            out[where] = _digests_of_rows(np.ascontiguousarray(cells[where, : 4 + length]))
    return out


def _texts(values: Sequence[str]) -> Array:
    if sum(map(len, values)) <= _JOINED:
        encoded = ("str:" + "\0str:".join(values)).encode("utf-8", "surrogatepass").split(b"\0")
        if len(encoded) == len(values):  # else a text has a zero itself
            return digest_rows(map(atom_digest, encoded))
    return digest_rows(map(atom_digest, map(ATOMS[str], values)))


_ROWS: dict[type, Callable[[Any], Array]] = {float: _floats, int: _ints, str: _texts}
"""The digests of many values, as `ATOMS` gives those of one."""
