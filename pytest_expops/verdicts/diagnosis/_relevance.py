"""Which variables of a function can reach what came out of it: the rest may differ, and harm nobody.

A slice (Weiser 1981) of one function, by names and without regard to order, so that it rather takes in too much: what
a statement assigns depends on all that it reads, and on the heads of the blocks it stands in; what a method is called
on, or what is passed to a function that is not Python's own, may be changed by the call.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pytest_expops.replay.tracing.statements import blocks, first_line_of, first_lines, source_tree

_CHANGING = frozenset({"next", "setattr", "delattr", "exec", "eval"})
_HARMLESS = frozenset(dir(builtins)) - _CHANGING
_CLOCKS = frozenset({"time", "perf_counter", "monotonic", "process_time", "thread_time", "default_timer", "now"})
_TELLING = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log", "write", "log_metric"})
"""Methods and functions that tell of their arguments, and leave them as they are."""


@dataclass(slots=True)
class Statement:
    """What one statement, without the blocks in it, reads and may change, and what the heads around it read."""

    line: int
    reads: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    """Those of them that get another object; the others may be changed in place."""
    around: set[str] = field(default_factory=set)
    leaves: bool = False
    """Whether it hands something out: `return`, `yield`, or a metric."""
    returns: bool = False
    decides: bool = False
    """Whether it is the head of an `if` or a `while`."""
    only_reads: bool = True
    """Whether it calls nothing and goes through nothing: what it makes was in what it reads."""


class Function:
    """The statements of one function, module or class body, by what they read and change."""

    def __init__(self, file: str, name: str, line: int) -> None:
        tree = source_tree(file)
        self.begins = first_lines(tree)
        """Any line of the file -> the first line of its statement."""
        self.node = tree if tree is None or name == "<module>" else _definition(tree, line)
        self.statements = list(_statements(self.node)) if self.node is not None else []
        self._outer = {
            name for each in self._nodes() if isinstance(each, (ast.Global, ast.Nonlocal)) for name in each.names
        }

    def at(self, line: int) -> Statement | None:
        """The statement that begins there."""
        return next((each for each in self.statements if each.line == line), None)

    def changing(self, name: str) -> Statement | None:
        """The statement that may change a variable, if there is but one."""
        found = [each for each in self.statements if name in each.changes]
        return found[0] if len(found) == 1 else None

    def returning(self) -> Statement | None:
        """The `return`, if there is but one."""
        found = [each for each in self.statements if each.returns]
        return found[0] if len(found) == 1 else None

    def measuring(self) -> Statement | None:
        """The statement that measures a time and lets something depend on it, if there is but one."""
        marks, relevant = self.marks(), self.reaching([])
        found = [each for each in self.statements if each.reads & marks and (each.decides or each.changes & relevant)]
        return found[0] if len(found) == 1 else None

    def marks(self) -> set[str]:
        """Variables that hold a time only to measure from it: they differ, and mean nothing by themselves."""
        nodes = self._nodes()
        reads = Counter(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
        measured = Counter(name for node in nodes for name in _measured(node))
        set_by_clock = {
            target.id
            for node in nodes
            if isinstance(node, ast.Assign)
            and isinstance(node.value, (ast.Call, ast.BinOp))
            and _asks_clock(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        return {name for name in set_by_clock if 0 < reads[name] == measured[name]}

    def reaching(self, names: Iterable[str]) -> set[str]:
        """All names that can reach these names, or what the function hands out."""
        found = {*names, *self._outer}
        for each in self.statements:
            if each.leaves:
                found |= each.reads | each.around
        grown = True
        while grown:
            before = len(found)
            for each in self.statements:
                if each.changes & found:
                    found |= each.reads | each.around
            grown = len(found) > before
        return found

    def mentions(self) -> set[str]:
        """Every name and attribute in it."""
        names = {node.id for node in self._nodes() if isinstance(node, ast.Name)}
        return names | {node.attr for node in self._nodes() if isinstance(node, ast.Attribute)}

    def _nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.node)) if self.node is not None else []


def _definition(tree: ast.Module, line: int) -> ast.AST | None:
    """The function or class that begins at a line; a lambda there, if there is no other."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and first_line_of(node) == line:
            return node
    return next((node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == line), None)


def _statements(node: ast.AST) -> Iterator[Statement]:
    body = getattr(node, "body", None)
    if isinstance(body, list):
        yield from _block(body, set())


def _block(body: list[ast.stmt], around: set[str]) -> Iterator[Statement]:
    for each in body:
        statement = _look(each)
        statement.around = around
        yield statement
        if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for block in blocks(each):
                yield from _block(block, around | statement.reads)


def _look(node: ast.stmt) -> Statement:
    found = Statement(first_line_of(node))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        found.changes.add(node.name)
        found.reads |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        return found
    found.leaves = found.returns = isinstance(node, ast.Return)
    found.decides = isinstance(node, (ast.If, ast.While))
    if isinstance(node, ast.AugAssign):
        found.reads |= _base(node.target)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        found.changes |= {(each.asname or each.name).partition(".")[0] for each in node.names}
    for each in _head(node):
        _add(each, found)
        if isinstance(each, (ast.Call, ast.For, ast.AsyncFor, ast.comprehension, ast.With, ast.AsyncWith, ast.Await)):
            found.only_reads = False
    found.changes |= found.binds
    return found


def _head(node: ast.stmt) -> Iterator[ast.AST]:
    """Every expression of a statement that is not in a block within it."""
    inside = {id(each) for block in blocks(node) for each in block}
    waiting: list[ast.AST] = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += [each for each in ast.iter_child_nodes(current) if id(each) not in inside]


def _add(node: ast.AST, found: Statement) -> None:
    if isinstance(node, ast.Name):
        (found.reads if isinstance(node.ctx, ast.Load) else found.binds).add(node.id)
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        found.changes |= _base(node)
    elif isinstance(node, (ast.Yield, ast.YieldFrom)):
        found.leaves = True
    elif isinstance(node, ast.Call):
        _add_call(node, found)


def _add_call(node: ast.Call, found: Statement) -> None:
    function, name = node.func, _called(node)
    if name == "log_metric":
        found.leaves = True
    if isinstance(function, ast.Attribute) and name not in _TELLING:
        found.changes |= _base(function)
    if name in _TELLING or (isinstance(function, ast.Name) and name in _HARMLESS):
        return
    for each in [*node.args, *(keyword.value for keyword in node.keywords)]:
        found.changes |= _base(each)


def _called(node: ast.Call) -> str:
    """The last part of the name of what is called, without what tells its unit."""
    function = node.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    return str(name).removesuffix("_ns")


def _measured(node: ast.AST) -> list[str]:
    """The variables that an expression subtracts, or compares with a clock."""
    parts: list[ast.AST] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        parts = [node.right]
    elif isinstance(node, ast.Compare) and _asks_clock(node):
        parts = [node.left, *node.comparators]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _asks_clock(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Call) and _called(each) in _CLOCKS for each in ast.walk(node))


def _base(node: ast.AST) -> set[str]:
    """The variable that an attribute or item is of."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
