"""What is drawn or read while the script is imported, before anything could be seeded."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np

from pytest_expops.core import process, step

NOISE = np.random.normal(size=8)  # culprit
FOLDS = random.sample(range(240), 60)  # culprit
STREAM = np.random.default_rng()  # culprit
STARTED = dt.datetime.now().isoformat()  # culprit


@process()
def add_noise(frame):
    """Noise drawn from the global generator while the module is imported

    cause: imports | entropy
    """
    return {"income": frame["income"].to_numpy()[:8] + NOISE}


@step()
def held_out(frame):
    return frame.iloc[FOLDS]["income"].mean()


@process()
def hold_out_on_import(frame):
    """A holdout drawn by Python's random while the module is imported

    cause: imports | entropy
    """
    return {"mean": float(held_out(frame))}


@process()
def draw_from_module_stream(frame):
    """A generator of the module, made without a seed

    cause: imports | entropy
    """
    return {"picked": STREAM.choice(frame["user"].to_numpy(), 10, replace=False)}


@process()
def note_start(frame):
    """The time of the import in the result

    cause: imports | clock
    """
    return {"started": STARTED, "rows": len(frame)}


def noisy(values, generator=np.random.default_rng()):  # noqa: B008  # culprit
    return values + generator.normal(0, 0.1, len(values))


@process()
def jitter_by_default(frame):
    """A default argument that is an unseeded generator

    cause: imports | entropy
    """
    return {"clicks": noisy(frame["clicks"].to_numpy())}


class Config:
    """Settings; the identifier is made when the class is."""

    run = f"{random.getrandbits(32):08x}"  # culprit
    learning_rate = 0.1


@process()
def identify_run(frame):
    """A class attribute drawn when the class is made

    cause: imports | entropy
    """
    return {"run": Config.run, "step": Config.learning_rate * len(frame)}
