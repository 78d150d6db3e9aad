"""Functions by code, captured values and defaults; classes by name, or by content where the name does not lead to them.

A function or class of the standard library or of an installed package stands for itself by name: what it is made of is
the package's affair. A project's own function counts by its code, so that an edit shows. The globals that a function
reads are not captured by it and do not count; their names, being part of the code, do.
"""

from __future__ import annotations

import builtins
import sys
import sysconfig
import types
from typing import Any

from pytest_expops.values.forms import Form, Parts, StandsFor
from pytest_expops.values.naming import type_name

_LIBRARY = tuple(
    sorted(
        {path for name, path in sysconfig.get_paths().items() if name in ("stdlib", "platstdlib", "purelib", "platlib")}
    )
)


def is_importable(value: Any, name: str | None = None) -> bool:
    """Return whether `module.qualname` leads back to this very object."""
    module = sys.modules.get(getattr(value, "__module__", None) or "builtins")
    found: Any = module
    for part in (name or value.__qualname__).split("."):
        found = getattr(found, part, None)
    while isinstance(found, StandsFor):
        found = found.original
    return found is value


def _is_library(value: types.FunctionType) -> bool:
    return value.__code__.co_filename.startswith(_LIBRARY) or value.__code__.co_filename.startswith("<frozen")


def function_form(value: types.FunctionType) -> Form:
    """Return its code, its defaults, what it closes over, and what was attached to it."""
    name = f"{value.__module__}.{value.__qualname__}"
    if _is_library(value) and is_importable(value):
        return Parts("function", (("name", name),), [], [])
    parts: dict[str, Any] = {
        "__code__": value.__code__,
        "__defaults__": value.__defaults__,
        "__kwdefaults__": value.__kwdefaults__,
        "__dict__": dict(value.__dict__),
    }
    names = [f".{part}" for part in parts]
    values = list(parts.values())
    for variable, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        names.append(f".__closure__[{variable!r}]")
        values.append(cell)
    return Parts("function", (("name", value.__qualname__),), values, names)


def cell_form(value: types.CellType) -> Form:
    """Return what a closure captured; an empty cell is a variable not yet assigned."""
    try:
        return Parts("cell", (), [value.cell_contents], [""])
    except ValueError:
        return Parts("cell", (("contents", "empty"),), [], [])


def code_form(value: types.CodeType) -> Form:
    """Return what a function does: its bytecode and constants, but not where it stands in which file."""
    fields = (
        *("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags", "co_code", "co_exceptiontable"),
        *("co_names", "co_varnames", "co_freevars", "co_cellvars", "co_name", "co_consts"),
    )
    return Parts("code", (), [getattr(value, name) for name in fields], [f".{name}" for name in fields], whole=True)


_CLASS_NOISE = frozenset(
    {
        *("__dict__", "__weakref__", "__module__", "__qualname__", "__firstlineno__", "__static_attributes__"),
        *("_abc_impl", "__abstractmethods__", "__annotate_func__", "__annotations_cache__", "__slotnames__"),
    }
)
"""Of a class's namespace: what Python puts there by itself, and caches."""


def class_form(value: type) -> Form:
    """Return a class by its name where that leads to it, else by its bases and all that it defines."""
    name = type_name(value)
    if is_importable(value):
        return Parts("type", (("name", name),), [], [])
    own = {key: each for key, each in value.__dict__.items() if key not in _CLASS_NOISE}
    names = sorted(own)
    return Parts(
        "type",
        (("name", name),),
        [type(value), *value.__bases__, *(own[key] for key in names)],
        [
            ".__class__",
            *(f".__bases__[{index}]" for index in range(len(value.__bases__))),
            *(f".{key}" for key in names),
        ],
    )


def builtin_form(value: types.BuiltinFunctionType) -> Form:
    """Return a function written in C by its name, and by the object that it is bound to."""
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return Parts(
            "builtin function", (("name", f"{value.__module__ or builtins.__name__}.{value.__qualname__}"),), [], []
        )
    return Parts("builtin method", (("name", value.__name__),), [owner], [".__self__"])


def method_form(value: types.MethodType) -> Form:
    """Return a bound method by the object that it is bound to, and its function."""
    return Parts("method", (), [value.__self__, value.__func__], [".__self__", ".__func__"])


def descriptor_form(value: Any) -> Form:
    """Return a slot or C method by its name and the class that it belongs to."""
    return Parts(type(value).__name__, (("name", f"{type_name(value.__objclass__)}.{value.__name__}"),), [], [])


def property_form(value: property) -> Form:
    """Return a property by its three functions."""
    return Parts(type_name(type(value)), (), [value.fget, value.fset, value.fdel], [".fget", ".fset", ".fdel"])


def wrapped_form(value: staticmethod[Any, Any] | classmethod[Any, Any, Any]) -> Form:
    """Return a static or class method by the function in it."""
    return Parts(type_name(type(value)), (), [value.__func__], [".__func__"])


EXACT: dict[type, Any] = {
    types.FunctionType: function_form,
    types.CellType: cell_form,
    types.CodeType: code_form,
    types.BuiltinFunctionType: builtin_form,
    types.MethodType: method_form,
    property: property_form,
    staticmethod: wrapped_form,
    classmethod: wrapped_form,
    types.MemberDescriptorType: descriptor_form,
    types.GetSetDescriptorType: descriptor_form,
    types.WrapperDescriptorType: descriptor_form,
    types.MethodDescriptorType: descriptor_form,
    types.ClassMethodDescriptorType: descriptor_form,
}
BASES: dict[type | None, Any] = {type: class_form}
