"""Objects of any class by their state: what `__reduce_ex__` says they are made from, taken apart further.

The reduction is that of pickle, but its parts are values again: neither addresses, nor memo numbers, nor the order of
a dict or set can enter a fingerprint.
"""

from __future__ import annotations

import copyreg
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pytest_expops.values.forms import Form, Parts, Unsound
from pytest_expops.values.naming import module_name, type_name
from pytest_expops.wording import worded

_NEW = (copyreg.__newobj__, copyreg.__newobj_ex__)  # type: ignore[attr-defined]


class _Reduction(NamedTuple):
    """What `__reduce_ex__` returns: what makes the object, and what is then put into it."""

    function: Any
    arguments: Any
    state: Any = None
    items: Iterable[Any] | None = None
    pairs: Iterable[tuple[Any, Any]] | None = None
    setter: Any = None


class _Part(NamedTuple):
    """A part of an object, and how its path goes on to it."""

    name: str
    value: Any


def object_form(value: Any, *, dict_in_order: bool = False) -> Form:
    """Return the form of an object without a handler of its own.

    Args:
        value: any object.
        dict_in_order: whether the order of what its reduction gives as items of a dict counts.

    Raises:
        Unsound: it cannot be reduced: it holds something that only this interpreter has.
    """
    reduced = _reduce(value)
    tag = type_name(type(value))
    if isinstance(reduced, str):
        return Parts(tag, (("global", f"{_module_of(value)}.{reduced}"),), [], [])
    reduction = _Reduction(*reduced)
    parts = [*_construction(value, reduction)]
    if is_local(type(value)):
        parts.append(_Part(".__class__", type(value)))
    if reduction.items is not None:
        parts.append(_Part("", list(reduction.items)))
    state = reduction.state
    if reduction.pairs is not None:
        entries = list(reduction.pairs)
        parts.append(_Part("", entries if dict_in_order else dict(entries)))
        state = None if _repeats(state, dict(entries)) else state
    if reduction.setter is not None:
        parts.append(_Part(".__reduce__()[5]", reduction.setter))
    parts += _state_parts(value, state)
    return Parts(tag, (), [each.value for each in parts], [each.name for each in parts])


def _construction(value: Any, reduction: _Reduction) -> Iterator[_Part]:
    """Yield what an object is made with.

    If its class makes it, that are the arguments of `__new__`, where they say anything; else the function that makes
    it, such as `numpy.dtype`, and its arguments.
    """
    function, arguments = reduction.function, reduction.arguments
    if function in _NEW and arguments and arguments[0] is type(value):
        given = arguments[1:]
        if any(len(each) > 0 if isinstance(each, (tuple, dict)) else True for each in given):
            yield _Part(".__getnewargs__()", given if len(given) > 1 else given[0])
    elif function is not type(value) or arguments:
        yield _Part(".__reduce__()[0]", function)
        yield _Part(".__reduce__()[1]", arguments)


def _state_parts(value: Any, state: Any) -> Iterator[_Part]:
    """Yield a state by attribute, sorted; whole, where it is not made of attributes."""
    fields = _dataclass_fields(value, state) or _fields(state)
    if fields is None:
        yield _Part(".__getstate__()", state)
    else:
        yield from (_Part(f".{name}", fields[name]) for name in sorted(fields))


def _repeats(state: Any, entries: dict[Any, Any]) -> bool:
    """Return whether the attributes of a dict are its entries, as where ``self.__dict__ = self``."""
    if not isinstance(state, dict) or len(state) != len(entries):
        return False
    return all(key in state and state[key] is each for key, each in entries.items())


def is_local(cls: type) -> bool:
    """Return whether a class was made inside a function: another call makes another class of the same name."""
    return "<locals>" in cls.__qualname__


def attributes(value: Any) -> dict[str, Any]:
    """Return an object's attributes, from `__dict__` and slots; empty where it has none.

    Raises:
        Unsound: the state is not made of attributes.
    """
    fields = _fields(object.__getstate__(value))
    if fields is None:
        raise Unsound(f"{type_name(type(value))} keeps a state that is not made of attributes", _register(type(value)))
    return fields


def _fields(state: Any) -> dict[str, Any] | None:
    """Return a default state by attribute: that of None, ``__dict__``, or ``(__dict__ or None, slots)``; else None."""
    if state is None:
        return {}
    if type(state) is tuple and len(state) == 2 and type(state[1]) is dict and type(state[0]) in (dict, type(None)):
        state = {**(state[0] or {}), **state[1]}
    return state if type(state) is dict and all(type(name) is str for name in state) else None


def _dataclass_fields(value: Any, state: Any) -> dict[str, Any] | None:
    """Return the state of a frozen dataclass with slots, a list of its fields' values, by field; else None."""
    getter = getattr(type(value), "__getstate__", None)
    if type(state) is not list or getattr(getter, "__module__", "") != "dataclasses":
        return None
    return dict(zip([field.name for field in dataclasses.fields(value)], state, strict=True))


_TRACEBACKS = "tblib"
"""A library that has exceptions of every class pickled with their traceback, once it is told to; Dask does so."""


def _reduce(value: Any) -> Any:
    cls = type(value)
    reducer = copyreg.dispatch_table.get(cls)
    if isinstance(value, BaseException) and getattr(reducer, "__module__", "").partition(".")[0] == _TRACEBACKS:
        reducer = None
    try:
        reduced = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except RecursionError:
        raise
    except Exception as error:
        message = f"the state of a {type_name(cls)} cannot be read ({worded(error)})"
        raise Unsound(message, _register(cls)) from error
    if isinstance(reduced, str) or (isinstance(reduced, tuple) and 2 <= len(reduced) <= 6):
        return reduced
    raise Unsound(f"a {type_name(cls)} has a __reduce_ex__ that returned {type(reduced).__name__}", _register(cls))


def _register(cls: type) -> str:
    return (
        f"keep it out of the output, leave it out of the state in `__getstate__`, or say what stands for it: "
        f"`pytest_expops.register({cls.__qualname__}, function)`"
    )


def _module_of(value: Any) -> str:
    return str(getattr(value, "__module__", None) or module_name(type(value)))


def state_form(value: Any, state: dict[str, Any]) -> Form:
    """Return the form of an object of which a handler has read the state; attributes in no order, as paths."""
    names = sorted(state)
    return Parts(type_name(type(value)), (), [state[name] for name in names], [f".{name}" for name in names])
