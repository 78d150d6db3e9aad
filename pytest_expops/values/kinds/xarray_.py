"""xarray's data sets by variables, coordinates and attributes; neither how they are stored nor when they were drawn.

ArviZ and PyMC note in the attributes of a data set when it was made and how long sampling took:
https://python.arviz.org/en/stable/schema/schema.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.naming import label, type_name

_INFERENCE = frozenset({"arviz_version", "creation_library", "inference_library"})
"""Attributes that only a data set of ArviZ's schema has."""
_TIMES = frozenset({"created_at", "sampling_time"})


def variable_form(value: Any) -> Form:
    """Return a variable by its data and attributes; the encoding says how it was stored, with its path."""
    traits = (("dims", repr(tuple(value.dims))),)
    return Parts(type_name(type(value)), traits, [value.data, _judged_attributes(value.attrs)], ["", ".attrs"])


def array_form(value: Any) -> Form:
    """Return an array with its name and coordinates."""
    parts, places = _coordinates(value)
    return Parts(
        type_name(type(value)),
        (("name", repr(value.name)),),
        [value.variable, *parts],
        ["", *places],
    )


def dataset_form(value: Any) -> Form:
    """Return a data set with its variables and coordinates, in no order."""
    parts, places = _coordinates(value)
    names = sorted(value.data_vars, key=label)
    return Parts(
        type_name(type(value)),
        (),
        [*(value.variables[name] for name in names), *parts, _judged_attributes(value.attrs)],
        [*(f"[{label(name)}]" for name in names), *places, ".attrs"],
    )


def tree_form(value: Any) -> Form:
    """Return a tree with the data set of its root and its children."""
    names = sorted(value.children)
    return Parts(
        type_name(type(value)),
        (("name", repr(value.name)),),
        [value.to_dataset(inherit=False), *(value.children[name] for name in names)],
        [".dataset", *(f"[{name!r}]" for name in names)],
    )


def _coordinates(value: Any) -> tuple[list[Any], list[str]]:
    """Return the coordinates, and which of them are indexes of which kind."""
    names = sorted(value.coords, key=label)
    indexes = {name: type_name(type(index)) for name, index in value.xindexes.items()}
    places = [f".coords[{label(name)}]" for name in names]
    return [*(value.coords[name].variable for name in names), indexes], [*places, ".xindexes"]


def _judged_attributes(attrs: Any) -> dict[Any, Any]:
    """Return the attributes that count: of a data set of ArviZ's schema all but its times."""
    times = _TIMES if _INFERENCE & set(attrs) else frozenset()
    return {key: each for key, each in attrs.items() if key not in times}


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a class of xarray apart, by name, since it is not imported here."""
    found = {
        "xarray.core.variable.Variable": variable_form,
        "xarray.core.dataarray.DataArray": array_form,
        "xarray.core.dataset.Dataset": dataset_form,
        "xarray.core.datatree.DataTree": tree_form,
    }
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), None)
