"""Sketches side by side, bit by bit and within a tolerance."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.comparison import Difference
from pytest_expops.values.sketches.sketch import sketch
from pytest_expops.verdicts.baseline._sketch_comparison import described, sketch_differences

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


def _frame(**columns: Any) -> pd.DataFrame:
    made = {"x": np.arange(10.0), "n": np.arange(10), "t": list("abcdefghij"), "c": pd.Categorical(["u", "v"] * 5)}
    return pd.DataFrame({**made, "when": pd.date_range("2020-01-01", periods=10), **columns})


def _swapped(values: Any) -> Any:
    """With the elements exchanged that a sketch does not show."""
    return [values[index] for index in (0, 1, 2, 3, 5, 4, 6, 7, 8, 9)]


FRAME = _frame()
MANY = {f"k{index}": float(index) for index in range(100)}
NULLABLE = pd.Series([0.1, None, 2, 3, 4, 5], dtype="Float64")
WIDE = pd.DataFrame({f"c{index}": np.arange(10.0) + index for index in range(40)})
RECORDS = [{"a": float(index), "t": f"t{index}"} for index in range(300)]


@pytest.mark.parametrize(
    ("expected", "obtained"),
    [
        *[(FRAME, _frame(**{name: _swapped(FRAME[name].tolist())})) for name in ("x", "n", "t")],
        (FRAME, _frame(c=FRAME["c"].cat.reorder_categories(["v", "u"]))),
        (FRAME, _frame(c=pd.Categorical(_swapped(FRAME["c"].tolist())))),
        (FRAME, _frame(c=FRAME["c"].cat.add_categories("w"))),
        (FRAME, _frame(c=FRAME["c"].cat.as_ordered())),
        (FRAME, _frame(when=_swapped(FRAME["when"]))),
        (FRAME, FRAME[["n", "x", "t", "c", "when"]]),
        (FRAME, FRAME.set_axis(range(9, -1, -1))),
        (FRAME, FRAME.set_axis([str(label) for label in range(10)])),
        (FRAME, FRAME.rename_axis("id")),
        (pd.Series([1.0, 2.0], name="a"), pd.Series([1.0, 2.0], name="b")),
        (pd.Series([1, None, 2, 3, 4, 5], dtype="Int64"), pd.Series([1, 2, None, 3, 4, 5], dtype="Int64")),
        (np.array([True, False] * 5), np.array(_swapped([True, False] * 5))),
        (np.array([math.inf, *range(9)]), np.array([math.inf, *_swapped([0, *range(9)])[1:]])),
        (np.array([1 + 2j] * 10), np.array([1 + 2j] * 5 + [2 + 1j] + [1 + 2j] * 4)),
        (WIDE, WIDE.assign(c39=WIDE["c39"] + 1)),
        (MANY, {**MANY, "k50": 51.0}),
        (MANY, {**MANY, "k50": MANY["k51"], "k51": MANY["k50"]}),
        ({key: str(value) for key, value in MANY.items()}, {key: str(value or 1) for key, value in MANY.items()}),
        (RECORDS, [*RECORDS[:150], {"a": 151.0, "t": "t150"}, *RECORDS[151:]]),
        (RECORDS, [*RECORDS[:150], {"a": 150.0, "t": "other"}, *RECORDS[151:]]),
        ([each["t"] for each in RECORDS], [each["t"].replace("t150", "x") for each in RECORDS]),
        ({1, 2, 3}, {1, 2, 4}),
        ("a" * 200 + "b" + "a" * 200, "a" * 200 + "c" + "a" * 200),
        (b"a" * 200 + b"b" + b"a" * 200, b"a" * 200 + b"c" + b"a" * 200),
    ],
)
def test_what_no_rounding_explains_differs_elsewhere_too(expected: Any, obtained: Any) -> None:
    assert _differ(expected, obtained, LOOSE)
    assert _differ(expected, obtained, LOOSE, same_libraries=False)
    assert not _differ(expected, copy.deepcopy(expected), EXACT)


@pytest.mark.parametrize(
    ("expected", "obtained"),
    [
        (FRAME, _frame(x=FRAME["x"] * (1 + 1e-12))),
        (FRAME, FRAME.set_axis(pd.Index(range(10), dtype="int64"))),
        (FRAME.set_axis(FRAME["when"].astype("M8[us]")), FRAME.set_axis(FRAME["when"].astype("M8[ns]"))),
        (WIDE, WIDE * (1 + 1e-12)),
        ([WIDE["c1"].to_numpy()] * 20, [WIDE["c1"].to_numpy() * (1 + 1e-12)] * 20),
        (MANY, {key: value * (1 + 1e-12) for key, value in reversed(MANY.items())}),
        (RECORDS, [{"t": each["t"], "a": each["a"] * (1 + 1e-12)} for each in RECORDS]),
        (NULLABLE, NULLABLE * (1 + 1e-12)),
        ({0.1, "a", None}, {0.1 + 1e-12, None, "a"}),
    ],
)  # fmt: skip
def test_rounding_order_of_keys_and_what_pandas_stores_otherwise_do_not_differ_elsewhere(
    expected: Any, obtained: Any
) -> None:
    assert not _differ(expected, obtained, LOOSE, same_libraries=False)


def test_a_sketch_of_an_early_lock_file_has_no_digests() -> None:
    frame = FRAME.astype({"t": "string"})
    early = {
        path: {name: each for name, each in leaf.items() if name not in ("digest", "labels", "weighted")}
        for path, leaf in sketch(frame, "out").items()
    }
    assert not sketch_differences(early, sketch(frame, "out"), LOOSE)


def test_nan_equals_nan_and_minus_zero_is_not_zero() -> None:
    assert _differ(math.nan, math.nan) == []
    assert _differ(0.0, -0.0) != []
    assert _differ(0.0, -0.0, LOOSE) == []


def test_the_distance_of_integers_may_be_beyond_floats() -> None:
    (found,) = _differ(10**308, -(10**308))
    assert found.detail == "differs; max |delta| = inf"


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
