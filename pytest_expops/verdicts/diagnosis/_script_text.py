"""What the text of a script says of one of its lines: which calls stand there, by full names, and in which function.

It is read and never run. What a name stands for is told by the imports of the file; of other objects, such as a
generator that was handed in, only the name of the method is known.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pytest_expops.replay.tracing.statements import first_line_of, head_end, source_tree, statements

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class CallText:
    """A call as it is written. `name` is its full name, such as ``numpy.random.default_rng``, or empty."""

    node: ast.Call
    name: str
    whole: str
    function: str
    arguments: tuple[str, ...]

    @property
    def method(self) -> str:
        """The last part of what is called."""
        return self.function.rpartition(".")[2]

    @property
    def owner(self) -> str:
        """What stands before the last dot."""
        return self.function.rpartition(".")[0]


class ScriptText:
    """One file of the project; where it cannot be read there is nothing in it."""

    def __init__(self, file: str) -> None:
        self._text = "".join(linecache.getlines(file))
        self._tree = source_tree(file)

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name stands for: ``np`` for ``numpy``, ``uuid4`` for ``uuid.uuid4``."""
        found: dict[str, str] = {}
        for node in ast.walk(self._tree or ast.Module([], [])):
            if isinstance(node, ast.Import):
                for each in node.names:
                    first = each.name.partition(".")[0]
                    found[each.asname or first] = each.name if each.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        return found

    def function(self, name: str) -> FunctionNode | None:
        """Return the function of the module that has a name: the last that is defined by it."""
        body = self._tree.body if self._tree is not None else []
        return next((each for each in reversed(body) if isinstance(each, FunctionNode) and each.name == name), None)

    def statement(self, line: int) -> ast.stmt | None:
        """Return the innermost statement of which a line is, without the blocks in it."""
        found = [each for each in statements(self._tree) if first_line_of(each) <= line <= head_end(each)]
        return found[-1] if found else None

    def calls(self, node: ast.AST) -> Iterator[CallText]:
        """Yield the calls in an expression, or in a statement without those in its blocks."""
        parts = heads(node) if isinstance(node, ast.stmt) else [node]
        for each in [inner for part in parts for inner in ast.walk(part)]:
            if isinstance(each, ast.Call):
                arguments = (*map(self.text, each.args), *map(self.text, each.keywords))
                yield CallText(each, self.name(each.func), self.text(each), self.text(each.func), arguments)

    def text(self, node: ast.AST) -> str:
        """Return an expression as it is written."""
        return ast.get_source_segment(self._text, node) or ast.unparse(node)

    def name(self, node: ast.AST) -> str:
        """Return the full name of what an expression names, where it is imported; else nothing."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, "")
        owner = self.name(node.value) if isinstance(node, ast.Attribute) else ""
        return f"{owner}.{node.attr}" if owner and isinstance(node, ast.Attribute) else ""

    def around(self, line: int) -> list[FunctionNode]:
        """Return the functions in which a line stands, the innermost last; a decorator or a default is in none."""
        return [
            each
            for each in statements(self._tree)
            if isinstance(each, FunctionNode) and each.body[0].lineno <= line <= (each.end_lineno or line)
        ]

    def assigned(self, name: str, line: int) -> list[ast.expr]:
        """Return what is assigned to a variable in the function around a line, or else in the module."""
        for scope in [*reversed(self.around(line)), self._tree]:
            found = [
                each.value
                for each in ast.walk(scope or ast.Module([], []))
                if isinstance(each, ast.Assign)
                and any(isinstance(target, ast.Name) and target.id == name for target in each.targets)
            ]
            if found:
                return found
        return []


def heads(statement: ast.stmt) -> list[ast.AST]:
    """Return the parts of a statement that are no blocks."""
    blocks = (ast.stmt, ast.ExceptHandler, ast.match_case)
    return [each for each in ast.iter_child_nodes(statement) if not isinstance(each, blocks)]


def parameters(function: FunctionNode) -> dict[str, bool]:
    """Return the parameters of a function by name, and whether each must be given."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    optional = {each.arg for each in plain[len(plain) - len(given.defaults) :]} if given.defaults else set()
    optional |= {each.arg for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default}
    return {each.arg: each.arg not in optional for each in [*plain, *given.kwonlyargs]}
