"""What a value is made of: the four shapes that every value is taken apart into, before it is hashed or compared.

Fingerprints and comparisons both walk these forms, so that they cannot disagree about what counts.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash

from pytest_expops.errors import FingerprintError
from pytest_expops.values.naming import label
from pytest_expops.values.naming import type_name as type_name
from pytest_expops.wording import short_place

_LENGTH = struct.Struct("<Q").pack

Traits = tuple[tuple[str, str], ...]
"""What is said of a value beside its type, by name: ``(("dtype", "float64"), ("shape", "(3, 4)"))``."""


class Unsound(Exception):
    """This value cannot be judged. `suffixes` grows, innermost first, while the walk unwinds."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.suffixes: list[str] = []

    def error(self, path: str) -> FingerprintError:
        """Return the user's error, for a walk that began at `path`."""
        where = path + "".join(reversed(self.suffixes))
        return FingerprintError(f"{short_place(where)}: {self.message}", path=where, hint=self.hint)


@dataclass(slots=True)
class Form:
    """Base of the forms: `tag` is the type by name, `traits` what else must agree before the contents are looked at."""

    tag: str
    traits: Traits = ()

    @property
    def children(self) -> Sequence[Any]:
        """The values inside, in the order in which `combine` wants their digests."""
        return ()

    def suffix(self, index: int) -> str:
        """Return how the path goes on to child `index`: ``[3]``, ``['key']``, ``.coef_``."""
        raise IndexError(index)

    def combine(self, digests: Sequence[bytes]) -> bytes:
        """Return the digest of the whole from those of the children."""
        raise NotImplementedError

    def combined_rows(self, digests: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return what `combine` takes the digest of, for many values at once, as a row of bytes each.

        Args:
            digests: of the children of values that differ from this one in the children only, in which keys do not
                differ either; as items of 16 bytes, of the shape (values, children).
        """
        raise NotImplementedError

    def header(self) -> bytes:
        """Return kind, tag and traits as bytes."""
        return _header(type(self).__name__, self.tag, self.traits)


@functools.lru_cache(maxsize=4096)
def _header(kind: str, tag: str, traits: Traits) -> bytes:
    return repr((kind, tag, traits)).encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Parts(Form):
    """Values in an order that counts: a list's items, an object's attributes by name, a frame's columns.

    `names` are path suffixes, one per value, and part of the value; without them the values are numbered, ``[0]``,
    ``[1]``, or as `place` says. What is `whole` is one leaf: its parts mean little by themselves.
    """

    values: Sequence[Any] = ()
    names: Sequence[str] | None = None
    place: Callable[[int], str] | None = None
    whole: bool = False

    @property
    def children(self) -> Sequence[Any]:
        """The values, in order."""
        return self.values

    def suffix(self, index: int) -> str:
        """Return the name of a value, or ``[3]``, or what `place` says."""
        if self.names is not None:
            return self.names[index]
        return f"[{index}]" if self.place is None else self.place(index)

    def combine(self, digests: Sequence[bytes]) -> bytes:
        """Return the digest of header, names and values, in order."""
        return hashed(self.header(), self._names(len(digests)), b"".join(digests))

    def combined_rows(self, digests: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the bytes of header, names and values, in order, of many values."""
        return _rows((self.header(), self._names(digests.shape[1])), digests)

    def _names(self, count: int) -> bytes:
        names = str(count) if self.names is None else repr(tuple(self.names))
        return names.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Mapping(Form):
    """Keys with values, in no order."""

    keys: Sequence[Any] = ()
    values: Sequence[Any] = ()

    @property
    def children(self) -> Sequence[Any]:
        """All keys, then all values."""
        return [*self.keys, *self.values]

    def suffix(self, index: int) -> str:
        """Return ``['key']`` for a value, ``[key 'key']`` for the key itself."""
        count = len(self.keys)
        return f"[{label(self.keys[index - count])}]" if index >= count else f"[key {label(self.keys[index])}]"

    def combine(self, digests: Sequence[bytes]) -> bytes:
        """Return the digest of header and pairs, whatever their order."""
        count = len(self.keys)
        pairs = sorted([key + value for key, value in zip(digests[:count], digests[count:], strict=True)])
        return hashed(self.header(), b"".join(pairs))

    def combined_rows(self, digests: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the bytes of header and pairs of many values, whose keys are those of the first, none twice.

        Of a single value, keys may be there twice.
        """
        count = len(self.keys)
        if len(digests) == 1:
            pairs = np.stack([digests[:, :count], digests[:, count:]], axis=2)
            return _rows((self.header(),), np.sort(pairs.view("S32"), axis=1))
        order = sorted(range(count), key=lambda place: digests[0, place].tobytes())
        return _rows((self.header(),), digests[:, [place for each in order for place in (each, count + each)]])


@dataclass(slots=True)
class Unordered(Form):
    """A set: values in no order, without names."""

    values: Sequence[Any] = ()

    @property
    def children(self) -> Sequence[Any]:
        """The values, in no order."""
        return self.values

    def suffix(self, index: int) -> str:
        """Return ``{3}``, the value itself in braces."""
        return f"{{{label(self.values[index])}}}"

    def combine(self, digests: Sequence[bytes]) -> bytes:
        """Return the digest of header and values, whatever their order."""
        return hashed(self.header(), b"".join(sorted(digests)))

    def combined_rows(self, digests: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the bytes of header and values, in order of their digests, of many values."""
        return _rows((self.header(),), np.sort(digests.view("S16"), axis=1))


@dataclass(slots=True)
class Bulk(Form):
    """Many simple elements hashed at once, and taken apart only when they differ.

    `content` gives a 16-byte digest of the elements; `elements` gives them as an array of the shape in `traits`
    (object dtype where they are not numbers). `place` turns a position into what a reader would call it, by default
    ``[i, j]``. `items` gives the same value in `Parts`, where there is such a form.
    """

    content: Callable[[], bytes] = field(default=lambda: b"", repr=False)
    elements: Callable[[], Any] = field(default=lambda: None, repr=False)
    place: Callable[[tuple[int, ...]], str] | None = None
    items: Callable[[], Form] | None = None

    def combine(self, digests: Sequence[bytes]) -> bytes:
        """Return the digest of header and content; there are no children."""
        return hashed(self.header(), self.content())


class StandsFor:
    """Base of objects that stand in for `original` for a while; they are fingerprinted and compared as that."""

    __slots__ = ("original",)

    def __init__(self, original: Any) -> None:
        self.original = original


def hashed(*pieces: bytes) -> bytes:
    """Return the XXH3-128 of the pieces, each after its length."""
    return xxhash.xxh3_128_digest(_measured(pieces))


def _measured(pieces: Sequence[bytes]) -> bytes:
    """Return the pieces, each after its length."""
    return b"".join([part for piece in pieces for part in (_LENGTH(len(piece)), piece)])


def _rows(pieces: Sequence[bytes], digests: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return what `hashed` takes the digest of, of the same pieces and another row of digests each."""
    last = np.ascontiguousarray(digests).view(np.uint8).reshape(len(digests), -1)
    first = np.frombuffer(_measured(pieces) + _LENGTH(last.shape[1]), np.uint8)
    return np.concatenate([np.broadcast_to(first, (len(last), len(first))), last], axis=1)


class _Digest:
    """The digest of any value, for forms whose content holds values of any kind.

    Taking values apart stands above the forms and calls them; `fingerprint` puts its own function here.
    """

    of: Callable[[object], bytes]


def set_digest(function: Callable[[object], bytes]) -> None:
    """Let `function` give the 16-byte digest of any value."""
    _Digest.of = function


def digest_of(value: object) -> bytes:
    """Return the 16-byte digest of any value.

    Raises:
        FingerprintError: something within it cannot be judged.
    """
    return _Digest.of(value)
