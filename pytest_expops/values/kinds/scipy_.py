"""SciPy's sparse matrices and arrays by their entries, in whatever order and index width they are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.naming import type_name


def sparse_form(value: Any) -> Form:
    """Return the entries that are stored, zeros among them, duplicates added up; the format counts as a type does."""
    traits = (("dtype", str(value.dtype)), ("shape", str(value.shape)), ("format", value.format))
    tag = type_name(type(value))
    if value.format in ("csr", "csc", "bsr"):
        tidy = value
        if not value.has_canonical_format:
            tidy = value.copy()
            tidy.sum_duplicates()
        parts = [tidy.data, tidy.indices.astype(np.int64), tidy.indptr.astype(np.int64)]
        return Parts(tag, traits, parts, [".data", ".indices", ".indptr"])
    entries = value.tocoo(copy=True)
    entries.sum_duplicates()
    coordinates = getattr(entries, "coords", None) or (entries.row, entries.col)
    parts = [entries.data, *(np.asarray(each, dtype=np.int64) for each in coordinates)]
    return Parts(tag, traits, parts, [".data", *(f".coords[{axis}]" for axis in range(len(coordinates)))])


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a sparse class apart; the state of SciPy's other classes needs no handler."""
    bases = {type_name(base) for base in cls.__mro__}
    return sparse_form if bases & {"scipy.sparse._base._spbase", "scipy.sparse._base.spmatrix"} else None
