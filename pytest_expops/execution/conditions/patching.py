"""Functions that stand in for others for a while; whoever keeps one beyond that gets the original's behaviour."""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pytest_expops.execution.import_hook import ImportHook, loaded_module

StandIn = Callable[..., Any]


class Patches:
    """What has been replaced, to be put back in the opposite order."""

    def __init__(self) -> None:
        self._active = True
        self._replaced: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of a module or class, also of one written in C, until the end."""
        # From the class's own dict, so that a classmethod is put back as one.
        original = vars(owner)[name]
        self._replaced.append((owner, name, original))
        _set(owner, name, value)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Let ``around(original, *args, **kwargs)`` stand in for a function, if `owner` has one of that name."""
        original = getattr(owner, name, None)
        if original is not None:
            self.put(owner, name, self.stand_in(original, around))

    def wrap_classmethod(self, owner: type, name: str, around: Callable[..., Any]) -> None:
        """The same for a class method; ``around(original, cls, *args, **kwargs)``."""
        original = vars(owner)[name]

        @functools.wraps(original, updated=())
        def call(cls: type, *args: Any, **kwargs: Any) -> Any:
            return original.__get__(None, cls)(*args, **kwargs)

        self.put(owner, name, classmethod(self.stand_in(call, around)))

    def stand_in(self, original: Callable[..., Any], around: Callable[..., Any]) -> StandIn:
        """A function that looks like `original`, calls `around` with it, and turns into it at the end."""

        @functools.wraps(original, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._active:
                return original(*args, **kwargs)
            return around(original, *args, **kwargs)

        return call

    def undo(self) -> None:
        """Put everything back."""
        self._active = False
        while self._replaced:
            owner, name, original = self._replaced.pop()
            _set(owner, name, original)


@contextmanager
def patching(libraries: Mapping[str, Callable[[Patches, ModuleType], None]] | None = None) -> Iterator[Patches]:
    """`Patches` that are undone at the end.

    :param libraries: what to do with a module of that name: at once if it is loaded, else when its import is done.
    """
    patches = Patches()
    libraries = libraries or {}

    @contextmanager
    def around(name: str) -> Iterator[None]:
        yield
        libraries[name](patches, sys.modules[name])

    hook = ImportHook(frozenset(libraries), around)
    try:
        for name, patch in libraries.items():
            module = loaded_module(name)
            if module is not None:
                patch(patches, module)
        if libraries:
            hook.install()
        yield patches
    finally:
        hook.remove()
        patches.undo()


def _set(owner: Any, name: str, value: Any) -> None:
    """As `setattr`, also for a class written in C, whose namespace Python shows but does not let one write.

    So `datetime.datetime` stays the one class that everybody knows, whoever imported it and when: a subclass in its
    place would not be the type of what others make.
    """
    try:
        setattr(owner, name, value)
    except TypeError:
        if not isinstance(owner, type):
            raise
        (namespace,) = gc.get_referents(vars(owner))
        namespace[name] = value
        _modified(owner)


def _modified(cls: type) -> None:
    """Let the interpreter forget what it remembers of the attributes of a class and its subclasses."""
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))
