"""pandas: dtypes, index, columns, names and attrs, and every column's elements, whatever the blocks behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pytest_expops.values.bulk import Array, array_digest, array_digests, is_plain
from pytest_expops.values.elements import bits_differ
from pytest_expops.values.forms import Bulk, Form, Parts, hashed
from pytest_expops.values.kinds.builtin import NARROW, object_array
from pytest_expops.values.kinds.numpy_ import plain_array_form
from pytest_expops.values.kinds.objects import object_form
from pytest_expops.values.naming import column_places, row_label, type_name


def frame_form(value: pd.DataFrame) -> Form:
    """Return the form of a frame: columns in their order under their labels, then the axes."""
    arrays = [_array_of(column) for _, column in value.items()]
    digests = _digests_of(arrays)
    columns = [column_form(array, value.index, digest) for array, digest in zip(arrays, digests, strict=True)]
    names = column_places(value.columns.tolist())
    return Parts(
        type_name(type(value)),
        (("rows", str(len(value))), *_flags(value)),
        [value.columns, value.index, *columns, *_attached(value).values()],
        [".columns", ".index", *names, *_attached(value)],
    )


def _digests_of(arrays: list[Any]) -> list[bytes | None]:
    """Return the digests of columns that are plain NumPy arrays, all at once: those of a block may be interleaved."""
    plain = [index for index, array in enumerate(arrays) if isinstance(array, np.ndarray) and is_plain(array.dtype)]
    digests: list[bytes | None] = [None] * len(arrays)
    for index, digest in zip(plain, array_digests([arrays[index] for index in plain]), strict=True):
        digests[index] = digest
    return digests


def _attached(value: pd.DataFrame | pd.Series[Any]) -> dict[str, Any]:
    """Return what a frame or series has beside its data: attrs, and what a subclass declares in `_metadata`."""
    own = {name: getattr(value, name, None) for name in value._metadata if name not in ("_name", "name")}
    return {".attrs": dict(value.attrs), **{f".{name}": each for name, each in own.items()}}


def _flags(value: pd.DataFrame | pd.Series[Any]) -> tuple[tuple[str, str], ...]:
    return (("allows_duplicate_labels", str(value.flags.allows_duplicate_labels)),)


def series_form(value: pd.Series[Any]) -> Form:
    """Return the form of a series: elements, then index, name and attrs."""
    return Parts(
        type_name(type(value)),
        (("shape", str(value.shape)), *_flags(value)),
        [column_form(_array_of(value), value.index), value.index, value.name, *_attached(value).values()],
        ["", ".index", ".name", *_attached(value)],
    )


def index_form(value: pd.Index) -> Form:
    """Return labels and names; a RangeIndex by the labels that it stands for, a MultiIndex by those of each level."""
    tag = type_name(type(value))
    traits = (("length", str(len(value))),)
    names = list(value.names)
    if isinstance(value, pd.RangeIndex):
        return Parts(tag, traits, [range(value.start, value.stop, value.step), names], ["", ".names"], whole=True)
    if isinstance(value, pd.MultiIndex):
        levels = [column_form(_array_of(value.get_level_values(level))) for level in range(value.nlevels)]
        places = [f".get_level_values({level})" for level in range(value.nlevels)]
        return Parts(tag, traits, [*levels, names], [*places, ".names"], whole=True)
    freq = getattr(value, "freqstr", None)
    return Parts(tag, traits, [column_form(_array_of(value)), names, freq], ["", ".names", ".freq"], whole=True)


def _array_of(value: pd.Series[Any] | pd.Index) -> Any:
    """Return the NumPy array or extension array behind a series or index, without copying."""
    array = value.array
    # By the very type: arrays of Python strings are a subclass, with a dtype of their own.
    return array.to_numpy() if type(array) is pd.arrays.NumpyExtensionArray else array


def column_form(array: Any, index: pd.Index | None = None, digest: bytes | None = None) -> Form:
    """Return a column by dtype, its elements placed by the labels of their rows; `digest` is theirs, if known."""
    form = plain_array_form(array) if isinstance(array, np.ndarray) else extension_form(array)
    if digest is not None and isinstance(form, Bulk):
        form.content = lambda: digest
    if index is not None:
        _place_by_row(form, index)
    return form


def _place_by_row(form: Form, index: pd.Index) -> None:
    if isinstance(form, Bulk):
        form.place = lambda position: _row(index, position[0])
    elif isinstance(form, Parts) and form.names is None:
        form.place = lambda position: _row(index, position)
    elif isinstance(form, Parts):  # a categorical's codes
        for child in form.values:
            if isinstance(child, Bulk):
                _place_by_row(child, index)


def _row(index: pd.Index, position: int) -> str:
    return f"[{row_label(index[position])}]" if index.is_unique else f".iloc[{position}]"


def extension_form(value: Any) -> Form:
    """Return an extension array by its dtype and elements; one that we do not know, by the arrays of its state."""
    if isinstance(value.dtype, pd.StringDtype):
        return _texts(value)
    tag = type_name(type(value))
    traits = (("dtype", str(value.dtype)), ("shape", str(value.shape)))
    for base, handler in _EXTENSIONS.items():
        if isinstance(value, base):
            return handler(value, tag, traits)
    if hasattr(value, "_mask") and hasattr(value, "_data"):  # Int64, Float64, boolean
        return _masked(value, tag, traits)
    if hasattr(value, "__arrow_array__") and value.dtype.__class__.__name__ == "ArrowDtype":
        return _arrow(value, tag, traits)
    return object_form(value)


def _masked(value: Any, tag: str, traits: Any) -> Form:
    mask = value._mask
    data = np.where(mask, np.zeros((), dtype=value._data.dtype), value._data)
    return Bulk(
        tag,
        traits,
        content=lambda: array_digest(mask) + array_digest(data),
        elements=lambda: object_array(value.tolist(), NARROW.get(data.dtype.name)),
    )


def _texts(value: Any) -> Form:
    """Return strings by their dtype (``str`` where NaN stands for what is missing), their storage, and their text.

    Without pyarrow, pandas stores in Python objects what it stores in Arrow's buffers with it: all but the storage
    is alike in both.
    """
    dtype = value.dtype
    name = "string" if getattr(dtype, "na_value", pd.NA) is pd.NA and dtype.storage != "pyarrow_numpy" else "str"
    traits = (("dtype", name), ("storage", dtype.storage), ("shape", str(value.shape)))
    if not isinstance(getattr(value, "_ndarray", None), np.ndarray):
        return _arrow(value, _TEXTS, traits)

    def elements() -> Array:
        found = np.asarray(value, dtype=object).copy()
        found[np.asarray(value.isna())] = None
        return found

    def content() -> bytes:
        texts = [None if text is None else text.encode("utf-8", "surrogatepass") for text in elements().tolist()]
        lengths = np.array([-1 if text is None else len(text) for text in texts], dtype=np.int64)
        return hashed(array_digest(lengths), b"".join(text for text in texts if text is not None))

    return Bulk(_TEXTS, traits, content=content, elements=elements)


_TEXTS = "pandas.arrays.StringArray"


def _arrow(value: Any, tag: str, traits: Any) -> Form:
    from pytest_expops.values.kinds.arrow import column_digest, column_elements

    return Bulk(
        tag,
        traits,
        content=lambda: column_digest(value.__arrow_array__()),
        elements=lambda: column_elements(value.__arrow_array__()),
    )


def _datetimes(value: Any, tag: str, traits: Any) -> Form:
    numbers: Array = value.asi8
    return Bulk(tag, traits, content=lambda: array_digest(numbers), elements=lambda: np.asarray(value, dtype=object))


def _categorical(value: pd.Categorical, tag: str, traits: Any) -> Form:
    traits = (*traits, ("ordered", str(value.ordered)))
    codes = Bulk(
        "codes",
        traits,
        content=lambda: array_digest(value.codes.astype(np.int64)),
        elements=lambda: np.asarray(value, dtype=object),
    )
    return Parts(tag, traits, [value.categories, codes], [".categories", ""])


def _intervals(value: Any, tag: str, traits: Any) -> Form:
    ends = [column_form(_array_of(each)) for each in (value.left, value.right)]
    return Bulk(
        tag,
        traits,
        content=lambda: hashed(*(each.combine([]) for each in ends)),
        elements=lambda: np.asarray(value, dtype=object),
    )


def _sparse(value: Any, tag: str, traits: Any) -> Form:
    """Return a sparse array by what it is read as: a fill value may be stored or not."""
    if not is_plain(value.sp_values.dtype):
        places = value.sp_index.to_int_index().indices
        return Parts(
            tag, traits, [value.sp_values, places, value.fill_value], [".sp_values", ".sp_index", ".fill_value"]
        )

    def content() -> bytes:
        stored = value.sp_values
        kept = bits_differ(stored, np.full_like(stored, value.fill_value))
        places = value.sp_index.to_int_index().indices[kept].astype(np.int64)
        return hashed(array_digest(stored[kept]), array_digest(places))

    return Bulk(tag, traits, content=content, elements=lambda: np.asarray(value))


_EXTENSIONS: dict[type, Callable[[Any, str, Any], Form]] = {
    pd.Categorical: _categorical,
    pd.arrays.DatetimeArray: _datetimes,
    pd.arrays.TimedeltaArray: _datetimes,
    pd.arrays.PeriodArray: _datetimes,
    pd.arrays.IntervalArray: _intervals,
    pd.arrays.SparseArray: _sparse,
}


def timestamp_form(value: pd.Timestamp) -> Form:
    """Return what it shows, to the nanosecond, the unit that it counts in, and the time zone."""
    shown = value.isoformat(" ")
    traits = (("value", f"{shown} (fold)" if value.fold else shown), ("unit", value.unit))
    return Parts(type_name(type(value)), traits, [value.tzinfo], [".tzinfo"], whole=True)


def timedelta_form(value: pd.Timedelta) -> Form:
    """Return what it shows, to the nanosecond, and the unit that it counts in."""
    return Parts(type_name(type(value)), (("value", str(value)), ("unit", value.unit)), [], [])


def period_form(value: pd.Period) -> Form:
    """Return what it shows, and the frequency, by which periods that begin together differ."""
    return Parts(type_name(type(value)), (("value", str(value)), ("freq", value.freqstr)), [], [])


def interval_form(value: pd.Interval[Any]) -> Form:
    """Return both ends, and which of them belong to it."""
    parts = [value.left, value.right, value.closed]
    return Parts(type_name(type(value)), (), parts, [".left", ".right", ".closed"], whole=True)


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a pandas class apart; None where its own reduction says it well (dtypes, offsets)."""
    bases: dict[type, Callable[[Any], Form]] = {
        pd.DataFrame: frame_form,
        pd.Series: series_form,
        pd.Index: index_form,
        pd.api.extensions.ExtensionArray: extension_form,
        type(pd.NaT): object_form,
        pd.Timestamp: timestamp_form,
        pd.Timedelta: timedelta_form,
        pd.Period: period_form,
        pd.Interval: interval_form,
    }
    return next((handler for base, handler in bases.items() if issubclass(cls, base)), None)
