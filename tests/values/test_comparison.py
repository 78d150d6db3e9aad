"""A comparison says where two values differ, what stands there, and by how much."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.values.comparison import Difference, compare
from tests.values.samples import Pair, Plain, Point


def _told(*arguments: Any, **options: Any) -> list[str]:
    return [str(each) for each in compare(*arguments, **options)]


EXAMPLES: dict[str, tuple[Any, Any, list[str]]] = {
    "type": (1, 1.0, ["value: expected 1, obtained 1.0 (type differs: int became float)"]),
    "float": (
        0.1,
        0.1 + 2**-55,
        ["value: expected 0.1, obtained 0.10000000000000003 (value differs; |delta| = 2.78e-17, ulp = 2)"],
    ),
    "zero": (0.0, -0.0, ["value: expected 0.0, obtained -0.0 (value differs; |delta| = 0.0, ulp = 0)"]),
    "NaN": (1.0, math.nan, ["value: expected 1.0, obtained nan (value differs)"]),
    "text": ("a", "b", ["value: expected 'a', obtained 'b' (value differs)"]),
    "key": (
        {"a": 1, "b": 2},
        {"b": 2, "c": 3},
        [
            "value['a']: expected 1, obtained (absent) (key is missing)",
            "value['c']: expected (absent), obtained 3 (key is unexpected)",
        ],
    ),
    "key of another type": (
        {1: "x"},
        {True: "x"},
        [
            "value[1]: expected 'x', obtained (absent) (key is missing)",
            "value[True]: expected (absent), obtained 'x' (key is unexpected)",
        ],
    ),
    "length": (
        [1, 2, 3],
        [1, 5],
        [
            "value: expected 3, obtained 2 (length differs)",
            "value[1]: expected 2, obtained 5 (value differs; |delta| = 3.0)",
        ],
    ),
    "set": ({1, 2, 3}, {2, 3, 4}, ["value: expected {1}, obtained {4} (elements differ: 1 missing, 1 unexpected)"]),
    "attribute": (Point(1, 2), Point(1, 3), ["value.y: expected 2, obtained 3 (value differs; |delta| = 1.0)"]),
    "attributes": (
        Plain(a=1),
        Plain(b=1),
        [
            "value.a: expected 1, obtained (absent) (is missing)",
            "value.b: expected (absent), obtained 1 (is unexpected)",
        ],
    ),
    "field": (Pair(1, 2), Pair(1, [2]), ["value.second: expected 2, obtained [2] (type differs: int became list)"]),
    "dtype": (
        np.zeros(2),
        np.zeros(2, "f4"),
        ["value: expected float64, obtained float32 (dtype differs)"],
    ),
    "shape": (
        np.zeros((2, 3)),
        np.zeros((3, 2)),
        ["value: expected (2, 3), obtained (3, 2) (shape differs)"],
    ),
    "elements": (
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[1.0, 2.5], [3.0, 4.25]]),
        [
            "value[0, 1]: expected np.float64(2.0), obtained np.float64(2.5) "
            "(2 of 4 elements differ; max |delta| = 0.5; first at [0, 1])"
        ],
    ),
    "NaN among elements": (
        np.array([np.nan, np.nan, 1]),
        np.array([np.nan, 1, 1]),
        [
            "value[1]: expected np.float64(nan), obtained np.float64(1.0) "
            "(1 of 3 elements differ, 1 of them by NaN; first at [1])"
        ],
    ),
    "unsigned": (
        np.array([0, 1], "u8"),
        np.array([1, 0], "u8"),
        [
            "value[0]: expected np.uint64(0), obtained np.uint64(1) "
            "(2 of 2 elements differ; max |delta| = 1.0; the same elements in another order; first at [0])"
        ],
    ),
    "long list": (
        [0] * 50,
        [0] * 49 + [3],
        ["value[49]: expected 0, obtained 3 (1 of 50 elements differ; max |delta| = 3.0; first at [49])"],
    ),
    "long list of other types": (
        [0] * 50,
        [0] * 49 + [[]],
        ["value[49]: expected 0, obtained [] (type differs: int became list)"],
    ),
    "objects in an array": (
        np.array([[1, "a"]], dtype=object),
        np.array([[1, "b"]], dtype=object),
        ["value[0, 1]: expected 'a', obtained 'b' (value differs)"],
    ),
    "fields of an array": (
        np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
        [
            "value['b'][0]: expected np.float64(2.0), obtained np.float64(2.5) "
            "(1 of 1 element differs; max |delta| = 0.5)"
        ],
    ),
    "cell": (
        pd.DataFrame({"a": [1, 2, 3], "b": pd.array(["x", "y", "z"], "string[pyarrow]")}, index=["p", "q", "r"]),
        pd.DataFrame({"a": [1, 2, 5], "b": pd.array(["x", "Y", "z"], "string[pyarrow]")}, index=["p", "q", "r"]),
        [
            "value['a']['r']: expected np.int64(3), obtained np.int64(5) "
            "(1 of 3 elements differ; max |delta| = 2.0; first at ['r'])",
            "value['b']['q']: expected 'y', obtained 'Y' (1 of 3 elements differ; first at ['q'])",
        ],
    ),
    "column": (
        pd.DataFrame({"a": [1], "b": [2]}),
        pd.DataFrame({"a": [1.0]}),
        [
            "value['b']: expected numpy.ndarray dtype=int64 shape=(1,), obtained (absent) (is missing)",
            "value.columns: expected 2, obtained 1 (length differs)",
            "value['a']: expected int64, obtained float64 (dtype differs)",
        ],
    ),
    "rows": (
        pd.DataFrame({"a": [1, 2], "b": [2, 3]}),
        pd.DataFrame({"a": [1], "b": [2]}),
        ["value: expected 2, obtained 1 (rows differs)"],
    ),
    "nullable": (
        pd.Series([1, None], dtype="Int64"),
        pd.Series([1, 2], dtype="Int64"),
        ["value[1]: expected <NA>, obtained 2 (1 of 2 elements differ; first at [1])"],
    ),
    "categories": (
        pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "b"])),
        pd.Series(["b"], dtype=pd.CategoricalDtype(["a", "b"])),
        ["value[0]: expected 'a', obtained 'b' (1 of 1 element differs)"],
    ),
    "attrs": (
        pd.DataFrame({"a": [1]}),
        None,
        [
            "value: expected <pandas.DataFrame, shape (1, 1)>, obtained None "
            "(type differs: pandas.DataFrame became NoneType)"
        ],
    ),
}


@pytest.mark.parametrize(("expected", "obtained", "told"), EXAMPLES.values(), ids=EXAMPLES)
def test_a_difference_is_told_in_full(expected: Any, obtained: Any, told: list[str]) -> None:
    assert [
        each.replace("pandas.core.frame.DataFrame", "pandas.DataFrame") for each in _told(expected, obtained)
    ] == told
    assert compare(expected, copy.deepcopy(expected)) == ()


@given(st.lists(st.floats(), min_size=1, max_size=60), st.data())
def test_one_changed_element_of_an_array_is_found_where_it_is(items: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(items) - 1))
    new = data.draw(st.floats().filter(lambda each: np.array([each]).tobytes() != np.array([items[place]]).tobytes()))
    if math.isnan(new) and math.isnan(items[place]):
        return
    changed = [*items[:place], new, *items[place + 1 :]]
    for one, other in ((np.array(items), np.array(changed)), (items, changed)):
        (difference,) = compare(one, other)
        assert difference.path == f"value[{place}]"


@pytest.mark.parametrize(
    ("expected", "obtained", "within"),
    [
        (1.0, 1.05, True),
        (1.0, 1.2, False),
        (1.0, math.nan, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, 1e308, False),
        (math.inf, -math.inf, False),
        (100, 105, True),
        (100, 120, False),
        (2**2000, 2**2000 + 1, False),
        (1 + 1j, 1.05 + 1j, True),
        (True, False, False),
        (1, 1.0, False),
        ("1.0", "1.05", False),
        (np.float32(1), np.float32(1.05), True),
        (np.timedelta64(100, "s"), np.timedelta64(105, "s"), False),
    ],
)
def test_a_tolerance_is_for_numbers_of_one_type(expected: Any, obtained: Any, within: bool) -> None:
    """S7.2: `|expected - obtained| <= atol + rtol * |expected|`, alone, in lists, arrays, series and frames."""
    assert (compare(expected, obtained, rtol=0.1) == ()) == within
    assert (compare({"a": [expected]}, {"a": [obtained]}, rtol=0.1) == ()) == within
    assert (compare([expected] * 40, [obtained] * 40, rtol=0.1) == ()) == within
    if type(expected) is type(obtained) and not isinstance(expected, str) and str(expected) != str(2**2000):
        assert (compare(np.array([expected]), np.array([obtained]), rtol=0.1) == ()) == within
        assert (compare(pd.DataFrame({"a": [expected]}), pd.DataFrame({"a": [obtained]}), rtol=0.1) == ()) == within


def test_tolerances_are_relative_to_what_is_expected() -> None:
    assert compare(100.0, 110.0, rtol=0.1) == ()
    assert compare(110.0, 100.0, rtol=0.09) != ()
    assert compare(0.0, 1e-9, rtol=0.5) != ()
    assert compare(0.0, 1e-9, atol=1e-9) == ()
    assert compare(np.array([2**63 - 1]), np.array([-(2**63)]), rtol=0.5) != ()
    assert compare(np.array([250], "u1"), np.array([4], "u1"), atol=10) != ()


@pytest.mark.parametrize("options", [{"rtol": -1.0}, {"atol": math.nan}, {"limit": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|must both be"):
        compare(1, 1, **options)


def test_long_lists_of_differences_are_cut_and_say_so() -> None:
    expected, obtained = {f"k{index}": index for index in range(50)}, {f"k{index}": -1 for index in range(50)}
    found = compare(expected, obtained, limit=3, path="outputs")
    assert [each.path for each in found] == ["outputs['k0']", "outputs['k1']", "outputs['k2']", "outputs"]
    assert found[-1] == Difference("outputs", "...", "...", "and 47 more differences, not shown")
    assert len(compare(expected, obtained, limit=50)) == 50


def test_what_is_shown_is_short_and_has_no_addresses() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    (difference,) = compare("x" * 10_000, {"y": object(), "z": [Odd()] * 100, "w": "v" * 500})
    assert len(difference.expected) <= 90
    assert len(difference.obtained) <= 90
    assert " at 0x" not in difference.obtained
    assert compare(Odd(), 1)[0].expected.startswith("<repr raises RuntimeError: tests.values")
