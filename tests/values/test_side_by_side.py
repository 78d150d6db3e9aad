"""Comparisons of tables find what comparisons of their values one by one do, in the same words."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.errors import FingerprintError
from pytest_expops.values import _columns, _side_by_side, comparison
from pytest_expops.values import fingerprint as fingerprint_module
from pytest_expops.values.comparison import Difference, compare
from pytest_expops.values.fingerprint import fingerprint
from tests.values.samples import Pair, Point
from tests.values.tables import ATOMS, KNOTS, TABLES

MODULES = (_columns, _side_by_side, comparison, fingerprint_module)
NEVER = 1 << 60


@contextmanager
def tables_from(many: int) -> Iterator[None]:
    """Take so many values of one shape for a table."""
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "MANY", many)
        yield


def both_ways(one: Any, other: Any, **options: Any) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    found = []
    for many in (2, NEVER):
        with tables_from(many):
            found.append(compare(one, other, **options))
    return found[0], found[1]


@st.composite
def alike(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> tuple[Any, Any]:
    """A value and its copy, in which mostly something is put in the place of something else; or another value."""
    one = draw(values)
    if draw(st.integers(0, 5)) == 0:
        return one, draw(values)
    other = copy.deepcopy(one)
    for _ in range(draw(st.integers(0, 4))):
        _replace(draw, other)
    return one, other


def _replace(draw: st.DrawFn, value: Any) -> None:
    for _ in range(6):
        inner = value if type(value) in (list, dict) else getattr(value, "__dict__", {})
        places = list(range(len(inner))) if type(inner) is list else list(inner)
        if not places:
            return
        place = draw(st.sampled_from(places))
        deeper = inner[place]
        if draw(st.booleans()) and (type(deeper) in (list, dict) or hasattr(deeper, "__dict__")):
            value = deeper
            continue
        what = draw(st.integers(0, 3))
        if what == 0 and type(inner) is list:
            inner.reverse()
        elif what == 1 and type(deeper) is float:
            inner[place] = deeper * (1 + 1e-12)
        else:
            inner[place] = draw(ATOMS)
        return


TOLERANCES = st.sampled_from([{}, {}, {"rtol": 1e-9}, {"atol": 2.0}])
LIMITS = st.sampled_from([1, 2, 5, 20])


@settings(max_examples=200, deadline=None)
@given(alike(TABLES), TOLERANCES, LIMITS)
def test_tables_differ_as_their_values_do_one_by_one(pair: Any, tolerance: dict[str, float], limit: int) -> None:
    found, expected = both_ways(*pair, limit=limit, **tolerance)
    assert found == expected
    if not tolerance:
        assert bool(found) == (fingerprint(pair[0]) != fingerprint(pair[1]))


@settings(max_examples=200, deadline=None)
@given(alike(KNOTS), TOLERANCES, LIMITS)
def test_values_that_hold_each_other_differ_as_they_do_one_by_one(
    pair: Any, tolerance: dict[str, float], limit: int
) -> None:
    found, expected = both_ways(*pair, limit=limit, **tolerance)
    assert found == expected


MAKE: dict[str, Callable[[int, float], Any]] = {
    "dicts": lambda i, more: {"a": i * 0.5 + more, "b": f"row {i}", "c": i % 3, "d": None},
    "tuples": lambda i, more: (i, i * 0.5 + more, True),
    "named tuples": lambda i, more: Pair(i, i * 0.5 + more),
    "objects": lambda i, more: Point(i, i * 0.5 + more),
    "nested": lambda i, more: {"a": [i, (i * 0.5 + more, None)], "b": {"c": i}},
    "floats among texts": lambda i, more: i * 0.5 + more if i % 2 else f"{i}",
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE.keys())
@pytest.mark.parametrize("step", [1, 7, 500])
def test_planted_differences_are_found_and_counted(make: Callable[[int, float], Any], step: int) -> None:
    one = [make(index, 0.0) for index in range(1000)]
    other = [make(index, float(index % step == step // 2)) for index in range(1000)]
    for first, second in ((one, other), (dict(zip(map(str, range(1000)), one, strict=True)), None)):
        second = second or dict(zip(map(str, range(1000)), other, strict=True))
        for options in ({}, {"rtol": 1e-3}, {"atol": 2.0}):
            found = compare(first, second, **options)
            with tables_from(NEVER):
                assert found == compare(first, second, **options)
    assert compare(one, copy.deepcopy(one)) == ()


def test_a_row_that_is_met_again_is_counted_once() -> None:
    shared, other = {"a": 1.0}, {"a": 2.0}
    one = [{"a": float(index)} for index in range(300)] + [shared] * 300
    two = [{"a": float(index + 1)} for index in range(300)] + [other] * 300
    assert compare(one, two)[-1].detail == "and 281 more differences, not shown"


def test_a_type_that_changed_is_told_first_though_it_comes_after_many_values() -> None:
    one = [{"a": float(index), "b": [1, 2]} for index in range(500)]
    two = [{"a": float(index + 1), "b": [1, 2]} for index in range(500)]
    two[400]["b"] = [1, True]
    found = compare(one, two)
    assert found[0].path == "value[400]['b'][1]"
    assert found[0].detail == "type differs: int became bool"
    assert found[-1].detail == "and 481 more differences, not shown"


def test_rows_in_another_order_are_one_difference_each() -> None:
    one = [[index, index + 1] for index in range(500)]
    two = [[index + 1, index] for index in range(500)]
    found = compare(one, two)
    assert found[0].detail.startswith("the same 2 items in another order")
    assert found[-1].detail == "and 480 more differences, not shown"


def test_what_cannot_be_judged_in_a_table_is_named_by_its_place() -> None:
    one = [{"a": index, "b": None} for index in range(200)]
    two = copy.deepcopy(one)
    two[150]["b"] = (each for each in ())
    for first, second in ((one, two), (two, one)):
        with pytest.raises(FingerprintError) as error:
            compare(first, second)
        assert error.value.path == "value[150]['b']"


def test_many_differences_take_no_longer_than_to_find_them() -> None:
    one = [{"a": float(index), "b": f"{index}", "c": index} for index in range(50_000)]
    two = [{"a": float(index + 1), "b": f"{index}", "c": -index - 1} for index in range(50_000)]
    begun = time.process_time()
    found = compare(one, two)
    assert time.process_time() - begun < 3  # as tables 0.5 s, one by one 6 s where this was written
    assert found[-1].detail == f"and {100_000 - 20} more differences, not shown"
