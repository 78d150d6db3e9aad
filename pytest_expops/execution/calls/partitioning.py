"""Rows become partitions, in order, in their own type, without copying a row (S3)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from numbers import Integral
from typing import Any

from pytest_expops.errors import EmptyPartitionWarning, PartitionError
from pytest_expops.execution.calls._columns import as_frame_if_records
from pytest_expops.pipeline.model import DataSplit
from pytest_expops.wording import worded

__all__ = [
    "Partition",
    "as_frame_if_records",
    "as_splittable",
    "bounds",
    "bounds_at",
    "partition",
    "partition_at",
    "row_count",
    "take",
]

_SPLITTABLE = "a DataFrame, a list of records, a dict of columns, an array, a Series, a list or a tuple"


def bounds(rows: int, size: int | Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(start, stop) of each partition of `rows` rows: `size` partitions, or partitions of the `size` listed rows each.

    For a number n the first ``rows % n`` partitions get one row more, as `numpy.array_split` does it (S3.3).
    Raises ValueError for a number below 1, a negative row count, or row counts that do not sum to `rows`.
    """
    if isinstance(size, int):
        if size < 1:
            raise ValueError(f"rows are split into 1 partition or more, not {size}")
        least, more = divmod(rows, size)
        size = [least + 1] * more + [least] * (size - more)
    elif any(count < 0 for count in size):
        raise ValueError(f"sizes {list(size)} contain a negative row count")
    if sum(size) != rows:
        raise ValueError(f"sizes {list(size)} sum to {sum(size)}, not to {rows}")
    return tuple(pairwise(accumulate(size, initial=0)))


def bounds_at(rows: int, size: int | Sequence[int], index: int) -> tuple[int, int]:
    """Return ``bounds(rows, size)[index]`` without the others; `rows` and `size` must agree."""
    if not isinstance(size, int):
        start = sum(size[:index])
        return start, start + size[index]
    least, more = divmod(rows, size)
    start = index * least + min(index, more)
    return start, start + least + (index < more)


def take(value: Any, start: int, stop: int) -> Any:
    """Return rows `start` up to `stop` of a value that can be split, in its own type and as a view if it can be."""
    if not hasattr(value, "iloc"):
        return value[start:stop]
    part = value.iloc[start:stop]
    # Below pandas 3 a slice remembers the frame it is of, and warns when it is written to (SettingWithCopyWarning).
    return part.copy(deep=False) if hasattr(part, "_is_copy") else part


def as_splittable(value: Any, split: DataSplit, *, process: str) -> Any:
    """Return `value` in the form in which it is split: records and columns as a DataFrame, all else as it is (S3.2).

    `process` is the name of the process that returned it under `split.data_name`. Warns of the partitions that will
    be empty (`EmptyPartitionWarning`).

    Raises:
        PartitionError: it has no rows to split, or not as many as the sizes of the split sum to.
    """
    frame = as_frame_if_records(value, process=process, key=split.data_name)
    cuts = _cuts(frame, split, process)
    empty = [number for number, (start, stop) in enumerate(cuts, 1) if start == stop]
    if empty:
        rows = cuts[-1][1] if cuts else 0
        noun = "partition" if len(empty) == 1 else "partitions"
        warnings.warn(
            f"`{split.data_name}` of `{process}` has {_rows(rows)} for {len(cuts)} partitions: "
            f"{noun} {_ranges(empty)} {'is' if len(empty) == 1 else 'are'} empty",
            EmptyPartitionWarning,
            stacklevel=2,
        )
    return frame


def partition_at(value: Any, split: DataSplit, index: int, *, process: str) -> Any:
    """Return partition `index` (from 0) of what `process` returned under `split.data_name`; the others are not made.

    Records and columns are converted each time; convert them once with `as_splittable` where several are wanted.

    Raises:
        PartitionError: as `as_splittable`.
        IndexError: the split has no such partition.
    """
    if not 0 <= index < split.count:
        raise IndexError(f"`{process}` is split into {split.count} partitions, counted from 0; there is no {index}")
    frame = as_frame_if_records(value, process=process, key=split.data_name)
    return _take(frame, bounds_at(_agreed(frame, split, process), split.size, index), split, process)


@dataclass(frozen=True, slots=True)
class Partition:
    """Return partition `index` (from 0) of what the process `splitter` returned under `split.data_name`."""

    splitter: str
    split: DataSplit
    index: int

    def of(self, value: Any) -> Any:
        """Return the partition of that value; raises as `partition_at`."""
        return partition_at(value, self.split, self.index, process=self.splitter)


def partition(value: Any, split: DataSplit, *, process: str) -> tuple[Any, ...]:
    """Return all partitions of what `process` returned under `split.data_name`, each as `partition_at` does."""
    frame = as_splittable(value, split, process=process)
    return tuple(_take(frame, cut, split, process) for cut in _cuts(frame, split, process))


def row_count(value: Any) -> int | None:
    """Return the length of axis 0, or ``None`` for a value that has no rows which a slice could take.

    Text is one value and not a row of letters, a mapping has keys and no order of rows, and a named tuple is one
    record: slicing would take them apart in silence.
    """
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping) or hasattr(type(value), "_fields"):
        return None
    if not (hasattr(value, "iloc") or hasattr(value, "__getitem__")):
        return None
    shape = getattr(value, "shape", None)  # before `len`, which sparse matrices refuse
    if shape is not None:
        return int(shape[0]) if len(shape) > 0 and isinstance(shape[0], Integral) else None
    try:
        return len(value)
    except (TypeError, NotImplementedError):
        return None


def _cuts(value: Any, split: DataSplit, process: str) -> tuple[tuple[int, int], ...]:
    return bounds(_agreed(value, split, process), split.size)


def _agreed(value: Any, split: DataSplit, process: str) -> int:
    """Return the rows of `value`, which are as many as the split needs."""
    rows = row_count(value)
    if rows is None:
        raise _unsplittable(value, split, process)
    if not isinstance(split.size, int) and sum(split.size) != rows:
        raise PartitionError(
            f"sizes {list(split.size)} sum to {sum(split.size)}, but `{split.data_name}` of `{process}` "
            f"has {_rows(rows)}",
            process=process,
            key=split.data_name,
            hint="make the sizes sum to the rows, or give the number of partitions: "
            f"`data_parallelism: {{size: {len(split.size)}}}`",
        )
    return rows


def _take(value: Any, cut: tuple[int, int], split: DataSplit, process: str) -> Any:
    start, stop = cut
    try:
        part = take(value, start, stop)
        taken = row_count(part)
    except Exception as error:
        raise _unsplittable(value, split, process, f"slicing it raised {worded(error)}") from error
    if taken != stop - start:  # the slice was understood as something else than rows
        raise _unsplittable(
            value,
            split,
            process,
            f"its slice [{start}:{stop}] is {_kind(part)} and has {taken} rows, not {stop - start}",
        )
    return part


def _unsplittable(value: Any, split: DataSplit, process: str, why: str | None = None) -> PartitionError:
    reason = f" ({why})" if why else ""
    return PartitionError(
        f"`{split.data_name}` of `{process}` cannot be split into partitions: it is {_kind(value)}{reason}",
        process=process,
        key=split.data_name,
        hint=_REMEDIES.get(type(value).__name__)
        or f"return {_SPLITTABLE}, or set `data_name` to the key that holds one",
    )


_REMEDIES = {
    "generator": "return a list: `list(...)` around the generator",
    "set": "return a list in a definite order: `sorted(...)` around the set",
    "frozenset": "return a list in a definite order: `sorted(...)` around the set",
    "deque": "return a list: `list(...)` around the deque",
    "coo_matrix": "return it in rows: `.tocsr()`",
    "coo_array": "return it in rows: `.tocsr()`",
    "LazyFrame": "return its rows: `.collect()`",
}


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    shape = " and shape ()" if getattr(value, "shape", None) == () else ""
    return f"of type {type(value).__name__}{shape}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _ranges(numbers: Sequence[int]) -> str:
    """Return ``[2, 4, 5, 6]`` as ``2, 4 to 6``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
