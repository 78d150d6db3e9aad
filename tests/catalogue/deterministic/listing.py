"""Files and folders that are listed, cached or written, and do not make a difference."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import pandas as pd

from pytest_expops.core import process, step

_MEANS = {}


@process()
def read_sorted_shards():
    """Shards read in sorted order"""
    folder = Path("data/shards")
    return {"rows": pd.concat([pd.read_csv(path) for path in sorted(folder.glob("*.csv"))], ignore_index=True)}


@process()
def count_files():
    """Files that are only counted and added up"""
    sizes = [entry.stat().st_size for entry in os.scandir("data/shards")]
    return {"count": len(sizes), "bytes": sum(sizes)}


@step()
def by_name(root):
    return {path.name: path.read_text(encoding="utf-8") for path in Path(root).rglob("*.txt")}


@process()
def key_files_by_name():
    """Files read in any order, each under its name"""
    return {"images": by_name("data/images")}


@process()
def number_sorted_folders():
    """Class numbers in the order of the sorted class folders"""
    folders = sorted(entry.name for entry in os.scandir("data/images") if entry.is_dir())
    return {"classes": {name: number for number, name in enumerate(folders)}}


@process()
def overwrite_result(frame):
    """A file that every run writes anew, and reads"""
    path = Path("overwritten.npy")
    np.save(path, frame["income"].to_numpy())
    return {"income": np.load(path)}


@process()
def cache_exactly(frame):
    """A cache file that gives back just what was computed"""
    path = Path("exact.npy")
    if not path.exists():
        np.save(path, np.sqrt(frame["income"].abs().to_numpy()))
    return {"roots": np.load(path)}


def mean_of(frame, city):
    if city not in _MEANS:
        _MEANS[city] = float(frame.loc[frame["city"] == city, "income"].mean())
    return _MEANS[city]


@process()
def warm_the_cache(frame):
    """Fills the module's cache

    helper: yes
    """
    return {"lyon": mean_of(frame, "Lyon"), "oslo": mean_of(frame, "Oslo")}


@process()
def read_warm_cache(frame):
    """A cache of the module that another process has filled with the very same

    after: warm_the_cache
    """
    return {"means": {city: mean_of(frame, city) for city in sorted(set(frame["city"]))}}


@functools.lru_cache
def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


@process()
def use_lru_cache(frame):
    """A pure function with a cache, and how often that was asked left out"""
    return {"numbers": [fibonacci(int(visits)) for visits in frame["visits"]]}


@process()
def change_inputs(frame):
    """Inputs that are changed in place, which nobody else sees"""
    frame["income"] = frame["income"] * 2
    frame.drop(columns="joined", inplace=True)
    return {"total": float(frame["income"].sum()), "columns": list(frame.columns)}
