"""SciPy's sparse matrices and arrays are their entries, in whatever order these are stored (S7.2)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.codec import decode, encode

SPARSE = [
    kind(np.array([[0, 1.0], [0, 2.0]]))
    for kind in (
        *(scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, scipy.sparse.coo_matrix, scipy.sparse.lil_matrix),
        *(scipy.sparse.dok_matrix, scipy.sparse.dia_matrix, scipy.sparse.bsr_matrix),
        *(scipy.sparse.csr_array, scipy.sparse.csc_array, scipy.sparse.coo_array, scipy.sparse.lil_array),
        *(scipy.sparse.dok_array, scipy.sparse.dia_array, scipy.sparse.bsr_array),
    )
]


def test_sparse_formats_differ() -> None:
    assert all(compare(one, other) != () for one, other in itertools.combinations(SPARSE, 2))
    assert len({fingerprint(each).digest for each in SPARSE}) == len(SPARSE)


@pytest.mark.parametrize("matrix", SPARSE, ids=[f"{type(each).__name__}" for each in SPARSE])
def test_a_sparse_matrix_is_its_entries(matrix: Any) -> None:
    for again in (matrix.copy(), decode(bytearray(encode(matrix).to_bytes())), matrix.tocoo().asformat(matrix.format)):
        assert compare(matrix, again) == ()
        assert fingerprint(matrix) == fingerprint(again)
    other = type(matrix)(np.array([[0, 1.0], [0, 3.0]]))
    assert fingerprint(matrix) != fingerprint(other)
    assert [each.path.partition("[")[0] for each in compare(matrix, other)] == ["value.data"]
    assert "shape differs" in {each.detail for each in compare(matrix, type(matrix)(np.zeros((2, 3))))}
    assert compare(matrix, type(matrix)(np.array([[0, 1], [0, 2]]))) != ()


def test_duplicates_and_order_of_entries_do_not_count() -> None:
    rows, columns = np.array([0, 0, 1]), np.array([1, 1, 0])
    one = scipy.sparse.coo_array((np.array([1.0, 2.0, 4.0]), (rows, columns)), shape=(2, 2))
    other = scipy.sparse.coo_array((np.array([4.0, 3.0]), (rows[[2, 0]], columns[[2, 0]])), shape=(2, 2))
    assert compare(one, other) == ()
    assert fingerprint(one.tocsr()) == fingerprint(other.tocsr())
