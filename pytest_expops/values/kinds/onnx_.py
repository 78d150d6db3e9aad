"""ONNX models field by field: what is computed, and neither documentation nor the order in which parts are listed.

The fields: https://onnx.ai/onnx/repo-docs/IR.html
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.naming import type_name

_KEYED = {
    **dict.fromkeys(("attribute", "initializer", "value_info"), "name"),
    **dict.fromkeys(("metadata_props", "external_data"), "key"),
    "opset_import": "domain",
}
"""Fields with parts that are told apart by a field of theirs, so that their order means nothing."""
_NOT_JUDGED = frozenset({"doc_string"})
"""For people to read; exporters write source lines and paths there."""
_NUMBERS = {1: np.float64, 2: np.float32, 3: np.int64, 4: np.uint64, 5: np.int32}
"""Protobuf's own numbers of the types of fields; Python widens all to `float` and `int`."""
_IDENTIFIER = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


def message_form(value: Any) -> Form:
    """Return the fields that are set, by name."""
    fields = dict(_fields(value))
    return Parts(type_name(type(value)), (), list(fields.values()), [f".{name}" for name in fields])


def graph_form(value: Any) -> Form:
    """Return the fields of a graph without a name that an exporter drew for it."""
    fields = dict(_fields(value))
    if _IDENTIFIER.fullmatch(fields.get("name", "")):
        del fields["name"]
    return Parts(type_name(type(value)), (), list(fields.values()), [f".{name}" for name in fields])


def tensor_form(value: Any) -> Form:
    """Return a tensor by its name and elements, in whichever of its fields they are; if in another file, its fields."""
    if value.external_data or not value.data_type:
        return message_form(value)
    elements = importlib.import_module("onnx.numpy_helper").to_array(value)
    return Parts(type_name(type(value)), (("name", value.name),), [elements], [""])


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    for field, content in value.ListFields():
        if field.name not in _NOT_JUDGED:
            yield field.name, _content(field, content)


def _content(field: Any, content: Any) -> Any:
    """Return one field as a plain value: many numbers as an array, what has keys as a dict."""
    if not hasattr(content, "extend"):
        return content
    if field.type in _NUMBERS:
        return np.array(content, dtype=_NUMBERS[field.type])
    key = _KEYED.get(field.name)
    keys = [] if key is None else [getattr(each, key) for each in content]
    return dict(zip(keys, content, strict=True)) if key and len(set(keys)) == len(keys) else list(content)


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a message of ONNX apart, by name, since ONNX is not imported here."""
    names = {type_name(base) for base in cls.__mro__}
    if "google.protobuf.message.Message" not in names:
        return None
    if cls.__name__ == "GraphProto":
        return graph_form
    return tensor_form if cls.__name__ == "TensorProto" else message_form
