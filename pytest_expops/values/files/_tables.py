"""CSV by its cells: numbers by their value, everything else by its text; neither quotes nor the ends of lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_expops.values.files._source import FileSource

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"\s*[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|nan|inf)\s*", re.I | re.A)
"""A number as programs write it; not ``007``, which is the number of a house, and not ``1_000``."""
_EXACT = 2**53
"""Whole numbers beyond are not all floats."""


def comma_separated(source: FileSource) -> object:
    """Return the table in a CSV file."""
    return _table(source, ",")


def tab_separated(source: FileSource) -> object:
    """Return the table in a file whose cells are separated by tabs."""
    return _table(source, "\t")


def _table(source: FileSource, delimiter: str) -> object:
    text = source.data.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("not every row has as many cells as the first")
    named = _is_header(rows[0])
    names: Sequence[Any] = rows[0] if named else range(len(rows[0]))
    cells = [[_cell(text) for text in row] for row in rows[named:]]
    return frame(names, cells)


def frame(names: Sequence[Any], rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Return a table of any cells; a cell keeps its type, so that one that is of another type is named by its row."""
    import pandas as pd

    columns = {}
    for place in range(len(names)):
        column = np.empty(len(rows), dtype=object)
        column[:] = [row[place] for row in rows]
        columns[place] = column
    table = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), dtype=object)
    table.columns = pd.Index(list(names), dtype=object)
    return table


def _is_header(row: list[str]) -> bool:
    """Return whether a first row names the columns: not if it has a fraction, or numbers only, as data would."""
    numbers = [cell for cell in row if _NUMBER.fullmatch(cell)]
    return len(numbers) < len(row) and all(cell.strip().isdecimal() for cell in numbers)


def _cell(text: str) -> object:
    """Return a number, as a float where that holds it, else the text."""
    if not _NUMBER.fullmatch(text):
        return text
    value = float(text)
    if abs(value) >= _EXACT and text.strip().lstrip("+-").isdecimal():
        return int(text)
    return value
