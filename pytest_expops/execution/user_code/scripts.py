"""Script files become functions, each project in a world of its own.

A script is a module whose name is made from its path, so that two scripts of one file name never collide, and whose
name a finder can resolve, so that what it defines can be unpickled in any process that knows the same scripts. What a
script imports from beside itself keeps its natural name; where two projects in one session, or a project and its
tests, have modules of one name, each finds its own.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pytest_expops.execution.seeding.task_seeds import preserved
from pytest_expops.execution.user_code._child_modules import write_child_modules
from pytest_expops.execution.user_code._own_modules import OwnModules, WithdrawnFinder
from pytest_expops.execution.user_code.modules import base_of, file_of, package_of
from pytest_expops.execution.user_code.places import ProjectPlaces
from pytest_expops.pipeline.model import Pipeline, module_of

PREFIX = "expops_scripts__"

# Scripts written for ExpOps import these names, whether or not it is installed (S2.1).
_AUTHORING = "pytest_expops.execution.user_code.authoring"
ALIASES = dict.fromkeys(("expops.core", "mlops.core", "expops.reporting", "mlops.reporting"), _AUTHORING)


class ScriptLoader(importlib.machinery.SourceFileLoader):
    """Compiles a script each time: what runs is what is in the file.

    Python takes cached bytecode for current where the file's size and its time of change, in whole seconds, are the
    recorded ones; an edit within the second in which a script was compiled would be missed.
    """

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled script, without a look at cached bytecode."""
        return self.source_to_code(self.get_data(self.path), self.path)


class _ScriptFinder(importlib.abc.MetaPathFinder):
    """Finds script modules by the names given to them."""

    def __init__(self) -> None:
        self.paths: dict[str, Path] = {}
        self.packages: dict[str, str] = {}

    def name_of(self, path: Path, relative: Path) -> str:
        """Return the module name of a script; the second script of one relative path gets ``_2``, and so on."""
        for name, known in self.paths.items():
            if known == path:
                return name
        base = PREFIX + re.sub(r"\W+", "__", str(relative.with_suffix("")))
        name, number = base, 1
        while self.paths.setdefault(name, path) != path:
            number += 1
            name = f"{base}_{number}"
        return name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        script = self.paths.get(fullname)
        if script is None:
            return None
        return script_spec(fullname, str(script), self.packages.get(fullname, ""))


class _ScriptSpec(importlib.machinery.ModuleSpec):
    """The spec of a script in a package: it has a name of its own, and its relative imports are from the package."""

    package = ""

    @property
    def parent(self) -> str:
        """The package from which relative imports are."""
        return self.package


def script_spec(name: str, script: str, package: str) -> importlib.machinery.ModuleSpec:
    """Return the spec of a script as a module of that name; `package` is the one that it is part of, if it is."""
    spec = _ScriptSpec(name, ScriptLoader(name, script), origin=script)
    spec.has_location = True
    spec.package = package
    return spec


_finder = _ScriptFinder()


def reserve_names(module_names: Mapping[str, str], pipeline: Pipeline) -> None:
    """Give the scripts of `pipeline` (by key) the module names that they have in another interpreter."""
    for key, name in module_names.items():
        _finder.paths[name] = pipeline.scripts[key]


_entered: list[ProjectCode] = []
_last: ProjectCode | None = None


def _withdrawn() -> OwnModules | None:
    return _last.modules if _last is not None and not _entered else None


_withdrawn_finder = WithdrawnFinder(_withdrawn)


class ProjectCode(ProjectPlaces):
    """The code of one pipeline: its scripts by key, its import path, and the modules that are its own.

    `child_folder` takes the modules by which child processes find the scripts.
    """

    def __init__(self, pipeline: Pipeline, child_folder: Path | None = None) -> None:
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
            sys.meta_path.append(_withdrawn_finder)
        super().__init__(pipeline)
        self.module_names = {
            key: _finder.name_of(path, _relative(path, pipeline)) for key, path in pipeline.scripts.items()
        }
        self.folders = (*self.import_path, *self.last_path)
        """The folders in which the project's own modules are found."""
        self.packages = {key: package_of(path, self.folders) for key, path in pipeline.scripts.items()}
        """The packages that the scripts are part of, by key; empty for a script that is part of none."""
        _finder.packages |= {name: self.packages[key] for key, name in self.module_names.items()}
        self.modules = OwnModules(self.import_path)
        if child_folder is not None:
            named = {name: (pipeline.scripts[key], self.packages[key]) for key, name in self.module_names.items()}
            write_child_modules(child_folder, named, list(self.folders))
            self.import_path.append(str(child_folder))

    def script(self, key: str) -> ModuleType:
        """Return the module that `CodeRef.script` stands for, imported at its first use. What it raises is raised.

        One that has a name is imported by that name. Its modules are the project's own, wherever it was found, but
        where it is installed.

        Importing is not seeded, so that a script which draws random numbers while it is imported is not made to look
        reproducible; but what it draws, the test session does not miss.
        """
        with self.entered(), preserved():
            name = module_of(key)
            if name and (base := base_of(name)) is not None:
                self._module_folders[base] = None
            path = sys.path
            try:
                return importlib.import_module(name or self.module_names[key])
            finally:
                found: object = sys.path
                if not isinstance(found, list):  # which is what has to be there, for us and for others
                    path[:] = found if isinstance(found, tuple) else path
                    sys.path = path

    def file(self, key: str) -> Path | None:
        """Return the file that `CodeRef.script` stands for; None where there is no such script or module."""
        name = module_of(key)
        if not name:
            return self.pipeline.scripts.get(key)
        with self.entered():
            return file_of(name)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The project's import path, its own modules, and the ExpOps names are in force."""
        global _last
        if _entered and _entered[-1] is self:
            yield
            return
        if _last is not None and _last is not self:
            _last._leave(self)
            self._enter()
        _last = self
        path_before, known = list(sys.path), _module_names()
        sys.path[:0] = [entry for entry in self.import_path if entry not in sys.path]
        sys.path += [entry for entry in self.last_path if entry not in sys.path]
        hidden = self.modules.put_in_force()
        aliased = install_aliases()
        _entered.append(self)
        try:
            yield
        finally:
            _entered.pop()
            _restore_aliases(aliased)
            _take_back(sys.path, [*self.import_path, *self.last_path], path_before)
            if sys.path != path_before:
                self._claim_path(path_before)
            found = _module_names()
            if hidden or found is not known:
                self._claim((found - known) | {name for name in hidden if name in sys.modules})
            # Scripts have names of their own, and stay.
            self.modules.withdraw(hidden, keep=lambda name: name.startswith(PREFIX))

    def forget(self) -> None:
        """Drop every module of the project, so that the next use imports it anew."""
        for name in [*self.modules, *self.module_names.values()]:
            sys.modules.pop(name, None)
        self.modules.clear()
        importlib.invalidate_caches()

    def owns(self, module: ModuleType | None) -> bool:
        """Return whether a module is the project's own code, rather than installed."""
        origin = getattr(module, "__file__", None)
        if origin is None:
            # A namespace package: its folders tell.
            origin = next(iter(getattr(module, "__path__", ())), None)
        return origin is not None and self.owns_file(str(origin))

    def _claim(self, names: Set[str]) -> None:
        for name in names:
            module = sys.modules.get(name)
            if module is not None and self.owns(module):
                self.modules[name] = module

    def _claim_path(self, before: list[str]) -> None:
        first, last = self.added_path
        leading = len(list(itertools.takewhile(lambda entry: entry not in before, sys.path)))
        first[:0] = sys.path[:leading]
        last += [entry for entry in sys.path[leading:] if entry not in before]

    def _enter(self) -> None:
        """Put in force, after another project, what the scripts of this one have added to the path."""
        first, last = self.added_path
        sys.path[:0] = first
        sys.path += last

    def _leave(self, successor: ProjectCode) -> None:
        # Names of scripts are their own in the whole interpreter and can stay, but for the scripts of two configs.
        shared = set(successor.module_names.values())
        for name, module in self.modules.items():
            if (name in shared or not name.startswith(PREFIX)) and sys.modules.get(name) is module:
                del sys.modules[name]
        sys.path[:] = self._without_added()

    def _without_added(self) -> list[str]:
        first, last = self.added_path
        return [entry for entry in sys.path if entry not in first and entry not in last]


def common_path() -> list[str]:
    """Return the import path without what the scripts of any project have added to it."""
    path = sys.path if _last is None else _last._without_added()
    return [entry for entry in path if isinstance(entry, str)]  # the import system passes over others, too


_names: frozenset[str] = frozenset()
_last_name = ""


def _module_names() -> frozenset[str]:
    """Return the names in `sys.modules`, made anew only where their number, or the last of them, is another.

    What is new stands last. To look at all of them would take longer than running a small process.
    """
    global _names, _last_name
    last = next(reversed(sys.modules), "")
    if len(sys.modules) != len(_names) or last != _last_name:
        _names, _last_name = frozenset(sys.modules), last
    return _names


def _relative(path: Path, pipeline: Pipeline) -> Path:
    for base in (pipeline.root, pipeline.workspace):
        if path.is_relative_to(base):
            return path.relative_to(base)
    return Path(path.name)


def install_aliases() -> dict[str, ModuleType | None]:
    """Let the ExpOps names stand for ours; what they stood for before is returned."""
    stand_ins = _stand_ins()
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    return before


@functools.cache
def _stand_ins() -> dict[str, ModuleType]:
    """By the ExpOps names. They are the same for all processes, as modules are that are imported."""
    stand_ins = {}
    for package in ("expops", "mlops"):
        stand_ins[package] = ModuleType(package, "Stands in for ExpOps while a pipeline script runs.")
        stand_ins[package].__path__ = []
    for alias, name in ALIASES.items():
        module = sys.modules.get(name) or importlib.import_module(name)
        package, _, attribute = alias.partition(".")
        setattr(stand_ins[package], attribute, module)
        stand_ins[alias] = module
    return stand_ins


def _restore_aliases(before: dict[str, Any]) -> None:
    for name, module in before.items():
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module


def _take_back(path: list[str], added: list[str], before: list[str]) -> None:
    """Remove what was added to the import path, and leave alone what the scripts themselves added to it."""
    for entry in added:
        if entry not in before and entry in path:
            path.remove(entry)
