"""A project's own modules, and the modules of the same names that the tests have: each side finds its own.

While a project is entered, its own modules are in `sys.modules`, and those of the same names that the tests imported
from elsewhere are not. Afterwards it is the other way round. A module that the tests would find in the same file is
one and the same for both, so that its classes are too; and one that they would not find at all is still there for
whoever imports it (to pickle an output, say), but only then.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType

from pytest_expops.execution.user_code.installed import is_installed


class OwnModules(dict[str, ModuleType]):
    """The modules that a project has imported from its own files, by name."""

    def __init__(self, folders: Iterable[str]) -> None:
        super().__init__()
        self._beside = _importable(folders)
        self._same_outside: dict[tuple[str, tuple[str, ...]], bool] = {}

    def put_in_force(self) -> dict[str, ModuleType]:
        """Enter these modules in `sys.modules`; what had their names, or would hide others of them, is returned."""
        hidden: dict[str, ModuleType] = {}
        for name, module in self.items():
            present = sys.modules.get(name)
            if present is not module:
                if present is not None:
                    hidden[name] = present
                sys.modules[name] = module
        for name, file in self._beside.items():
            present = sys.modules.get(name)
            if present is not None and name not in self and _is_other(present, file):
                for each in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
                    hidden[each] = sys.modules.pop(each)
        return hidden

    def withdraw(self, hidden: dict[str, ModuleType], keep: Callable[[str], bool]) -> None:
        """Leave in `sys.modules` only the modules to `keep` by name and those the tests would import alike."""
        for name, module in self.items():
            if sys.modules.get(name) is module and not keep(name) and not self._is_same_outside(name):
                del sys.modules[name]
        sys.modules.update(hidden)

    def _is_same_outside(self, name: str) -> bool:
        """Return whether the present import path leads to the same file; asked once per path, as it means to search."""
        top = name.partition(".")[0]
        key = top, tuple(sys.path)
        if key not in self._same_outside:
            spec = importlib.machinery.PathFinder.find_spec(top)
            module = self.get(top)
            self._same_outside[key] = spec is not None and module is not None and _places(spec) == _places_of(module)
        return self._same_outside[key]


class WithdrawnFinder(importlib.abc.MetaPathFinder):
    """Stands last among the finders: gives a withdrawn module to whoever imports it and finds no other."""

    def __init__(self, modules: Callable[[], OwnModules | None]) -> None:
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        modules = self._modules()
        module = modules.get(fullname) if modules is not None else None
        if modules is None or module is None:
            return None
        loader = _Withdrawn(modules, module)
        return importlib.machinery.ModuleSpec(fullname, loader, is_package=hasattr(module, "__path__"))


class _Withdrawn(importlib.abc.Loader):
    """Loads what is loaded already, a package with its parts."""

    def __init__(self, modules: OwnModules, module: ModuleType) -> None:
        self._modules = modules
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # which the import system has replaced by that of this finder
        for name, each in self._modules.items():
            if name.startswith(f"{module.__name__}."):
                sys.modules.setdefault(name, each)


def _importable(folders: Iterable[str]) -> dict[str, str]:
    """Return the top-level modules and packages in these folders, the first of a name, with their files."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted(Path(folder).glob("*.py")):
            found.setdefault(path.stem, os.path.realpath(path))
        for path in sorted(Path(folder).glob("*/__init__.py")):
            found.setdefault(path.parent.name, os.path.realpath(path))
    return found


def _is_other(module: ModuleType, file: str) -> bool:
    """Return whether a module is somebody's own code, but not from `file`. What is installed is for all."""
    place = getattr(module, "__file__", None)
    if place is None:
        return False
    place = os.path.realpath(place)
    return place != file and not is_installed(place)


def _places(spec: importlib.machinery.ModuleSpec) -> list[str]:
    if spec.origin is not None:
        return [os.path.realpath(spec.origin)]
    return sorted(map(os.path.realpath, spec.submodule_search_locations or ()))


def _places_of(module: ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    return [os.path.realpath(file)] if file else sorted(map(os.path.realpath, getattr(module, "__path__", ())))
