"""Laws over nested values: only leaves make a fingerprint, and one changed leaf is found where it is (S7.2)."""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import decimal
import functools
import math
import pathlib
import pickle
import types
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.codec import decode, encode
from tests.values.samples import Colour, Pair, Plain, Point, Slotted, adder, holder


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A leaf, and a slightly other one; where in it a comparison finds the difference, and a fingerprint names it."""

    make: Callable[[], Any]
    other: Callable[[], Any]
    told: str = ""
    named: str = ""


@dataclasses.dataclass(frozen=True)
class Node:
    """A container: `build` makes it of its parts, which stand at `places`."""

    build: Callable[[Sequence[Any]], Any]
    places: Sequence[str]
    children: Sequence[Leaf | Node]


def _frame(number: float) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
    return pd.DataFrame({"n": [1, 2], "f": [0.5, number], "t": pd.Categorical(["u", "v"])}, index=index)


def _fresh(text: str) -> str:
    """An equal text that is another object."""
    return "".join(list(text))


NEXT = math.nextafter(0.1, 1)
LEAVES = [
    Leaf(lambda: None, lambda: False),
    Leaf(lambda: 10**20, lambda: 10**20 + 1),
    Leaf(lambda: float("0.1"), lambda: NEXT),
    Leaf(lambda: float("nan"), lambda: 0.0),
    Leaf(lambda: 0.0, lambda: -0.0),
    Leaf(lambda: complex(0.5, 0.0), lambda: complex(0.5, -0.0)),
    Leaf(lambda: _fresh("some text"), lambda: "some tex\N{CYRILLIC SMALL LETTER TE}"),
    Leaf(lambda: _fresh("a\nb\nc"), lambda: "a\nb\nC"),
    Leaf(lambda: bytes([1, 2]), lambda: bytes([1, 3])),
    Leaf(lambda: bytearray(b"ab"), lambda: bytearray(b"ac")),
    Leaf(lambda: Colour.RED, lambda: Colour.GREEN),
    Leaf(lambda: decimal.Decimal("1.0"), lambda: decimal.Decimal("1.00")),
    Leaf(lambda: datetime.datetime(2024, 1, 1), lambda: datetime.datetime(2024, 1, 1, 0, 0, 0, 1)),
    Leaf(
        lambda: datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        lambda: datetime.datetime(2024, 1, 1),
    ),
    Leaf(lambda: datetime.date(2024, 1, 1), lambda: datetime.date(2024, 1, 2)),
    Leaf(lambda: datetime.timedelta(1), lambda: datetime.timedelta(1, 1)),
    Leaf(lambda: pathlib.PurePosixPath("a/b"), lambda: pathlib.PurePosixPath("a/c")),
    Leaf(lambda: uuid.UUID(int=1), lambda: uuid.UUID(int=2)),
    Leaf(lambda: np.float32("0.1"), lambda: np.nextafter(np.float32(0.1), np.float32(1))),
    Leaf(lambda: np.int8(1), lambda: np.int8(2)),
    Leaf(lambda: np.datetime64(1, "s"), lambda: np.datetime64(1000, "ms")),
    Leaf(lambda: {_fresh("a"), "b"}, lambda: {"a", "c"}),
    Leaf(lambda: frozenset([1, 2]), lambda: frozenset([1, 3])),
    Leaf(lambda: [0.5] * 40, lambda: [*[0.5] * 39, 0.25], "[39]"),
    Leaf(lambda: np.arange(6.0).reshape(2, 3), lambda: np.array([[0.0, 1, 2], [3, 4, NEXT]]), "[1, 2]"),
    Leaf(lambda: np.asfortranarray(np.eye(2, dtype="c8")), lambda: np.diag(np.array([1, -1j], "c8")), "[1, 1]"),
    Leaf(lambda: np.array([1, 2], "M8[D]"), lambda: np.array([1, "NaT"], "M8[D]"), "[1]"),
    Leaf(lambda: np.array(["a", "b"]), lambda: np.array(["a", "c"]), "[1]"),
    Leaf(
        lambda: np.array([(1, 0.5)], [("i", "i4"), ("f", "f8")]),
        lambda: np.array([(1, -0.5)], [("i", "i4"), ("f", "f8")]),
        "['f'][0]",
        "['f']",
    ),
    Leaf(lambda: np.ma.array([1, 2], mask=[0, 1]), lambda: np.ma.array([1, 2], mask=[0, 0]), "[1]"),
    Leaf(lambda: scipy.sparse.csr_matrix([[0, 1.0]]), lambda: scipy.sparse.csr_matrix([[0, 2.0]]), ".data[0]", ".data"),
    Leaf(lambda: _frame(1.5), lambda: _frame(2.5), "['f'][('b', 2)]", "['f']"),
    Leaf(lambda: pd.Series([1, None], dtype="Int64"), lambda: pd.Series([1, 2], dtype="Int64"), "[1]"),
    Leaf(lambda: pd.Timestamp("2024", tz="UTC"), lambda: pd.Timestamp("2025", tz="UTC")),
    Leaf(lambda: pd.RangeIndex(3), lambda: pd.RangeIndex(0, 6, 2), ""),
    Leaf(lambda: adder(1), lambda: adder(2), ".__closure__['amount']", ".__closure__['amount']"),
    Leaf(lambda: int, lambda: float),
]

KEYS: list[tuple[Any, str]] = [
    ("key", "['key']"),
    (1, "[1]"),
    (2.5, "[2.5]"),
    (b"k", "[b'k']"),
    (None, "[None]"),
    ((1, "x"), "[(1, 'x')]"),
    (Colour.RED, "[Colour.RED]"),
    (datetime.date(2024, 1, 1), "[date('2024-01-01')]"),
]
NAMES = ["alpha", "beta", "gamma", "delta"]


def _numbered(build: Callable[[list[Any]], Any], places: str = "[{}]") -> Callable[[list[Any]], Node]:
    return lambda children: Node(build, [places.format(index) for index in range(len(children))], children)


def _objects(parts: Sequence[Any]) -> Any:
    array = np.empty(len(parts), dtype=object)
    array[:] = [None] * len(parts)
    for index, part in enumerate(parts):
        array[index] = part
    return array


def _column(parts: Sequence[Any]) -> Any:
    return pd.DataFrame({"c": pd.Series(_objects(parts), dtype=object)})


def _mapped(build: Callable[[dict[Any, Any]], Any]) -> Callable[[list[Any]], Node]:
    return lambda children: Node(
        lambda parts: build(dict(zip([key for key, _ in KEYS], parts, strict=False))),
        [place for _, place in KEYS[: len(children)]],
        children[: len(KEYS)],
    )


def _attributes(build: Callable[..., Any], place: str = ".{}") -> Callable[[list[Any]], Node]:
    return lambda children: Node(
        lambda parts: build(**dict(zip(NAMES, parts, strict=False))),
        [place.format(name) for name in NAMES[: len(children)]],
        children,
    )


def _pair(build: Callable[[Any, Any], Any], places: Sequence[str]) -> Callable[[list[Any]], Node]:
    def node(children: list[Any]) -> Node:
        return Node(lambda parts: build(*parts), places, [children[0], children[-1]])

    return node


CONTAINERS: list[Callable[[list[Any]], Node]] = [
    _numbered(list),
    _numbered(tuple),
    _numbered(collections.deque),
    _numbered(_objects),
    _numbered(_column, "['c'][{}]"),
    _numbered(lambda parts: functools.partial(print, *parts), ".args[{}]"),
    _mapped(dict),
    _mapped(collections.OrderedDict),
    _mapped(lambda pairs: collections.defaultdict(list, pairs)),
    _attributes(Plain),
    _attributes(types.SimpleNamespace),
    _attributes(functools.partial(functools.partial, print), ".keywords['{}']"),
    _pair(Point, [".x", ".y"]),
    _pair(Pair, [".first", ".second"]),
    _pair(lambda one, other: Slotted([one, other]), [".x[0]", ".x[1]"]),
    _pair(lambda one, other: holder((one, other)), [".__closure__['held'][0]", ".__closure__['held'][1]"]),
]


def trees() -> st.SearchStrategy[Leaf | Node]:
    """Containers of at most four parts, with some twelve leaves."""
    return st.recursive(
        st.sampled_from(LEAVES),
        lambda inner: st.tuples(st.sampled_from(CONTAINERS), st.lists(inner, min_size=1, max_size=4)).map(
            lambda made: made[0](made[1])
        ),
        max_leaves=12,
    )


def _leaves(tree: Leaf | Node, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    if isinstance(tree, Leaf):
        return [path]
    return [leaf for index, child in enumerate(tree.children) for leaf in _leaves(child, (*path, index))]


def _built(tree: Leaf | Node, changed: tuple[int, ...] | None = None) -> Any:
    """The value, made anew; with the other leaf at `changed`."""
    if isinstance(tree, Leaf):
        return tree.make() if changed != () else tree.other()
    parts = [
        _built(child, changed[1:] if changed and changed[0] == index else None)
        for index, child in enumerate(tree.children)
    ]
    return tree.build(parts)


def _place(tree: Leaf | Node, changed: tuple[int, ...]) -> tuple[str, Leaf]:
    suffix = "value"
    for index in changed:
        assert isinstance(tree, Node)
        suffix, tree = suffix + tree.places[index], tree.children[index]
    assert isinstance(tree, Leaf)
    return suffix, tree


@settings(max_examples=100)
@given(trees(), st.data())
def test_one_changed_leaf_is_found_where_it_is(tree: Leaf | Node, data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from(_leaves(tree)))
    place, leaf = _place(tree, changed)
    one, other = _built(tree), _built(tree, changed)
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one).differs_at(fingerprint(other)) == (place + leaf.named,)
    assert [each.path for each in compare(one, other)] == [place + leaf.told]


@settings(max_examples=100)
@given(trees())
def test_a_value_made_anew_copied_or_stored_is_the_same(tree: Leaf | Node) -> None:
    """S7.2: neither identity, interning, memo nor pickle bytes count; each leaf object is a new one."""
    value = _built(tree)
    expected = fingerprint(value)
    again = [_built(tree), copy.deepcopy(value), decode(bytearray(encode(value).to_bytes()))]
    assert [fingerprint(each).leaves for each in again] == [expected.leaves] * 3
    assert [compare(value, each) for each in again] == [()] * 3


@settings(max_examples=30)
@given(trees())
def test_sharing_never_changes_a_fingerprint(tree: Leaf | Node) -> None:
    """S7.2: one part that is held twice, or two equal parts, which pickle tells apart."""
    part = _built(tree)
    shared, separate = {"a": [part, part], "b": part}, {"a": [_built(tree), _built(tree)], "b": _built(tree)}
    assert fingerprint(shared) == fingerprint(separate)
    assert compare(shared, separate) == ()


def test_pickles_of_equal_values_may_differ() -> None:
    """Why no pickle is compared: the memo tells what was shared, and interning decides what is."""
    text = "some text"
    one, other = [text, text], [text, _fresh(text)]
    assert pickle.dumps(one) != pickle.dumps(other)
    assert fingerprint(one) == fingerprint(other)


@settings(max_examples=30)
@given(st.lists(trees(), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_insertion_order_never_changes_a_fingerprint(parts: list[Leaf | Node], random: Any) -> None:
    items = [(f"k{index}", _built(tree)) for index, tree in enumerate(parts)]
    shuffled = random.sample(items, len(items))
    for build in (dict, lambda pairs: Plain(**dict(pairs)), lambda pairs: collections.defaultdict(list, pairs)):
        assert fingerprint(build(items)).leaves == fingerprint(build(items)).leaves
        assert fingerprint(build(items)) == fingerprint(build(shuffled))
        assert compare(build(items), build(shuffled)) == ()


@settings(max_examples=30)
@given(st.lists(st.integers(0, len(LEAVES) - 1), min_size=33, max_size=300), st.data())
def test_in_many_leaves_a_fingerprint_names_what_holds_the_one(numbers: list[int], data: st.DataObject) -> None:
    """More leaves than a fingerprint has are told by what holds them; the comparison still finds the one."""
    rows = [[LEAVES[number] for number in numbers[start : start + 8]] for start in range(0, len(numbers), 8)]
    tree = Node(list, [f"[{index}]" for index in range(len(rows))], [_numbered(tuple)(row) for row in rows])
    changed = data.draw(st.sampled_from(_leaves(tree)))
    place, leaf = _place(tree, changed)
    one, other = _built(tree), _built(tree, changed)
    (named,) = fingerprint(one).differs_at(fingerprint(other))
    assert (place + leaf.named).startswith(named)
    assert [each.path for each in compare(one, other)] == [place + leaf.told]
