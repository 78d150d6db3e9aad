"""The indivisible values: exact type -> the bytes that stand for one, each beginning with its own tag."""

from __future__ import annotations

import datetime
import decimal
import math
import pathlib
import re
import struct
import types
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import xxhash

Encode = Callable[[Any], bytes]

atom_digest = xxhash.xxh3_128_digest
"""The digest of what an `Encode` gave. No digest of a form is of the same bytes: those begin with a short length."""

_NAN = struct.pack("<d", math.nan)


def float_bytes(value: float) -> bytes:
    """Return eight bytes, little-endian; every NaN is the same one, and -0.0 is not 0.0 (S7.2)."""
    return struct.pack("<d", value) if value == value else _NAN


def _int(value: int) -> bytes:
    return b"int:" + value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def _text(tag: str, read: Callable[[Any], str] = str) -> Encode:
    prefix = f"{tag}:".encode()
    return lambda value: prefix + read(value).encode("utf-8", "surrogatepass")


def _numpy_scalar(cls: type[np.generic]) -> Encode:
    # By dtype: C names integers of one size differently (`intc`, `longlong`), and pickling does not keep which.
    prefix = f"numpy.{np.dtype(cls).str}:".encode()
    if issubclass(cls, np.inexact):
        nan = cls("nan").tobytes()
        if issubclass(cls, np.complexfloating):
            return lambda value: prefix + float_bytes(float(value.real)) + float_bytes(float(value.imag))
        return lambda value: prefix + (value.tobytes() if value == value else nan)
    return lambda value: prefix + value.tobytes()


ATOMS: dict[type, Encode] = {
    type(None): lambda value: b"None",
    bool: lambda value: b"True" if value else b"False",
    type(Ellipsis): lambda value: b"Ellipsis",
    type(NotImplemented): lambda value: b"NotImplemented",
    int: _int,
    float: lambda value: b"float:" + float_bytes(value),
    complex: lambda value: b"complex:" + float_bytes(value.real) + float_bytes(value.imag),
    str: lambda value: b"str:" + value.encode("utf-8", "surrogatepass"),
    bytes: lambda value: b"bytes:" + value,
    bytearray: lambda value: b"bytearray:" + bytes(value),
    range: lambda value: (
        f"range:{len(value)},{value.start if value else 0},{value.step if len(value) > 1 else 1}".encode()
    ),
    decimal.Decimal: _text("decimal.Decimal"),
    datetime.date: _text("datetime.date", datetime.date.isoformat),
    datetime.timedelta: lambda value: f"timedelta:{value.days},{value.seconds},{value.microseconds}".encode(),
    uuid.UUID: _text("uuid.UUID"),
    re.Pattern: lambda value: f"re.Pattern:{value.flags}:{value.pattern!r}".encode("utf-8", "surrogatepass"),
    types.ModuleType: _text("module", lambda value: value.__name__),
    **{cls: _text(f"pathlib.{cls.__name__}") for cls in (pathlib.PosixPath, pathlib.PurePosixPath)},
    **{cls: _text(f"pathlib.{cls.__name__}") for cls in (pathlib.WindowsPath, pathlib.PureWindowsPath)},
    **{
        cls: _numpy_scalar(cls)
        for cls in (
            *(np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
            *(np.longlong, np.ulonglong, np.intc, np.uintc, np.intp, np.uintp),
            *(np.float16, np.float32, np.float64, np.complex64, np.complex128),
        )
    },
    np.str_: _text("numpy.str_", str.__str__),
    np.bytes_: lambda value: b"numpy.bytes_:" + bytes(value),
    np.datetime64: lambda value: b"numpy.datetime64:" + value.dtype.str.encode() + b":" + value.tobytes(),
    np.timedelta64: lambda value: b"numpy.timedelta64:" + value.dtype.str.encode() + b":" + value.tobytes(),
}
"""Of exactly these types; a subclass may hold more, and is taken apart as an object."""
