"""Find how to take a value apart: by registration, by exact type, by base class, by library, else by its state.

A library's handlers are read when the first value of a class of that library is met: then the library is imported
already, and not on our account.
"""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.forms import Bulk, Form, Mapping, Parts, StandsFor, Unordered, Unsound
from pytest_expops.values.kinds import builtin, functions
from pytest_expops.values.kinds.objects import object_form
from pytest_expops.values.naming import module_name, type_name
from pytest_expops.wording import worded

Handler = Callable[[Any], Form]
T = TypeVar("T")

_LIBRARIES = {
    "ml_dtypes": "numpy_",
    **dict.fromkeys(("pyarrow", "polars"), "arrow"),
    **dict.fromkeys(("tensorflow", "keras"), "tensorflow_"),
    **dict.fromkeys(("xgboost", "lightgbm"), "boosting"),
    **{
        name: f"{name}_"
        for name in (
            *("arviz", "catboost", "gensim", "joblib", "matplotlib", "numpy", "onnx", "optuna", "pandas", "scipy"),
            *("sklearn", "spacy", "statsmodels", "thinc", "tokenizers", "torch", "transformers", "xarray"),
        )
    },
}
"""The top-level module of a class or of one of its bases -> our module that knows it."""

_registered: dict[type, Handler] = {}
_exact: dict[type, Handler] = {**builtin.EXACT, **functions.EXACT}
_bases: dict[type | None, Handler] = {
    **builtin.BASES,
    **functions.BASES,
    StandsFor: lambda value: form_of(value.original),
}
_found: weakref.WeakKeyDictionary[type, Handler] = weakref.WeakKeyDictionary()


def register(type_: type[T], function: Callable[[T], object]) -> None:
    """Let `function` say what stands for a value of `type_` or of its subclasses when it is compared (S7.2).

    Two values of one class are then equal if and only if the simpler values are that it returns for them. A
    registration replaces what this package knows of the type, and an earlier registration.

    ::

        pytest_expops.register(Booster, lambda booster: booster.save_raw("json"))

    Args:
        type_: a class, other than Python's and NumPy's plain scalar types, which stand for themselves.
        function: takes a value and returns a simpler one, such as a dict of what matters.

    Raises:
        TypeError: `type_` is no such class, or `function` cannot be called.
    """
    if not isinstance(type_, type):
        raise TypeError(f"register: {type_!r} is not a class")
    if type_ in ATOMS:
        raise TypeError(f"register: a {type_name(type_)} is a plain value, and stands for itself")
    if not callable(function):
        raise TypeError(f"register: {function!r} cannot be called")

    def handler(value: T) -> Form:
        who = f"the function registered for {type_name(type_)}"
        try:
            simpler = function(value)
        except Exception as error:
            raise Unsound(f"{who} raised {worded(error)}", "let it return a simpler value") from error
        if simpler is value:
            raise Unsound(f"{who} returned the value itself", "let it return a simpler value")
        return Parts(type_name(type(value)), (), [simpler], [""])

    _registered[type_] = handler
    _found.clear()


def unregister(type_: type) -> None:
    """Take a registration back; nothing happens where there is none."""
    _registered.pop(type_, None)
    _found.clear()


def form_of(value: Any) -> Form:
    """Return the form of a value that is not an atom; a form, which a handler may give for a child, is its own.

    Raises:
        Unsound: the value cannot be judged.
    """
    cls = type(value)
    handler = (None if _registered else _exact.get(cls)) or handler_of(cls)
    return value if handler is None else handler(value)


def handler_of(cls: type) -> Handler | None:
    """Return what gives the forms of values of exactly this class; None for the classes of forms themselves."""
    if cls in _FORMS:
        return None
    handler = None if _registered else _exact.get(cls)
    if handler is None:
        handler = _found.get(cls)
        if handler is None:
            handler = _found[cls] = _find(cls)
    return handler


_FORMS = frozenset({Parts, Mapping, Unordered, Bulk})


def _find(cls: type) -> Handler:
    return next(_candidates(cls))


def _candidates(cls: type) -> Iterator[Handler]:
    """Yield every handler that fits, the best first."""
    bases = cls.__mro__
    yield from (_registered[base] for base in bases if base in _registered)
    if cls in _exact:
        yield _exact[cls]
    yield from _by_library(cls)
    yield from (_bases[base] for base in bases if base in _bases)
    if _is_plain_iterator(cls):
        yield builtin.iterator_form
    yield object_form


def _by_library(cls: type) -> Iterator[Handler]:
    for base in cls.__mro__:
        name = _LIBRARIES.get(module_name(base).partition(".")[0])
        if name is not None:
            handler = importlib.import_module(f"pytest_expops.values.kinds.{name}").handler_for(cls)
            if handler is not None:
                yield handler


def _is_plain_iterator(cls: type) -> bool:
    """Return whether a class is one of Python's own iterators; a project's with `__next__` may keep its state."""
    return hasattr(cls, "__next__") and module_name(cls) in (
        "builtins",
        "itertools",
        "_csv",
        "_collections",
        "_asyncio",
    )
