"""A part of a stored value as a pickle of its own, whose large buffers stay where they are: in the value's file.

So one reading of the whole suffices for any number of copies of its parts, and none of them copies an array: each copy
has arrays in a private map of its own (S2.4).
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_expops.values.storage.codec import by_value


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """A pickle, and of each buffer beside it the offset and length within the encoding of the whole value."""

    pickled: bytes
    ranges: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """In bytes of memory."""
        return len(self.pickled) + 16 * len(self.ranges)


def encode_part(part: object, data: memoryview) -> EncodedPart | None:
    """Encode a part of the value that was decoded from `data`; None where pickle alone cannot take it.

    What it refers to in `data` is not copied. `part` is only read.
    """
    pickler = _PartPickler(data)
    try:
        pickler.dump(part)
    except Exception:
        return None
    pickled = pickler.stream.getvalue()
    if any(name in pickled for name in by_value()):
        return None
    return EncodedPart(pickled, tuple(pickler.ranges))


def decode_part(part: EncodedPart, data: bytearray | memoryview) -> Any:
    """Decode a part over `data`: the encoding of the whole value, in memory that is used by nobody else.

    It may be empty where the part has no `ranges`.
    """
    view = memoryview(data)
    return pickle.loads(part.pickled, buffers=[view[start : start + length] for start, length in part.ranges])


class _PartPickler(pickle.Pickler):
    """Refers to memory that lies in `data` by its place there, and takes all else into the pickle."""

    def __init__(self, data: memoryview) -> None:
        self.stream = io.BytesIO()
        self.ranges: list[tuple[int, int]] = []
        self.data = data
        self.begin = _address(data)
        self.end = self.begin + data.nbytes
        super().__init__(self.stream, protocol=5, buffer_callback=self._in_band)

    def reducer_override(self, value: Any) -> Any:
        """Take rows of a block of columns, which are not contiguous, and which pickle would copy."""
        if type(value) is not np.ndarray:
            return _uncopied(value) if type(value).__module__ == "pandas.core.internals.blocks" else NotImplemented
        low, high = _bounds(value)
        if value.size == 0 or value.dtype.hasobject or low < self.begin or high > self.end:
            return value.__reduce_ex__(4)  # in the pickle, always writable
        span = pickle.PickleBuffer(self.data[low - self.begin : high - self.begin])
        return _array, (span, value.dtype, value.shape, value.strides, _address(value) - low)

    def _in_band(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        place = _address(raw) - self.begin if raw.nbytes else -1
        if not 0 <= place <= self.data.nbytes - raw.nbytes:
            return True
        self.ranges.append((place, raw.nbytes))
        return False


def _uncopied(block: Any) -> Any:
    """Return the reduction of a block of columns with its own array; pandas (from 3 on) gives a copy of the rows."""
    reduced = block.__reduce__()
    first, *rest = reduced[1]
    own: Any = getattr(block, "values", first)
    same = type(first) is type(own) and (first.shape, first.dtype) == (own.shape, own.dtype)
    return (reduced[0], (own, *rest), *reduced[2:]) if same else reduced


def _array(
    span: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> np.ndarray[Any, Any]:
    return np.ndarray(shape, dtype, span, offset, strides)


def _bounds(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Return the addresses of an array's first byte and of the byte after its last; strides may be negative."""
    low = high = _address(array)
    for length, stride in zip(array.shape, array.strides, strict=True):
        low += min(0, (length - 1) * stride)
        high += max(0, (length - 1) * stride)
    return low, high + array.itemsize


def _address(memory: memoryview | np.ndarray[Any, Any]) -> int:
    array = memory if isinstance(memory, np.ndarray) else np.frombuffer(memory, np.uint8)
    address: int = array.__array_interface__["data"][0]
    return address
