"""Frames as pipelines meet them: mixed dtypes, missing values, categories, dates, odd indexes, no rows at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra.pandas import range_indexes, series

__all__ = ["KINDS", "frames"]

_TEXTS = st.sampled_from(["", "a", "b", "c", "é", "long text"])
_DATES = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)).map(lambda when: np.datetime64(when, "us"))
# (dtype while hypothesis.extra.pandas fills the column, its elements, dtype afterwards)
_COLUMNS: Mapping[str, tuple[Any, st.SearchStrategy[Any], Any]] = {
    "int": ("int64", st.integers(-1000, 1000), None),
    "float": ("float64", st.floats(-1e6, 1e6, width=32) | st.just(float("nan")), None),
    "bool": ("bool", st.booleans(), None),
    "text": (object, _TEXTS | st.none(), None),
    "category": (object, st.sampled_from(["low", "mid", "high"]), pd.CategoricalDtype(["low", "mid", "high", "none"])),
    "date": ("datetime64[us]", _DATES | st.just(np.datetime64("NaT", "us")), None),
    "nullable": (object, st.integers(-1000, 1000) | st.none(), "Int64"),
}
KINDS: tuple[str, ...] = tuple(_COLUMNS)
"""The kinds of column that `frames` knows by name."""

Columns = Mapping[str, str | st.SearchStrategy[Any]]


def frames(
    columns: Columns | None = None,
    *,
    min_rows: int = 0,
    max_rows: int = 8,
    max_columns: int = 4,
    kinds: Collection[str] = KINDS,
    default_index: bool = False,
) -> st.SearchStrategy[pd.DataFrame]:
    """Return a strategy for DataFrames of shape (`min_rows` to `max_rows`, number of columns).

    They are made by `hypothesis.extra.pandas`, and shrink to fewest rows and columns, zeros, and the default index.

    Args:
        columns: the columns by name, each one of `kinds` or a strategy for its values; by default one to `max_columns`
            columns of any kind, named after it (``int0``, ``text1``).
        min_rows: the fewest rows; give 1 where a process does not bear a frame without rows.
        max_rows: the most rows.
        max_columns: the most columns where `columns` does not name them.
        kinds: the kinds of column to choose from: ``int`` (int64), ``float`` (float64 with NaN), ``bool``, ``text``
            (with None), ``category`` (of which one is never used), ``date`` (datetime64[us] with NaT), ``nullable``
            (Int64 with NA).
        default_index: whether the index counts the rows from 0; else it may also repeat labels, count backwards, or be
            of text or dates.

    Raises:
        ValueError: a kind is not known, or the row counts cannot be.
    """
    unknown = {*kinds, *(each for each in (columns or {}).values() if isinstance(each, str))} - {*KINDS}
    if unknown or not kinds:
        raise ValueError(f"frames: no such kind of column: {sorted(unknown) or 'none'}; expected {', '.join(KINDS)}")
    if not 0 <= min_rows <= max_rows or max_columns < 1:
        raise ValueError(
            f"frames: min_rows={min_rows}, max_rows={max_rows}, max_columns={max_columns}; expected 0 <= min <= max, 1"
        )
    return _frames(columns, min_rows, max_rows, max_columns, sorted(kinds, key=KINDS.index), default_index)


@st.composite
def _frames(
    draw: st.DrawFn,
    columns: Columns | None,
    min_rows: int,
    max_rows: int,
    max_columns: int,
    kinds: list[str],
    default_index: bool,
) -> pd.DataFrame:
    if columns is None:
        chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=max_columns))
        columns = {f"{kind}{number}": kind for number, kind in enumerate(chosen)}
    rows = draw(st.integers(min_rows, max_rows))
    index = pd.RangeIndex(rows) if default_index else draw(_indexes(rows))
    drawn = {name: draw(_columns(kind, rows)) for name, kind in columns.items()}
    return pd.DataFrame(drawn, index=pd.RangeIndex(rows)).set_axis(index)


@lru_cache(maxsize=256)
def _columns(kind: str | st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[Any]:
    """Return a strategy for columns of `rows` values; kept, since making one takes far longer than drawing from it."""
    dtype, elements, final = _COLUMNS[kind] if isinstance(kind, str) else (object, kind, None)
    drawn = series(dtype=dtype, elements=elements, index=range_indexes(rows, rows))
    if isinstance(kind, str):
        return drawn if final is None else drawn.map(lambda column: column.astype(final))
    return drawn.map(lambda column: column.infer_objects())


_SORTS = st.sampled_from(["default", "repeated", "backwards", "text", "dates"])
_LABELS = st.integers(0, 2)


@st.composite
def _indexes(draw: st.DrawFn, rows: int) -> Any:
    """Draw an index of `rows` labels, of one of the sorts that are met."""
    sort = draw(_SORTS)
    if sort == "repeated":
        return pd.Index([draw(_LABELS) for _ in range(rows)], dtype="int64")
    if sort == "backwards":
        return pd.RangeIndex(rows - 1, -1, -1)
    if sort == "text":
        return pd.Index([f"row {number}" for number in range(rows)], dtype=object, name="label")
    if sort == "dates":
        return pd.date_range("2024-01-31", periods=rows, freq="D", name="day")
    return pd.RangeIndex(rows)
