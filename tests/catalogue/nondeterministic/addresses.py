"""Results that depend on where in memory an object happens to stand."""

from __future__ import annotations

import numpy as np

from pytest_expops.core import process, step


class Scaler:
    """A transformer without a `__repr__` of its own."""

    def __init__(self, factor):
        self.factor = factor


def relu(values):
    return np.maximum(values, 0.0)


@process()
def describe_pipeline(frame):
    """A configuration text that holds the default repr of an object

    cause: addresses
    """
    scaler = Scaler(frame["income"].std())
    description = f"scale({scaler}) | linear"  # culprit
    return {"description": description, "factor": scaler.factor}


@process()
def log_activation(frame):
    """Hyperparameters with a function turned into text

    cause: addresses
    """
    settings = {"activation": relu, "units": 16}
    logged = {name: str(value) for name, value in settings.items()}  # culprit
    return {"settings": logged, "active": float(relu(frame["clicks"]).mean())}


def key_of(model):
    return id(model)  # culprit


@process()
def score_by_identity(frame):
    """Scores kept under the id of the model

    cause: addresses
    """
    models = [Scaler(factor) for factor in (0.5, 1.0, 2.0)]
    return {"scores": {key_of(model): float(frame["clicks"].mean() * model.factor) for model in models}}


@process()
def average_in_identity_order(frame):
    """A running average over models sorted by id

    cause: addresses
    """
    income = frame["income"].to_numpy()
    models = [Scaler(income[number] / 7) for number in range(120)]
    models.sort(key=id)  # culprit
    average = 0.0
    for model in models:
        average = 0.9 * average + 0.1 * model.factor
    return {"average": average}


@step()
def unique_layers(layers):
    return list(set(layers))  # culprit


@process()
def initialise_unique_layers(frame):
    """Layers made unique by a set, which orders objects by their addresses

    cause: addresses
    """
    layers = [Scaler(number) for number in range(600)]
    ordered = unique_layers([*layers, *layers[:50]])
    return {"order": [layer.factor for layer in ordered], "count": len(ordered)}


@process()
def seed_by_object(frame):
    """A seed made from the hash of an object

    cause: addresses
    """
    model = Scaler(1.0)
    generator = np.random.default_rng(hash(model) % 2**32)  # culprit
    return {"weights": generator.normal(size=4)}


@process()
def choose_kernel_by_alignment(frame):
    """A computation that goes another way where the buffer is aligned otherwise

    cause: addresses
    """
    values = frame["income"].to_numpy().copy()
    offset = values.ctypes.data // 16 % 64  # culprit
    head, rest = values[:offset], values[offset:]
    return {"total": float(np.sum(rest * 1.1) + sum(head * 1.1)), "peeled": int(offset)}
