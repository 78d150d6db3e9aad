"""What a value is, in a few words, whatever it does when it is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pytest_expops.values.describing import describe


class Hostile:
    """Raises when it is asked for anything."""

    def __getattr__(self, name: str) -> Any:
        raise KeyboardInterrupt(name)


class ShapedOddly:
    """Has a shape that is none."""

    shape = "wide"
    dtype = print


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        ("short", "'short'"),
        (None, "None"),
        (np.zeros((3, 2), dtype="float32"), "numpy.ndarray of float32, shape (3, 2)"),
        (np.float64(2.5), "np.float64(2.5)"),
        (pd.DataFrame({"a": [1, 2]}), "shape (2, 1)"),
        (pd.Series([1, 2]), "of int64, shape (2,)"),
        ([1, 2, 3], "list of 3"),
        ({}, "dict of 0"),
        (Hostile(), "tests.values.test_describing.Hostile"),
        (ShapedOddly(), "tests.values.test_describing.ShapedOddly"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_it_is_told_in_a_few_words(value: Any, text: str) -> None:
    assert describe(value).endswith(text)


def test_a_long_text_is_cut() -> None:
    assert len(describe("x" * 10_000_000)) < 200
