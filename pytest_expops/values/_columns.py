"""Digests of many values at once: those of one shape as a table, and a column of one type without Python per value.

Each value gets the very digest that it has by itself. Where values refer to each other across levels, so that they may
refer to themselves, `NotColumns` is raised, and they are to be walked one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

from pytest_expops.values._dispatch import form_of
from pytest_expops.values._layout import layout_of
from pytest_expops.values.atoms import ATOMS, atom_digest
from pytest_expops.values.bulk import Array, has_nan
from pytest_expops.values.forms import Mapping

MANY = 64
"""So many values of one shape are a table; fewer are as soon walked one by one."""
BLOCK = 8192
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


def by_group(keys: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each distinct key, and the positions at which it is; a slice of all, where there is but one."""
    distinct = dict.fromkeys(keys)
    if len(distinct) == 1:
        yield next(iter(distinct)), slice(None)
        return
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
    for kind, places in by_group(list(map(type, values))):
        some = chosen(values, places)
        out[places] = _atoms(kind, some) if kind in ATOMS else _containers(kind, some, single, above)
    return out


def _containers(
    kind: type, values: Sequence[Any], single: Callable[[Any], bytes], above: list[AbstractSet[int]]
) -> Array:
    numbers = list(map(id, values))
    distinct = dict(zip(numbers, values, strict=True))
    if len(distinct) < len(values):  # shared ones once
        places = dict(zip(distinct, range(len(distinct)), strict=True))
        found = _containers(kind, list(distinct.values()), single, above)
        return found[np.fromiter(map(places.__getitem__, numbers), np.int64, len(numbers))]
    layout = layout_of(kind) if len(values) >= MANY and len(above) < DEEPEST else None
    if layout is None:
        return digest_rows(map(single, values))
    if not all(distinct.keys().isdisjoint(each) for each in above):
        raise NotColumns
    out = np.empty((len(values), 16), np.uint8)
    above.append(distinct.keys())
    for shape, where in by_group(layout.shapes(values)):
        some = chosen(values, where)
        if len(some) < MANY or not layout.fits(shape):
            out[where] = digest_rows(map(single, some))
            continue
        form = form_of(some[0])
        keys = form.keys if isinstance(form, Mapping) else ()
        matrix = np.empty((len(some), len(form.children), 16), np.uint8)
        if len(keys):
            matrix[:, : len(keys)] = _atoms(str, keys)
        for index, column in enumerate(layout.columns(some, shape), len(keys)):
            matrix[:, index] = _block(column, single, above)
        out[where] = digest_rows(map(atom_digest, form.combined_rows(matrix)))
    above.pop()
    return out


def digest_rows(digests: Iterable[bytes]) -> Array:
    """Return digests as rows of 16 bytes."""
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)


def _atoms(kind: type, values: Sequence[Any]) -> Array:
    """Return the digests of values of one indivisible type, those of repeated texts and integers made once."""
    if kind is float and not has_nan(np.array(values)):
        return digest_rows(map(atom_digest, map(_FLOAT, repeat(b"float:"), values)))
    if kind not in EQUAL_IF_ALIKE:
        return digest_rows(map(atom_digest, map(ATOMS[kind], values)))
    distinct = set(values)
    if 2 * len(distinct) > len(values):
        encoded = _ENCODE[kind](values) if kind in _ENCODE else map(ATOMS[kind], values)
        return digest_rows(map(atom_digest, encoded))
    known = {value: atom_digest(ATOMS[kind](value)) for value in distinct}
    return digest_rows(map(known.__getitem__, values))


EQUAL_IF_ALIKE = frozenset({type(None), bool, int, str, bytes})
"""Types of which two values are equal if and only if their bytes are; unlike floats, with two zeros."""
_FLOAT = struct.Struct("<6sd").pack


def _ints(values: Sequence[int]) -> Iterator[bytes]:
    lengths = [value.bit_length() // 8 + 1 for value in values]
    return map(b"int:".__add__, map(partial(int.to_bytes, byteorder="little", signed=True), values, lengths))


def _texts(values: Sequence[str]) -> Iterator[bytes]:
    return map(str.encode, map("str:".__add__, values), repeat("utf-8"), repeat("surrogatepass"))


_ENCODE: dict[type, Callable[[Any], Iterator[bytes]]] = {
    int: _ints,
    str: _texts,
    bytes: partial(map, b"bytes:".__add__),
}
"""The bytes of many values, as `ATOMS` has those of one."""
