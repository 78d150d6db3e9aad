"""Digests of values that refer to themselves, or nest too deeply to recurse.

Values form a graph. Outside of cycles a value's digest follows from those of its children. Within one (a strongly
connected component, found by Tarjan's algorithm, 1972) digests are refined in rounds until no round tells apart more
values than the one before: then two components whose last rounds coincide unfold to the same infinite tree. (Partition
refinement, as for minimizing automata: Moore 1956.)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_expops.values._dispatch import form_of
from pytest_expops.values.atoms import ATOMS, atom_digest
from pytest_expops.values.forms import Bulk, Form, Mapping, Unsound, hashed

DEPTH_LIMIT = 100_000
"""A value nested deeper than this makes new values whenever its state is read."""


@dataclass(slots=True, eq=False)
class Vertex:
    """One value of the graph. `known` is its digest, as soon as there is one."""

    value: Any
    form: Form | None = None
    children: list[Vertex] = field(default_factory=list)
    known: bytes | None = None
    order: int = -1
    low: int = -1

    @property
    def digest(self) -> bytes:
        assert self.known is not None
        return self.known


class Graph:
    """The digests of everything within one value, by identity; the values are kept alive meanwhile.

    The mappings that it meets are added to `mappings`, where that is given.
    """

    def __init__(self, mappings: list[Mapping] | None = None) -> None:
        self._mappings = mappings
        self._vertices: dict[int, Vertex] = {}
        self._open: list[Vertex] = []
        self._open_ids: set[int] = set()
        self._count = 0

    def vertex(self, value: Any) -> Vertex:
        """Return the vertex of a value, its digest computed.

        Raises:
            Unsound: something within cannot be judged; its `suffixes` lead there.
        """
        root = self._made(value)
        if root.known is None and root.order < 0:
            self._visit(root)
        return root

    def _made(self, value: Any) -> Vertex:
        made = self._vertices.get(id(value))
        if made is None:
            made = self._vertices[id(value)] = Vertex(value)
            encode = ATOMS.get(type(value))
            if encode is not None:
                made.known = atom_digest(encode(value))
        return made

    def _visit(self, root: Vertex) -> None:
        """Visit everything below, by Tarjan's algorithm; with a stack of its own, since deep values come here."""
        stack: list[tuple[Vertex, Iterator[Vertex]]] = []
        try:
            self._enter(root)
            stack.append((root, iter(root.children)))
            while stack:
                vertex, rest = stack[-1]
                child = next((each for each in rest if self._unseen(vertex, each)), None)
                if child is not None:
                    if len(stack) > DEPTH_LIMIT:
                        raise Unsound("nests without end", "let `__getstate__` return what is there, not new objects")
                    self._enter(child)
                    stack.append((child, iter(child.children)))
                    continue
                stack.pop()
                if vertex.low == vertex.order:
                    self._close(vertex)
                if stack:
                    stack[-1][0].low = min(stack[-1][0].low, vertex.low)
        except Unsound as error:
            error.suffixes += _trail([vertex for vertex, _ in stack], error)
            raise

    def _unseen(self, vertex: Vertex, child: Vertex) -> bool:
        """Return whether to go into a child; one that is open already closes a cycle."""
        if child.known is None and child.order >= 0 and id(child) in self._open_ids:
            vertex.low = min(vertex.low, child.order)
        return child.known is None and child.order < 0

    def _enter(self, vertex: Vertex) -> None:
        vertex.order = vertex.low = self._count
        self._count += 1
        self._open.append(vertex)
        self._open_ids.add(id(vertex))
        try:
            vertex.form = form_of(vertex.value)
        except Unsound as error:
            error.vertex = vertex  # type: ignore[attr-defined]
            raise
        if self._mappings is not None and isinstance(vertex.form, Mapping):
            self._mappings.append(vertex.form)
        vertex.children = [self._made(child) for child in vertex.form.children]

    def _close(self, head: Vertex) -> None:
        """Close a component that is complete: everything that was opened since `head`."""
        start = next(place for place in range(len(self._open) - 1, -1, -1) if self._open[place] is head)
        component = self._open[start:]
        del self._open[start:]
        self._open_ids.difference_update(map(id, component))
        if len(component) == 1 and all(child is not head for child in head.children):
            assert head.form is not None
            head.known = head.form.combine([child.digest for child in head.children])
        else:
            _refine(component)


def _refine(component: list[Vertex]) -> None:
    members = {id(vertex): vertex for vertex in component}
    colours = dict.fromkeys(members, b"\0" * 16)
    rounds, classes = 0, 1
    while True:
        colours = {key: _coloured(vertex, colours) for key, vertex in members.items()}
        now = len(set(colours.values()))
        if now == classes and rounds:
            break
        rounds, classes = rounds + 1, now
    together = hashed(b"cycle", rounds.to_bytes(8, "little"), *sorted(set(colours.values())))
    for key, vertex in members.items():
        vertex.known = hashed(colours[key], together)
        vertex.children = []  # a cycle is one leaf


def _coloured(vertex: Vertex, colours: dict[int, bytes]) -> bytes:
    assert vertex.form is not None
    if isinstance(vertex.form, Bulk):
        return vertex.form.combine([])
    digests = [child.known or colours[id(child)] for child in vertex.children]
    # The own colour of the round before is hashed in, so that a round never forgets what an earlier one told apart.
    return hashed(colours[id(vertex)], vertex.form.combine(digests))


def _trail(path: list[Vertex], error: Unsound) -> list[str]:
    """Return the path from the root to where the error arose, innermost first."""
    last = getattr(error, "vertex", None)
    steps = [*path, last] if last is not None and (not path or path[-1] is not last) else path
    found = []
    for parent, child in itertools.pairwise(steps):
        if parent.form is not None:
            place = next(index for index, each in enumerate(parent.children) if each is child)
            found.append(parent.form.suffix(place))
    return found[::-1]
