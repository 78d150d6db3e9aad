"""Equal values that differ in identity, order, layout, sharing or pickle."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from pytest_expops.core import process, step


@process()
def leave_missing(frame):
    """NaN among the results, which does not equal itself"""
    ratio = frame["clicks"].where(frame["visits"] > 0)
    return {"ratio": ratio.to_numpy(), "empty_mean": float("nan"), "by_name": {"std": np.nan, "mean": ratio.mean()}}


@process()
def keep_negative_zero(frame):
    """Negative zeros, which look like zeros"""
    signed = np.copysign(0.0, frame["clicks"].to_numpy())
    return {"signed": signed, "zero": -0.0}


@process()
def count_into_dict(frame):
    """A dict filled in the order of a set; its order does not count"""
    cities = set(frame["city"])
    return {"counts": {city: int((frame["city"] == city).sum()) for city in cities}}


@process()
def count_with_counter(reviews):
    """A Counter updated in the order of a set"""
    counts = collections.Counter()
    for word in {word for review in reviews for word in review.split()}:
        counts[word] += sum(review.split().count(word) for review in reviews)
    return {"counts": counts}


@process()
def return_sets(frame):
    """Sets, and frozensets of frozensets, whose order is another in each interpreter"""
    pairs = frozenset(frozenset(pair) for pair in zip(frame["city"], frame["user"].str[-1], strict=True))
    return {"cities": set(frame["city"]), "pairs": pairs}


@step()
def shared_rows(frame):
    row = list(frame["income"][:3])
    # Which of the two is a copy of the other depends on the hash seed; that they are equal does not.
    copied = [row, list(row)] if hash("row") % 2 else [row, row]
    return {"rows": copied, "again": row}


@process()
def share_references(frame):
    """A list that is held twice, or copied"""
    return {"table": shared_rows(frame)}


@process()
def intern_words(reviews):
    """Words some of which are interned, so that pickles of them differ"""
    words = [word for review in reviews for word in review.split()]
    return {"words": [sys.intern(word) if hash(word) % 2 else word for word in words]}


@process()
def return_pickles_content(frame):
    """A dict read back from a pickle whose bytes depend on the order of a set"""
    frozen = pickle.dumps({"classes": set(frame["city"]), "index": dict.fromkeys(set(frame["city"]), 0)})
    return {"read_back": pickle.loads(frozen)}


@process()
def return_functions(frame, random_seed):
    """Lambdas and closures, which stand at another address each time"""
    mean = float(frame["income"].mean())
    return {"score": lambda income: income / mean, "seed": functools.partial(pow, random_seed, exp=2)}


@process()
def compile_patterns(frame):
    """Compiled regular expressions of names"""
    names = "|".join(sorted(set(frame["city"])))
    return {"any": re.compile(names, re.IGNORECASE), "digits": [re.compile(rb"\d+")]}


class Color(enum.Enum):
    """Of a plot."""

    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting of a search."""

    name: str
    color: Color
    tags: frozenset[str]


@process()
def return_records(frame):
    """Dataclasses with enums and frozensets within, in a dict keyed by them"""
    settings = [Setting(city, Color(1 + len(city) % 2), frozenset(city)) for city in set(frame["city"])]
    return {"by_setting": {setting: len(setting.tags) for setting in settings}}


class Vectorizer:
    """A transformer without a repr, equality or hash of its own."""

    def fit(self, words):
        self.seen_ = set(words)
        self.index_ = {word: number for number, word in enumerate(sorted(self.seen_))}
        self.parent_ = self
        return self


@process()
def return_object(reviews):
    """An object that refers to itself, with a set among its attributes"""
    return {"model": Vectorizer().fit(word for review in reviews for word in review.split())}


@process()
def return_times_and_decimals(frame):
    """Dates, aware times, decimals and paths"""
    moment = dt.datetime.fromisoformat(frame["joined"][0]).replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))
    return {
        "moment": moment,
        "day": moment.date(),
        "lag": dt.timedelta(days=3),
        "price": decimal.Decimal("19.90"),
        "path": Path("models") / "best.npy",
        "space": SimpleNamespace(low=0.1, high=1.0),
    }


@process()
def drop_cache_on_pickling(frame):
    """An object whose cache is left out of its state"""
    table = Table(frame["city"])
    table.lookup(frame["city"][0])
    return {"table": table}


class Table:
    """Looks rows up, and remembers under the id of the key."""

    def __init__(self, column):
        self.column = list(column)
        self._cache = {}

    def lookup(self, key):
        return self._cache.setdefault(id(key), self.column.index(key))

    def __getstate__(self):
        return {"column": self.column, "_cache": {}}
