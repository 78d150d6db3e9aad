"""The summaries of statsmodels by the texts of their tables, less when they were made; results need no handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytest_expops.values.forms import Form
from pytest_expops.values.kinds.objects import state_form
from pytest_expops.values.naming import type_name

_TIMES = frozenset({"Date:", "Time:"})


def summary_form(value: Any) -> Form:
    """Return the cells of a summary, row by row, and what else it says; the cell after `Date:` is left out."""
    state = {name: each for name, each in vars(value).items() if name != "tables"}
    return state_form(value, {**state, "tables": [_table(each) for each in value.tables]})


def _table(table: Any) -> dict[str, Any]:
    """Return a `SimpleTable`, which is a list of rows of cells, or a data frame, as `Summary` and `summary2` have."""
    if hasattr(table, "to_numpy"):
        rows = [_without_times(row) for row in table.to_numpy(dtype=object).tolist()]
        return {"rows": rows, "index": table.index, "columns": table.columns}
    return {"rows": [_without_times([cell.data for cell in row]) for row in table], "title": table.title}


def _without_times(row: Sequence[Any]) -> list[Any]:
    before = [None, *row]
    return [each for each, left in zip(row, before, strict=False) if not _says_time(left)]


def _says_time(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip() in _TIMES


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a summary apart; results tell their state."""
    summaries = {"statsmodels.iolib.summary.Summary", "statsmodels.iolib.summary2.Summary"}
    return summary_form if any(type_name(base) in summaries for base in cls.__mro__) else None
