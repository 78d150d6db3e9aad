"""Frames with missing values, categories, mixed columns and attributes."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from pytest_expops.core import process, step


@process()
def mix_missing_values(frame):
    """NaN, NaT, None and NA in one frame"""
    table = frame[["user", "income", "joined"]].head(20).copy()
    table.loc[3, "income"], table["moment"] = np.nan, pd.to_datetime(table["joined"])
    table.loc[4, "moment"], table["count"] = pd.NaT, pd.array([1, None] * 10, dtype="Int64")
    table["note"] = pd.Series([None, "late"] * 10, dtype=object)
    return {"table": table}


@process()
def categorise_sorted(frame):
    """Categories from a set, sorted"""
    return {"city": pd.Categorical(frame["city"], categories=sorted(set(frame["city"])), ordered=True)}


@process()
def mix_types_in_a_column(frame):
    """A column of sets, dicts, text and numbers"""
    city = frame["city"][0]
    return {"table": pd.DataFrame({"cell": [{city, "other"}, {city: 1}, city, 1.5]})}


@process()
def note_attributes(frame):
    """Attributes of a frame, set in the order of a set"""
    table = frame[["age"]].copy()
    for name in {"source", "owner", "license", "sorted"}:
        table.attrs[name] = len(name)
    return {"table": table}


@step()
def grouped(frame):
    return frame.groupby(["city", "rating"], observed=True)["income"].agg(["mean", "count"])


@process()
def group_by_two_keys(frame):
    """Groups, which pandas sorts"""
    return {"means": grouped(frame)}


@process()
def join_in_order(frame):
    """A join in the order of the left table"""
    sizes = frame.groupby("city").size().rename("size").reset_index()
    return {"joined": frame[["user", "city"]].merge(sizes, on="city", how="left")}


@process()
def sort_by_all_keys(frame):
    """Rows gathered in the order of a set, and sorted by every column"""
    rows = {(row.city, row.rating) for row in frame.itertuples()}
    table = pd.DataFrame(list(rows), columns=["city", "rating"])
    return {"table": table.sort_values(["city", "rating"], ignore_index=True)}


@process()
def read_back_csv(frame):
    """A frame that was written and read"""
    text = frame.to_csv(index=False)
    return {"table": pd.read_csv(io.StringIO(text)), "text": text}
