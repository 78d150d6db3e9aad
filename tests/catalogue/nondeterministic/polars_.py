"""Polars and Arrow, which keep no order unless they are asked to."""

# needs: polars, pyarrow

from __future__ import annotations

import numpy as np
import polars as pl

from pytest_expops.core import process


def means(table):
    return table.group_by("user").agg(pl.col("income").mean())  # culprit


@process()
def group_in_parallel(frame):
    """Groups in the order in which Polars' hash table gives them

    cause: threads | entropy
    drawn: natively
    """
    table = pl.DataFrame({"user": frame["user"].tolist(), "income": frame["income"].to_numpy()})
    return {"means": means(table)["income"].to_numpy()}


@process()
def keep_unique_rows(frame):
    """The distinct values of a column, in no order

    cause: threads | entropy
    drawn: natively
    """
    cities = pl.DataFrame({"user": frame["user"].tolist()}).unique()  # culprit
    return {"first": cities["user"].to_list()[:5], "count": np.int64(len(cities))}
