"""Functions that stand in for others for a while; whoever keeps one beyond that gets the original's behaviour."""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
from builtins import hash as _hash  # the true one, which may itself be stood in for
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ClassMethodDescriptorType, MethodType, ModuleType
from typing import Any

from pytest_expops.execution.seeding.import_hook import ImportHook, loaded_module
from pytest_expops.values.forms import StandsFor


class StandIn(StandsFor):
    """Looks like a function, and calls ``around(original, *args, **kwargs)`` while its patches are in force.

    It is equal to the original and has its hash, so that tables of functions know it (Numba's, `os.supports_fd`), and
    is pickled and judged as the original.
    """

    __slots__ = ("__dict__", "__weakref__", "_around", "_patches")

    def __init__(self, patches: Patches, original: Callable[..., Any], around: Callable[..., Any]) -> None:
        super().__init__(original)
        self._patches = patches
        self._around = around
        functools.update_wrapper(self, original, _LOOKS, ())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._patches.in_force:
            return self.original(*args, **kwargs)
        return self._around(self.original, *args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        # A function written in C is no method of a class that has it as an attribute.
        return self if instance is None or not hasattr(self.original, "__get__") else MethodType(self, instance)

    def __eq__(self, other: object) -> bool:
        return self is other or bool(self.original == other)

    def __hash__(self) -> int:
        return _hash(self.original)

    def __repr__(self) -> str:
        return repr(self.original)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "original"), name)

    def __reduce__(self) -> tuple[Any, ...] | str:
        name: str = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(self.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (_itself, (self.original,))


class _ClassMethod:
    """Stands in a class for a class method, of which every class that inherits it has its own."""

    def __init__(self, patches: Patches, original: Any, around: Callable[..., Any]) -> None:
        self._patches = patches
        self._original = original
        self._around = around

    def __get__(self, instance: object, owner: type) -> StandIn:
        return StandIn(self._patches, self._original.__get__(instance, owner), self._around)


_LOOKS = ("__module__", "__name__", "__qualname__", "__doc__")


def _itself(thing: Any) -> Any:
    return thing


class Patches:
    """What has been replaced, to be put back in the opposite order."""

    def __init__(self) -> None:
        self.in_force = True
        self._replaced: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of a module or class, also of one written in C, until the end."""
        # From the class's own dict, so that a classmethod is put back as one.
        original = vars(owner)[name]
        self._replaced.append((owner, name, original))
        _set(owner, name, value)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Let ``around(original, *args, **kwargs)`` stand in for a function, if `owner` has one of that name.

        The `original` of a class method is bound, to ``original.__self__``.
        """
        found = vars(owner).get(name)
        if isinstance(found, classmethod | ClassMethodDescriptorType | _ClassMethod):
            self.put(owner, name, _ClassMethod(self, found, around))
        elif found is not None:
            self.put(owner, name, self.stand_in(getattr(owner, name), around))

    def stand_in(self, original: Callable[..., Any], around: Callable[..., Any]) -> StandIn:
        """What looks like `original`, calls `around` with it, and turns into it at the end."""
        return StandIn(self, original, around)

    def undo(self) -> None:
        """Put everything back."""
        self.in_force = False
        while self._replaced:
            owner, name, original = self._replaced.pop()
            _set(owner, name, original)


@contextmanager
def patching(libraries: Mapping[str, Callable[[Patches, ModuleType], None]] | None = None) -> Iterator[Patches]:
    """Give `Patches` that are undone at the end.

    Args:
        libraries: what to do with a module of that name: at once if it is loaded, else when its import is done.
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
