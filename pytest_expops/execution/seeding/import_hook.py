"""A hook around the first import of certain modules, which never imports anything itself."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Sequence, Set
from contextlib import AbstractContextManager
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_LazyModule: type | None = getattr(importlib.util, "_LazyModule", None)


def loaded_module(name: str) -> ModuleType | None:
    """Return the module of that name if it has been imported, else ``None``; touching a lazy one would import it."""
    module = sys.modules.get(name)
    return module if isinstance(module, ModuleType) and type(module) is not _LazyModule else None


class ImportHook:
    """While installed, runs each first import of one of `modules` inside ``around(name)``.

    A finder of `sys.meta_path` in form: it asks the finders after it, and gives their spec with the loader wrapped, so
    that whatever they do (assertion rewriting, editable installs, zip files) still happens.
    """

    def __init__(self, modules: Set[str], around: Callable[[str], AbstractContextManager[None]]) -> None:
        self._modules = modules
        self._around = around

    def install(self) -> None:
        """Stand before all other finders, and in front of modules that are to be loaded on first use."""
        sys.meta_path.insert(0, self)
        for name in self._modules:
            module = sys.modules.get(name)
            if module is not None and type(module) is _LazyModule:
                # An ordinary attribute access would load it; this one does not.
                self._wrap(name, object.__getattribute__(module, "__spec__"))

    def remove(self) -> None:
        """Leave `sys.meta_path`, wherever others have moved it in the meantime."""
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders give for one of the modules, with its loader wrapped, or None."""
        if fullname not in self._modules:
            return None
        finders: list[Any] = list(sys.meta_path)
        # Those before have been asked; one of them may be another hook, which is now asking.
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            find_spec = getattr(finder, "find_spec", None)
            if find_spec is not None:
                spec: ModuleSpec | None = find_spec(fullname, path, target)
                if spec is not None:
                    self._wrap(fullname, spec)
                    return spec
        return None

    def _wrap(self, name: str, spec: ModuleSpec) -> None:
        if hasattr(spec.loader, "exec_module") and not _is_hooked(spec.loader, self._around):
            spec.loader = _HookedLoader(name, spec.loader, self._around)


class _HookedLoader(Loader):
    """Stands in for a loader, or for one that another hook stands in for, until it has run; in all else its double."""

    def __init__(self, name: str, loader: Any, around: Callable[[str], AbstractContextManager[None]]) -> None:
        self._name = name
        self._loader = loader
        self._around = around

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        # The module must not remember us: `importlib.resources` and others ask its loader, and may check its type.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        with self._around(self._name):
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        # By way of `object`, so that a copy without `_loader` says so instead of recursing.
        return getattr(object.__getattribute__(self, "_loader"), name)


def _is_hooked(loader: Any, around: Callable[[str], AbstractContextManager[None]]) -> bool:
    """Return whether the hook that this belongs to stands in for a loader already, alone or among others."""
    while isinstance(loader, _HookedLoader):
        if loader._around == around:
            return True
        loader = loader._loader
    return False
