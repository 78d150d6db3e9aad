"""Each kind of object: made twice it is equal, copied and stored too; changed in one place it differs in that place."""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import re
import types
import typing
import zoneinfo
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.codec import decode, encode
from tests.values.samples import Colour, OtherPair, Pair, Plain, Point, Slotted, adder, default, holder, ring

PARIS = zoneinfo.ZoneInfo("Europe/Paris")


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Weekday(enum.Enum):
    """Members that hold more than a number."""

    MONDAY = (1, {"short": "Mo"})
    TUESDAY = (2, {"short": "Tu"})


class Row(typing.NamedTuple):
    name: str
    scores: list[float]
    note: str = ""


@dataclasses.dataclass
class Inner:
    weights: Any
    _cache: Any = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True)
class Frozen:
    inner: Inner
    kind: Colour = Colour.RED


class Slots:
    __slots__ = ("left", "right")

    def __init__(self, left: Any, right: Any = ...) -> None:
        self.left = left
        if right is not ...:
            self.right = right


class MoreSlots(Slots):
    __slots__ = ("third",)


class WithState:
    """Keeps its count of readers out of its state."""

    def __init__(self, number: int, readers: int) -> None:
        self.number, self.readers = number, readers

    def __getstate__(self) -> dict[str, Any]:
        return {"number": self.number}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.number, self.readers = state["number"], 0


class WithReduce:
    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def __reduce__(self) -> Any:
        return type(self), tuple(self.numbers)


class Tree(dict[str, Any]):
    """A dict with attributes."""

    def __init__(self, *arguments: Any, colour: str = "") -> None:
        super().__init__(*arguments)
        self.colour = colour


class Rows(list[Any]):
    pass


def scaled(value: float, *, factor: float = 2.0) -> float:
    return value * factor


def memory(amount: int) -> Callable[[int], int]:
    @functools.lru_cache(maxsize=amount)
    def cached(value: int) -> int:
        return value

    return cached


def counter(start: int) -> Callable[[], int]:
    count = start

    def step() -> int:
        nonlocal count
        count += 1
        return count

    return step


def stepped(times: int) -> Callable[[], int]:
    step = counter(0)
    for _ in range(times):
        step()
    return step


def family(youngest: str) -> Plain:
    """A parent that knows its children, who know their parent."""
    parent = Plain(name="parent")
    parent.children = [Plain(name=name, parent=parent) for name in ("elder", youngest)]
    return parent


def own_list(last: int) -> list[Any]:
    items: list[Any] = [1]
    items += [items, last]
    return items


KINDS: dict[str, tuple[Callable[[], Any], Callable[[], Any], str]] = {
    "dataclass": (lambda: Inner([1, 2]), lambda: Inner([1, 3]), ".weights[1]"),
    "field that its own == leaves out": (lambda: Inner(1, 1), lambda: Inner(1, 2), "._cache"),
    "frozen dataclass": (lambda: Frozen(Inner(1)), lambda: Frozen(Inner(2)), ".inner.weights"),
    "dataclass with slots": (lambda: Slotted([1]), lambda: Slotted([2]), ".x[0]"),
    "NamedTuple": (lambda: Row("a", [0.5]), lambda: Row("a", [0.25]), ".scores[0]"),
    "namedtuple": (
        lambda: collections.namedtuple("Row", ["a"])(1),  # a class of its own each time
        lambda: collections.namedtuple("Row", ["a"])(2),
        ".a",
    ),
    "namedtuple of another name": (lambda: Pair(1, 2), lambda: OtherPair(1, 2), ""),
    "enum": (lambda: Colour.RED, lambda: Colour.GREEN, ""),
    "enum of many parts": (lambda: Weekday.MONDAY, lambda: Weekday.TUESDAY, ""),
    "flags": (lambda: Permission.READ | Permission.WRITE, lambda: Permission.READ, ""),
    "slots": (lambda: Slots(1, [2]), lambda: Slots(1, [3]), ".right[0]"),
    "an empty slot": (lambda: Slots(1), lambda: Slots(1, 2), ".right"),
    "inherited slots": (lambda: MoreSlots(1, 2), lambda: MoreSlots(3, 2), ".left"),
    "own state": (lambda: WithState(1, 5), lambda: WithState(2, 5), ".number"),
    "own reduction": (lambda: WithReduce(1, 2), lambda: WithReduce(1, 3), ".__reduce__()[1][1]"),
    "dict with attributes": (lambda: Tree({"a": 1}, colour="x"), lambda: Tree({"a": 1}, colour="y"), ".colour"),
    "items of a dict with attributes": (lambda: Tree({"a": 1}), lambda: Tree({"a": 2}), "['a']"),
    "list subclass": (lambda: Rows([1, 2]), lambda: Rows([1, 3]), "[1]"),
    "namespace": (lambda: types.SimpleNamespace(a=1), lambda: types.SimpleNamespace(a=2), ".a"),
    "deque": (lambda: collections.deque([1, 2]), lambda: collections.deque([1, 3]), "[1]"),
    "Counter": (lambda: collections.Counter("aab"), lambda: collections.Counter("aabb"), "['b']"),
    "ChainMap": (
        lambda: collections.ChainMap({"a": 1}, {"b": 2}),
        lambda: collections.ChainMap({"a": 1}, {"b": 3}),
        ".maps[1]['b']",
    ),
    "naive datetime": (lambda: datetime.datetime(2024, 1, 1), lambda: datetime.datetime(2024, 1, 2), ""),
    "aware datetime": (
        lambda: datetime.datetime(2024, 1, 1, tzinfo=PARIS),
        lambda: datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        ".tzinfo",
    ),
    "naive or aware": (
        lambda: datetime.datetime(2024, 1, 1),
        lambda: datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        "",
    ),
    "the same moment elsewhere": (
        lambda: datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.UTC),
        lambda: datetime.datetime(2024, 1, 1, 13, tzinfo=PARIS),
        "",
    ),
    "the hour that comes twice": (
        lambda: datetime.datetime(2024, 10, 27, 2, 30, fold=0),
        lambda: datetime.datetime(2024, 10, 27, 2, 30, fold=1),
        "",
    ),
    "time": (lambda: datetime.time(1, tzinfo=PARIS), lambda: datetime.time(2, tzinfo=PARIS), ""),
    "Decimal": (lambda: decimal.Decimal("0.1"), lambda: decimal.Decimal("0.10"), ""),
    "Decimal NaN": (lambda: decimal.Decimal("NaN"), lambda: decimal.Decimal("NaN7"), ""),
    "Fraction": (lambda: fractions.Fraction(1, 3), lambda: fractions.Fraction(1, 4), ".__reduce__()[1][1]"),
    "path": (lambda: pathlib.Path("a", "b"), lambda: pathlib.Path("a", "c"), ""),
    "pattern": (lambda: re.compile("a+"), lambda: re.compile("a+", re.I), ""),
    "exception": (lambda: ValueError("a", 1), lambda: ValueError("a", 2), ".__reduce__()[1][1]"),
    "structured array": (
        lambda: np.array([(1, [0.5, 1])], [("a", "i4"), ("b", "f8", 2)]),
        lambda: np.array([(1, [0.5, 2])], [("a", "i4"), ("b", "f8", 2)]),
        "['b'][0, 1]",
    ),
    "record array": (
        lambda: np.rec.array([(1, "x")], dtype=[("a", "i4"), ("b", "U1")]),
        lambda: np.rec.array([(1, "y")], dtype=[("a", "i4"), ("b", "U1")]),
        "['b'][0]",
    ),
    "masked element": (
        lambda: np.ma.array([1.0, 2.0], mask=[0, 1]),
        lambda: np.ma.array([1.0, 2.0], mask=[1, 1]),
        "[0]",
    ),
    "masked array's fill value": (
        lambda: np.ma.array([1.0], fill_value=0.0),
        lambda: np.ma.array([1.0], fill_value=1.0),
        ".fill_value",
    ),
    "masked objects": (
        lambda: np.ma.array([None, "a"], mask=[1, 0], dtype=object),
        lambda: np.ma.array([None, "b"], mask=[1, 0], dtype=object),
        "[1]",
    ),
    "object array": (
        lambda: np.array([[1, "a"], [None, Point(1)]], dtype=object),
        lambda: np.array([[1, "a"], [None, Point(2)]], dtype=object),
        "[1, 1].x",
    ),
    "shared parts": (lambda: [[1]] * 3, lambda: [[1], [1], [2]], "[2][0]"),
    "own list": (lambda: own_list(1), lambda: own_list(2), "[2]"),
    "family": (lambda: family("a"), lambda: family("b"), ".children[1].name"),
    "ring": (lambda: ring(3), lambda: [*ring(3), 1], ""),
    "lambda": (lambda: lambda x: x + 1, lambda: lambda x: x + 2, ".__code__.co_consts[1]"),
    "closure": (lambda: adder(1), lambda: adder(2), ".__closure__['amount']"),
    "closure over a container": (lambda: holder([1]), lambda: holder([2]), ".__closure__['held'][0]"),
    "counter": (lambda: stepped(2), lambda: stepped(3), ".__closure__['count']"),
    "defaults": (lambda: default, lambda: scaled, ""),
    "partial": (
        lambda: functools.partial(scaled, factor=1.0),
        lambda: functools.partial(scaled, factor=3.0),
        ".keywords['factor']",
    ),
    "method": (lambda: Point(1).__eq__, lambda: Point(2).__eq__, ".__self__.x"),
}


@pytest.mark.parametrize(("make", "other", "place"), KINDS.values(), ids=KINDS)
def test_made_again_it_is_equal_and_changed_it_differs_there(
    make: Callable[[], Any], other: Callable[[], Any], place: str
) -> None:
    """S7.2, of what the table names, alone and within a dict that is held twice."""
    value = make()
    for again in (make(), copy.deepcopy(value), decode(bytearray(encode(value).to_bytes()))):
        assert compare(value, again) == ()
        assert fingerprint(value).leaves == fingerprint(again).leaves
    assert fingerprint(value) != fingerprint(other())
    first, *_ = compare(value, other())
    assert first.path.startswith(f"value{place}") if place else first.path == "value"
    shared, separate = {"a": value, "b": [value]}, {"a": make(), "b": [make()]}
    assert fingerprint(shared) == fingerprint(separate)
    assert compare(shared, {"a": make(), "b": [other()]})[0].path.startswith(f"value['b'][0]{place}")


def test_what_the_state_leaves_out_does_not_count() -> None:
    assert compare(WithState(1, 5), WithState(1, 6)) == ()
    asked = memory(5)
    asked(1)
    assert compare(asked, memory(5)) == ()  # what a cache holds follows from what it was asked
    assert compare(asked, memory(6)) != ()


@pytest.mark.parametrize("slots", [True, False], ids=["slots", "dict"])
@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "mutable"])
def test_attrs_classes_are_their_attributes(slots: bool, frozen: bool) -> None:
    attrs = pytest.importorskip("attrs")
    inner = attrs.make_class("Inner", ["weights"], slots=slots, frozen=frozen)
    outer = attrs.make_class(
        "Outer", {"inner": attrs.field(), "note": attrs.field(eq=False)}, slots=slots, frozen=frozen
    )

    def made(weight: float, note: str = "") -> Any:
        return outer(inner([1.0, weight]), note)

    assert compare(made(2.0), made(2.0)) == ()
    assert fingerprint(made(2.0)) == fingerprint(copy.deepcopy(made(2.0)))
    assert compare(made(2.0), decode(bytearray(encode(made(2.0)).to_bytes()))) == ()
    assert fingerprint(made(2.0)).differs_at(fingerprint(made(3.0))) == ("value.inner.weights[1]",)
    assert [each.path for each in compare(made(2.0), made(3.0))] == ["value.inner.weights[1]"]
    assert [each.path for each in compare(made(2.0), made(2.0, "x"))] == ["value.note"]
    assert compare(inner(1), attrs.make_class("Other", ["weights"], slots=slots)(1)) != ()


class Bunch(dict[str, Any]):
    """A dict whose entries are its attributes, as that of statsmodels; pickling makes them two dicts of the same."""

    def __init__(self, **entries: Any) -> None:
        super().__init__(**entries)
        self.__dict__ = self


def test_entries_that_are_attributes_too_are_judged_once() -> None:
    value = Bunch(a=1, b=[2])
    stored = decode(bytearray(encode(value).to_bytes()))
    assert vars(value) is value
    assert vars(stored) is not stored
    assert compare(value, stored) == ()
    assert fingerprint(value) == fingerprint(stored)
    assert [each.path for each in compare(value, Bunch(a=1, b=[3]))] == ["value['b'][0]"]
    stored.a = 5  # the attribute alone
    assert compare(value, stored) != ()
