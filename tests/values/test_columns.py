"""Fingerprints of tables are those of their values one by one."""

from __future__ import annotations

import copyreg
import gc
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from pytest_expops.errors import FingerprintError
from pytest_expops.values import _columns
from pytest_expops.values import fingerprint as fingerprint_module
from pytest_expops.values.fingerprint import Walk, fingerprint, register, unregister
from tests.values.samples import Pair, Point
from tests.values.tables import KNOTS, TABLES, TREES


class Key:
    """Objects of one state are keys of their own."""

    def __init__(self, state: int) -> None:
        self.state = state


@pytest.fixture(scope="module")
def _any_is_many() -> Iterator[None]:
    """Two values of one shape are a table already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_columns, "MANY", 2)
        patch.setattr(fingerprint_module, "MANY", 2)
        yield


def by_tables(value: object) -> str:
    return Walk(leaves=False).node(value).digest.hex()


def one_by_one(value: object) -> str:
    return fingerprint(value, mappings=[]).digest


@pytest.mark.usefixtures("_any_is_many")
@settings(max_examples=300, deadline=None)
@given(TABLES)
def test_a_table_has_the_digest_of_its_values_one_by_one(value: Any) -> None:
    assert by_tables(value) == one_by_one(value)


@pytest.mark.usefixtures("_any_is_many")
@settings(max_examples=200, deadline=None)
@given(KNOTS)
def test_values_that_hold_each_other_have_the_same_digest(value: Any) -> None:
    assert by_tables(value) == one_by_one(value)


@pytest.mark.usefixtures("_any_is_many")
@settings(max_examples=100, deadline=None)
@given(TREES)
def test_any_value_has_the_same_digest(value: Any) -> None:
    assert by_tables(value) == one_by_one(value)


MAKE: dict[str, Callable[[int], Any]] = {
    "dicts": lambda i: {"a": i * 0.5, "b": f"row {i}", "c": i % 3, "d": None, "e": bool(i % 2), "f": b"x"},
    "dicts in two orders": lambda i: {"a": i, "b": 1} if i % 2 else {"b": 1, "a": i},
    "dicts with other keys": lambda i: {"a": i} if i % 2 else {"b": i},
    "dicts with keys that are no texts": lambda i: {1: i, "a": i} if i % 2 else {True: i, "a": i},
    "tuples": lambda i: (i, f"{i}", -0.0 if i % 2 else 0.0),
    "lists of several lengths": lambda i: [float(i)] * (i % 40),
    "floats with NaN": lambda i: (-math.nan if i % 5 == 0 else i * 0.5,),
    "named tuples": lambda i: Pair(i, "a"),
    "objects": lambda i: Point(i, [i, i + 1]),
    "nested": lambda i: {"a": [i, {"b": (i, None)}], "c": {"d": i}},
    "texts": lambda i: f"text {i}" if i % 2 else i,
    "texts with zeros and surrogates": lambda i: ("a\0" * (i % 3 == 0) + f"{i}", "\ud800" * (i % 4) + f"é{i}", f"{i}"),
    "integers beyond 64 bits": lambda i: (i << 60, -(i << 70)),
    "integers of all lengths": lambda i: (_bound(i), min(_bound(i), (1 << 63) - 1), -_bound(i), i - 150),
    "sets of many": lambda i: {f"{i + each}" for each in range(70 * (i % 100 == 0))},
    "dicts of many": lambda i: {f"{each}": i * each for each in range(70 * (i % 100 == 0))},
}


def _bound(index: int) -> int:
    """An integer at one of the bounds between lengths in bytes, up to the ends of 64 bits."""
    return (1 << (8 * (index % 8) + 7)) - index // 8 % 3


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE.keys())
@pytest.mark.parametrize("count", [63, 64, 600, 9000])
def test_many_values_have_the_digest_of_one_by_one_and_the_same_leaves(make: Callable[[int], Any], count: int) -> None:
    values = [make(index) for index in range(count)]
    for value in (values, {"rows": values, "x": 1}, {f"key {index}": each for index, each in enumerate(values)}):
        found, expected = fingerprint(value), fingerprint(value, mappings=[])
        assert found.digest == expected.digest
        assert found.leaves == expected.leaves


def test_keys_of_one_state_that_are_there_twice_are_ordered_by_their_values() -> None:
    values = [(Key(index // 3), index * 7919 % 600) for index in range(600)]
    assert fingerprint(dict(values)).digest == one_by_one(dict(values)) == fingerprint(dict(values[::-1])).digest


def test_long_texts_have_the_digest_of_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [(f"text {index}",) for index in range(600)]
    monkeypatch.setattr(_columns, "_JOINED", 10)
    assert fingerprint(values).digest == one_by_one(values)


def test_an_object_is_judged_by_what_is_registered_for_its_class_though_there_are_many() -> None:
    values = [Point(index, index % 2) for index in range(200)]
    before = fingerprint(values)
    register(Point, lambda point: point.y)
    try:
        assert fingerprint(values) != before
        assert fingerprint(values).digest == one_by_one(values)
    finally:
        unregister(Point)
    assert fingerprint(values) == before


def test_an_object_is_reduced_as_copyreg_says_though_there_are_many() -> None:
    values = [Point(index, 0) for index in range(200)]
    before = fingerprint(values)
    copyreg.pickle(Point, lambda point: (Point, (point.x % 2,)))  # type: ignore[arg-type, return-value]
    try:
        assert fingerprint(values) != before
        assert fingerprint(values).digest == one_by_one(values)
    finally:
        del copyreg.dispatch_table[Point]


def test_what_cannot_be_judged_in_a_table_is_named_by_its_place() -> None:
    values = [{"a": index, "b": [index, None]} for index in range(200)]
    values[150]["b"] = [1, (each for each in ())]
    with pytest.raises(FingerprintError, match="a generator") as error:
        fingerprint({"rows": values})
    assert error.value.path == "value['rows'][150]['b'][1]"


def test_a_cycle_through_a_table_has_the_digest_of_its_graph() -> None:
    values: list[Any] = [{"a": index, "up": None} for index in range(200)]
    for each in values:
        each["up"] = values
    other: list[Any] = [{"a": index, "up": None} for index in range(200)]
    for each in other:
        each["up"] = other
    assert fingerprint(values).digest == one_by_one(values) == fingerprint(other).digest
    other[100]["a"] = -1
    assert fingerprint(values) != fingerprint(other)


def test_a_table_calls_no_python_function_for_each_of_its_values() -> None:
    values = [{"a": index * 0.5, "b": f"row {index}", "c": None} for index in range(5000)]
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    gc.collect()
    sys.setprofile(count)
    try:
        fingerprint(values)
    finally:
        sys.setprofile(None)
    assert calls < 1000
