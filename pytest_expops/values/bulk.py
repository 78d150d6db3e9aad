"""Hash numbers in bulk at memory speed, whatever their layout in memory, every NaN as one and the same.

Looking for NaNs costs a second pass over the data: a small piece is looked over just before it is hashed, which brings
it into the cache. Only pieces with a NaN are copied, to replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import xxhash

from pytest_expops.values.forms import hashed

Array = np.ndarray[Any, Any]

PIECE = 1 << 20
"""Bytes that are looked over and hashed at a time, so that they are still in a cache."""


def array_digest(array: Array) -> bytes:
    """Return the 16-byte digest of an array's elements in C order; shape and dtype are not in it.

    `array` may have any layout, and any dtype whose elements are wholly their bytes (`is_plain`).
    """
    if array.nbytes <= PIECE:
        return xxhash.xxh3_128_digest(buffer_of(_same_nan(array)))
    return array_digests([array])[0]


def array_digests(arrays: Sequence[Array]) -> list[bytes]:
    """Return the `array_digest` of each of several arrays, such as the columns of a frame."""
    hashers = [xxhash.xxh3_128() for _ in arrays]
    gapped = []
    for array, hasher in zip(arrays, hashers, strict=True):
        if array.flags.c_contiguous:
            for piece in pieces(array, PIECE):
                hasher.update(buffer_of(_same_nan(piece)))
        else:
            gapped.append((array, hasher))
    _hash_in_step(gapped)
    return [hasher.digest() for hasher in hashers]


def _hash_in_step(gapped: Sequence[tuple[Array, Any]]) -> None:
    """Hash arrays that have gaps, a piece of each in turn: the columns of a row-major table share cache lines.

    Args:
        gapped: the arrays, each with its hasher.
    """
    size = max(PIECE // max(len(gapped), 1), 1 << 12)
    waiting = [(hasher, pieces(array, size)) for array, hasher in gapped]
    while waiting:
        still = []
        for hasher, iterator in waiting:
            piece = next(iterator, None)
            if piece is not None:
                hasher.update(buffer_of(_same_nan(np.ascontiguousarray(piece))))
                still.append((hasher, iterator))
        waiting = still


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Return whether the bytes of an element are its value: no references, no padding."""
    if dtype.fields is not None or dtype.subdtype is not None or dtype.hasobject:
        return False
    return not (dtype.kind in "fc" and dtype.itemsize > 16 // (1 if dtype.kind == "c" else 2))


def may_hold_nan(array: Array) -> bool:
    """Return whether an array is of floats, complex numbers, or an extension's floats (`ml_dtypes.bfloat16`)."""
    return array.dtype.kind in "fc" or (array.dtype.kind == "V" and array.dtype.type is not np.void)


def has_nan(array: Array) -> bool:
    """Return whether any element is NaN. `minimum` hands a NaN on, and is faster than `isnan` by half."""
    if array.size == 0 or not may_hold_nan(array):
        return False
    if array.dtype.kind == "f" and array.dtype.isnative:
        least = np.minimum.reduce(array, axis=None)
        return bool(least != least)
    return bool((array != array).any())


def pieces(array: Array, size: int) -> Iterator[Array]:
    """Yield an array in C order as views of about `size` bytes; flattened, they are the flattened array end to end."""
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


def _same_nan(array: Array) -> Array:
    if not has_nan(array):
        return array
    copy = np.array(array, order="C").reshape(-1)
    parts = copy.view(copy.real.dtype) if copy.dtype.kind == "c" else copy
    np.putmask(parts, parts != parts, np.array(np.nan, dtype=parts.dtype))  # faster than indexing by half
    return copy


def buffer_of(array: Array) -> Any:
    """Return the array's bytes, uncopied where it is contiguous; as uint8, since not every dtype exports a buffer."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8) if array.nbytes else b""


_CODES = {type(None): b"n", bool: b"?", int: b"i", float: b"f", str: b"s", bytes: b"b"}


def scalar_codes(values: Sequence[Any]) -> bytes | None:
    """Return the type of each of many values, a byte each; None if one is not of a type that `scalars_digest` takes."""
    try:
        return b"".join([_CODES[kind] for kind in map(type, values)])
    except KeyError:
        return None


def scalars_digest(values: Sequence[Any], codes: bytes) -> bytes:
    """Return the 16-byte digest of many plain Python values, type by type; `codes` are their `scalar_codes`."""
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
