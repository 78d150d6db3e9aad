"""Boosters of XGBoost and LightGBM by the trees and settings that they save, never by their native handles.

Their pickles hold a model as one long text or byte string; taken apart, a difference names the tree and the node. The
libraries' scikit-learn estimators hold a booster among their attributes, and need no handler.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_expops.values.forms import Form, Parts, Unsound
from pytest_expops.values.naming import type_name
from pytest_expops.wording import text_of


def xgboost_form(value: Any) -> Form:
    """Return what `Booster.save_raw` writes (trees, attributes, names of features), its configuration and attributes.

    The document and its layout: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
    """
    state = {name: each for name, each in vars(value).items() if name != "handle"}
    names = sorted(state)
    saved = json.loads(_saved(lambda: bytes(value.save_raw("json"))))
    config = json.loads(_saved(value.save_config))
    parts = [_as_float32(saved), config, *(state[name] for name in names)]
    return Parts(type_name(type(value)), (), parts, ["", ".save_config()", *(f".{name}" for name in names)])


def _as_float32(node: Any) -> Any:
    """Turn lists of floats into the float32 arrays that they were; the texts are the shortest that give these back."""
    if isinstance(node, dict):
        return {key: _as_float32(each) for key, each in node.items()}
    if not isinstance(node, list):
        return node
    if node and all(type(each) is float for each in node):
        return np.array(node, dtype=np.float32)
    return [_as_float32(each) for each in node]


def lightgbm_form(value: Any) -> Form:
    """Return what `Booster.model_to_string` writes, by tree, and how the training went.

    `params` do not count: they are in that text, as they were used, and a copied booster has others.
    """
    head, *trees = _saved(lambda: value.model_to_string(num_iteration=-1)).split("\nTree=")
    trees, rest = _split_end(trees)
    parts = {
        "": [_fields(tree.partition("\n")[2]) for tree in trees],
        ".header": [line for line in head.split("\n") if not line.startswith("tree_sizes=")],
        ".settings": rest.strip("\n").split("\n"),
        ".best_iteration": max(value.best_iteration, 0),  # a model that was loaded says -1 for none
        ".best_score": {name: dict(scores) for name, scores in value.best_score.items()},
    }
    return Parts(type_name(type(value)), (), list(parts.values()), list(parts))


def _saved(save: Callable[[], Any]) -> Any:
    try:
        return save()
    except Exception as error:
        reason = next(iter(text_of(error).splitlines()), "")
        raise Unsound(f"a booster that cannot be saved has no value to compare ({reason})", "train it first") from error


def _split_end(trees: list[str]) -> tuple[list[str], str]:
    if not trees:
        return [], ""
    last, _, rest = trees[-1].partition("\nend of trees")
    return [*trees[:-1], last], rest


def _fields(tree: str) -> dict[str, Any]:
    """Read ``leaf_value=0.5 0.25`` and so on, as arrays of numbers."""
    pairs = [line.partition("=") for line in tree.split("\n") if line]
    return {key: _numbers(text) for key, _, text in pairs}


def _numbers(text: str) -> Any:
    for dtype in (np.int64, np.float64):
        try:
            return np.array(text.split(), dtype=dtype)
        except (ValueError, OverflowError):
            continue
    return text


def _native(what: str) -> Callable[[Any], Form]:
    def refuse(value: Any) -> Form:
        raise Unsound(f"{what} ({type_name(type(value))}) lies in native memory", "return the table it was made from")

    return refuse


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a class of XGBoost or LightGBM apart, by name, since neither is imported here."""
    found = {
        "xgboost.core.Booster": xgboost_form,
        "xgboost.core.DMatrix": _native("a DMatrix"),
        "lightgbm.basic.Booster": lightgbm_form,
        "lightgbm.basic.Dataset": _native("a Dataset"),
    }
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), None)
