"""CatBoost models by the trees and settings that they save as JSON, never by the bytes of their binary format.

Those hold a new identifier and the time for each training, in an order that changes when a model is stored and read.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pytest_expops.values.forms import Form, Parts, Unsound
from pytest_expops.values.naming import type_name
from pytest_expops.wording import text_of

_NOT_JUDGED = frozenset({"model_guid", "train_finish_time", "train_dir"})
"""Of the saved model: which training it was, when, and the folder of its logs."""
_NOT_STATE = frozenset({"__model", "_test_evals", "train_dir"})
"""`__model` is the binary format; `_test_evals`, the last predictions for `eval_set`, is lost when a model is read."""


def model_form(value: Any) -> Form:
    """Return the parameters of a model and, once it is fitted, what `save_model(format="json")` writes.

    The document: https://catboost.ai/docs/en/concepts/output-data_other-formats
    """
    state = {name: each for name, each in value.__getstate__().items() if name not in _NOT_STATE}
    names = sorted(state)
    parts, places = [state[name] for name in names], [f".{name}" for name in names]
    if value.is_fitted():
        parts.insert(0, _judged(_saved(value)))
        places.insert(0, "")
    return Parts(type_name(type(value)), (), parts, places)


def _saved(value: Any) -> Any:
    with tempfile.TemporaryDirectory(prefix="expops-catboost-") as folder:
        path = Path(folder) / "model.json"
        try:
            value.save_model(str(path), format="json")
        except Exception as error:
            reason = next(iter(text_of(error).splitlines()), "")
            hint = "return its predictions, or say what stands for it: `pytest_expops.register(CatBoost, function)`"
            raise Unsound(f"a CatBoost model cannot be saved as JSON ({reason})", hint) from error
        return json.loads(path.read_text(encoding="utf-8"), parse_int=_number)


def _number(text: str) -> float | int:
    """Return what the document writes as an integer: that may be a float, such as 1.0, or a hash of 64 bits."""
    return float(text) if len(text) < 16 else int(text)


def _judged(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _judged(_parsed(key, each)) for key, each in node.items() if key not in _NOT_JUDGED}
    if not isinstance(node, list):
        return node
    return np.array(node) if node and all(type(each) is float for each in node) else [_judged(each) for each in node]


def _parsed(key: str, node: Any) -> Any:
    """Return a document that is kept as a text within the document."""
    return json.loads(node) if key == "output_options" and isinstance(node, str) else node


def _pool_form(value: Any) -> Form:
    raise Unsound(f"a Pool ({type_name(type(value))}) lies in native memory", "return the table it was made from")


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a class of CatBoost apart, by name, since it is not imported here."""
    found = {"catboost.core._CatBoostBase": model_form, "catboost.core.Pool": _pool_form}
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), None)
