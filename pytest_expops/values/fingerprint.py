"""A value's fingerprint: equal for equal values, different for different ones, whatever their identity (S7.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from pytest_expops.values._columns import MANY, NotColumns, digest_rows, digests_of
from pytest_expops.values._cycles import Graph
from pytest_expops.values._dispatch import form_of, register, unregister
from pytest_expops.values.atoms import ATOMS, atom_digest
from pytest_expops.values.bulk import Array
from pytest_expops.values.forms import Form, Mapping, Parts, Unordered, Unsound, set_digest
from pytest_expops.values.seldom_collected import SeldomCollected

__all__ = ["Fingerprint", "Leaf", "Walk", "fingerprint", "form_of", "register", "unregister"]

T = TypeVar("T")
V = TypeVar("V")

LEAVES = 256
"""A fingerprint names at most so many leaves; a larger value has leaves nearer to its root."""
LEVELS = 24
"""Leaves lie at most so deep, lest their paths fill pages."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part of a value with a digest of its own."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`digest`: XXH3-128 in 32 hex digits. `leaves`: its parts, in order, by which a mismatch is named.

    Digests compare between runs of one Python version on machines of one byte order. Two fingerprints are equal if
    and only if their digests are.
    """

    digest: str
    leaves: tuple[Leaf, ...]

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Fingerprint) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def differs_at(self, other: Fingerprint) -> tuple[str, ...]:
        """Return the paths of leaves that differ, or are in one of the two only; empty if and only if both are equal.

        Where no leaf differs, but what holds them does (a list that became a tuple), the path that all leaves share.
        """
        if self == other:
            return ()
        here = {(leaf.path, leaf.digest) for leaf in self.leaves}
        there = {(leaf.path, leaf.digest) for leaf in other.leaves}
        differing = dict.fromkeys(leaf.path for leaf in self.leaves if (leaf.path, leaf.digest) not in there)
        differing |= dict.fromkeys(leaf.path for leaf in other.leaves if (leaf.path, leaf.digest) not in here)
        return tuple(differing) or (_shared([leaf.path for leaf in self.leaves]),)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a record: ``{"digest": ..., "leaves": [[path, digest], ...]}``."""
        return {"digest": self.digest, "leaves": [[leaf.path, leaf.digest] for leaf in self.leaves]}

    @classmethod
    def from_json(cls, data: Any) -> Fingerprint:
        """Return what `to_json` was called on."""
        return cls(data["digest"], tuple(Leaf(path, digest) for path, digest in data["leaves"]))


class Digested(Protocol):
    """A digest, and what it was made from, as far as leaves need it."""

    @property
    def digest(self) -> bytes: ...
    @property
    def form(self) -> Form | None: ...
    @property
    def children(self) -> Sequence[Digested]: ...


class DigestNode(NamedTuple):
    """What `Digested` says, at the least cost."""

    digest: bytes
    form: Form | None = None
    children: Sequence[Digested] = ()


def fingerprint(value: object, path: str = "value", mappings: list[Mapping] | None = None) -> Fingerprint:
    """Return the fingerprint of any value that a pipeline returns.

    Types, keys, shapes, dtypes and bits count; NaN equals NaN, whatever its payload; -0.0 is not 0.0. The order of
    dicts and sets, memory layout, sharing of references and addresses do not count. Arrays are read in place.

    Args:
        value: any value; it is only read.
        path: where the value stands, such as ``outputs['model']``; leaves and errors are named from there.
        mappings: gets the form of each mapping that is met, with its keys in their order, which does not count.

    Raises:
        FingerprintError: something within cannot be judged soundly; its `path` says what.
    """
    try:
        with SeldomCollected():
            node = Walk(mappings).node(value)
    except Unsound as error:
        raise error.error(path) from error.__cause__
    return Fingerprint(node.digest.hex(), _leaves(node, path))


set_digest(lambda value: bytes.fromhex(fingerprint(value).digest))


class Walk:
    """Digests of values met in one walk; shared ones are computed once. Keeps them alive, since it goes by identity.

    The mappings that it meets are added to `mappings`, where that is given. The nodes have children, where they may
    be leaves, if `leaves`.
    """

    __slots__ = ("_active", "_graph", "_known", "_leaves", "_mappings", "_tables")

    def __init__(self, mappings: list[Mapping] | None = None, *, leaves: bool = True) -> None:
        self._mappings = mappings
        self._known: dict[int, tuple[object, DigestNode]] = {}
        self._active: set[int] = set()
        self._graph: Graph | None = None
        self._leaves = LEAVES - 1 if leaves else -1
        self._tables = mappings is None

    @property
    def cyclic(self) -> bool:
        """Whether a value was met that holds itself, or nests too deeply."""
        return self._graph is not None

    def node(self, value: object) -> Digested:
        """Return the digest of a value, with those of its parts.

        Raises:
            Unsound: something within cannot be judged.
        """
        return self._begun(self._walked, Graph.vertex, value)

    def digests(self, values: Sequence[Any]) -> Array:
        """Return the digest of each of many values, as rows of 16 bytes.

        Raises:
            Unsound: something within cannot be judged.
        """
        return self._begun(self._digests, _vertex_digests, values)

    def _begun(self, walk: Callable[[V], T], through: Callable[[Graph, V], T], value: V) -> T:
        """Return what a walk gives: with tables, else without, else, where values hold themselves, by their graph."""
        while self._graph is None:
            try:
                return walk(value)
            except (_Cyclic, RecursionError, NotColumns, Unsound) as error:
                self._active.clear()
                if self._tables and not isinstance(error, RecursionError):
                    self._tables = False  # one by one, values that cannot be judged have paths
                elif isinstance(error, Unsound):
                    raise
                else:
                    if self._mappings is not None:
                        self._mappings.clear()
                    self._graph = Graph(self._mappings)
        return through(self._graph, value)

    def _walked(self, value: object) -> Digested:
        return self._node(value, self._leaves)

    def _digests(self, values: Sequence[Any]) -> Array:
        if self._tables:
            return digests_of(values, self._digest)
        return digest_rows([self._digest(value) for value in values])

    def _digest(self, value: Any) -> bytes:
        return self._node(value, -1).digest

    def _node(self, value: Any, spread: int) -> DigestNode:
        """Return the digest of a value; with its parts, where not more than `spread` come of it beside the first."""
        encode = ATOMS.get(type(value))
        if encode is not None:
            return DigestNode(atom_digest(encode(value)))
        key = id(value)
        known = self._known.get(key)
        if known is not None:
            return known[1]
        if key in self._active:
            raise _Cyclic
        self._active.add(key)
        form = form_of(value)
        if self._mappings is not None and type(form) is Mapping:
            self._mappings.append(form)
        children = form.children
        count = len(children)
        spread -= max((count // 2 if type(form) is Mapping else count) - 1, 0)
        if spread < 0 and count >= MANY and self._tables:
            digests = digests_of(children, self._digest)
            node = DigestNode(atom_digest(form.combined_rows(digests.view("V16").reshape(1, count))[0]))
            simple = False
        else:
            node, simple = self._one_by_one(form, children, spread)
        self._active.discard(key)
        if not (simple and children):  # a small record of plain values is as soon hashed again
            self._known[key] = (value, node)
        return node

    def _one_by_one(self, form: Form, children: Sequence[Any], spread: int) -> tuple[DigestNode, bool]:
        """Return the digest of a form, and whether its children are all indivisible."""
        nodes: list[Digested] = []
        simple = True
        try:
            for child in children:
                encode = ATOMS.get(type(child))
                if encode is not None:
                    nodes.append(DigestNode(atom_digest(encode(child))))
                else:
                    simple = False
                    nodes.append(self._node(child, spread))
        except Unsound as error:
            error.suffixes.append(form.suffix(len(nodes)))
            raise
        digest = form.combine([node.digest for node in nodes])
        return (DigestNode(digest, form, nodes) if spread >= 0 else DigestNode(digest)), simple


class _Cyclic(Exception):
    """A value was met within itself."""


def _vertex_digests(graph: Graph, values: Sequence[Any]) -> Array:
    return digest_rows([graph.vertex(value).digest for value in values])


def _leaves(root: Digested, path: str) -> tuple[Leaf, ...]:
    """Take a value apart, level by level, as long as no more than `LEAVES` parts result."""
    level = [(path, root)]
    grown = bool(root.children)
    depth = 0
    while grown and depth < LEVELS:
        grown, total, below = False, len(level), []
        depth += 1
        for place, node in level:
            parts = _parts(node)
            if parts and total + len(parts) - 1 <= LEAVES:
                total += len(parts) - 1
                below += [(place + suffix, part) for suffix, part in parts]
                grown = True
            else:
                below.append((place, node))
        level = below
    return tuple([Leaf(place, node.digest.hex()) for place, node in level])


def _parts(node: Digested) -> list[tuple[str, Digested]]:
    if node.form is None:
        return []
    if isinstance(node.form, Unordered) or (isinstance(node.form, Parts) and node.form.whole):
        return []
    first = len(node.children) // 2 if isinstance(node.form, Mapping) else 0  # a key is in the path
    if len(node.children) - first > LEAVES:
        return []
    return [(node.form.suffix(index), node.children[index]) for index in range(first, len(node.children))]


def _shared(paths: list[str]) -> str:
    """Return the longest common beginning of paths that ends where one of them branches."""
    first, last = min(paths), max(paths)
    length = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    if length == len(first) == len(last):
        return first
    return first[: max(first.rfind("[", 0, length + 1), first.rfind(".", 0, length + 1), 0)] or first[:length]
