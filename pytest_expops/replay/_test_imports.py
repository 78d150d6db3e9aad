"""The libraries that a test file and the conftest files above it import before anything else, read from their text.

They are read as a script is, in the order in which pytest imports them. A conftest file has fixtures between its
imports and those of the test file: making one has no effect on an import, but a hook that pytest calls meanwhile may.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_expops.replay._leading_imports import (
    UNREADABLE,
    Effect,
    Import,
    ImportReader,
    has_constant_defaults,
    is_constant,
)

_LATER = (
    *("pytest_addoption", "pytest_addhooks", "pytest_generate_tests", "pytest_collection_modifyitems"),
    *("pytest_collection_finish", "pytest_make_parametrize_id", "pytest_assertrepr_compare", "pytest_sessionfinish"),
    *("pytest_unconfigure", "pytest_terminal_summary", "pytest_runtest_", "pytest_report_", "pytest_fixture_"),
)
"""The beginnings of the names of hooks that are called before all conftest files are imported, to declare something, or
after all test files are."""
_PLUGINS = "pytest_plugins"


def imports_of_tests(files: Sequence[str], path: Sequence[str], without: Sequence[str]) -> tuple[Import, ...]:
    """Return what test files import first of libraries, Python's own apart.

    Args:
        files: the conftest files, the outermost first, and the test file.
        path: the import path.
        without: top-level names of packages that pytest itself is to import, since it rewrites their assertions.
    """
    try:
        changed = tuple(Path(each).stat().st_mtime_ns for each in files)
    except OSError:
        return ()
    return _read(tuple(files), changed, tuple(path), frozenset(without))


@functools.lru_cache(maxsize=256)
def _read(
    files: tuple[str, ...], _changed: tuple[int, ...], path: tuple[str, ...], without: frozenset[str]
) -> tuple[Import, ...]:
    reader = _TestReader(path, without)
    with contextlib.suppress(*UNREADABLE):  # what was found until then
        for each in map(Path, files):
            name = _name_in_package(each)
            if "." in name:
                reader.named(name)
            else:
                reader.module(each, "")
            reader.end_of_file()
    return tuple(each for each in reader.found if each[0].partition(".")[0] not in sys.stdlib_module_names)


def _name_in_package(file: Path) -> str:
    """Return the name that pytest imports a file by."""
    name, folder = file.stem, file.parent
    while (folder / "__init__.py").exists():
        name, folder = f"{folder.name}.{name}", folder.parent
    return name


class _TestReader(ImportReader):
    """Reads test files; `without` are top-level names that are left to pytest."""

    def __init__(self, path: tuple[str, ...], without: frozenset[str]) -> None:
        super().__init__(path)
        self._without = without
        self._plugins: list[str] = []
        self._hooked = False

    def takes(self, top: str) -> bool:
        """Leave pytest, its plugins and what belongs to one to pytest."""
        return super().takes(top) and top not in self._without

    def is_without_effect(self, node: ast.stmt) -> bool:
        """Take fixtures and marks, too, for what has no effect."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._hooked |= node.name.startswith("pytest_") and not node.name.startswith(_LATER)
            return has_constant_defaults(node) and all(map(_is_of_pytest, node.decorator_list))
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [_PLUGINS]:
            if is_constant(node.value):
                given = ast.literal_eval(node.value)
                self._plugins += [given] if isinstance(given, str) else list(given)
                return True
            return False
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == ["pytestmark"]:
            return _is_of_pytest(node.value)
        return super().is_without_effect(node)

    def end_of_file(self) -> None:
        """Go on with what pytest does before it imports the next file.

        Raises:
            Effect: what that is, nobody knows.
        """
        plugins, self._plugins = self._plugins, []
        for name in plugins:
            before = len(self.found)
            self.named(name)
            if self.found[before:] and self.found[before][0] == name:  # a library, whose assertions pytest rewrites
                del self.found[before:]
                raise Effect
        if self._hooked:
            raise Effect


def _is_of_pytest(node: ast.expr) -> bool:
    """Return whether an expression is a name from pytest, such as ``pytest.mark.slow``, or a call of it on literals."""
    if isinstance(node, ast.Call):
        given = [*node.args, *(each.value for each in node.keywords)]
        return _is_of_pytest(node.func) and all(map(is_constant, given))
    if isinstance(node, ast.List | ast.Tuple):
        return all(map(_is_of_pytest, node.elts))
    return isinstance(node, ast.Attribute) and ast.unparse(node).split(".")[0] == "pytest"
