"""pandas: every extension dtype, index and attachment counts by value, and a difference names its row and column."""

from __future__ import annotations

import copy
import datetime
import decimal
import itertools
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint

NOON, LATER = pd.Timestamp("2024-01-01 12:00"), pd.Timestamp("2024-01-01 12:00:00.000001")
INTERVAL = pd.Interval(0, 1)


def _arrow(kind: Any) -> Any:
    return pd.ArrowDtype(kind)


NUMBERS = [f"{sign}Int{size}" for sign in ("", "U") for size in (8, 16, 32, 64)] + ["Float32", "Float64"]
COLUMNS: dict[str, tuple[Any, list[Any], Any]] = {
    **{name: (name, [1, 2, None], 3) for name in NUMBERS},
    "boolean": ("boolean", [True, False, None], True),
    "python strings": (pd.StringDtype("python"), ["a", "b", None], "c"),
    "arrow strings": (pd.StringDtype("pyarrow"), ["a", "b", None], "c"),
    "category": (pd.CategoricalDtype(["a", "b", "c"]), ["a", "b", None], "c"),
    "ordered category": (pd.CategoricalDtype(["a", "b", "c"], ordered=True), ["a", "b", None], "c"),
    "category of numbers": (pd.CategoricalDtype([1, 2, 3]), [1, 2, None], 3),
    **{f"datetime64[{unit}]": (f"datetime64[{unit}]", [NOON, NOON, None], LATER) for unit in ("us", "ns")},
    "datetime64[ns, UTC]": ("datetime64[ns, UTC]", [NOON, NOON, None], LATER.tz_localize("UTC")),
    "datetime64[us, Asia/Tokyo]": ("datetime64[us, Asia/Tokyo]", [NOON, NOON, None], LATER.tz_localize("Asia/Tokyo")),
    "timedelta64[ns]": ("timedelta64[ns]", [pd.Timedelta(1), pd.Timedelta(2), None], pd.Timedelta(3)),
    "period[M]": ("period[M]", [pd.Period("2024-01"), pd.Period("2024-02"), None], pd.Period("2024-03")),
    "interval": ("interval[int64, right]", [INTERVAL, INTERVAL, INTERVAL], pd.Interval(0, 2)),
    "interval[float]": ("interval[float64, right]", [INTERVAL, INTERVAL, None], pd.Interval(0, 2)),
    "Sparse[int]": (pd.SparseDtype("int64", 0), [0, 2, 0], 3),
    "Sparse[float]": (pd.SparseDtype("float64", np.nan), [1.0, 2.0, None], 3.0),
    "object": (object, [1, "b", None], "c"),
    "arrow int": (_arrow(pa.int32()), [1, 2, None], 3),
    "arrow float": (_arrow(pa.float32()), [1.0, 2.0, None], 3.0),
    "arrow bool": (_arrow(pa.bool_()), [True, False, None], True),
    "arrow string": (_arrow(pa.string()), ["a", "b", None], "c"),
    "arrow binary": (_arrow(pa.binary()), [b"a", b"b", None], b"c"),
    "arrow timestamp": (_arrow(pa.timestamp("us")), [NOON, NOON, None], LATER),
    "arrow date": (_arrow(pa.date32()), [datetime.date(2024, 1, 1)] * 2 + [None], datetime.date(2024, 1, 2)),
    "arrow time": (_arrow(pa.time64("us")), [datetime.time(1)] * 2 + [None], datetime.time(2)),
    "arrow decimal": (_arrow(pa.decimal128(5, 2)), [decimal.Decimal("1.00")] * 2 + [None], decimal.Decimal("1.01")),
    "arrow list": (_arrow(pa.list_(pa.int64())), [[1], [2, 3], None], [2, 4]),
    "arrow struct": (_arrow(pa.struct({"x": pa.int64()})), [{"x": 1}, {"x": 2}, None], {"x": 3}),
    "arrow dictionary": (_arrow(pa.dictionary(pa.int32(), pa.string())), ["a", "b", None], "a"),
}  # fmt: skip


def _series(name: str, *, second: Any = ...) -> pd.Series[Any]:
    dtype, items, _ = COLUMNS[name]
    items = list(items) if second is ... else [items[0], second, items[2]]
    if isinstance(dtype, pd.ArrowDtype):
        return pd.Series(pd.array(pa.array(items, dtype.pyarrow_dtype), dtype=dtype))
    if isinstance(dtype, str) and ", " in dtype and dtype.startswith("datetime"):  # wall times become those of the zone
        unit, _, zone = dtype.removeprefix("datetime64[").rstrip("]").partition(", ")
        walls = pd.Series([None if each is None else each.tz_localize(None) for each in items])
        return walls.astype(f"datetime64[{unit}]").dt.tz_localize(zone)
    return pd.Series(pd.array(items, dtype=dtype) if dtype is not object else items, dtype=dtype)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_its_elements(name: str) -> None:
    """S7.2: however it was put together; and another element, or a missing one, shows where it stands."""
    column = _series(name)
    again = [
        copy.deepcopy(column),
        pickle.loads(pickle.dumps(column)),
        column[::-1][::-1],
        column.take([0, 1, 2]).reset_index(drop=True),
    ]
    again += [pd.concat([column[:1], column[1:]]), column.to_frame("x")["x"].rename(None), _series(name)]
    assert [compare(column, each) for each in again] == [()] * len(again)
    assert {fingerprint(each).digest for each in again} == {fingerprint(column).digest}
    leaf = "value['x']['q']" if name == "object" else "value['x']"  # few objects are a leaf each
    for second in (COLUMNS[name][2], *([None] if column.hasnans else [])):
        other = _series(name, second=second)
        assert fingerprint(other) != fingerprint(column)
        (difference,) = compare(column, other)
        assert difference.path == "value[1]"
        labels = ["p", "q", "r"]
        frames = [pd.DataFrame({"a": [1, 2, 3], "x": each.array}, index=labels) for each in (column, other)]
        assert fingerprint(frames[0]).differs_at(fingerprint(frames[1])) == (leaf,)
        assert [each.path for each in compare(*frames)] == ["value['x']['q']"]


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in ("arrow list", "arrow struct")])
def test_an_index_is_its_labels(name: str) -> None:
    index, other = pd.Index(_series(name)), pd.Index(_series(name, second=COLUMNS[name][2]))
    assert compare(index, pd.Index(_series(name))) == ()
    assert [each.path for each in compare(index, other)] == ["value[1]"]
    data = [1.0, 2.0, 3.0]
    found = [each.path for each in compare(pd.Series(data, index=index), pd.Series(data, index=other))]
    assert found == ["value.index[1]"]


def test_dtypes_of_equal_elements_differ() -> None:
    ones: list[Any] = [pd.Series([1, 1], dtype=name) for name in [*NUMBERS, "int64", "float64", "float32", object]]
    ones += [pd.Series([1, 1]).astype(each) for each in (pd.SparseDtype("int64", 0), pd.SparseDtype("int64", 1))]
    ones += [pd.Series([1, 1], dtype=_arrow(each)) for each in (pa.int64(), pa.int32(), pa.float64())]
    texts = [pd.Series(["a"], dtype=each) for each in (pd.StringDtype("python"), pd.StringDtype("pyarrow"), object)]
    texts += [pd.Series(["a"], dtype=_arrow(each)) for each in (pa.string(), pa.large_string())]
    times = [pd.Series([NOON]).astype(f"datetime64[{unit}]") for unit in ("s", "ms", "us", "ns")]
    times += [times[-1].dt.tz_localize(zone) for zone in ("UTC", "Europe/Paris", "Etc/UTC")]
    for alike in (ones, texts, times):
        assert all(compare(one, other) != () for one, other in itertools.combinations(alike, 2))
        assert len({fingerprint(each).digest for each in alike}) == len(alike)


@pytest.mark.parametrize(
    ("one", "other", "path", "detail"),
    [
        (pd.Timestamp("2024"), pd.Timestamp("2025"), "value", "value differs"),
        (pd.Timestamp("2024", tz="UTC"), pd.Timestamp("2024", tz="Etc/UTC"), "value.tzinfo", "differs"),
        (pd.Timestamp("2024"), pd.Timestamp("2024", tz="UTC"), "value", "value differs"),
        (pd.Timestamp("2024").as_unit("s"), pd.Timestamp("2024").as_unit("ns"), "value", "unit differs"),
        (pd.Timestamp(1), pd.Timestamp(2), "value", "value differs"),
        (pd.Timedelta("1s"), pd.Timedelta("2s"), "value", "value differs"),
        (pd.Period("2024-01"), pd.Period("2024-02"), "value", "value differs"),
        (pd.Period("2024-01-01", "D"), pd.Period("2024-01-01", "2D"), "value", "freq differs"),
        (pd.Interval(0, 1), pd.Interval(0, 2), "value.right", "value differs; |delta| = 1.0"),
        (pd.Interval(0, 1), pd.Interval(0, 1, "both"), "value.closed", "value differs"),
        (pd.NaT, pd.Timestamp("2024"), "value", "type differs"),
    ],
)  # fmt: skip
def test_scalars_differ_in_what_they_show(one: Any, other: Any, path: str, detail: str) -> None:
    assert [(each.path, detail in each.detail) for each in compare(one, other)] == [(path, True)]
    for each in (one, other):
        assert compare(each, pickle.loads(pickle.dumps(each))) == ()
        assert fingerprint(each) == fingerprint(copy.deepcopy(each))


def test_attrs_count_and_are_named() -> None:
    def frame(**attrs: Any) -> pd.DataFrame:
        made = pd.DataFrame({"a": [1]})
        made.attrs.update(attrs)
        return made

    assert compare(frame(x=1, y=[2]), frame(y=[2], x=1)) == ()
    assert [str(each) for each in compare(frame(x=1, y=[2]), frame(x=1, y=[3]))] == [
        "value.attrs['y'][0]: expected 2, obtained 3 (value differs; |delta| = 1.0)"
    ]
    assert fingerprint(frame(x=1)).differs_at(fingerprint(frame(x=2))) == ("value.attrs['x']",)
    assert [each.path for each in compare(frame(x=1)["a"], frame(x=2)["a"])] in ([], ["value.attrs['x']"])


def _changed(frame: pd.DataFrame, row: int, column: int, value: Any) -> pd.DataFrame:
    other = frame.copy()
    other.isetitem(column, [value if place == row else each for place, each in enumerate(frame.iloc[:, column])])
    return other


PAIRS = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"])
HOURS = pd.date_range("2024-01-01", periods=4, freq="h", tz="UTC")
HOURS_OF_TWO = pd.MultiIndex.from_product([["a", "b"], HOURS[:2]])
LABELS: dict[str, tuple[Any, str]] = {
    "positions": (range(4), "[2]"),
    "numbers": ([10, 20, 30, 40], "[30]"),
    "floats": ([0.5, 1.5, float("nan"), 2.5], "[nan]"),
    "texts": (["p", "q", "r", "s"], "['r']"),
    "duplicates": (["p", "q", "q", "s"], ".iloc[2]"),
    "MultiIndex": (PAIRS, "[('b', 1)]"),
    "duplicates in a MultiIndex": (pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 1), ("b", 2)]), ".iloc[2]"),
    "MultiIndex with times": (HOURS_OF_TWO, "[('b', Timestamp('2024-01-01 00:00:00+00:00'))]"),
    "times": (HOURS, "[Timestamp('2024-01-01 02:00:00+00:00')]"),
    "durations": (HOURS - HOURS[0], "[Timedelta('0 days 02:00:00')]"),
    "periods": (pd.period_range("2024-01", periods=4, freq="M"), "[Period('2024-03')]"),
    "intervals": (pd.interval_range(0, 4), "[Interval('(2, 3]')]"),
    "categories": (pd.CategoricalIndex(["a", "b", "c", "d"]), "['c']"),
    "dates": ([datetime.date(2024, 1, day) for day in (1, 2, 3, 4)], "[date('2024-01-03')]"),
    "mixed": ([1, "a", (1, "x"), None], "[(1, 'x')]"),
}  # fmt: skip


@pytest.mark.parametrize(("labels", "row"), LABELS.values(), ids=LABELS)
def test_rows_are_named_by_their_labels(labels: Any, row: str) -> None:
    index = labels if isinstance(labels, pd.Index) else pd.Index(list(labels), tupleize_cols=False)
    frame = pd.DataFrame({"v": [1.0, 2.0, 3.0, 4.0], "w": ["k", "l", "m", "n"]}, index=index)
    for place, value in ((0, 3.5), (1, "M")):
        (difference,) = compare(frame, _changed(frame, 2, place, value))
        assert difference.path == f"value['{'vw'[place]}']{row}"
        assert f"first at {row}" in difference.detail or "value differs" in difference.detail
    (difference,) = compare(frame["v"], _changed(frame, 2, 0, 3.5)["v"])
    assert difference.path == f"value{row}"


@pytest.mark.parametrize(
    ("columns", "place"),
    [
        (["p", "q", "r"], "['q']"),
        ([10, 20, 30], "[20]"),
        (["p", "q", "q"], ".iloc[:, 1]"),
        ([1, "1", None], "['1']"),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]), "[('a', 2)]"),
        (HOURS[:3], "[Timestamp('2024-01-01 01:00:00+00:00')]"),
        ([f"{'x' * 50}{each}{'y' * 50}" for each in "123"], ".iloc[:, 1]"),  # alike when they are cut
    ],
)
def test_columns_are_named_by_their_labels(columns: Any, place: str) -> None:
    frame = pd.DataFrame(np.zeros((2, 3)), columns=columns)
    other = _changed(frame, 1, 1, 5.0)
    assert fingerprint(frame).differs_at(fingerprint(other)) == (f"value{place}",)
    assert [each.path for each in compare(frame, other)] == [f"value{place}[1]"]


def test_the_first_differing_label_is_told() -> None:
    frame = pd.DataFrame({"v": [1.0, 2.0, 3.0, 4.0]}, index=PAIRS)
    relabelled = frame.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1), ("c", 2)], names=["x", "y"]))
    (difference,) = compare(frame, relabelled)
    assert str(difference).partition(" (")[0] == ("value.index.get_level_values(0)[3]: expected 'b', obtained 'c'")
    assert [str(each) for each in compare(frame, frame.rename_axis(["x", "z"]))] == [
        "value.index.names[1]: expected 'y', obtained 'z' (value differs)"
    ]
    assert [str(each) for each in compare(frame, frame.rename(columns={"v": "w"}))][:2] == [
        "value['v']: expected numpy.ndarray dtype=float64 shape=(4,), obtained (absent) (is missing)",
        "value['w']: expected (absent), obtained numpy.ndarray dtype=float64 shape=(4,) (is unexpected)",
    ]
    numbered = frame.set_axis(pd.MultiIndex.from_product([[7, 8], [1, 2]]))
    reversed_rows = compare(numbered, numbered[::-1])
    assert [each.path for each in reversed_rows] == [
        "value.index.get_level_values(0)[0]",
        "value.index.get_level_values(1)[0]",
        "value['v'][(7, 1)]",
    ]
    assert all("the same elements in another order" in each.detail for each in reversed_rows)


def test_a_sparse_column_is_what_it_is_read_as() -> None:
    """Whether a fill value is stored is the array's own affair; which value fills is part of its dtype."""

    def stored(*numbers: float) -> Any:
        column = scipy.sparse.csc_matrix((numbers, ([0, 1], [0, 0])), shape=(3, 1))
        return pd.arrays.SparseArray.from_spmatrix(column)

    plain = pd.arrays.SparseArray([0.0, 1.0, 0.0], fill_value=0.0)
    assert (len(plain.sp_values), len(stored(0.0, 1.0).sp_values)) == (1, 2)
    assert fingerprint(plain) == fingerprint(stored(0.0, 1.0))
    assert compare(plain, stored(0.0, 1.0)) == ()
    assert fingerprint(plain) != fingerprint(stored(-0.0, 1.0))
    assert [each.path for each in compare(plain, stored(-0.0, 1.0))] == ["value[0]"]
