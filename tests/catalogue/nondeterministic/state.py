"""Results that depend on what an earlier process has left behind in the interpreter."""

from __future__ import annotations

import decimal
import statistics
import sys
import warnings

import numpy as np
import pandas as pd

from pytest_expops.core import process, step

_FITTED = {}
STREAM = np.random.default_rng(3)


@process()
def show_few_digits(frame):
    """Sets how pandas prints

    helper: yes
    """
    pd.set_option("display.precision", 2)
    return {"mean_text": str(frame["income"].describe())}


@process()
def report_table(frame):
    """A report printed with the options that another process has set

    cause: state
    after: show_few_digits
    """
    table = frame.groupby("city")[["income"]].mean()
    return {"report": table.to_string()}  # culprit


@process()
def scale_first_half(frame):
    """Fits a scaler, and keeps it in the module

    helper: yes
    """
    _FITTED["income"] = (frame["income"][:120].mean(), frame["income"][:120].std())
    return {"rows": 120}


def scaled(values):
    if "income" not in _FITTED:  # culprit
        _FITTED["income"] = (values.mean(), values.std())
    mean, spread = _FITTED["income"]  # culprit
    return (values - mean) / spread


@process()
def scale_by_cache(frame):
    """A scaler that another process may have fitted, kept in a dict of the module

    cause: state
    after: scale_first_half
    """
    return {"income": scaled(frame["income"]).to_numpy()}


@process()
def draw_for_pretraining(frame):
    """Draws from the module's generator

    helper: yes
    """
    return {"noise": STREAM.normal(size=3)}


@step()
def initial_weights(count):
    return STREAM.normal(0, 0.1, count)  # culprit


@process()
def draw_from_the_module(frame):
    """Weights from a seeded generator that all processes of the module share

    cause: state
    after: draw_for_pretraining
    """
    return {"weights": initial_weights(4)}


class Tokenizer:
    """Numbers words as they come. The dict belongs to the class, and so to all of them."""

    vocabulary = {}  # noqa: RUF012

    def __call__(self, text):
        return [self.vocabulary.setdefault(word, len(self.vocabulary)) for word in text.split()]  # culprit


@process()
def tokenize_headlines(reviews):
    """Tokenizes other texts

    helper: yes
    """
    return {"headlines": [Tokenizer()(review)[:2] for review in reversed(reviews)]}


@process()
def tokenize_reviews(reviews):
    """A tokenizer whose vocabulary belongs to its class

    cause: state
    after: tokenize_headlines
    """
    tokenizer = Tokenizer()
    return {"tokens": [tokenizer(review) for review in reviews]}


def remember(score, scores=[]):  # noqa: B006
    scores.append(score)  # culprit
    return max(scores)


@process()
def score_baseline(frame):
    """Notes the score of a baseline

    helper: yes
    """
    return {"so_far": remember(float(frame["income"].max()))}


@process()
def keep_best_score(frame):
    """The best score so far, in a default argument

    cause: state
    after: score_baseline
    """
    return {"best": remember(float(frame["clicks"].mean()))}


@process()
def count_in_decimals(frame):
    """Sets the precision of decimals

    helper: yes
    """
    decimal.getcontext().prec = 6
    return {"total": decimal.Decimal(len(frame)) / 7}


@process()
def price_rows(frame):
    """Prices divided at the precision that another process has set

    cause: state
    after: count_in_decimals
    """
    prices = [decimal.Decimal(visits) / 7 for visits in frame["visits"]]  # culprit
    return {"prices": prices[:20]}


@process()
def import_extras(frame):
    """Imports a module that is not needed by others

    helper: yes
    """
    import colorsys

    return {"hue": colorsys.rgb_to_hsv(0.2, 0.4, 0.6)[0], "rows": len(frame)}


def backends():
    return [name for name in ("colorsys", "json") if name in sys.modules]  # culprit


@process()
def choose_backend(frame):
    """A backend chosen by what has been imported already

    cause: state
    after: import_extras
    """
    backend = backends()[0]
    return {"backend": backend, "value": float(frame["income"].mean()) * (2 if backend == "colorsys" else 1)}


@process()
def use_robust_mean(frame):
    """Patches a function of a library

    helper: yes
    """
    statistics.fmean = statistics.median
    return {"center": statistics.fmean(frame["income"])}


@process()
def center_income(frame):
    """A mean that another process has replaced by the median

    cause: state
    after: use_robust_mean
    """
    return {"center": statistics.fmean(frame["income"].tolist())}  # culprit


@process()
def add_feature_function(frame):
    """Defines another feature

    helper: yes
    """
    globals()["feature_ratio"] = lambda rows: rows["clicks"] / (1 + rows["visits"])
    return {"rows": len(frame)}


def feature_income(rows):
    return rows["income"].clip(20, 60)


@process()
def build_features(frame):
    """Features found by their names among the globals

    cause: state
    after: add_feature_function
    """
    found = [name for name in globals() if name.startswith("feature_")]  # culprit
    return {"features": {name: float(globals()[name](frame).mean()) for name in found}}


@process()
def forgive_divisions(frame):
    """Turns NumPy's floating-point warnings into errors

    helper: yes
    """
    np.seterr(divide="raise")
    return {"rows": len(frame)}


@process()
def divide_by_visits(frame):
    """A division by zero that is a warning or an error, as another process has set it

    cause: state
    after: forgive_divisions
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ratio = np.ones(len(frame)) / frame["visits"].to_numpy()  # culprit
        except FloatingPointError:
            ratio = np.ones(len(frame)) / np.maximum(frame["visits"].to_numpy(), 1)
    return {"ratio": ratio}
