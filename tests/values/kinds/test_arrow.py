"""Arrow and Polars compare by their elements, however they are cut into chunks (S7.2)."""

from __future__ import annotations

import datetime
import decimal
import itertools
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.codec import decode, encode

COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "int8": (pa.int8(), [1, None, -3, 4]),
    "uint64": (pa.uint64(), [1, None, 2**63, 4]),
    "float": (pa.float32(), [0.5, None, float("nan"), -0.0]),
    "double": (pa.float64(), [0.5, None, float("nan"), 0.0]),
    "bool": (pa.bool_(), [True, None, False, True]),
    "string": (pa.string(), ["a", None, "", "déjà"]),
    "large_string": (pa.large_string(), ["a", None, "", "déjà"]),
    "binary": (pa.binary(), [b"a", None, b"", b"\0"]),
    "timestamp": (
        pa.timestamp("us", "UTC"),
        [datetime.datetime(2024, 1, 1), None, None, datetime.datetime(2025, 1, 1)],
    ),
    "date": (pa.date32(), [datetime.date(2024, 1, 1), None, None, datetime.date(2025, 1, 1)]),
    "decimal": (pa.decimal128(5, 2), [decimal.Decimal("1.00"), None, None, decimal.Decimal("2.50")]),
    "list": (pa.list_(pa.int64()), [[1, 2], None, [], [3]]),
    "struct": (pa.struct({"a": pa.int64()}), [{"a": 1}, None, {"a": None}, {"a": 2}]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b", "a"]),
}


@pytest.mark.parametrize(("kind", "items"), COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_chunks_and_offsets_do_not_count(kind: Any, items: list[Any], cut: int) -> None:
    whole = pa.chunked_array([pa.array(items, kind)])
    padded = pa.array([*items[::-1], *items, *items], kind)
    chunks = pa.chunked_array([padded.slice(4, cut), padded.slice(4, 0), padded.slice(4 + cut, 4 - cut)])
    if kind == pa.dictionary(pa.int8(), pa.string()):
        chunks = chunks.unify_dictionaries()
    assert fingerprint(whole) == fingerprint(chunks)
    assert compare(whole, chunks) == ()
    assert compare(whole, decode(bytearray(encode(whole).to_bytes()))) == ()


@pytest.mark.parametrize(("kind", "items"), COLUMNS.values(), ids=COLUMNS)
def test_each_change_of_a_column_counts(kind: Any, items: list[Any]) -> None:
    variants = [items, items[::-1], items[:3], [None, *items[1:]], [*items[:3], None], [None] * 4, []]
    columns = [pa.array(each, kind) for each in variants]
    digests = [fingerprint(each).digest for each in columns]
    assert len(set(digests)) == len(digests)
    assert [compare(one, other) == () for one, other in itertools.combinations(columns, 2)] == [False] * 21


def test_types_count() -> None:
    columns = [pa.array([None, None], kind) for kind, _ in COLUMNS.values()]
    assert len({fingerprint(each).digest for each in columns}) == len(columns)


def test_what_lies_under_a_null_does_not_count() -> None:
    def column(hidden: int) -> Any:
        buffers = [pa.py_buffer(b"\x05"), pa.py_buffer(np.array([1, hidden, 3]).tobytes())]
        return pa.Array.from_buffers(pa.int64(), 3, buffers)

    def texts(hidden: bytes) -> Any:
        offsets = pa.py_buffer(np.array([0, 1, 1 + len(hidden), 2 + len(hidden)], "i4").tobytes())
        return pa.Array.from_buffers(
            pa.string(), 3, [pa.py_buffer(b"\x05"), offsets, pa.py_buffer(b"a" + hidden + b"c")]
        )

    assert fingerprint(column(7)) == fingerprint(column(8))
    assert fingerprint(texts(b"")) == fingerprint(texts(b"xyz")) == fingerprint(pa.array(["a", None, "c"]))


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=8), st.data())
def test_strings_of_any_chunks_compare_by_content(texts: list[str | None], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=3)))
    chunks = [texts[a:b] for a, b in itertools.pairwise([0, *cuts, len(texts)])]
    cut = pa.chunked_array([pa.array(each, pa.large_string()) for each in chunks])
    whole = pa.chunked_array([pa.array(texts, pa.large_string())])
    assert fingerprint(cut) == fingerprint(whole)
    for dtype in ("string[pyarrow]", "str"):
        parts = [pd.Series(each, dtype=dtype) for each in chunks]
        assert fingerprint(pd.concat(parts, ignore_index=True)) == fingerprint(pd.Series(texts, dtype=dtype))
    assert fingerprint(pl.concat([pl.Series(each, dtype=pl.String) for each in chunks], rechunk=False)) == fingerprint(
        pl.Series(texts, dtype=pl.String)
    )


def test_tables_name_the_column_that_differs() -> None:
    one = {"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [[1], [], None]}
    other = {**one, "b": ["x", "Y", "z"]}
    for make in (pa.table, pl.DataFrame):
        assert fingerprint(make(one)) == fingerprint(make(one))
        assert fingerprint(make(one)).differs_at(fingerprint(make(other))) == ("value['b']",)
        (difference,) = compare(make(one), make(other))
        assert (difference.path, difference.expected, difference.obtained) == ("value['b'][1]", "'y'", "'Y'")
    assert compare(pa.table(one), pa.table(one).replace_schema_metadata({"k": "v"})) != ()
    assert compare(pl.DataFrame(one), pl.DataFrame(one).rename({"a": "A"})) != ()


POLARS = [
    pl.Series("a", [1, 2]),
    pl.Series("b", [1, 2]),
    pl.Series("a", [1, 2], dtype=pl.Int8),
    pl.Series("a", [1.0, 2.0]),
    pl.Series("a", [1.0, float("nan")]),
    pl.Series("a", [1.0, None]),
    pl.Series("a", ["1", "2"]),
    pl.Series("a", ["1", "2"], dtype=pl.Categorical),
    pl.Series("a", ["1", "2"], dtype=pl.Enum(["1", "2"])),
    pl.Series("a", [[1], [2]]),
    pl.Series("a", [{"x": 1}, {"x": 2}]),
    pl.Series("a", [True, False]),
    pl.Series("a", [datetime.date(2024, 1, 1)] * 2),
    pl.Series("a", [datetime.datetime(2024, 1, 1)] * 2),
    pl.Series("a", [datetime.timedelta(1)] * 2),
    pl.Series("a", [decimal.Decimal("1.5")] * 2),
    pl.Series("a", [], dtype=pl.Int64),
    pl.Series("a", [], dtype=pl.String),
]


def test_polars_series_that_look_alike_differ() -> None:
    digests = [fingerprint(each).digest for each in POLARS]
    assert len(set(digests)) == len(digests)
    assert [compare(each, each.clone()) for each in POLARS] == [()] * len(POLARS)
    assert [compare(each, decode(bytearray(encode(each).to_bytes()))) for each in POLARS] == [()] * len(POLARS)
    assert fingerprint(POLARS[0].filter([True, True])) == fingerprint(POLARS[0])
