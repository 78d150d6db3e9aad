"""Records and columns become a DataFrame (S3.2)."""

from __future__ import annotations

from typing import Any

from pytest_expops.errors import PartitionError


def as_frame_if_records(value: Any, *, process: str, key: str) -> Any:
    """Return a DataFrame of a list of records (dicts) or a dict of columns; any other value as it is.

    A column is one-dimensional: a list, tuple, range, array or Series, all of the same length. An empty list says
    nothing of columns, and stays a list. `process` returned the value under `key`, for messages.

    Raises:
        PartitionError: a dict that is not one of columns, or whose columns differ in length.
    """
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _frame(value)
    if not isinstance(value, dict):
        return value
    lengths = {name: _length(column) for name, column in value.items()}
    odd = [name for name, length in lengths.items() if length is None]
    if odd or not lengths:
        what = f"its {odd[0]!r} is {_describe(value[odd[0]])}, not a column" if odd else "it has no columns"
        raise _error(process, key, f"is a dict, but {what}", _COLUMNS_HINT)
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise _error(process, key, f"has columns of different lengths: {listed}", "make all columns equally long")
    frame = _frame(value)
    rows = next(iter(lengths.values()))
    if len(frame) != rows:  # Series are aligned by label, not by position
        raise _error(
            process,
            key,
            f"has {rows} rows, but its Series have different index labels, {len(frame)} in all",
            "give them the same index, or `.reset_index(drop=True)`",
        )
    return frame


def _frame(value: Any) -> Any:
    import pandas as pd  # which takes half a second: only where it is needed

    return pd.DataFrame(value)


_COLUMNS_HINT = (
    "return a dict of equally long one-dimensional columns, or a DataFrame; to split an array or list inside the dict, "
    "return it under an output key of its own and name that as `data_name`"
)


def _length(column: Any) -> int | None:
    """Return the length of a column, or ``None`` for what is not one."""
    shape = getattr(column, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) == 1 else None
    return len(column) if isinstance(column, list | tuple | range) else None


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} of shape {tuple(shape)}" if shape is not None else f"of type {type(value).__name__}"


def _error(process: str, key: str, found: str, hint: str) -> PartitionError:
    return PartitionError(
        f"`{key}` of `{process}` cannot be split into partitions: it {found}", process=process, key=key, hint=hint
    )
