"""The libraries that a script imports before it does anything else, read from its text without importing anything.

Whoever imports them in this order, and then the script, has done what importing the script alone would have done. What
the script imports after its first statement with an effect (a variable of the environment that is set, say, which a
library reads when it is imported) is left to the script.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.execution.user_code.scripts import ALIASES

Import = tuple[str, tuple[str, ...]]
"""A module, and the names that are taken from it, which may be modules too; none for ``import MODULE``."""

_ALIASED = frozenset(name.partition(".")[0] for name in ALIASES)


class Effect(Exception):
    """A statement may have an effect on what is imported after it."""


def leading_imports(script: Path, path: Sequence[str], *, module: str = "", package: str = "") -> tuple[Import, ...]:
    """Return what `script` imports first, by way of the project's own modules too.

    Args:
        script: the file.
        path: the import path while it is imported.
        module: the name that it is imported by, if it is by one.
        package: what its relative imports are from, if it is a script of a package.
    """
    try:
        return _read(script, script.stat().st_mtime_ns, tuple(path), module, package)
    except OSError:
        return ()


@functools.lru_cache(maxsize=256)
def _read(script: Path, _changed: int, path: tuple[str, ...], module: str, package: str) -> tuple[Import, ...]:
    reader = ImportReader(path)
    with contextlib.suppress(*UNREADABLE):  # what was found until then
        if module:
            reader.named(module)
        else:
            reader.module(script, package)
    return tuple(reader.found)


UNREADABLE = (Effect, OSError, SyntaxError, ValueError, ImportError)
"""What ends the reading."""


class ImportReader:
    """Goes through modules in the order in which their statements would be executed."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.found: list[Import] = []
        self._read: set[Path] = set()

    def module(self, file: Path, package: str) -> None:
        """Go through the statements of a module of the project's that lies in `package`."""
        if file in self._read:
            return
        self._read.add(file)
        for node in ast.parse(file.read_bytes()).body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._import(alias.name, ())
            elif isinstance(node, ast.ImportFrom):
                name = importlib.util.resolve_name("." * node.level + (node.module or ""), package or None)
                self._import(name, tuple(alias.name for alias in node.names))
            elif not self.is_without_effect(node):
                raise Effect

    def is_without_effect(self, node: ast.stmt) -> bool:
        """Return whether a statement, other than an import, changes nothing that a later import could meet."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return not node.decorator_list and has_constant_defaults(node)
        if isinstance(node, ast.If):
            return ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING" and not node.orelse
        if isinstance(node, ast.Assign):
            # Of a module's own variables, and not ``library.option = 1``.
            return all(isinstance(each, ast.Name) for each in node.targets) and is_constant(node.value)
        return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))

    def takes(self, top: str) -> bool:
        """Return whether a library may be imported ahead, by its top-level name."""
        return top not in _ALIASED

    def named(self, module: str) -> None:
        """Go through a module by its name, and the packages that it lies in."""
        self._import(module, ())

    def _import(self, name: str, names: tuple[str, ...]) -> None:
        top, *rest = name.split(".")
        if name == "__future__" or not self.takes(top):
            return
        spec = PathFinder.find_spec(top, list(self.path))
        if spec is None and top not in sys.stdlib_module_names:
            raise Effect  # found by other means, or not at all
        places = [] if spec is None else [spec.origin] if spec.has_location else spec.submodule_search_locations or []
        if spec is None or all(place is None or is_installed(os.path.realpath(place)) for place in places):
            self.found.append((name, names))
            return
        if not spec.origin or not spec.origin.endswith(".py"):
            raise Effect
        self._own(top, Path(spec.origin), rest, names)

    def _own(self, package: str, file: Path, rest: Sequence[str], names: tuple[str, ...]) -> None:
        """Go through a module of the project's, and those inside it that are imported with it."""
        is_package = file.name == "__init__.py"
        self.module(file, package if is_package else package.rpartition(".")[0])
        if rest:
            self._own(f"{package}.{rest[0]}", _inside(file, rest[0]), rest[1:], names)
        elif is_package:
            for name in names:
                inside = _inside(file, name)
                if inside.exists():
                    self._own(f"{package}.{name}", inside, (), ())


def _inside(package: Path, name: str) -> Path:
    """Return the file of a module in a package."""
    folder = package.parent / name / "__init__.py"
    return folder if folder.exists() else package.parent / f"{name}.py"


def has_constant_defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether no default of a function's parameters is computed."""
    defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
    return all(isinstance(each, ast.Constant) for each in defaults)


def is_constant(node: ast.expr) -> bool:
    """Return whether an expression is a literal."""
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True
