"""Arrow tables and columns by their elements: chunks, offsets and what lies under nulls do not count. Polars too."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import xxhash

from pytest_expops.values.bulk import Array, array_digest, buffer_of
from pytest_expops.values.forms import Bulk, Form, Parts, digest_of, hashed
from pytest_expops.values.kinds.builtin import NARROW, object_array
from pytest_expops.values.naming import column_places, type_name


def column_digest(column: Any) -> bytes:
    """Return the 16-byte digest of a `pyarrow.Array` or `ChunkedArray`; its type and length are not in it."""
    if len(column) == 0:
        return hashed()
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    reader = _reader(column.type)
    if reader is None:
        return sequence_digest(column.to_pylist())
    streams = [reader(chunk) for chunk in chunks]
    valid = _joined([_valid(chunk) for chunk in chunks])
    return hashed(valid, *(_joined(list(parts)) for parts in zip(*streams, strict=True)))


def column_elements(column: Any) -> Array:
    """Return the elements of a `pyarrow.Array` or `ChunkedArray` as objects, one-dimensional."""
    return object_array(column.to_pylist(), NARROW.get(str(column.type)))


def sequence_digest(values: list[Any]) -> bytes:
    """Return the digest of a column of a rarer type, by its Python values."""
    return digest_of(values)


def _joined(parts: list[Array]) -> bytes:
    """Return the digest of arrays end to end, without joining those that are large."""
    if len(parts) == 1:
        return array_digest(parts[0])
    if parts[0].dtype.kind in "iub":
        hasher = xxhash.xxh3_128()
        for part in parts:
            hasher.update(buffer_of(part))
        return hasher.digest()
    return array_digest(np.concatenate(parts))


def _valid(chunk: Any) -> Array:
    """Return whether each element is not null, a byte each."""
    buffer = chunk.buffers()[0]
    if buffer is None or chunk.null_count == 0:
        return np.ones(len(chunk), dtype=np.bool_)
    return _bits(buffer, chunk.offset, len(chunk))


def _bits(buffer: Any, offset: int, length: int) -> Array:
    first = offset // 8
    packed = np.frombuffer(buffer, dtype=np.uint8)[first : (offset + length + 7) // 8]
    return np.unpackbits(packed, bitorder="little")[offset - first * 8 :][:length].astype(np.bool_)


def _without_nulls(chunk: Any, values: Array) -> Array:
    return values if chunk.null_count == 0 else np.where(_valid(chunk), values, np.zeros((), dtype=values.dtype))


def _strings(offset_type: type[np.signedinteger[Any]]) -> Callable[[Any], tuple[Array, Array]]:
    """Return a reader of lengths and bytes; a null takes no bytes, whatever lies there."""

    def read(chunk: Any) -> tuple[Array, Array]:
        if len(chunk) == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
        _, offsets, data = chunk.buffers()
        bounds = np.frombuffer(offsets, dtype=offset_type)[chunk.offset : chunk.offset + len(chunk) + 1]
        lengths = _without_nulls(chunk, np.diff(bounds).astype(np.int64))
        text = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
        if lengths.sum() == bounds[-1] - bounds[0]:
            return lengths, text[bounds[0] : bounds[-1]]
        kept = np.repeat(_valid(chunk), np.diff(bounds))
        return lengths, text[bounds[0] : bounds[-1]][kept]

    return read


def _fixed(dtype: np.dtype[Any]) -> Callable[[Any], tuple[Array]]:
    def read(chunk: Any) -> tuple[Array]:
        buffer = chunk.buffers()[1]
        if buffer is None or len(chunk) == 0:
            return (np.empty(0, dtype=dtype),)
        values = np.frombuffer(buffer, dtype=dtype)[chunk.offset : chunk.offset + len(chunk)]
        return (_without_nulls(chunk, values),)

    return read


def _booleans(chunk: Any) -> tuple[Array]:
    if len(chunk) == 0:
        return (np.empty(0, dtype=np.bool_),)
    return (_without_nulls(chunk, _bits(chunk.buffers()[1], chunk.offset, len(chunk))),)


_NUMBERS = dict(
    [
        *[("int8", "i1"), ("int16", "i2"), ("int32", "i4"), ("int64", "i8")],
        *[("uint8", "u1"), ("uint16", "u2"), ("uint32", "u4"), ("uint64", "u8")],
        *[("halffloat", "f2"), ("float", "f4"), ("double", "f8"), ("date32[day]", "i4"), ("date64[ms]", "i8")],
    ]
)
"""Arrow types that are numbers in a buffer, and their NumPy dtypes."""


def _reader(kind: Any) -> Callable[[Any], tuple[Array, ...]] | None:
    """Return how to read the buffers of a type; None for nested and rarer ones."""
    text = str(kind)
    if text in _NUMBERS:
        return _fixed(np.dtype(_NUMBERS[text]))
    if text.startswith(("timestamp[", "duration[", "time64[")):
        return _fixed(np.dtype("i8"))
    if text.startswith("time32["):
        return _fixed(np.dtype("i4"))
    special: dict[str, Callable[[Any], tuple[Array, ...]]] = {
        **{name: _strings(np.int32) for name in ("string", "binary")},
        **{name: _strings(np.int64) for name in ("large_string", "large_binary")},
        "bool": _booleans,
    }
    return special.get(text)


def arrow_form(value: Any) -> Form:
    """Return the form of a `pyarrow.Array` or `ChunkedArray`."""
    traits = (("type", str(value.type)), ("length", str(len(value))))
    return Bulk(
        type_name(type(value)),
        traits,
        content=lambda: column_digest(value),
        elements=lambda: column_elements(value),
        place=lambda position: f"[{position[0]}]",
    )


def table_form(value: Any) -> Form:
    """Return the form of a `pyarrow.Table` or `RecordBatch`: its schema, metadata too, and its columns."""
    metadata = dict(value.schema.metadata or {})
    fields = [(field.name, field.nullable, dict(field.metadata or {})) for field in value.schema]
    names = column_places(value.schema.names, ".column({})")
    traits = (("shape", str((value.num_rows, value.num_columns))),)
    return Parts(
        type_name(type(value)), traits, [metadata, fields, *value.columns], [".schema.metadata", ".schema", *names]
    )


_BUFFERED = frozenset(
    {
        *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64"),
        *("Boolean", "String", "Binary", "Date", "Datetime", "Duration", "Time"),
    }
)
"""Polars types whose Arrow form has everything; others are taken as Python values."""


def polars_series_form(value: Any) -> Form:
    """Return the form of a `polars.Series`, by way of Arrow where it has that form."""
    traits = (("name", repr(value.name)), ("dtype", str(value.dtype)), ("length", str(len(value))))

    def content() -> bytes:
        if type(value.dtype).__name__ in _BUFFERED and importlib.util.find_spec("pyarrow") is not None:
            return column_digest(value.to_arrow(compat_level=sys.modules["polars"].CompatLevel.oldest()))
        return sequence_digest(value.to_list())

    return Bulk(
        type_name(type(value)),
        traits,
        content=content,
        elements=lambda: object_array(value.to_list(), NARROW.get(str(value.dtype))),
        place=lambda position: f"[{position[0]}]",
    )


def polars_frame_form(value: Any) -> Form:
    """Return the form of a `polars.DataFrame`: its columns under their names."""
    names = column_places(value.columns, "[:, {}]")
    return Parts(type_name(type(value)), (("shape", str(value.shape)),), value.get_columns(), names)


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a class of pyarrow or polars apart, by name, since neither is imported here."""
    found = {
        "pyarrow.lib.Table": table_form,
        "pyarrow.lib.RecordBatch": table_form,
        "pyarrow.lib.Array": arrow_form,
        "pyarrow.lib.ChunkedArray": arrow_form,
        "polars.dataframe.frame.DataFrame": polars_frame_form,
        "polars.series.series.Series": polars_series_form,
    }
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), None)
