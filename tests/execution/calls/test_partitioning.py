"""Splitting rows: which rows go where, in which type, without a copy (S3)."""

from __future__ import annotations

import warnings
from collections import deque, namedtuple
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.errors import EmptyPartitionWarning, PartitionError
from pytest_expops.execution.calls.partitioning import as_splittable, bounds, partition, partition_at, row_count, take
from pytest_expops.pipeline.model import DataSplit

sizes = st.integers(1, 12) | st.lists(st.integers(0, 6), min_size=1, max_size=8).map(tuple)


def split(size: int | tuple[int, ...]) -> DataSplit:
    return DataSplit(size, "df")


def parts_of(value: Any, size: int | tuple[int, ...]) -> tuple[Any, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyPartitionWarning)
        return partition(value, split(size), process="load")


def error_of(value: Any, size: int | tuple[int, ...] = 2) -> PartitionError:
    with pytest.raises(PartitionError) as caught:
        partition(value, split(size), process="load")
    assert (caught.value.process, caught.value.key) == ("load", "df")
    return caught.value


# S3.3: which rows


def test_unequal_rows_go_to_the_first_partitions() -> None:
    assert bounds(11, 3) == ((0, 4), (4, 8), (8, 11))


def test_listed_sizes_are_row_counts() -> None:
    assert bounds(90, [50, 20, 20]) == ((0, 50), (50, 70), (70, 90))


@given(st.integers(0, 200), st.integers(1, 40))
def test_a_number_of_partitions_splits_as_numpy_array_split(rows: int, size: int) -> None:
    expected = [part.tolist() for part in np.array_split(np.arange(rows), size)]
    assert [list(range(start, stop)) for start, stop in bounds(rows, size)] == expected


@given(st.lists(st.integers(0, 50), max_size=20))
def test_listed_partitions_have_their_sizes_and_join_up(counts: list[int]) -> None:
    cuts = bounds(sum(counts), counts)
    assert [stop - start for start, stop in cuts] == counts
    assert list(chain.from_iterable(range(*cut) for cut in cuts)) == list(range(sum(counts)))


@pytest.mark.parametrize(
    ("rows", "size", "message"),
    [
        (3, 0, "rows are split into 1 partition or more, not 0"),
        (3, -1, "rows are split into 1 partition or more, not -1"),
        (3, [4, -1], "sizes [4, -1] contain a negative row count"),
        (90, [50, 20], "sizes [50, 20] sum to 70, not to 90"),
        (1, [], "sizes [] sum to 0, not to 1"),
    ],
)
def test_bounds_that_cannot_be_are_refused(rows: int, size: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared whole)
        bounds(rows, size)
    assert str(caught.value) == message


def test_sizes_that_do_not_sum_to_the_rows_are_an_error_with_both_figures() -> None:
    error = error_of(pd.DataFrame({"x": range(90)}), (50, 20))
    assert str(error) == (
        "sizes [50, 20] sum to 70, but `df` of `load` has 90 rows\n"
        "    make the sizes sum to the rows, or give the number of partitions: `data_parallelism: {size: 2}`"
    )


def test_empty_partitions_are_allowed_and_warned_of() -> None:
    with pytest.warns(EmptyPartitionWarning) as caught:
        parts = partition([1, 2, 3], split(6), process="load")
    assert parts == ([1], [2], [3], [], [], [])
    assert [str(each.message) for each in caught] == [
        "`df` of `load` has 3 rows for 6 partitions: partitions 4 to 6 are empty"
    ]


def test_the_warning_names_scattered_empty_partitions() -> None:
    with pytest.warns(EmptyPartitionWarning, match="1 row for 5 partitions: partitions 1, 2, 4, 5 are empty$"):
        as_splittable([7], split((0, 0, 1, 0, 0)), process="load")
    with pytest.warns(EmptyPartitionWarning, match="0 rows for 1 partitions: partition 1 is empty$"):
        as_splittable([], split(1), process="load")


def test_full_partitions_are_not_warned_of(recwarn: pytest.WarningsRecorder) -> None:
    partition([1, 2, 3], split(3), process="load")
    assert recwarn.list == []


def test_one_partition_is_taken_without_warning_of_the_others(recwarn: pytest.WarningsRecorder) -> None:
    assert partition_at([1, 2, 3], split(5), 4, process="load") == []
    assert recwarn.list == []


@pytest.mark.parametrize("index", [-1, 3])
def test_a_partition_that_is_not_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError, match="`load` is split into 3 partitions, counted from 0; there is no"):
        partition_at([1, 2, 3], split(3), index, process="load")


# S3.2: what can be split


Point = namedtuple("Point", "x y")


def _examples(rows: int) -> dict[str, Any]:
    numbers = np.arange(rows * 2.0).reshape(rows, 2)
    return {
        "frame": pd.DataFrame(numbers, columns=["a", "b"], index=[f"r{i}" for i in range(rows)]),
        "series": pd.Series(range(rows), name="s", index=range(100, 100 + rows)),
        "index": pd.Index([f"r{i}" for i in range(rows)]),
        "array": numbers,
        "strings": np.array([f"s{i}" for i in range(rows)]),
        "structured": np.array([(i, i / 2) for i in range(rows)], dtype=[("i", "i4"), ("x", "f8")]),
        "list": [f"row {i}" for i in range(rows)],
        "mixed list": [{"a": 1}, *range(rows - 1)],
        "named tuples": [Point(i, -i) for i in range(rows)],
        "tuple": tuple(range(rows)),
        "tuple of dicts": tuple({"a": i} for i in range(rows)),
        "range": range(0, rows * 3, 3),
    }


@pytest.mark.parametrize("kind", _examples(7))
def test_each_type_is_split_along_axis_0_in_its_own_type(kind: str) -> None:
    value = _examples(7)[kind]
    parts = parts_of(value, (3, 0, 4))
    assert {type(part) for part in parts} == {type(value)}
    assert [len(part) for part in parts] == [3, 0, 4]
    for part, (start, stop) in zip(parts, [(0, 3), (3, 3), (3, 7)], strict=True):
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(part, value.iloc[start:stop])
        elif isinstance(value, pd.Series):
            pd.testing.assert_series_equal(part, value.iloc[start:stop])
        elif isinstance(value, np.ndarray):
            assert part.dtype == value.dtype
            assert part.tolist() == value[start:stop].tolist()
        else:
            assert list(part) == list(value)[start:stop]


def test_records_become_a_frame_before_they_are_split() -> None:
    records = [{"a": 1, "b": "x"}, {"a": None, "b": "y"}, {"a": 3, "b": "z"}]
    parts = parts_of(records, 2)
    # Converted whole: were it converted by partition, column `a` of the second would be of integers.
    pd.testing.assert_frame_equal(pd.concat(parts), pd.DataFrame(records))
    assert [str(part["a"].dtype) for part in parts] == ["float64", "float64"]


def test_a_dict_of_columns_becomes_a_frame() -> None:
    columns = {"a": [1, 2, 3], "b": np.array([0.5, 1.5, 2.5]), "c": pd.Series(["x", "y", "z"]), "d": range(3)}
    first, second = parts_of(columns, 2)
    pd.testing.assert_frame_equal(first, pd.DataFrame(columns).iloc[:2])
    pd.testing.assert_frame_equal(second, pd.DataFrame(columns).iloc[2:])


def test_an_empty_list_stays_a_list() -> None:
    assert parts_of([], 2) == ([], [])


def test_columns_of_unequal_lengths_are_an_error_with_the_lengths() -> None:
    assert str(error_of({"a": [1, 2, 3], "b": np.zeros(2)})) == (
        "`df` of `load` cannot be split into partitions: it has columns of different lengths: 'a': 3, 'b': 2\n"
        "    make all columns equally long"
    )


def test_series_that_pandas_would_align_to_more_rows_are_an_error() -> None:
    error = error_of({"a": pd.Series([1, 2]), "b": pd.Series([1, 2], index=[1, 2])})
    assert error.message == (
        "`df` of `load` cannot be split into partitions: "
        "it has 2 rows, but its Series have different index labels, 3 in all"
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({}, "is a dict, but it has no columns"),
        ({"a": [1, 2], "b": 0}, "is a dict, but its 'b' is of type int, not a column"),
        ({"a": "text"}, "is a dict, but its 'a' is of type str, not a column"),
        ({"a": {0: 1}}, "is a dict, but its 'a' is of type dict, not a column"),
        ({"X": np.zeros((3, 2))}, "is a dict, but its 'X' is ndarray of shape (3, 2), not a column"),
        ({"a": np.array(1)}, "is a dict, but its 'a' is ndarray of shape (), not a column"),
    ],
)
def test_a_dict_of_something_else_is_an_error_that_names_the_key(value: Any, found: str) -> None:
    assert error_of(value).message == f"`df` of `load` cannot be split into partitions: it {found}"


class _Sliceless:
    """Has rows, but takes no slice."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        raise TypeError("only whole numbers")


class _ColumnsFirst(_Sliceless):
    """Takes a slice for something else than rows."""

    def __getitem__(self, index: Any) -> Any:
        return [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "found", "hint"),
    [
        (None, "it is None", "return a DataFrame"),
        (5, "it is of type int", "return a DataFrame"),
        ("text", "it is of type str", "return a DataFrame"),
        (b"bytes", "it is of type bytes", "return a DataFrame"),
        (np.array(3.0), "it is of type ndarray and shape ()", "return a DataFrame"),
        (Point(1, 2), "it is of type Point", "return a DataFrame"),
        ((i for i in range(3)), "it is of type generator", "return a list: `list(...)` around the generator"),
        ({1, 2}, "it is of type set", "return a list in a definite order: `sorted(...)` around the set"),
        (
            deque([1, 2]),
            "it is of type deque (slicing it raised TypeError: sequence index must be integer, not 'slice')",
            "return a list: `list(...)` around the deque",
        ),
        (
            _Sliceless(),
            "it is of type _Sliceless (slicing it raised TypeError: only whole numbers)",
            "return a DataFrame",
        ),
        (
            _ColumnsFirst(),
            "it is of type _ColumnsFirst (its slice [0:2] is of type list and has 3 rows, not 2)",
            "return a DataFrame",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
def test_a_value_without_rows_is_an_error_that_names_its_type(value: Any, found: str, hint: str) -> None:
    error = error_of(value)
    assert error.message == f"`df` of `load` cannot be split into partitions: {found}"
    assert error.hint is not None
    assert error.hint.startswith(hint)


def test_tensors_tables_and_sparse_rows_are_split_in_their_own_type() -> None:
    polars, pyarrow, scipy = (pytest.importorskip(name) for name in ("polars", "pyarrow", "scipy.sparse"))
    numbers = np.arange(10.0).reshape(5, 2)
    frame, table, rows = polars.DataFrame(numbers), pyarrow.table({"a": [1, 2, 3, 4, 5]}), scipy.csr_matrix(numbers)
    frames, tables, sparse = (parts_of(value, 2) for value in (frame, table, rows))
    assert polars.concat(frames).equals(frame)
    assert [part.height for part in frames] == [3, 2]
    assert pyarrow.concat_tables(tables).equals(table)
    assert [part.num_rows for part in tables] == [3, 2]
    assert [part.toarray().tolist() for part in sparse] == [numbers[:3].tolist(), numbers[3:].tolist()]
    assert {type(part) for part in sparse} == {type(rows)}
    assert "cannot be split into partitions: it is of type coo_matrix" in error_of(rows.tocoo()).message
    assert "cannot be split into partitions: it is of type LazyFrame" in error_of(frame.lazy()).message


# S3.3: what is kept, and S2.4


labels = st.lists(st.integers(0, 5), min_size=0, max_size=30)


@given(labels, sizes)
def test_concatenating_the_partitions_of_a_frame_gives_it_back(index: list[int], size: Any) -> None:
    rows = len(index)
    if isinstance(size, tuple):
        size = (*size, rows - sum(size)) if sum(size) <= rows else rows + 1
    frame = pd.DataFrame(
        {
            "category": pd.Categorical.from_codes([i % 3 for i in index], ["low", "mid", "high"], ordered=True),
            "text": pd.array(["a" if i else None for i in index], dtype="string"),
            "number": pd.array([i if i > 1 else None for i in index], dtype="Int64"),
            "time": pd.to_datetime(np.array(index, dtype="int64"), unit="D", utc=True),
            "object": pd.Series([{"i": i} for i in index], dtype=object),
            "small": np.array(index, dtype=np.int8),
        },
    )
    frame.index = pd.Index(index, name="label", dtype="int64")
    pd.testing.assert_frame_equal(pd.concat(parts_of(frame, size)), frame, check_freq=False)


@given(labels, st.integers(1, 12))
def test_an_array_is_split_as_numpy_array_split_does(values: list[int], size: int) -> None:
    array = np.array(values, dtype=np.int16).reshape(-1, 1)
    expected = np.array_split(array, size)
    for part, other in zip(parts_of(array, size), expected, strict=True):
        assert part.dtype == other.dtype
        np.testing.assert_array_equal(part, other)


@given(labels, st.integers(1, 12), st.data())
def test_one_partition_is_the_same_as_that_of_all(values: list[int], size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    assert partition_at(values, split(size), index, process="load") == parts_of(values, size)[index]


def test_no_row_is_copied() -> None:
    array = np.arange(1000.0).reshape(500, 2)
    frame = pd.DataFrame({"x": np.arange(500.0), "n": np.arange(500)})
    for part in parts_of(array, 3):
        assert np.shares_memory(part, array)
    for part in parts_of(frame, 3):
        assert np.shares_memory(part["x"].to_numpy(), frame["x"].to_numpy())
        assert np.shares_memory(part["n"].to_numpy(), frame["n"].to_numpy())
    series = frame["x"]
    for part in parts_of(series, 3):
        assert np.shares_memory(part.to_numpy(), series.to_numpy())


def test_a_partition_can_be_changed_without_a_warning_and_without_its_siblings_noticing() -> None:
    frame = pd.DataFrame({"x": np.arange(6.0), "n": np.arange(6)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = partition(frame, split(2), process="load")
        first.loc[0, "x"] = 100.0
        first["new"] = 1
        first.iloc[1, 1] = -1
    assert first["x"].tolist() == [100.0, 1.0, 2.0]
    assert first["n"].tolist() == [0, -1, 2]
    assert (second["x"].tolist(), list(second.columns)) == ([3.0, 4.0, 5.0], ["x", "n"])


def test_taking_rows_does_not_need_a_split() -> None:
    assert take("abc", 1, 2) == "b"  # only the checked entry points know what has rows
    assert (row_count("abc"), row_count([1, 2]), row_count(np.zeros((4, 2))), row_count(np.array(1))) == (
        None,
        2,
        4,
        None,
    )
