"""NumPy arrays by dtype, shape and elements; layout in memory does not count. Generators by state."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pytest_expops.values.bulk import Array, array_digest, is_plain, scalar_codes, scalars_digest
from pytest_expops.values.forms import Bulk, Form, Parts
from pytest_expops.values.kinds.builtin import BULK_FROM
from pytest_expops.values.kinds.objects import attributes
from pytest_expops.values.naming import module_name, type_name


def array_form(value: Array) -> Form:
    """Return the form of any ndarray; a subclass other than NumPy's own keeps its attributes beside the array."""
    cls = type(value)
    base = np.asarray(value)
    if cls is np.ndarray or cls is np.memmap or cls is np.matrix or cls is np.recarray:
        return plain_array_form(base, type_name(cls))
    return Parts(type_name(cls), (), [base, attributes_of_subclass(value)], ["", ".__dict__"])


def attributes_of_subclass(value: Array) -> dict[str, Any]:
    """Return the attributes that a subclass of ndarray keeps beside the array, from `__dict__` and slots."""
    return {**getattr(value, "__dict__", {})} if not _has_slots(type(value)) else attributes(value)


def _has_slots(cls: type) -> bool:
    return any(base.__dict__.get("__slots__") for base in cls.__mro__ if module_name(base).partition(".")[0] != "numpy")


def plain_array_form(value: Array, tag: str = "numpy.ndarray") -> Form:
    """Return the form of an exact ndarray; scalars that NumPy keeps in 0-d arrays come here too, with their own tag.

    Byte order is layout: pickling a small array of the other order gives one of the machine's.
    """
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    dtype = value.dtype
    traits = (("dtype", dtype_name(dtype)), ("shape", str(value.shape)))
    if dtype.fields is not None:
        fields = list(dtype.fields)
        return Parts(tag, traits, [value[name] for name in fields], [f"[{name!r}]" for name in fields])
    if dtype.hasobject or dtype.kind == "T":
        return _object_array(value, tag, traits)
    if is_plain(dtype):
        return Bulk(tag, traits, content=lambda: array_digest(value), elements=lambda: value)
    return _extended(value, tag, traits)


@functools.lru_cache(maxsize=1024)
def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return the name of a dtype of the machine's byte order: ``float64``, ``<U3``; fields with their own."""
    if dtype.fields is not None:
        return "{" + ", ".join(f"{name!r}: {dtype_name(each[0])}" for name, each in dtype.fields.items()) + "}"
    if dtype.kind in "SUV" and module_name(dtype.type) == "numpy":
        return dtype.str
    return dtype.name


def _object_array(value: Array, tag: str, traits: tuple[tuple[str, str], ...]) -> Form:
    """Return the elements one by one, or in bulk where all of many are plain, as of a list."""
    flat = value.reshape(-1).tolist()
    shape = value.shape

    def place(index: int) -> str:
        return "[" + ", ".join(str(int(each)) for each in np.unravel_index(index, shape)) + "]"

    def items() -> Form:
        return Parts(tag, traits, flat, place=place)

    codes = scalar_codes(flat) if len(flat) >= BULK_FROM else None
    if codes is None:
        return items()
    return Bulk(
        tag,
        traits,
        content=lambda: scalars_digest(flat, codes),
        elements=lambda: value.astype(object),
        items=items,
    )


def _extended(value: Array, tag: str, traits: tuple[tuple[str, str], ...]) -> Form:
    """Return the form of a `longdouble` array.

    Its elements take 16 bytes and may fill 10, so that each is hashed as a sum of doubles, which is exact.
    """
    parts = [value.real, value.imag] if value.dtype.kind == "c" else [value]

    def content() -> bytes:
        pieces = []
        for part in parts:
            mantissa, exponent = np.frexp(np.asarray(part))
            finite = np.isfinite(mantissa)
            pieces.append(array_digest(np.where(finite, exponent, 0)))  # the exponent of an infinity is unspecified
            for _ in range(3):
                double = mantissa.astype(np.float64)
                pieces.append(array_digest(double))
                mantissa = np.where(finite, mantissa - np.where(finite, double, 0), 0)
        return b"".join(pieces)

    return Bulk(tag, traits, content=content, elements=lambda: value)


def masked_form(value: np.ma.MaskedArray[Any, Any]) -> Form:
    """Return the elements, masked or not, and the fill value; what lies under the mask is no part of the value."""
    mask = np.ma.getmaskarray(value)
    data = np.array(np.ma.getdata(value))
    tag = type_name(type(value))
    attached, places = [np.asarray(value.fill_value), value.hardmask], [".fill_value", ".hardmask"]
    if not is_plain(data.dtype):
        if data.dtype.fields is None and mask.any():
            data[mask] = None if data.dtype.hasobject else np.zeros((), dtype=data.dtype)
        return Parts(tag, (), [data, mask, *attached], ["", ".mask", *places])
    data[mask] = np.zeros((), dtype=data.dtype)
    elements = Bulk(
        tag,
        (("dtype", dtype_name(data.dtype)), ("shape", str(data.shape))),
        content=lambda: array_digest(data) + array_digest(mask),
        elements=lambda: _boxed(data, mask),
    )
    return Parts(tag, (), [elements, *attached], ["", *places])


def _boxed(data: Array, mask: Array) -> Array:
    """Return the elements as objects, of which those that are masked are `numpy.ma.masked`."""
    boxed = np.empty(data.shape, dtype=object)
    for position in np.ndindex(data.shape):
        boxed[position] = np.ma.masked if mask[position] else data[position]
    return boxed


def generator_form(value: np.random.Generator) -> Form:
    """Return the state of its bits, and the seed sequence, from which `spawn` draws."""
    return Parts("numpy.random.Generator", (), [value.bit_generator], [".bit_generator"])


def bit_generator_form(value: np.random.BitGenerator) -> Form:
    """Return the state of its bits, and its seed sequence."""
    parts = [value.state, value.seed_seq]
    return Parts(type_name(type(value)), (), parts, [".state", ".seed_seq"])


def random_state_form(value: np.random.RandomState) -> Form:
    """Return the whole state, the cached second normal with it; a legacy generator does not spawn."""
    return Parts("numpy.random.RandomState", (), [value.get_state(legacy=False)], [".get_state()"])


def scalar_form(value: np.generic) -> Form:
    """Return a structured or extended-precision scalar as an array without dimensions."""
    return plain_array_form(np.asarray(value), type_name(type(value)))


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a NumPy class apart; None where its own reduction says it well."""
    return next((handler for base, handler in _bases() if issubclass(cls, base)), None)


def _bases() -> Iterator[tuple[type, Callable[[Any], Form]]]:
    """Give the classes that have a handler, of those of `numpy.ma` and `numpy.random` only if they are there.

    NumPy imports these when they are first asked for, which takes longer than all else that is done here.
    """
    if "numpy.ma" in sys.modules:
        yield np.ma.MaskedArray, masked_form
    yield np.ndarray, array_form
    yield np.generic, scalar_form
    if "numpy.random" in sys.modules:
        yield np.random.Generator, generator_form
        yield np.random.BitGenerator, bit_generator_form
        yield np.random.RandomState, random_state_form
