"""Thinc's models and optimizers, which spaCy trains, without the numbers that they have in this interpreter.

Thinc counts its models over the whole life of the interpreter, and keeps weights and moments under that number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.kinds.objects import attributes, state_form
from pytest_expops.values.naming import type_name


def model_form(value: Any) -> Form:
    """Return a model by its weights, layers and settings; gradients on the way do not count."""
    parts = {
        ".name": value.name,
        ".params": {name: value.maybe_get_param(name) for name in value.param_names},
        ".layers": list(value.layers),
        ".shims": list(value.shims),
        ".refs": {name: value.maybe_get_ref(name) for name in value.ref_names},
        ".dims": {name: value.maybe_get_dim(name) for name in value.dim_names},
        ".attrs": value.attrs,
        ".forward": value._func,
    }
    return Parts(type_name(type(value)), (), list(parts.values()), list(parts))


def optimizer_form(value: Any) -> Form:
    """Return an optimizer by its settings and, in the order of the models, what it keeps of each weight."""
    state = attributes(value)
    numbers = sorted({key[0] for each in state.values() if _is_keyed(each) for key in each})
    ranks = {number: rank for rank, number in enumerate(numbers)}
    return state_form(value, {name: _ranked(each, ranks) for name, each in state.items()})


def _is_keyed(part: Any) -> bool:
    """Return whether `part` is a dict by number of the model and name of the weight."""
    return isinstance(part, dict) and all(
        isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], int) for key in part
    )


def _ranked(part: Any, ranks: dict[int, int]) -> Any:
    return {(ranks[key[0]], key[1]): each for key, each in part.items()} if _is_keyed(part) else part


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a model or optimizer apart, by name, since Thinc is not imported here."""
    found = {"thinc.model.Model": model_form, "thinc.optimizers.Optimizer": optimizer_form}
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), None)
