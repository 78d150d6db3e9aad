"""Containers and other types of the standard library whose state `__reduce_ex__` does not give, or not as well."""

from __future__ import annotations

import array
import asyncio
import collections
import datetime
import enum
import functools
import io
import socket
import subprocess
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pytest_expops.values.bulk import scalar_codes, scalars_digest
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, Unordered, Unsound
from pytest_expops.values.kinds.objects import attributes, object_form
from pytest_expops.values.naming import label, type_name

BULK_FROM = 32
"""Sequences of so many plain values are hashed at once; in shorter ones each item is a leaf with its own digest."""


def sequence_form(value: list[Any] | tuple[Any, ...], tag: str | None = None) -> Form:
    """Return the form of a list or tuple: item by item, or in bulk where all of many are plain."""
    tag = tag or type(value).__name__
    if len(value) >= BULK_FROM:
        codes = scalar_codes(value)
        if codes is not None:
            return _scalars(value, codes, tag)
    return Parts(tag, (("length", str(len(value))),), value)


def _scalars(value: list[Any] | tuple[Any, ...], codes: bytes, tag: str) -> Form:
    traits = (("length", str(len(value))),)
    return Bulk(
        tag,
        traits,
        content=lambda: scalars_digest(value, codes),
        elements=lambda: object_array(value),
        place=lambda position: f"[{position[0]}]",
        items=lambda: Parts(tag, traits, value),
    )


def object_array(values: Any, narrow: Any = None) -> np.ndarray[Any, Any]:
    """Return a one-dimensional object array, also of values that NumPy would take for rows.

    `narrow` is the type (`numpy.float32`) of numbers that a library has widened to Python's floats: so that a
    comparison counts in their ulp, they are made narrow again.
    """
    out = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        out[index] = value if narrow is None or type(value) is not float else narrow(value)
    return out


NARROW: dict[str, Any] = {
    **dict.fromkeys(("halffloat", "float16", "Float16"), np.float16),
    **dict.fromkeys(("float", "float32", "Float32"), np.float32),
}
"""The names that Arrow, NumPy and Polars have for floats narrower than Python's."""


def dict_form(value: dict[Any, Any]) -> Form:
    """Return the form of a plain dict: its keys and values, in no order."""
    return Mapping("dict", (), list(value), list(value.values()))


def _ordered_dict(value: collections.OrderedDict[Any, Any]) -> Form:
    """Return the items in their order, which is what an OrderedDict is for and what its own `==` compares."""
    names = [f"[{label(key)}]" for key in value]
    if type(value) is not collections.OrderedDict or len(set(names)) < len(names):
        return object_form(value, dict_in_order=True)
    own = vars(value) if hasattr(value, "__dict__") else {}
    parts = [list(value), *value.values(), *own.values()]
    return Parts("collections.OrderedDict", (), parts, [".keys()", *names, *(f".{name}" for name in own)])


def _counter(value: collections.Counter[Any]) -> Form:
    """Return its counts, which its reduction hands to its class, as a dict, and the attributes of a subclass."""
    return Parts(type_name(type(value)), (), [dict(value), attributes(value)], ["", ".__dict__"])


def _mapping_proxy(value: types.MappingProxyType[Any, Any]) -> Form:
    return Mapping("mappingproxy", (), list(value), list(value.values()))


def _set(value: set[Any] | frozenset[Any]) -> Form:
    return Unordered(type(value).__name__, (), list(value))


def _set_subclass(value: Any) -> Form:
    """Return the items in no order (`set.__reduce__` lists them in hash order), and the attributes of the subclass."""
    plain = frozenset(value) if isinstance(value, frozenset) else set(value)
    return Parts(type_name(type(value)), (), [plain, attributes(value)], ["", ".__dict__"])


def tuple_subclass_form(value: Any) -> Form:
    """Return the fields of a named tuple by name; any other subclass as an object."""
    fields = getattr(value, "_fields", None)
    if fields is None or len(fields) != len(value) or getattr(value, "__dict__", None):
        return object_form(value)
    return Parts(type_name(type(value)), (), tuple(value), [f".{name}" for name in fields])


def _enum(value: enum.Enum) -> Form:
    """Return a member by its name and value; as one leaf, since both say the same."""
    return Parts(
        type_name(type(value)),
        (("value", f"{type(value).__qualname__}.{value._name_}"),),
        [value._value_],
        [".value"],
        whole=True,
    )


def _buffer(value: memoryview) -> Form:
    try:
        traits = (("format", value.format),)  # NumPy would take a released one for an object
        numbers = np.asarray(value)
    except (ValueError, BufferError, RuntimeError, NotImplementedError) as error:
        hint = "return its bytes, or an array made from it"
        raise Unsound(f"a memoryview of format {_format(value)!r} cannot be read ({error})", hint) from error
    return Parts("memoryview", traits, [numbers], [""])


def _format(value: memoryview) -> str:
    try:
        return value.format
    except ValueError:
        return "released"


def _typed_array(value: array.array[Any]) -> Form:
    if value.typecode in "uw":
        return Parts("array.array", (("typecode", value.typecode),), [value.tounicode()], [""])
    return Parts("array.array", (("typecode", value.typecode),), [np.frombuffer(value, dtype=value.typecode)], [""])


def _datetime(value: datetime.datetime) -> Form:
    """Return what clock and calendar show, `fold` (which of two equal hours), and the time zone."""
    return _zoned(value, datetime.datetime.isoformat(value, " "))


def _time(value: datetime.time) -> Form:
    """Return what a clock shows, `fold`, and the time zone."""
    return _zoned(value, datetime.time.isoformat(value))


def _zoned(value: Any, shown: str) -> Form:
    if getattr(value, "__dict__", None):  # a subclass that holds more
        return object_form(value)
    traits = (("value", f"{shown} (fold)" if value.fold else shown),)
    return Parts(type_name(type(value)), traits, [value.tzinfo], [".tzinfo"], whole=True)


def _cached_function(value: Any) -> Form:
    return Parts(
        "functools._lru_cache_wrapper",
        (("parameters", repr(value.cache_parameters())),),
        [value.__wrapped__],
        [".__wrapped__"],
    )


def _partial(value: functools.partial[Any]) -> Form:
    parts = [value.func, value.args, value.keywords, attributes(value)]
    return Parts(type_name(type(value)), (), parts, [".func", ".args", ".keywords", ".__dict__"])


def _unsound(what: str, hint: str) -> Callable[[Any], Form]:
    def refuse(value: Any) -> Form:
        raise Unsound(f"{what} ({type_name(type(value))}) has no value that could be compared", hint)

    return refuse


_READ = "return what it yields, as a list"
_PRIMITIVE = "keep it out of the output, or leave it out of the state in `__getstate__`"

EXACT: dict[type, Callable[[Any], Form]] = {
    list: sequence_form,
    tuple: sequence_form,
    dict: dict_form,
    collections.OrderedDict: _ordered_dict,
    set: _set,
    frozenset: _set,
    types.MappingProxyType: _mapping_proxy,
    memoryview: _buffer,
    array.array: _typed_array,
    datetime.datetime: _datetime,
    datetime.time: _time,
    functools._lru_cache_wrapper: _cached_function,
    types.GeneratorType: _unsound("a generator", _READ),
    types.AsyncGeneratorType: _unsound("an asynchronous generator", _READ),
    types.CoroutineType: _unsound("a coroutine", "return what it gives when awaited"),
    types.FrameType: _unsound("a frame", "return the values of interest"),
    types.TracebackType: _unsound("a traceback", "return `traceback.format_exception(...)`"),
    type({}.keys()): _unsound("a view of a dict", "return `list(...)` of it"),
    type({}.values()): _unsound("a view of a dict", "return `list(...)` of it"),
    type({}.items()): _unsound("a view of a dict", "return `list(...)` of it"),
    type(threading.Lock()): _unsound("a lock", _PRIMITIVE),
    type(threading.RLock()): _unsound("a lock", _PRIMITIVE),
}
"""By the very type."""

BASES: dict[type | None, Callable[[Any], Form]] = {
    enum.Enum: _enum,
    functools.partial: _partial,
    datetime.datetime: _datetime,
    datetime.time: _time,
    set: _set_subclass,
    frozenset: _set_subclass,
    tuple: tuple_subclass_form,
    collections.OrderedDict: _ordered_dict,
    collections.Counter: _counter,
    io.BytesIO: object_form,
    io.StringIO: object_form,
    io.IOBase.__base__: _unsound("an open file", "return its contents, or its path"),
    socket.socket: _unsound("a socket", _PRIMITIVE),
    threading.Thread: _unsound("a thread", _PRIMITIVE),
    threading.Condition: _unsound("a lock", _PRIMITIVE),
    threading.Event: _unsound("an event", _PRIMITIVE),
    threading.Semaphore: _unsound("a lock", _PRIMITIVE),
    subprocess.Popen: _unsound("a running program", "return what it wrote, or its exit status"),
    asyncio.AbstractEventLoop: _unsound("an event loop", _PRIMITIVE),
    asyncio.Future: _unsound("a future", "return its result"),
}
"""Of the type or of any subclass; the nearest base in the method resolution order is taken."""


def iterator_form(value: Iterator[Any]) -> Form:
    """Refuse what is used up by reading it."""
    raise Unsound(f"an iterator ({type_name(type(value))}) is used up by reading it", _READ)
