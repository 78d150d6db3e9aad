"""A project's source files as statements by the names they bind, and a digest of a statement that formatting keeps.

The files are read, not run: what a name refers to is looked up in the text, as far as the text shows it.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import xxhash

from pytest_expops.execution.provenance._own_places import OwnPlaces
from pytest_expops.execution.user_code.modules import module_file
from pytest_expops.execution.user_code.places import ProjectPlaces
from pytest_expops.pipeline.files import DISK, Disk
from pytest_expops.pipeline.model import module_of


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import binds a name to: a module, or `attribute` of one. `level` counts the dots of a relative import."""

    module: str
    level: int = 0
    attribute: str | None = None


@dataclass(slots=True)
class SourceFile:
    """One file. `label` is its path from the project's root, with slashes.

    `effects` are the statements that do something whenever the file is imported, besides binding a name. A file that
    cannot be read as Python source (a compiled module, an archive of modules) has a `digest` of its bytes instead.
    `package` are the parts of the name of the package that it lies in, where it was found by its name.
    """

    path: Path
    label: str
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    imports: dict[str, Imported] = field(default_factory=dict)
    stars: list[Imported] = field(default_factory=list)
    digest: str = ""
    package: tuple[str, ...] = ()


class Sources:
    """The files of one project, each read once."""

    def __init__(self, project: ProjectPlaces, files: Disk = DISK) -> None:
        self.project = project
        self._files = files
        self._places = OwnPlaces(project, files)
        self._read: dict[Path, SourceFile | None] = {}
        self._named: dict[tuple[str, ...], SourceFile | None] = {}
        """What a module's name led to, by the parts of it and the folders that were looked through."""

    def script(self, key: str) -> SourceFile | None:
        """Return a script by its key in the config, or a module of the user's by its name and a colon."""
        module = module_of(key)
        if module:
            return self._by_name(module.split("."))
        path = self.project.pipeline.scripts.get(key)
        return None if path is None else self.read(path)

    def read(self, path: Path) -> SourceFile | None:
        """Return the file at `path`; None where there is none, or none that can be read as Python."""
        if path not in self._read:
            self._read[path] = self._parsed(path)
        return self._read[path]

    def paths(self) -> set[Path]:
        """Return the files that were read so far."""
        return {path for path, source in self._read.items() if source is not None}

    def module(self, target: Imported, importer: SourceFile) -> SourceFile | None:
        """Return the project's own file that an import leads to, if it leads to one."""
        parts = target.module.split(".") if target.module else []
        if target.level and importer.package:
            above = importer.package[: len(importer.package) - target.level + 1]
            return self._elsewhere((*above, *parts)) if above else None
        if target.level:
            folder = importer.path.parent
            for _ in range(target.level - 1):
                folder = folder.parent
            return self._at(folder, parts)
        return self._by_name(parts)

    def _by_name(self, parts: Sequence[str]) -> SourceFile | None:
        folders = self._folders()
        key = (*parts, "", *folders)
        if key not in self._named:
            beside = next((found for each in folders if (found := self._at(Path(each), parts))), None)
            self._named[key] = beside or self._elsewhere(parts)
        return self._named[key]

    def owns(self, name: str) -> bool:
        """Return whether a module is of a package of the user's, though it may have no file of its own."""
        return self._places.owns(name)

    def submodule(self, target: Imported, name: str, importer: SourceFile) -> SourceFile | None:
        """Return the file of ``from TARGET import NAME``, where NAME is a module."""
        return self.module(Imported(f"{target.module}.{name}".strip("."), target.level), importer)

    def _folders(self) -> list[str]:
        return [*self.project.added_path[0], *self.project.import_path, *self.project.added_path[1]]

    def _at(self, folder: Path, parts: Sequence[str]) -> SourceFile | None:
        path = module_file(folder, parts, self._files)
        return self.read(path) if path is not None and self.project.owns_file(str(path)) else None

    def _elsewhere(self, parts: Sequence[str]) -> SourceFile | None:
        """Return the file of a module of the user's that does not lie beside the scripts."""
        path = self._places.file(parts)
        if path is None:
            return None
        if path not in self._read:
            source = self._read[path] = self._parsed(path, self._places.label(parts, path))
            if source is not None:
                source.package = tuple(parts) if path.stem == "__init__" else tuple(parts[:-1])
        return self._read[path]

    def _parsed(self, path: Path, label: str = "") -> SourceFile | None:
        label = label or self._label(path)
        try:
            tree = ast.parse(self._files.read(path))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return _unread(path, label, self._files)
        source = SourceFile(path, label)
        hooked = any(_hooks_subclasses(node) for node in ast.walk(tree))
        for index, statement in enumerate(tree.body):
            if not (index == 0 and _is_text(statement)):
                _file(statement, source, hooked)
        return source

    def _label(self, path: Path) -> str:
        for base in (self.project.pipeline.root, self.project.pipeline.workspace):
            if path.is_relative_to(base):
                return path.relative_to(base).as_posix()
        return path.name


def _unread(path: Path, label: str, files: Disk) -> SourceFile | None:
    """Return a file that is no Python source; one within an archive as the archive; None where there is neither.

    A compiled module has a name that tells the platform, which its label does not.
    """
    file = next((each for each in (path, *path.parents) if files.is_file(each)), None)
    if file is None:
        return None
    try:
        content = files.read(file)
    except OSError:
        return None
    if file != path:
        label = "/".join(label.split("/")[: len(file.parts) - len(path.parts)]) or file.name
    suffix = next((each for each in EXTENSION_SUFFIXES if path.name.endswith(each)), "")
    label = f"{label.removesuffix(suffix)} (compiled)" if suffix else label
    return SourceFile(file, label, digest=xxhash.xxh3_64_hexdigest(content))


def _file(statement: ast.stmt, source: SourceFile, hooked: bool) -> None:
    """Enter one statement of the module level."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        source.imports |= imported(statement)
        source.stars += _stars(statement)
    elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        source.bindings.setdefault(statement.name, []).append(statement)
    elif isinstance(statement, ast.ClassDef):
        source.bindings.setdefault(statement.name, []).append(statement)
        if hooked and (statement.bases or statement.keywords):  # its base, or metaclass, may well keep a list of them
            source.effects.append(statement)
    elif not _is_idle(statement):
        names = _bound(statement)
        if names is None:
            source.effects.append(statement)
            for node in ast.walk(statement):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    source.imports |= imported(node)
                    source.stars += _stars(node)
        for name in names or ():
            source.bindings.setdefault(name, []).append(statement)


def _bound(statement: ast.stmt) -> list[str] | None:
    """Return the names that a plain assignment binds; None if the statement is something else, or does more."""
    targets: list[ast.expr | None] = [None]
    if isinstance(statement, ast.Assign):
        targets = [*statement.targets]
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    names = []
    for target in targets:
        for each in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
            name = each.value if isinstance(each, ast.Starred) else each
            if not isinstance(name, ast.Name) or name.id == "_":
                return None
            names.append(name.id)
    return names


def imported(statement: ast.Import | ast.ImportFrom) -> dict[str, Imported]:
    """Return the names that an import binds."""
    if isinstance(statement, ast.ImportFrom):
        module, level = statement.module or "", statement.level
        aliases = [alias for alias in statement.names if alias.name != "*"]
        return {alias.asname or alias.name: Imported(module, level, alias.name) for alias in aliases}
    found = {}
    for alias in statement.names:
        # `import a.b` binds `a`; the rest is asked for as its attributes.
        found[alias.asname or alias.name.partition(".")[0]] = Imported(
            alias.name if alias.asname else alias.name.partition(".")[0]
        )
    return found


def imported_by_name(call: ast.Call) -> Imported | None:
    """Return the module that a call such as ``import_module("package.module")`` names; None where it names none."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = call.args[0] if call.args else None
    if function not in ("import_module", "__import__") or not isinstance(given, ast.Constant):
        return None
    name = given.value
    if not isinstance(name, str) or not name.strip("."):
        return None
    bare = name.lstrip(".")
    return Imported(bare, len(name) - len(bare))


def imported_modules(statement: ast.Import | ast.ImportFrom) -> Iterator[Imported]:
    """Yield the modules that an import runs, as they are written."""
    if isinstance(statement, ast.ImportFrom):
        yield Imported(statement.module or "", statement.level)
    else:
        yield from (Imported(alias.name) for alias in statement.names)


def _stars(statement: ast.Import | ast.ImportFrom) -> list[Imported]:
    if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
        return [Imported(statement.module or "", statement.level)]
    return []


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_idle(statement: ast.stmt) -> bool:
    """Return whether a statement does nothing when its file is imported."""
    if isinstance(statement, ast.If):
        condition = ast.unparse(statement.test)
        return condition.endswith("TYPE_CHECKING") or "__name__" in condition
    return _is_text(statement) or isinstance(statement, ast.Pass)


def _hooks_subclasses(node: ast.AST) -> bool:
    """Return whether classes may be noticed when they are made."""
    if isinstance(node, ast.FunctionDef):
        return node.name == "__init_subclass__"
    return isinstance(node, ast.ClassDef) and any(each.arg == "metaclass" for each in node.keywords)


def digest_of(nodes: Sequence[ast.AST], more: Sequence[str] = ()) -> str:
    """16 hex digits that comments, formatting, docstrings and the version of Python do not change."""
    text = "\n".join([*(_text_of(node) for node in nodes), *more])
    return xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))


def _text_of(node: ast.AST) -> str:
    try:
        return _dumped(node)
    except RecursionError:  # code that a program has written, say: a sum of a thousand terms
        return "\n".join(f"{type(each).__name__} {_plain_fields(each)}" for each in ast.walk(node))


def _plain_fields(node: ast.AST) -> str:
    return ", ".join(
        f"{name}={value!a}" for name, value in ast.iter_fields(node) if not isinstance(value, (ast.AST, list))
    )


def _dumped(node: Any) -> str:
    """As `ast.dump`, but without what is empty, which differs between versions of Python, and without docstrings."""
    if isinstance(node, list):
        return "[" + ", ".join(map(_dumped, node)) + "]"
    if not isinstance(node, ast.AST):
        return ascii(node)  # `repr` knows the printable characters of its version
    fields = []
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.JoinedStr):
            value = [*_whole_texts(value)]
        if name == "body" and isinstance(value, list) and value and _is_text(value[0]):
            value = value[1:]
        if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
            fields.append(f"{name}={_dumped(value)}")
        elif isinstance(node, ast.Constant) and name == "value":
            fields.append("value=None")
    return f"{type(node).__name__}({', '.join(fields)})"


def _whole_texts(parts: list[ast.expr]) -> Iterator[ast.expr]:
    """Return the parts of an f-string with adjacent texts joined: how they are cut differs between versions."""
    for is_text, group in itertools.groupby(parts, lambda part: isinstance(part, ast.Constant)):
        if is_text:
            text = "".join(str(part.value) for part in group if isinstance(part, ast.Constant))
            if text:
                yield ast.Constant(text)
        else:
            yield from group
