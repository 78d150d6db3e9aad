"""How much numbers differ: the greatest |delta| and the greatest distance in units in the last place."""

from __future__ import annotations

import math
import struct
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.values.amounts import largest_ulps, ulps
from pytest_expops.values.comparison import compare

FLOATS: dict[str, tuple[Any, str]] = {
    "float16": (np.float16, "<h"),
    "float32": (np.float32, "<i"),
    "float64": (np.float64, "<q"),
}


def _place(number: Any, code: str) -> int:
    """The naive definition: where a number stands among all numbers of its format, zero being at 0."""
    (bits,) = struct.unpack(code, number.tobytes())
    return int(bits) if bits >= 0 else -(int(bits) & (2 ** (8 * struct.calcsize(code) - 1) - 1))


def _detail(expected: Any, obtained: Any) -> str:
    (difference,) = compare(expected, obtained)
    return difference.detail


@pytest.mark.parametrize("name", FLOATS)
@given(data=st.data())
def test_ulps_are_the_places_between_two_numbers(name: str, data: st.DataObject) -> None:
    """Of all numbers: subnormals, zeros of either sign, infinities, and across zero."""
    kind, code = FLOATS[name]
    numbers = arrays.arrays(kind, 4, elements=st.floats(width=8 * np.dtype(kind).itemsize, allow_nan=False))
    one, other = data.draw(numbers), data.draw(numbers)
    expected = [abs(_place(a, code) - _place(b, code)) for a, b in zip(one, other, strict=True)]
    assert ulps(one, other).tolist() == expected
    assert ulps(other, one).tolist() == expected
    assert largest_ulps(one, other) == max(expected)


@pytest.mark.parametrize("name", FLOATS)
@given(data=st.data(), steps=st.integers(0, 40), upwards=st.booleans())
def test_each_step_to_the_next_number_is_one_ulp(name: str, data: st.DataObject, steps: int, upwards: bool) -> None:
    kind, _ = FLOATS[name]
    width = 8 * np.dtype(kind).itemsize
    near_zero = st.integers(-30, 30).map(lambda count: kind(count) * np.finfo(kind).smallest_subnormal)
    start = data.draw(st.one_of(st.floats(width=width, allow_nan=False, allow_infinity=False).map(kind), near_zero))
    end, walked = start, 0
    with np.errstate(all="ignore"):
        while walked < steps and not np.isinf(end):
            end, walked = np.nextafter(end, kind(math.inf if upwards else -math.inf)), walked + 1
    assert ulps(np.array(start), np.array(end)) == walked


@given(st.floats(1.0, 1e300), st.integers(0, 1000))
def test_ulps_of_one_binade_are_the_delta_in_units_of_math_ulp(start: float, steps: int) -> None:
    end = start + steps * math.ulp(start)
    if math.frexp(start)[1] == math.frexp(end)[1]:
        assert largest_ulps(np.array([start]), np.array([end])) == steps


def test_what_has_no_distance_is_left_out() -> None:
    assert largest_ulps(np.array([math.nan, 1.0]), np.array([5.0, 1.0])) == 0
    assert largest_ulps(np.array([math.nan]), np.array([5.0])) is None
    assert largest_ulps(np.array([complex(1, math.nan)]), np.array([complex(np.nextafter(1, 2), 0)])) == 1
    assert largest_ulps(np.array([1, 2]), np.array([2, 1])) is None
    assert largest_ulps(np.array([1], np.longdouble), np.array([2], np.longdouble)) is None
    assert largest_ulps(np.zeros(0), np.zeros(0)) is None


NEXT = np.nextafter(1.0, 2.0)
HOW_MUCH: dict[str, tuple[Any, Any, str]] = {
    "float": (1.0, float(NEXT), "value differs; |delta| = 2.22e-16, ulp = 1"),
    "sum in another order": (0.1 + (0.2 + 0.3), (0.1 + 0.2) + 0.3, "value differs; |delta| = 1.11e-16, ulp = 1"),
    "float32": (np.float32(1), np.nextafter(np.float32(1), 2), "value differs; |delta| = 1.19e-07, ulp = 1"),
    "half of the digits": (1.0, 1.0 + 2.0**-26, "value differs; |delta| = 1.49e-08, ulp = 67108864"),
    "fewer than half of the digits": (1.0, 1.0 + 2.0**-25, "value differs; |delta| = 2.98e-08"),
    "half of the digits of float32": (
        np.float32(1),
        np.float32(1 + 2**-12),
        "value differs; |delta| = 0.000244, ulp = 2048",
    ),
    "a number and its negative": (0.75, -0.75, "value differs; |delta| = 1.5"),
    "a zero and a number": (0.0, 1e-9, "value differs; |delta| = 1e-09"),
    "of an array, one of another sign": (
        np.array([1.0, 2.0]),
        np.array([NEXT, -2.0]),
        "2 of 2 elements differ; max |delta| = 4.0; first at [0]",
    ),
    "complex": (1 + 1j, 1 + 1j * NEXT, "value differs; |delta| = 2.22e-16, ulp = 1"),
    "complex64": (np.complex64(1j), np.complex64(-1j), "value differs; |delta| = 2.0"),
    "int": (1, 3, "value differs; |delta| = 2.0"),
    "huge int": (2**2000, 2**2001, "value differs; |delta| = inf"),
    "neighbours of a huge int": (2**2000, 2**2000 + 1, "value differs; |delta| = 1.0"),
    "sign of zero": (0.0, -0.0, "value differs; |delta| = 0.0, ulp = 0"),
    "subnormal": (0.0, 5e-324, "value differs; |delta| = 5e-324, ulp = 1"),
    "across zero": (-5e-324, 5e-324, "value differs; |delta| = 1e-323, ulp = 2"),
    "infinity": (1.7976931348623157e308, math.inf, "value differs; |delta| = inf, ulp = 1"),
    "infinities": (-math.inf, math.inf, "value differs; |delta| = inf"),
    "NaN": (1.0, math.nan, "value differs"),
    "bool": (True, False, "value differs"),
    "array": (
        np.array([1.0, 2.0, 3.0]),
        np.array([NEXT, 2.5, 3.0]),
        "2 of 3 elements differ; max |delta| = 0.5; first at [0]",
    ),
    "array by the last digit": (
        np.full(100, 1 / 3),
        np.nextafter(np.full(100, 1 / 3), 1),
        "100 of 100 elements differ; max |delta| = 5.55e-17, max ulp = 1; first at [0]",
    ),
    "float16 array, whose |delta| is beyond float16": (
        np.array([65504], "f2"),
        np.array([-65504], "f2"),
        "1 of 1 element differs; max |delta| = 131000.0",
    ),
    "NaN and signs of zero": (
        np.array([0.0, 1.0, math.nan, 4.0]),
        np.array([-0.0, 2.0, 3.0, 4.0]),
        "3 of 4 elements differ, 1 of them by NaN, 1 of them by the sign of zero; max |delta| = 1.0; first at [0]",
    ),
    "complex array": (
        np.array([1j, 2.0]),
        np.array([1j, 2.0 - 0.5j]),
        "1 of 2 elements differ; max |delta| = 0.5; first at [1]",
    ),
    "unsigned array": (np.array([0], "u1"), np.array([255], "u1"), "1 of 1 element differs; max |delta| = 255.0"),
    "long list": (
        [1.0] * 40,
        [*[1.0] * 39, float(NEXT)],
        "1 of 40 elements differ; max |delta| = 2.22e-16, max ulp = 1; first at [39]",
    ),
    "long list of ints and floats": (
        [1, 2.0] * 20,
        [*[1, 2.0] * 19, 2, 2.5],
        "2 of 40 elements differ; max |delta| = 1.0; first at [38]",
    ),
    "nullable column": (
        pd.Series([1.0, None, 2.0], dtype="Float64"),
        pd.Series([1.5, None, None], dtype="Float64"),
        "2 of 3 elements differ; max |delta| = 0.5; first at [0]",
    ),
    "nullable column of float32": (
        pd.Series([1.0, None], dtype="Float32"),
        pd.Series([np.nextafter(np.float32(1), np.float32(2)), None], dtype="Float32"),
        "1 of 2 elements differ; max |delta| = 1.19e-07, max ulp = 1; first at [0]",
    ),
    "datetimes": (
        np.array(["2024-01-01", "2024-01-02"], "M8[s]"),
        np.array(["2024-01-01", "2024-01-02T00:00:07"], "M8[s]"),
        "1 of 2 elements differ; max |delta| = 7 seconds; first at [1]",
    ),
    "column of timestamps": (
        pd.Series(pd.to_datetime(["2024-01-01", None])),
        pd.Series(pd.to_datetime(["2024-01-03", None])),
        "1 of 2 elements differ; max |delta| = 2 days 00:00:00; first at [0]",
    ),
    "missing datetime": (np.array(["NaT"], "M8[s]"), np.array([7], "M8[s]"), "1 of 1 element differs"),
    "another order": (
        np.array([1, 2, 3]),
        np.array([3, 2, 1]),
        "2 of 3 elements differ; max |delta| = 2.0; the same elements in another order; first at [0]",
    ),
    "another order of texts": (
        list("abcdefgh") * 5,
        list("bacdefgh") * 5,
        "10 of 40 elements differ; the same elements in another order; first at [0]",
    ),
    "almost another order": (
        np.array([1, 2, 3]),
        np.array([3, 2, 2]),
        "2 of 3 elements differ; max |delta| = 2.0; first at [0]",
    ),
}


@pytest.mark.parametrize(("expected", "obtained", "detail"), HOW_MUCH.values(), ids=HOW_MUCH)
def test_a_difference_says_how_much(expected: Any, obtained: Any, detail: str) -> None:
    assert _detail(expected, obtained) == detail
    assert _detail(obtained, expected).partition("; first at")[0] == detail.partition("; first at")[0]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=50))
def test_alone_in_lists_arrays_and_frames_the_amounts_are_the_same(pairs: list[tuple[float, float]]) -> None:
    """Scalars go one way, lists another, arrays a third: what they say agrees."""
    columns = [[pair[side] for pair in pairs] for side in (0, 1)]
    bulky = [each * 32 for each in columns]
    found = compare(np.array(bulky[0]), np.array(bulky[1]))
    told = [each.detail.partition("max |delta|")[2].partition(";")[0] for each in found]
    for make in (list, lambda column: pd.Series(column, dtype=object), lambda column: {"x": tuple(column)}):
        others = compare(make(bulky[0]), make(bulky[1]))
        assert [each.detail.partition("max |delta|")[2].partition(";")[0] for each in others] == told
    assert (told == []) == (compare(columns[0], columns[1]) == ())


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "c8", "c16", "i1", "i8", "u1", "u8"])
@settings(max_examples=40)
@given(data=st.data(), rtol=st.floats(0, 2), atol=st.floats(0, 1e6))
def test_a_tolerance_means_the_same_alone_and_in_arrays(
    kind: str, data: st.DataObject, rtol: float, atol: float
) -> None:
    """S7.2; small formats neither wrap around nor overflow on the way."""
    elements = arrays.from_dtype(np.dtype(kind), allow_nan=True)
    one, other = (np.array(data.draw(st.lists(elements, min_size=5, max_size=5)), kind) for _ in range(2))
    alone = [compare(a, b, rtol=rtol, atol=atol) == () for a, b in zip(one, other, strict=True)]
    together = [compare(one[i : i + 1], other[i : i + 1], rtol=rtol, atol=atol) == () for i in range(5)]
    assert alone == together


def test_a_complex_number_whose_absolute_value_is_beyond_floats_is_compared_as_in_an_array() -> None:
    """Found by the law above: the gap overflows, and so does what is allowed."""
    one, other = complex(0, 1.5672292923068146e308), complex(8.806207767629501e307, 0)
    for kind in (complex, np.complex128):
        assert compare(kind(one), kind(other), rtol=2.0) == ()
        assert compare(kind(one), kind(other), rtol=1e-6) != ()
    assert compare(np.array([one]), np.array([other]), rtol=2.0) == ()
