"""Where a line takes the order of a set, or a hash of text, what it can take in its place."""

from __future__ import annotations

import ast

from pytest_expops.verdicts.diagnosis._script_text import ScriptText, heads

_SETS = frozenset({"set", "frozenset"})
_OF_SETS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_ORDERLESS = frozenset({"sorted", "len", "any", "all", "set", "frozenset", "bool", "isinstance"})
"""Functions of which no result depends on the order of a set."""


def in_order(script: ScriptText, line: int) -> str:
    """Return ``NEW in place of OLD``, where a statement takes the order of a set or a hash; else nothing."""
    statement = script.statement(line)
    looked = _Looked(script, line)
    for part in heads(statement) if statement is not None else ():
        if isinstance(statement, (ast.For, ast.AsyncFor)) and part is statement.iter:
            looked.look(part)
        looked.visit(part)
    return looked.found


class _Looked(ast.NodeVisitor):
    """Looks through one statement for the first set whose order matters, or the first hash."""

    def __init__(self, script: ScriptText, line: int) -> None:
        self._script = script
        self._line = line
        self.found = ""

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        (only,) = node.args if len(node.args) == 1 and not node.keywords else (None,)
        if name == "hash" and only is not None:
            imports = "" if "zlib" in self._script.imports else ", with `import zlib`"
            self._found(f"zlib.crc32(repr({self._script.text(only)}).encode())", node, imports)
        elif name == "list" and only is not None and self._is_set(only):
            self._found(f"sorted({self._script.text(only)})", node)
        elif name not in _ORDERLESS or node.keywords:
            for each in [*node.args, *(keyword.value for keyword in node.keywords)]:
                self.look(each)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.look(node.iter)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self.look(node.value)
        self.generic_visit(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        """A set made of a set has no order to begin with."""

    def look(self, node: ast.AST) -> None:
        """Note an expression that is iterated, if it is a set."""
        if self._is_set(node):
            self._found(f"sorted({self._script.text(node)})", node)

    def _found(self, new: str, old: ast.AST, also: str = "") -> None:
        self.found = self.found or f"`{new}` in place of `{self._script.text(old)}`{also}"

    def _is_set(self, node: ast.AST) -> bool:
        """Return whether an expression is a set, or a variable to which nothing but sets is assigned."""
        if isinstance(node, ast.Name):
            made = self._script.assigned(node.id, self._line)
            return bool(made) and all(not isinstance(each, ast.Name) and self._is_set(each) for each in made)
        if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
            return any(not isinstance(each, ast.Name) and self._is_set(each) for each in (node.left, node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return node.func.attr in _OF_SETS and self._is_set(node.func.value)
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SETS
        return named or isinstance(node, (ast.Set, ast.SetComp))
