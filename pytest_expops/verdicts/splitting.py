"""Whether partitions are the rows they are of: as many as configured, none lost or moved, in the same types (S3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pytest_expops.execution.calls.partitioning import row_count
from pytest_expops.pipeline.model import DataSplit
from pytest_expops.values.comparison import Difference, compare

MOST = 5
"""So many differences are shown."""


def complaints(value: Any, split: DataSplit, partitions: Sequence[Any]) -> list[str]:
    """Return what is wrong with the partitions of `value`, each in a line; nothing if they are as they should be.

    Sizes are held against `numpy.array_split`, or the listed ones, and each partition against the rows of the whole
    which these give it: values, their order, dtypes and index labels, bit for bit.
    """
    rows = row_count(value)
    assert rows is not None, "what has been split has rows"
    if isinstance(split.size, int):
        # One element that stands for all rows: numbers written out would take as much memory as a column.
        expected = [len(part) for part in np.array_split(np.broadcast_to(np.int8(0), (rows,)), split.size)]
    else:
        expected = list(split.size)
    found = [row_count(part) for part in partitions]
    wrong = [
        f"partition {number} has {count} rows, expected {wanted}"
        for number, (count, wanted) in enumerate(zip(found, expected, strict=False), 1)
        if count != wanted
    ]
    if len(found) != len(expected):
        wrong.append(f"there are {len(found)} partitions, expected {len(expected)}")
    wrong += [
        f"partition {number} is a {type(part).__name__}, expected a {type(value).__name__}"
        for number, part in enumerate(partitions, 1)
        if type(part) is not type(value)
    ]
    return wrong or _moved(value, partitions, expected)


def _moved(value: Any, partitions: Sequence[Any], counts: Sequence[int]) -> list[str]:
    """Return where a partition differs from the rows of the whole that it should hold."""
    differences: list[Difference] = []
    stops = np.cumsum(counts).tolist()
    for number, (part, stop, count) in enumerate(zip(partitions, stops, counts, strict=True), 1):
        wanted = _rows(value, range(stop - count, stop))
        # Not put together and compared at once: `pandas.concat` gives text labels of type object another dtype.
        differences += compare(wanted, _plain(part), path=f"partition {number}", limit=3)
    return [str(each) for each in differences[:MOST]]


def _rows(value: Any, positions: range) -> Any:
    """Return these rows, by another way than slicing wherever there is one."""
    if isinstance(value, pd.DataFrame | pd.Series):
        taken = value.take(np.array(positions, dtype=np.intp), axis=0)
        # Below pandas 3 a `RangeIndex` comes out of `take` as numbers written out; its slice is one.
        taken.index = value.index[positions.start : positions.stop]
        return taken
    if isinstance(value, pd.Index | np.ndarray):
        return value.take(np.array(positions, dtype=np.intp), axis=0)
    if isinstance(value, list | tuple | range):
        return [value[position] for position in positions]
    return value[positions.start : positions.stop]


def _plain(part: Any) -> Any:
    return list(part) if isinstance(part, list | tuple | range) else part
