"""The project's own code that a function uses: itself, and every function, class and constant that it leads to.

The text is followed, name by name. Where it cannot be (`globals()`, `exec`), the whole file counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_expops.execution.provenance._made_names import may_make
from pytest_expops.execution.provenance._source_files import (
    Imported,
    SourceFile,
    Sources,
    digest_of,
    imported,
    imported_by_name,
    imported_modules,
)
from pytest_expops.pipeline.model import module_of

_DYNAMIC = frozenset({"__import__", "eval", "exec", "globals", "import_module"})
_OWN_DECORATORS = frozenset({"chart", "process", "step"})


@dataclass(slots=True)
class CodeUsed:
    """What was found: digests by ``path/of/file.py:name``, and by ``path/of/file.py`` for what runs on import.

    `classes` are the classes among them, `libraries` the top-level modules that are not the project's own, `texts` the
    texts that stand in the code, `attributes` the names that it asks objects for, and `modules` those that count only
    because they were seen to be imported.
    """

    digests: dict[str, str] = field(default_factory=dict)
    classes: set[tuple[str, str]] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


class CodeReader:
    """Follows names through the sources of one project."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._by_label: dict[str, SourceFile] = {}

    def defines(self, script: str, function: str) -> bool | None:
        """Return whether a script binds this name, by its text; None where that does not tell."""
        source = self._sources.script(script)
        if source is None or source.digest:
            return None
        if function in source.bindings or function in source.imports:
            return True
        return None if source.stars or may_make(source, function) else False

    def used_by(
        self,
        script: str,
        function: str | None,
        classes: Iterable[tuple[str, str]] = (),
        modules: Iterable[str] = (),
        *,
        optional: bool = False,
    ) -> CodeUsed:
        """What `function` of the script of that key uses, and what `classes` do, which it may be handed instances of.

        Args:
            script: the key of a script, or the name of a module and a colon.
            function: the name of a function in it.
            classes: files by label, and names of classes in them that an earlier call has found.
            modules: dotted names of modules that were seen to be imported. Where they are the user's and the text
                does not lead to them, they count whole.
            optional: whether there need not be such a function. Where the text has none, and nothing that could make
                one, only what runs on import counts; else the whole file.
        """
        search = _Search(self._sources, self._by_label)
        source = self._sources.script(script)
        search.packages(module_of(script), source)
        if source is not None:
            search.on_import(source)
            found = function is not None and search.name(source, (function,))
            if not found and (function is None or not optional or may_make(source, function)):
                search.whole(source)
        for label, name in sorted(classes):
            search.name(self._by_label[label], (name,))
        search.finish()
        if source is not None:
            for each in sorted(modules):
                search.seen(each, source)
        return search.found


class _Search:
    def __init__(self, sources: Sources, by_label: dict[str, SourceFile]) -> None:
        self.found = CodeUsed()
        self._sources = sources
        self._by_label = by_label
        self._entered: set[str] = set()
        self._asked: set[tuple[str, tuple[str, ...]]] = set()
        self._pending: list[tuple[str, list[ast.stmt], SourceFile]] = []

    def finish(self) -> None:
        """Follow what has been found so far, and what that leads to; a stack, as code may lead far."""
        while self._pending:
            self._follow(*self._pending.pop())

    def packages(self, module: str, source: SourceFile | None) -> None:
        """What runs when a process's module is imported before it: its packages. One that is installed is a library."""
        if module and source is not None:
            self._enter(Imported(module), source)
        elif module:
            self.found.libraries.add(module.partition(".")[0])

    def on_import(self, source: SourceFile) -> None:
        """What runs when a file is imported, with the files that it imports."""
        if source.label in self._entered:
            return
        self._entered.add(source.label)
        self._by_label[source.label] = source
        if source.digest:
            self.found.digests[source.label] = source.digest
        for imported_name in (*source.imports.values(), *source.stars):
            self._enter(imported_name, source)
        registered = [
            statement
            for statements in source.bindings.values()
            for statement in statements
            if self._has_own_decorator(statement, source)
        ]
        effects = [*source.effects, *(each for each in registered if each not in source.effects)]
        if effects:
            self._pending.append((source.label, effects, source))

    def seen(self, module: str, importer: SourceFile) -> None:
        """Take a module that was seen to be imported, if nothing has led to it so far."""
        source = self._sources.module(Imported(module), importer)
        if source is not None and source.label not in self._entered:
            self.found.modules.add(module)
            self.whole(source)
            self.finish()  # which may lead to the next one

    def name(self, source: SourceFile, chain: tuple[str, ...]) -> bool:
        """Return what a dotted name refers to in a file; False if the project has nothing of that name there."""
        if chain[0] in source.bindings:
            self._definition(source, chain[0])
            return True
        asked = (source.label, chain)
        if asked in self._asked:  # modules that import from each other in a circle
            return False
        self._asked.add(asked)
        try:
            return self._imported_there(source, chain)
        finally:
            self._asked.remove(asked)

    def _imported_there(self, source: SourceFile, chain: tuple[str, ...]) -> bool:
        """Return what a dotted name refers to that a file imports, by its name or with all that a module has."""
        if chain[0] in source.imports:
            return self._imported(source.imports[chain[0]], chain[1:], source)
        modules = (self._sources.module(star, source) for star in source.stars)
        return any(module is not None and self.name(module, chain) for module in modules)

    def whole(self, source: SourceFile) -> None:
        """Take everything in a file."""
        self.on_import(source)
        for name in source.bindings:
            self._definition(source, name)

    def _definition(self, source: SourceFile, name: str) -> None:
        key = f"{source.label}:{name}"
        if key in self.found.digests:
            return
        self.on_import(source)
        self.found.digests[key] = ""  # until it is followed
        statements = source.bindings[name]
        if any(isinstance(each, ast.ClassDef) for each in statements):
            self.found.classes.add((source.label, name))
        self._pending.append((key, statements, source))

    def _follow(self, key: str, statements: list[ast.stmt], source: SourceFile) -> None:
        """Enter the digest of some statements, and go on to what they use."""
        local: dict[str, Imported] = {}
        for statement in statements:
            for node in ast.walk(statement):
                local |= self._met(node, source)
        meanings: set[str] = set()
        for chain in sorted({each for statement in statements for each in _chains(statement)}):
            known = local.get(chain[0]) or source.imports.get(chain[0])
            if known is not None:
                # An import of another thing under the same name changes what uses the name.
                meanings.add(f"{chain[0]}={known.level}:{known.module}:{known.attribute}")
            if chain[0] in local:
                self._imported(local[chain[0]], chain[1:], source)
            else:
                self.name(source, chain)
            if not _DYNAMIC.isdisjoint(chain):
                self.whole(source)
        self.found.digests[key] = digest_of(statements, sorted(meanings))

    def _met(self, node: ast.AST, source: SourceFile) -> dict[str, Imported]:
        """Follow what is imported by a part of a statement, and keep its text; return the names that it binds."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for target in imported_modules(node):
                self._enter(target, source)
            return imported(node)
        if isinstance(node, ast.Call) and (named := imported_by_name(node)) is not None:
            self._by_name(named, source)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.found.texts.add(node.value)
        elif isinstance(node, ast.Attribute):
            self.found.attributes.add(node.attr)
        return {}

    def _imported(self, target: Imported, rest: tuple[str, ...], importer: SourceFile) -> bool:
        """Return what an imported name refers to, with the attributes that are used of it."""
        module = self._sources.module(target, importer)
        if target.attribute is not None:
            inner = self._sources.submodule(target, target.attribute, importer)
            if module is not None and self.name(module, (target.attribute, *rest)):
                return True
            module = inner
        if module is None:
            if rest and target.attribute is None:  # `import package.module` of a package without a file
                inner_target = Imported(f"{target.module}.{rest[0]}", target.level)
                is_own = self._sources.module(inner_target, importer) or self._sources.owns(target.module)
                return bool(is_own) and self._imported(inner_target, rest[1:], importer)
            return False
        self.on_import(module)
        if not rest:
            self.whole(module)  # the module itself is handed on
        elif not self.name(module, rest):
            base = Imported(target.module, target.level)
            if target.attribute is not None:
                base = Imported(f"{target.module}.{target.attribute}".strip("."), target.level)
            deeper = self._sources.submodule(base, rest[0], importer)
            if deeper is None:
                self.whole(module)  # asked for in a way that the text does not tell
            else:
                self._imported(Imported(f"{base.module}.{rest[0]}".strip("."), base.level), rest[1:], importer)
        return True

    def _enter(self, target: Imported, importer: SourceFile) -> None:
        """Import a file and the packages that it lies in, or note a library."""
        parts = target.module.split(".") if target.module else []
        module = None
        for count in range(1, len(parts) + 1) if parts else (0,):
            module = self._sources.module(Imported(".".join(parts[:count]), target.level), importer)
            if module is not None:
                self.on_import(module)
        if target.attribute is not None:
            inner = self._sources.submodule(target, target.attribute, importer)
            if inner is not None:
                self.on_import(inner)
                return
        if module is None and not target.level and parts and not self._sources.owns(parts[0]):
            self.found.libraries.add(parts[0])

    def _by_name(self, target: Imported, importer: SourceFile) -> None:
        """Take a whole module that is imported at run time, by its name: what is used of it the text does not tell."""
        self._enter(target, importer)
        module = self._sources.module(target, importer)
        if module is not None:
            self.whole(module)

    def _has_own_decorator(self, statement: ast.stmt, source: SourceFile) -> bool:
        """Return whether it has a decorator of the project, which may keep a list of what it decorates."""
        for decorator in getattr(statement, "decorator_list", ()):
            function = decorator.func if isinstance(decorator, ast.Call) else decorator
            chain = _chain(function)
            if chain is None or chain[-1] in _OWN_DECORATORS:
                continue
            target = source.imports.get(chain[0])
            if chain[0] in source.bindings or (target and self._sources.module(target, source) is not None):
                return True
        return False


def _chains(statement: ast.stmt) -> set[tuple[str, ...]]:
    """Return the dotted names in a statement, each as long as it is written."""
    found: set[tuple[str, ...]] = set()
    inner: set[int] = set()
    for node in ast.walk(statement):  # from the outside in
        if id(node) in inner or not isinstance(node, (ast.Attribute, ast.Name)):
            continue
        chain = _chain(node)
        if chain is not None:
            found.add(chain)
            while isinstance(node, ast.Attribute):
                node = node.value
                inner.add(id(node))
    return found


def _chain(node: ast.AST) -> tuple[str, ...] | None:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None
