"""Sketches side by side, bit by bit and within a tolerance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.comparison import Difference
from pytest_expops.values.sketch import sketch
from pytest_expops.verdicts.sketch_comparison import described, sketch_differences

EXACT, LOOSE = Tolerance(), Tolerance(rtol=1e-6, atol=1e-9)


def _differ(expected: Any, obtained: Any, tolerance: Tolerance = EXACT, **keywords: bool) -> list[Difference]:
    return sketch_differences(sketch(expected, "out"), sketch(obtained, "out"), tolerance, **keywords)


def test_a_changed_element_is_told_by_the_fields_that_differ() -> None:
    (found,) = _differ(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.5, 4.0, 5.0]))
    assert found == Difference(
        "out",
        "float64 (5,): mean 3.0, values [1.0, 2.0, 3.0, 5.0]",
        "float64 (5,): mean 3.1, values [1.0, 2.0, 3.5, 5.0]",
        "mean, values differ; max |delta| = 0.5",
    )


def test_sizes_have_no_distance() -> None:
    (found,) = _differ(np.zeros(3), np.zeros(40))
    assert found.detail == "shape, values differ"


@pytest.mark.parametrize(
    ("expected", "obtained"),
    [
        (np.array([1.0]), np.array([1.0, 1.0])),
        (np.array([1.0]), np.array([1.0], dtype="float32")),
        (1, 1.0),
        (1, True),
        ("a", "b"),
        (math.inf, -math.inf),
        (math.nan, 1.0),
        ([1, 2], (1, 2)),
        ({"a": 1}, {"b": 1}),
        (np.array([1.0, math.nan]), np.array([1.0, 1.0])),
    ],
)
def test_types_shapes_texts_and_keys_differ_whatever_the_tolerance(expected: Any, obtained: Any) -> None:
    assert _differ(expected, obtained, EXACT)
    assert _differ(expected, obtained, Tolerance(rtol=10, atol=10))


def test_nan_equals_nan_and_minus_zero_is_not_zero() -> None:
    assert _differ(math.nan, math.nan) == []
    assert _differ(0.0, -0.0) != []
    assert _differ(0.0, -0.0, LOOSE) == []


def test_within_a_tolerance_the_largest_element_of_an_array_is_the_measure() -> None:
    array, noise = np.array([1e-20, 1e6]), np.array([3e-1, 1e6])
    assert _differ(array, noise, LOOSE) == []
    assert _differ(array, noise * 10, LOOSE) != []
    # A number by itself is its own measure.
    assert _differ(1e-20, 3e-1, LOOSE) != []
    assert _differ(1.0, 1.0 + 5e-7, LOOSE) == []
    assert _differ(1.0, 1.0 + 5e-6, LOOSE) != []


def test_between_libraries_an_attribute_may_be_new_but_no_key() -> None:
    class Old:
        def __init__(self, **state: Any) -> None:
            self.__dict__ |= state

    before, after = {"model": Old(a=1.0)}, {"model": Old(a=1.0, b=2.0)}
    assert _differ(before, after, LOOSE, same_libraries=False) == []
    assert [each.path for each in _differ(before, after, LOOSE)] == ["out['model'].b"]
    assert [each.path for each in _differ({"a": 1.0}, {"a": 1.0, "b": 2}, LOOSE, same_libraries=False)] == [
        "out",
        "out['b']",
    ]


def test_between_libraries_a_class_may_have_moved_but_not_become_another() -> None:
    one, moved, other = ({"out": {"is": name}} for name in ("old.Model", "new.place.Model", "old.Other"))
    assert sketch_differences(one, moved, LOOSE, same_libraries=False) == []
    assert sketch_differences(one, moved, LOOSE) != []
    assert sketch_differences(one, other, LOOSE, same_libraries=False) != []


def test_a_leaf_is_described_in_one_line() -> None:
    leaf = {"is": "list", "dtype": "int64", "shape": [2], "min": 1, "max": 2, "mean": 1.5, "values": [1, 2]}
    assert described(leaf) == "int64 (2,): min 1, max 2, mean 1.5, values [1, 2]"
    assert described({"is": "pandas.DataFrame", "shape": [2, 3]}) == "DataFrame (2, 3)"
    assert described({"is": "dict", "length": 2}) == "dict: length 2"
    assert described(0.5) == "0.5"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.floats(0, 1e-3), st.sampled_from([-1.0, 1.0]))
def test_what_is_within_the_tolerance_of_the_largest_element_passes(
    values: list[float], rtol: float, sign: float
) -> None:
    array = np.array(values)
    moved = array + sign * 0.9 * rtol * np.abs(array).max()
    assert _differ(array, moved, Tolerance(rtol=rtol, atol=1e-9)) == []
    assert _differ(array, array) == []


def test_what_all_parts_come_to_is_told_only_where_no_part_tells_more() -> None:
    one = {f"c{index:02}": np.array([float(index)]) for index in range(40)}
    assert [each.path for each in _differ(one, {**one, "c00": np.array([7.0])})] == ["out['c00']"]
    assert [each.path for each in _differ(one, {**one, "c39": np.array([7.0])})] == ["out"]
