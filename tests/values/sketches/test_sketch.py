"""Sketches: what a person is told of a value beside its fingerprint."""

from __future__ import annotations

import datetime
import inspect
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pytest_expops.errors import FingerprintError
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.naming import type_name
from pytest_expops.values.sketches.sketch import LEAVES, sketch
from pytest_expops.verdicts.baseline.lock_file_text import decode, encode


def test_an_array_is_told_by_dtype_shape_range_mean_and_a_few_elements() -> None:
    array = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    assert sketch(array, "out") == {
        "out": {
            "dtype": "float64",
            "shape": [2, 3],
            "min": 1.0,
            "max": 32.0,
            "mean": 10.5,
            "weighted": 5.39815173145271,
            "values": [1.0, 2.0, 4.0, 32.0],
        }
    }


def test_nans_are_counted_and_left_out_of_the_range() -> None:
    leaf = sketch(np.array([math.nan, 2.0, 4.0]), "out")["out"]
    assert {name: leaf[name] for name in ("nan", "min", "max", "mean")} == {
        "nan": 1,
        "min": 2.0,
        "max": 4.0,
        "mean": 3.0,
    }
    assert math.isnan(leaf["values"][0])
    assert sketch(np.array([math.nan]), "out")["out"]["nan"] == 1
    assert "min" not in sketch(np.array([math.nan]), "out")["out"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (0.1, 0.1),
        (np.float64(0.1), 0.1),
        (True, True),
        (None, None),
        ("text", "text"),
        (b"ab", {"is": "bytes", "value": "b'ab'"}),
        (np.array([], dtype="int8"), {"dtype": "int8", "shape": [0], "values": []}),
        (np.array([1 + 2j]), {"dtype": "complex128", "shape": [1], "min": 5**0.5, "max": 5**0.5, "mean": 5**0.5,
                              "values": [[1.0, 2.0]]}),
        (np.array(["a", "b"]), {"dtype": "<U1", "shape": [2], "values": ["a", "b"], "digest": "9d921ef3aa45"}),
        (np.array(["2020-01-01"], dtype="M8[D]"), {"dtype": "datetime64[D]", "shape": [1], "values": ["2020-01-01"],
                                                    "digest": "80a6f887752d"}),
        ([1, 2], {"is": "list", "dtype": "int64", "shape": [2], "min": 1, "max": 2, "mean": 1.5, "values": [1, 2]}),
        ([1.0] * 40, {"is": "list", "dtype": "float64", "shape": [40], "min": 1.0, "max": 1.0, "mean": 1.0,
                      "weighted": 0.4946967693728455, "values": [1.0, 1.0, 1.0, 1.0]}),
        ({1, 2}, {"is": "set", "length": 2, "min": 1, "max": 2, "mean": 1.5, "weighted": 0.5450849718747373,
                  "digest": "fbb373c98dca"}),
        ({}, {"is": "dict", "length": 0}),
    ],
)  # fmt: skip
def test_what_is_told_of_each_kind_of_value(value: Any, expected: Any) -> None:
    assert sketch(value, "out") == {"out": expected}


def test_a_frame_is_told_as_a_whole_and_by_column() -> None:
    frame = pd.DataFrame({"x": [1.0, 3.0], "when": [datetime.datetime(2020, 1, 1)] * 2})
    frame["name"] = pd.array(["a", "b"], dtype="string")
    found = sketch(frame, "df")
    assert list(found) == ["df", "df['x']", "df['when']", "df['name']"]
    labels = found["df"].pop("labels")
    assert (
        labels
        == sketch(frame.copy(), "df")["df"]["labels"]
        != sketch(frame[["x", "name", "when"]], "df")["df"]["labels"]
    )
    assert found["df"] == {"is": type_name(pd.DataFrame), "shape": [2, 3]}
    assert found["df['x']"]["mean"] == 2.0
    assert found["df['when']"]["values"] == ["2020-01-01 00:00:00"] * 2
    assert found["df['name']"]["values"] == ["a", "b"]


@pytest.mark.parametrize("options", [{}, {"na_value": math.nan}], ids=["string", "str"])
def test_strings_are_told_alike_wherever_pandas_stores_them(options: Any) -> None:
    """With pyarrow installed it keeps them in Arrow's buffers: a baseline's sketch must not hang on that."""
    if options and "na_value" not in inspect.signature(pd.StringDtype).parameters:
        pytest.skip("this pandas has no `str` dtype")
    dtypes = [pd.StringDtype(storage, **options) for storage in ("python", "pyarrow")]
    one, other = (pd.DataFrame({"a": pd.array(["x", None, "é"], dtype=dtype)}) for dtype in dtypes)
    assert sketch(one, "df") == sketch(other, "df") != sketch(one.replace("x", "y"), "df")
    assert fingerprint(one) != fingerprint(other)


def test_of_many_columns_a_few_are_told_and_the_whole_says_what_all_come_to() -> None:
    frame = pd.DataFrame({f"c{index}": [float(index)] for index in range(40)})
    found = sketch(frame, "df")
    assert len(found) == LEAVES
    assert found["df"] == {
        "is": type_name(pd.DataFrame),
        "shape": [1, 40],
        "parts": 40,
        "min": 0.0,
        "max": 39.0,
        "mean": 19.5,
        "weighted": 9.512116003693984,
        "labels": "5439e23e7b68",
        "digest": "5324e8feaaf6",
    }


class Model:
    def __init__(self) -> None:
        self.coef_ = np.array([0.5, 1.5])
        self.rate = 0.01
        self.name = "model"
        self._cache = np.array([1.0])
        self.itself = self


def test_an_object_is_told_by_its_public_attributes_once_each() -> None:
    found = sketch(Model(), "model")
    assert list(found) == ["model", "model.coef_", "model.name", "model.rate"]
    assert found["model.coef_"]["mean"] == 1.0
    assert found["model.rate"] == 0.01


def test_where_there_is_too_much_arrays_are_kept_before_settings() -> None:
    value = {"model": Model(), **{f"text{index}": "x" for index in range(50)}}
    assert "out['model'].coef_" in sketch(value, "out")
    assert sketch(value, "out")["out"]["parts"] == 53


def test_the_order_of_a_dict_does_not_count() -> None:
    assert list(sketch({"b": 1, "a": {"z": 2, "c": 3}}, "o").items()) == list(
        sketch({"a": {"c": 3, "z": 2}, "b": 1}, "o").items()
    )


def test_a_value_without_a_sound_form_is_an_error_that_names_its_place() -> None:
    with pytest.raises(FingerprintError, match=r"out\['f'\]"):
        sketch({"f": (each for each in ())}, "out")


@given(
    npst.arrays(
        npst.scalar_dtypes() | npst.unicode_string_dtypes(max_len=3),
        npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_every_array_has_a_sketch_that_strict_json_gives_back(array: np.ndarray[Any, Any]) -> None:
    found = sketch(array, "out")
    text = json.dumps(encode(found), allow_nan=False)
    assert repr(decode(json.loads(text))) == repr(found)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)), max_leaves=10))  # fmt: skip
def test_equal_values_have_equal_sketches_of_bounded_length(value: Any) -> None:
    import copy

    found = sketch(value, "out")
    assert repr(found) == repr(sketch(copy.deepcopy(value), "out"))
    assert 1 <= len(found) <= LEAVES
    assert next(iter(found)) == "out"
