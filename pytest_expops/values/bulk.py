"""Hash numbers in bulk at memory speed, whatever their layout in memory, every NaN as one and the same.

Looking for NaNs costs a second pass over the data. Large arrays are looked over by a helper thread while this one
hashes (NumPy and xxhash both let go of the GIL); small ones piece by piece, while a piece is in the cache. Only an
array that has a NaN pays for replacing it. The thread lives for one call, so that nothing is lost in a fork.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import xxhash

from pytest_expops.values.forms import hashed

Array = np.ndarray[Any, Any]

PIECE = 1 << 18
"""Bytes that are looked over, copied or replaced at a time: they stay in a core's L2 cache."""
STREAM = 1 << 25
"""Bytes hashed between two looks at what the helper thread found."""
THREADED = 1 << 24
"""From so many bytes on, a helper thread pays."""


def array_digest(array: Array) -> bytes:
    """16-byte digest of an array's elements in C order; shape and dtype are not in it.

    `array` may have any layout, and any dtype whose elements are wholly their bytes (`is_plain`).
    """
    return array_digests([array])[0]


def array_digests(arrays: Sequence[Array]) -> list[bytes]:
    """`array_digest` of each of several arrays, such as the columns of a frame."""
    dirty = [False] * len(arrays)
    digests: list[bytes | None] = [None] * len(arrays)
    large = sum(array.nbytes for array in arrays) >= THREADED and any(map(may_hold_nan, arrays))
    if not large:
        return [_careful(array) for array in arrays]
    watch = threading.Thread(target=_watch, args=(arrays, dirty), daemon=True)
    watch.start()
    strided = [index for index, array in enumerate(arrays) if not array.flags.c_contiguous]
    for index, digest in zip(strided, _strided([arrays[index] for index in strided]), strict=True):
        digests[index] = digest
    for index, array in enumerate(arrays):
        if digests[index] is None:
            digests[index] = _raw(array, dirty, index)
    watch.join()
    return [
        digest if digest is not None and not dirty[index] else _careful(arrays[index])
        for index, digest in enumerate(digests)
    ]


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether the bytes of an element are its value: no references, no padding."""
    if dtype.fields is not None or dtype.subdtype is not None or dtype.hasobject:
        return False
    return not (dtype.kind in "fc" and dtype.itemsize > 16 // (1 if dtype.kind == "c" else 2))


def may_hold_nan(array: Array) -> bool:
    """Floats, complex numbers, and the floats that extension packages add (`ml_dtypes.bfloat16`)."""
    return array.dtype.kind in "fc" or (array.dtype.kind == "V" and array.dtype.type is not np.void)


def _watch(arrays: Sequence[Array], dirty: list[bool]) -> None:
    for index, array in enumerate(arrays):
        if may_hold_nan(array):
            dirty[index] = any(has_nan(piece) for piece in pieces(array, PIECE * 16))


def has_nan(array: Array) -> bool:
    """Whether any element is NaN. `minimum` hands a NaN on, and is faster than `isnan` by half."""
    if array.size == 0 or not may_hold_nan(array):
        return False
    if array.dtype.kind == "f" and array.dtype.isnative:
        least = np.minimum.reduce(array, axis=None)
        return bool(least != least)
    return bool((array != array).any())


def pieces(array: Array, size: int) -> Iterator[Array]:
    """The array in C order as views of about `size` bytes; their concatenation, flattened, is the array, flattened."""
    if array.nbytes <= size or array.ndim == 0:
        yield array
    elif array.flags.c_contiguous:
        flat = array.reshape(-1)
        step = max(1, size // array.itemsize)
        for start in range(0, flat.size, step):
            yield flat[start : start + step]
    else:
        # A row may be wide and its elements far apart: several rows at once share the cache lines that they touch.
        row = array.nbytes // len(array)
        if row > size * 4:
            for each in array:
                yield from pieces(each, size)
        else:
            step = max(size // max(row, 1), 16)
            for start in range(0, len(array), step):
                yield array[start : start + step]


def _raw(array: Array, dirty: list[bool], index: int) -> bytes | None:
    """The digest of the bytes as they are, given up (None) as soon as the other thread says that there is a NaN."""
    hasher = xxhash.xxh3_128()
    for piece in pieces(array, STREAM):
        if dirty[index]:
            return None
        hasher.update(buffer_of(piece))
    return hasher.digest()


def _strided(arrays: Sequence[Array]) -> list[bytes]:
    """Digests of the bytes of arrays that have gaps, in step: the columns of a row-major table share cache lines."""
    hashers = [xxhash.xxh3_128() for _ in arrays]
    size = max(PIECE // max(len(arrays), 1), 1 << 13)
    waiting = [(hasher, pieces(array, size)) for hasher, array in zip(hashers, arrays, strict=True)]
    while waiting:
        still = []
        for hasher, iterator in waiting:
            piece = next(iterator, None)
            if piece is not None:
                hasher.update(buffer_of(piece))
                still.append((hasher, iterator))
        waiting = still
    return [hasher.digest() for hasher in hashers]


def _careful(array: Array) -> bytes:
    """The digest with every NaN replaced by one and the same, piece by piece."""
    if array.nbytes <= PIECE:
        return xxhash.xxh3_128_digest(buffer_of(_same_nan(array)))
    hasher = xxhash.xxh3_128()
    for piece in pieces(array, PIECE):
        hasher.update(buffer_of(_same_nan(piece)))
    return hasher.digest()


def _same_nan(array: Array) -> Array:
    if not has_nan(array):
        return array
    copy = np.array(array, order="C")
    if copy.dtype.kind == "c":
        parts = copy.reshape(-1).view(copy.real.dtype)
        parts[parts != parts] = np.nan
    else:
        copy[copy != copy] = np.nan
    return copy


def buffer_of(array: Array) -> Any:
    """The array's bytes, without a copy where it is contiguous; as uint8, since not every dtype exports a buffer."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8) if array.nbytes else b""


_CODES = {type(None): b"n", bool: b"?", int: b"i", float: b"f", str: b"s", bytes: b"b"}


def scalar_codes(values: Sequence[Any]) -> bytes | None:
    """The type of each of many values, a byte each; None if one is not of a type that `scalars_digest` takes."""
    try:
        return b"".join([_CODES[kind] for kind in map(type, values)])
    except KeyError:
        return None


def scalars_digest(values: Sequence[Any], codes: bytes) -> bytes:
    """16-byte digest of many plain Python values, type by type; `codes` is what `scalar_codes` said of them."""
    found = [hashed(codes)]
    present = set(codes)
    for code, digest in _DIGESTS.items():
        if code in present:
            only = (
                values
                if len(present) == 1
                else [value for value, each in zip(values, codes, strict=True) if each == code]
            )
            found.append(digest(only))
    return hashed(*found)


def _ints(values: Sequence[int]) -> bytes:
    try:
        return b"q" + array_digest(np.array(values, dtype=np.int64))
    except OverflowError:
        texts = [hex(value) for value in values]  # hex: decimal digits of huge integers take quadratic time
        return b"Q" + _strings(texts)


def _strings(values: Sequence[str]) -> bytes:
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    text = "".join(values).encode("utf-8", "surrogatepass")
    return hashed(array_digest(lengths), xxhash.xxh3_128_digest(text))


def _bytes(values: Sequence[bytes]) -> bytes:
    lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    return hashed(array_digest(lengths), xxhash.xxh3_128_digest(b"".join(values)))


_DIGESTS: dict[int, Callable[[Any], bytes]] = {
    ord("?"): lambda values: array_digest(np.array(values, dtype=np.bool_)),
    ord("i"): _ints,
    ord("f"): lambda values: array_digest(np.array(values, dtype=np.float64)),
    ord("s"): _strings,
    ord("b"): _bytes,
}
