"""Modules that a name alone does not find, as those that pytest imports with ``--import-mode=importlib``."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from pytest_expops.execution.user_code.installed import is_installed, is_under

_MAIN = ("__main__", "__mp_main__")
"""What is defined there is stored by value."""


def not_on_path(folders: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return name and file of each module of the user's in these folders that is not found on the import path."""
    within = [os.path.realpath(folder) for folder in folders]
    return tuple(
        (name, file)
        for name, module in sorted(sys.modules.items())
        if (file := getattr(module, "__file__", None))
        and name not in _MAIN
        and _is_own(file, within)
        and not _finds(name, file)
    )


def _is_own(file: str, folders: Iterable[str]) -> bool:
    if is_installed(file):  # most are, and to follow links takes long
        return False
    real = _real(file)
    return any(is_under(real, folder) for folder in folders) and not is_installed(real) and os.path.isfile(real)


@functools.cache
def _real(file: str) -> str:
    return os.path.realpath(file)


def _finds(name: str, file: str) -> bool:
    found = on_path(name)
    return found is not None and found.origin is not None and _real(found.origin) == _real(file)


def on_path(name: str) -> ModuleSpec | None:
    """Return what another interpreter finds by a name, from the import path and through each package above it."""
    package = name.rpartition(".")[0]
    if not package:
        return PathFinder.find_spec(name)
    above = on_path(package)
    if above is None or above.submodule_search_locations is None:
        return None
    return PathFinder.find_spec(name, list(above.submodule_search_locations))


class HandedOver(MetaPathFinder):
    """Finds modules in the files that another interpreter has them from, and the packages that these are in."""

    def __init__(self, modules: Iterable[tuple[str, str]]) -> None:
        self._files = dict(modules)
        self._packages = {name[:place] for name in self._files for place, sign in enumerate(name) if sign == "."}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the module is; nothing for one that was not handed over."""
        if fullname in self._files:
            return importlib.util.spec_from_file_location(fullname, self._files[fullname])
        if fullname not in self._packages or PathFinder.find_spec(fullname, path, target):
            return None
        return ModuleSpec(fullname, None, is_package=True)
