"""Values as bytes and back: pickle 5, with large buffers beside the pickle, aligned, so that they load without a copy.

::

    magic, 8 bytes | checksum of head and pickle | length of pickle | number of buffers   (3 x uint64, little-endian)
    offset, length of each buffer                                                         (2 x uint64 each)
    pickle
    buffers, each at a multiple of 64 bytes
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import cloudpickle  # type: ignore[import-untyped] # it ships no types
import numpy as np
import xxhash

from pytest_expops.errors import StorageTrouble, StoreError
from pytest_expops.values.naming import type_name
from pytest_expops.values.seldom_collected import SeldomCollected
from pytest_expops.values.storage._culprit import offending
from pytest_expops.wording import short_place, worded

MAGIC = b"EXPOPS\x00\x01"
ALIGNMENT = 64
"""Of buffers: a cache line, and what Arrow and SIMD kernels like best."""
IN_BAND = 1024
"""Smaller buffers are part of the pickle."""

_HEAD = struct.Struct("<8s3Q")
_ENTRY = struct.Struct("<2Q")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value as pieces of bytes which, end to end, are its encoding; the large ones are the value's own memory."""

    pieces: tuple[bytes | memoryview, ...]
    size: int

    def digest(self) -> str:
        """Return the XXH3-128 of the whole in 32 hex digits."""
        if len(self.pieces) == 1:
            return xxhash.xxh3_128_hexdigest(self.pieces[0])
        hasher = xxhash.xxh3_128()
        for piece in self.pieces:
            hasher.update(piece)
        return hasher.hexdigest()

    def to_bytes(self) -> bytes:
        """Return a copy of the whole as one piece."""
        return b"".join(self.pieces)


def encode(value: object, path: str = "value") -> Encoded:
    """Encode a value; large arrays are referred to, not copied, so write the encoding before they change.

    What plain pickle cannot take (lambdas, closures, classes of `__main__`) is taken by cloudpickle.

    Args:
        value: any value; it is only read.
        path: where the value stands, such as ``outputs['model']``, for the error.

    Raises:
        StoreError: neither can take it; the innermost part that cannot be stored is named.
    """
    try:
        pickled, buffers = _dumped(value)
    except Exception as error:
        raise _refusal(value, path, error) from error
    return _assembled(pickled, buffers)


def decode(data: bytearray | memoryview) -> Any:
    """Decode a value; its large arrays lie in `data`, so hand over memory that is writable and used by nobody else.

    Raises:
        StoreError: the bytes are not an encoding, are cut short or damaged, or name what cannot be imported.
    """
    view = memoryview(data)
    pickled, buffers = _taken_apart(view)
    try:
        with SeldomCollected():
            return pickle.loads(pickled, buffers=buffers)
    except Exception as error:
        raise StoreError(
            f"a stored value cannot be rebuilt ({worded(error)})",
            hint="its class must be importable here, and take back what its own `__reduce__` or `__getstate__` gave",
        ) from error


def by_value() -> list[bytes]:
    """Return the modules whose classes another process cannot import by name."""
    return [b"__main__", *(name.encode() for name in cloudpickle.list_registry_pickle_by_value())]


def pickle_size(data: bytearray | memoryview) -> int:
    """Return how many bytes of an encoding are rebuilt at every decoding; the others are only referred to."""
    size: int = _HEAD.unpack_from(data)[2]
    return size


def _dumped(value: object) -> tuple[bytes, list[memoryview]]:
    try:
        pickled, buffers = _dump(_Pickler, value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return _dump(_CloudPickler, value)
    if any(name in pickled for name in by_value()):
        return _dump(_CloudPickler, value)
    return pickled, buffers


def _dump(pickler: type[Any], value: object) -> tuple[bytes, list[memoryview]]:
    buffers: list[memoryview] = []

    def beside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < IN_BAND:
            return True
        buffers.append(raw)
        return False

    stream = io.BytesIO()
    pickler(stream, protocol=5, buffer_callback=beside).dump(value)
    return stream.getvalue(), buffers


class _Pickler(pickle.Pickler):
    """Pickle, but arrays always go beside it, and come back writable."""

    def reducer_override(self, value: Any) -> Any:
        return _array_reduction(value) if type(value) is np.ndarray else NotImplemented


class _CloudPickler(cloudpickle.Pickler):  # type: ignore[misc] # cloudpickle is not typed
    """cloudpickle, with arrays as in `_Pickler`, code that knows its file, and classes that keep their whole name."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is CodeType:
            return _in_file, (value.co_filename, *self.dispatch_table[CodeType](value))
        if type(value) is np.ndarray:
            return _array_reduction(value)
        reduced = super().reducer_override(value)
        if isinstance(value, type) and isinstance(reduced, tuple):
            made_by, arguments, *rest = reduced
            return _named, (value.__qualname__, made_by, *arguments), *rest
        return reduced


def _named(name: str, made_by: Callable[..., type], *arguments: Any) -> type:
    made = made_by(*arguments)
    if made.__qualname__ != name:
        made.__qualname__ = name
    return made


def _in_file(file: str, made_by: Callable[..., CodeType], parts: tuple[Any, ...]) -> CodeType:
    return made_by(*parts).replace(co_filename=file)


def _array_reduction(value: np.ndarray[Any, Any]) -> Any:
    """Return the reduction of an equal array that is contiguous and not marked read-only.

    pandas marks what it hands out read-only, and pickle would keep the mark, though a loaded array is nobody else's.
    """
    if value.dtype.hasobject or value.nbytes < IN_BAND:
        return value.__reduce_ex__(4)  # in the pickle, always writable
    if value.dtype.kind in "mM":  # dates, which the buffer protocol does not know
        return _viewed, (value.view(np.int64), value.dtype)
    if not value.flags.forc:
        value = np.ascontiguousarray(value)
    elif not value.flags.writeable:
        value = _unmarked(value)
    return value.__reduce_ex__(5)


def _viewed(value: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    return value.view(dtype)


class _Alias:
    """The memory of a read-only array, said to be writable; it is only read."""

    def __init__(self, owner: np.ndarray[Any, Any]) -> None:
        self.owner = owner
        self.__array_interface__ = {**owner.__array_interface__, "data": (owner.ctypes.data, False)}


def _unmarked(value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    flat = value.reshape(-1, order="A").view(np.uint8)
    alias: np.ndarray[Any, Any] = np.asarray(_Alias(flat)).view(value.dtype)
    return alias.reshape(value.shape, order="C" if value.flags.c_contiguous else "F")


def _assembled(pickled: bytes, buffers: Sequence[memoryview]) -> Encoded:
    head_size = _HEAD.size + _ENTRY.size * len(buffers)
    place = head_size + len(pickled)
    entries: list[bytes] = []
    tail: list[bytes | memoryview] = []
    for buffer in buffers:
        gap = -place % ALIGNMENT
        entries.append(_ENTRY.pack(place + gap, buffer.nbytes))
        tail += [bytes(gap), buffer]
        place += gap + buffer.nbytes
    body = b"".join([*entries, pickled])
    head = _HEAD.pack(MAGIC, _checksum(len(pickled), len(buffers), body), len(pickled), len(buffers))
    return Encoded((head + body, *tail), place)


def _checksum(pickled: int, buffers: int, body: bytes | memoryview) -> int:
    return xxhash.xxh3_64_intdigest(body, seed=(pickled * 31 + buffers) & 0xFFFFFFFF)


def _taken_apart(view: memoryview) -> tuple[memoryview, list[memoryview]]:
    if len(view) < _HEAD.size:
        raise StorageTrouble(f"a stored value is cut short: {len(view)} bytes, expected at least {_HEAD.size}")
    magic, checksum, pickled, count = _HEAD.unpack_from(view)
    if magic != MAGIC:
        raise StorageTrouble(
            f"these bytes are not a stored value: they begin with {bytes(magic)!r}, expected {MAGIC!r}"
        )
    start = _HEAD.size + _ENTRY.size * count
    if len(view) < start + pickled:
        raise StorageTrouble(f"a stored value is cut short: {len(view)} bytes, expected at least {start + pickled}")
    if checksum != _checksum(pickled, count, view[_HEAD.size : start + pickled]):
        raise StorageTrouble("a stored value is damaged: its checksum does not match")
    entries = list(_ENTRY.iter_unpack(view[_HEAD.size : start]))
    size = max([start + pickled, *(offset + length for offset, length in entries)])
    if len(view) != size:
        raise StorageTrouble(f"a stored value has {len(view)} bytes, expected {size}")
    return view[start : start + pickled], [view[offset : offset + length] for offset, length in entries]


def _refusal(value: object, path: str, error: Exception) -> StoreError:
    found = offending(value, path, _failure)
    reason = found.failure or error
    return StoreError(
        f"{short_place(found.path)}: a {type_name(type(found.part))} cannot be stored ({worded(reason)})",
        key=found.path,
        hint="return plain data in its place (a list, a path, an array), or leave it out in `__getstate__`",
    )


def _failure(value: object) -> Exception | None:
    """Return why a value cannot be stored; None if it can."""
    try:
        _dumped(value)
    except Exception as error:
        return error
    return None
