"""Which statement a line of a file belongs to, so that a statement over many lines is one place."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator


def source_tree(file: str) -> ast.Module | None:
    """The file's syntax tree, or None where it cannot be read."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):  # not what was run, at least
        return None


def first_lines(tree: ast.Module | None) -> dict[int, int]:
    """Every line of a statement -> the statement's first line; of a compound statement only its head is its own."""
    found: dict[int, int] = {}
    for statement in statements(tree):
        begin = first_line_of(statement)
        found.update(dict.fromkeys(range(begin, head_end(statement) + 1), begin))
    return found


def statements(tree: ast.AST | None) -> Iterator[ast.stmt]:
    """All statements, the outer before the inner."""
    if tree is not None:
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                yield node


def first_line_of(statement: ast.stmt) -> int:
    """Where a statement begins, its decorators included: what `co_firstlineno` says of a function."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])


def head_end(statement: ast.stmt) -> int:
    """The last line before the blocks that a statement holds; its own last line where it holds none."""
    inner = [first_line_of(each) for block in blocks(statement) for each in block]
    last = statement.end_lineno or statement.lineno
    return max(min([last, *(line - 1 for line in inner)]), statement.lineno)


def blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The lists of statements directly within a compound statement."""
    found = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    found += [each.body for each in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]]
    return [each for each in found if each]


def code_at(file: str, line: int) -> str:
    """The source line without its indentation; empty where it cannot be read."""
    return linecache.getline(file, line).strip()
