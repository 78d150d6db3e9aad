"""A digest of what no rounding touches in a value: texts, dates, truth values, labels, and how containers are built.

Floats, and integers that are no label, only count in how many there are and where. Types count as far as they show in
what is stored, so that the digest is the same under another version of a library.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import xxhash

from pytest_expops.values.amounts import is_number
from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.bulk import Array
from pytest_expops.values.fingerprint import form_of
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, Unordered, Unsound, hashed
from pytest_expops.values.kinds.builtin import object_array
from pytest_expops.values.sketches._ranges import Totals, range_of

DEEP = 50
"""Containers that are nested deeper than this count by their type."""
_LABELS = (".columns", ".index", ".name")
_PART_OF_SECOND = "m8[as]"


def contents_digest(value: Any, totals: Totals | None = None) -> str:
    """Return the digest of a container with all that is in it; objects that are no containers count by their type.

    Args:
        value: the container.
        totals: gets the numbers within.
    """
    return _short_hex(hashed(_Walk(labels=False, totals=totals).digest(value)))


def labels_digest(form: Form) -> str | None:
    """Return the digest of a table's columns, index, names and categories, integers too; None for anything else."""
    if not isinstance(form, Parts) or form.names is None or ".index" not in form.names:
        return None
    walk = _Walk(labels=True)
    pieces = []
    for name, child in zip(form.names, form.values, strict=True):
        if name in _LABELS:
            pieces.append(name.encode() + walk.digest(child))
        elif isinstance(child, Parts) and ".categories" in (child.names or ()):
            ordered = dict(child.traits).get("ordered", "")
            pieces.append(ordered.encode() + walk.digest(child.values[list(child.names or ()).index(".categories")]))
    return _short_hex(hashed(*pieces))


def elements_digest(form: Bulk | Parts, elements: Array) -> str | None:
    """Return the digest of the elements of an array, or of a list taken as one; None where all are numbers."""
    if elements.dtype.kind in "iufcV" or not elements.size:
        return None
    if elements.dtype.hasobject and all(map(is_number, elements.reshape(-1))):
        return None
    return _short_hex(_within_bulk(form, elements, labels=False))


def _short_hex(digest: bytes) -> str:
    return digest[:6].hex()


_WITHOUT_NUMBERS = frozenset(f"pandas.arrays.{name}" for name in ("DatetimeArray", "PeriodArray", "TimedeltaArray"))


def _within_bulk(form: Form, elements: Array, *, labels: bool) -> bytes:
    if not labels and isinstance(form, Bulk) and (form.tag in _WITHOUT_NUMBERS or elements.dtype.kind in "bMmSU"):
        return form.content()  # in which the unit counts; that of a column stands in its dtype
    return _elements(elements, labels=labels)


def _elements(elements: Array, *, labels: bool) -> bytes:
    kind = elements.dtype.kind
    shape = repr(elements.shape).encode()
    if kind in "Mm":
        return hashed(shape, *_instants(elements))
    if kind in "iu":
        return hashed(shape, np.ascontiguousarray(elements, dtype=f"{kind}8").tobytes() if labels else b"integers")
    if kind == "b":
        return hashed(shape, np.packbits(elements, axis=None).tobytes())
    if kind in "fcV":
        return hashed(shape, b"numbers")
    pieces = [_atom(each, labels=labels) for each in elements.reshape(-1).tolist()]
    lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
    return hashed(shape, xxhash.xxh3_128_digest(lengths.tobytes()), xxhash.xxh3_128_digest(b"".join(pieces)))


def _instants(elements: Array) -> Iterable[bytes]:
    """Yield dates or durations as bytes, alike in whatever unit they are counted."""
    seconds = elements.astype(f"{elements.dtype.kind}8[s]")
    yield np.ascontiguousarray(seconds).tobytes()
    yield np.ascontiguousarray((elements - seconds).astype(_PART_OF_SECOND)).tobytes()


def _atom(value: Any, *, labels: bool) -> bytes:
    if is_number(value):
        if value != value:
            return b"nan"
        is_integer = isinstance(value, (int, np.integer))
        return f"integer:{int(value)}".encode() if labels and is_integer else b"integer" if is_integer else b"number"
    encode = ATOMS.get(type(value))
    if encode is not None:
        return encode(value)
    text = type(value).__name__  # modules of libraries move
    if isinstance(value, datetime.datetime):  # pandas' too
        text += f" {value.isoformat()} {value.fold}"
    elif isinstance(value, datetime.timedelta):
        text += f" {value.days} {value.seconds} {value.microseconds} {getattr(value, 'nanoseconds', 0)}"
    elif text == "Period":
        text += f" {value}"
    return text.encode("utf-8", "surrogatepass")


class _Walk:
    """Digests of values within values; `labels` makes integers count."""

    def __init__(self, *, labels: bool, totals: Totals | None = None) -> None:
        self._labels = labels
        self._totals = totals
        self._known: dict[int, tuple[Any, bytes]] = {}

    def digest(self, value: Any, depth: int = 0) -> bytes:
        if isinstance(value, range):
            return self.digest(np.arange(value.start, value.stop, value.step), depth)
        if type(value) in ATOMS:
            if self._totals is not None and is_number(value) and not isinstance(value, (complex, np.complexfloating)):
                self._totals.add(value.item() if isinstance(value, np.generic) else value)
            return _atom(value, labels=self._labels)
        if id(value) not in self._known:
            self._known[id(value)] = (value, b"cycle")  # and alive, so that no other value takes its identity
            self._known[id(value)] = (value, self._within(value, depth))
        return self._known[id(value)][1]

    def _within(self, value: Any, depth: int) -> bytes:
        try:
            form = form_of(value)
        except Unsound:
            return b"unsound"
        if depth > DEEP:
            return b"deep"
        if isinstance(form, Bulk):
            elements = np.asarray(form.elements())
            if self._totals is not None and elements.size and elements.dtype.kind in "iufc":
                self._totals.add(range_of(elements))
            return _within_bulk(form, elements, labels=self._labels)
        if isinstance(form, Parts) and form.names is None and all(type(each) in ATOMS for each in form.values):
            # As an array: which lists come in bulk depends on their length, and for labels on how pandas stores texts.
            for each in form.values:
                self.digest(each)  # for the totals
            return _elements(object_array(form.values), labels=self._labels)
        shown = dict(form.traits).get("value", "").encode("utf-8", "surrogatepass")
        exact = _Walk(labels=True)
        if isinstance(form, Mapping):
            pairs = [(exact.digest(key), each) for key, each in zip(form.keys, form.values, strict=True)]
            pairs.sort(key=itemgetter(0))
            below = [piece for key, each in pairs for piece in (key, self.digest(each, depth + 1))]
        elif isinstance(form, Unordered):
            ordered = sorted(form.values, key=lambda each: (exact.digest(each), _as_float(each)))
            below = [exact.digest(each) for each in ordered]
            for each in ordered:
                self.digest(each, depth + 1)  # for the totals
        else:
            below = [self.digest(each, depth + 1) for each in _below(form)]
        return hashed(type(form).__name__.encode(), shown, *below)


def _as_float(value: Any) -> float:
    """Return a float for the order of those in a set, whose digests are the same."""
    return value if type(value) is float and value == value else 0.0


def _below(form: Form) -> Sequence[Any]:
    """Return what is in a container; of an object, whose attributes may differ by version of a library, nothing."""
    if not isinstance(form, Parts) or form.names is None:
        return form.children
    if not form.tag.startswith("pandas."):
        return ()
    return [value for name, value in zip(form.names, form.values, strict=True) if name not in (".attrs", ".freq")]
