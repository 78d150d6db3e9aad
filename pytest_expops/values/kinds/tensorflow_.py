"""TensorFlow tensors and variables by dtype, shape and elements; Keras models and layers by configuration and weights.

Keras numbers what it names by itself (`dense_1`), counting over the whole life of the interpreter; such names say
which model was made first, not what it is, and are replaced by their order within the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form, Parts, Unsound
from pytest_expops.values.naming import type_name


def tensor_form(value: Any) -> Form:
    """Return the form of an eager tensor."""
    if not hasattr(value, "numpy"):
        raise Unsound(f"a symbolic tensor ({type_name(type(value))}) has no elements yet", "return its value")
    traits = (("dtype", value.dtype.name), ("shape", str(tuple(value.shape))))
    return Parts("tensorflow.Tensor", traits, [value.numpy()], [""])


def variable_form(value: Any) -> Form:
    """Return the form of a variable of TensorFlow or Keras; its name does not count, since it may be numbered."""
    dtype = getattr(value.dtype, "name", value.dtype)
    traits = (("dtype", str(dtype)), ("shape", str(tuple(value.shape))), ("trainable", str(value.trainable)))
    return Parts(type_name(type(value)), traits, [value.numpy()], [""])


def keras_form(value: Any) -> Form:
    """Return a model or layer: its configuration, its weights in order, and the optimizer of a compiled model."""
    config = value.get_config()
    training = value.get_compile_config() if getattr(value, "compiled", False) else None
    renamed = _renaming([config, training], type(value).__name__)
    weights = [each.numpy() for each in value.weights]
    parts = {
        ".get_config()": _replaced(config, renamed),
        ".built": bool(value.built),
        ".trainable": _trainable(value),
        ".weights": weights,
        ".optimizer": getattr(value, "optimizer", None),
        ".get_compile_config()": _replaced(training, renamed),
    }
    return Parts(type_name(type(value)), (), list(parts.values()), list(parts))


def _trainable(value: Any) -> list[bool]:
    return [bool(each.trainable) for each in value.weights]


def optimizer_form(value: Any) -> Form:
    """Return an optimizer's configuration and its slots."""
    config = {name: each for name, each in value.get_config().items() if name != "name"}
    variables = value.variables() if callable(value.variables) else value.variables
    return Parts(
        type_name(type(value)), (), [config, [each.numpy() for each in variables]], [".get_config()", ".variables"]
    )


def _renaming(config: Any, class_name: str) -> dict[str, str]:
    """Return each name that Keras chose, and what stands for it: the class and its order in the model."""
    found: dict[str, str] = {}

    def visit(node: Any, owner: str) -> None:
        if isinstance(node, dict):
            owner = node.get("class_name", owner)
            name = node.get("name")
            if isinstance(name, str) and re.fullmatch(rf"{_snake_case(owner)}(_\d+)?", name):
                found.setdefault(name, f"{owner}#{len(found)}")
            for each in node.values():
                visit(each, owner)
        elif isinstance(node, (list, tuple)):
            for each in node:
                visit(each, owner)

    visit(config, class_name)
    return found


def _snake_case(name: str) -> str:
    """Return the name that Keras derives from a layer's class (`keras.src.utils.naming.to_snake_case`)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _replaced(node: Any, renamed: dict[str, str]) -> Any:
    if isinstance(node, str):
        return renamed.get(node, node)
    if isinstance(node, dict):
        return {key: _replaced(each, renamed) for key, each in node.items()}
    if isinstance(node, (list, tuple)):  # a saved model gives back lists for tuples
        return [_replaced(each, renamed) for each in node]
    return node


def random_generator_form(value: Any) -> Form:
    """Return the algorithm and state of a `tf.random.Generator`."""
    return Parts(type_name(type(value)), (("algorithm", str(value.algorithm)),), [value.state.numpy()], [".state"])


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a class of TensorFlow or Keras apart, by name, since neither is imported here."""
    found: dict[str, Callable[[Any], Form]] = {
        "tensorflow.python.framework.tensor.Tensor": tensor_form,
        "tensorflow.python.framework.ops.Tensor": tensor_form,
        "tensorflow.python.ops.variables.Variable": variable_form,
        "keras.src.backend.common.variables.KerasVariable": variable_form,
        "keras.src.backend.common.variables.Variable": variable_form,
        "keras.src.layers.layer.Layer": keras_form,
        "keras.src.optimizers.base_optimizer.BaseOptimizer": optimizer_form,
        "tensorflow.python.ops.stateful_random_ops.Generator": random_generator_form,
        "tensorflow.python.data.ops.dataset_ops.DatasetV2": _dataset,
    }
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), None)


def _dataset(value: Any) -> Form:
    raise Unsound(
        "a tf.data.Dataset is a recipe that is read by iterating", "return `list(dataset.as_numpy_iterator())`"
    )
