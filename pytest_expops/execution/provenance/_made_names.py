"""Names that a module may get in another way than by a definition, an assignment or an import at its top level."""

from __future__ import annotations

import ast
import itertools

from pytest_expops.execution.provenance._source_files import SourceFile


def may_make(source: SourceFile, name: str) -> bool:
    """Return whether a file may have a name that it does not bind as a plain definition, assignment or import does."""
    if "__getattr__" in source.bindings:
        return True
    effects = [node for statement in source.effects for node in ast.walk(statement)]
    bound = (node for statements in source.bindings.values() for each in statements for node in ast.walk(each))
    return any(_binds(node, name) for node in effects) or any(map(_is_namespace, itertools.chain(effects, bound)))


def _binds(node: ast.AST, name: str) -> bool:
    """Return whether a node within a statement that does more, such as ``if``, binds a name."""
    if isinstance(node, ast.alias):
        return (node.asname or node.name) == name
    return name in (getattr(node, "name", None), getattr(node, "id", None))


def _is_namespace(node: ast.AST) -> bool:
    """Return whether a node may lead to the names of a module as a map, to which any name can be added."""
    if isinstance(node, ast.Attribute):
        return node.attr in ("__dict__", "modules")
    return isinstance(node, ast.Name) and node.id in ("exec", "globals", "locals", "vars")
