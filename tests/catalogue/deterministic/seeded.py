"""Random draws that the plugin, or the script, has seeded."""

from __future__ import annotations

import random
import uuid

import numpy as np

from pytest_expops.core import process, step

STREAM_SEED = 11


@process()
def draw_from_global_streams(frame):
    """Draws from the global generators, which the plugin seeds"""
    return {
        "python": random.sample(range(len(frame)), 10),
        "numpy": np.random.normal(size=5),
        "pandas": frame.sample(10)["user"].tolist(),
    }


@step()
def initialise(shape):
    return np.random.normal(0, 0.1, shape)


@process()
def draw_in_steps(frame):
    """Draws in steps, each with a stream of its own"""
    return {"first": initialise((2, 3)), "second": initialise((2, 3)), "rest": random.random()}


@process()
def make_generator_from_seed(frame, random_seed):
    """A generator made from the seed"""
    generator = np.random.default_rng(random_seed)
    return {"order": generator.permutation(len(frame)), "generator": generator}


@process()
def spawn_from_seed(frame, random_seed):
    """Independent streams spawned from the seed"""
    children = np.random.SeedSequence(random_seed).spawn(3)
    return {"draws": [np.random.default_rng(child).normal(frame["age"].mean()) for child in children]}


@process()
def seed_private_random(reviews, random_seed):
    """A private random.Random made from the seed and a name"""
    return {"shown": random.Random(f"{random_seed}-augment").sample(reviews, 5)}


@process()
def seed_from_global_stream(frame):
    """A generator seeded by a draw from the global one"""
    generator = np.random.default_rng(np.random.randint(2**31))
    return {"mask": generator.random(len(frame)) < 0.8}


@process()
def reseed_with_constant(frame):
    """np.random.seed with a constant, amid other draws"""
    before = np.random.random()
    np.random.seed(0)
    return {"before": before, "after": np.random.random(3)}


@process()
def use_module_constant(frame):
    """A generator made in the process from a constant of the module"""
    return {"folds": np.array_split(np.random.default_rng(STREAM_SEED).permutation(len(frame)), 5)}


@process()
def restore_state(frame):
    """A state that is saved and set back, so that two draws are equal"""
    state = np.random.get_state()
    one = np.random.random(3)
    np.random.set_state(state)
    return {"one": one, "other": np.random.random(3)}


@process()
def bootstrap_with_seed(frame, random_seed):
    """A bootstrap interval by a helper that is given its generator"""

    def interval(values, generator):
        means = [generator.choice(values, len(values)).mean() for _ in range(200)]
        return np.quantile(means, [0.025, 0.975])

    return {"interval": interval(frame["income"].to_numpy(), np.random.default_rng(random_seed))}


class Study:
    """The trials of a search, under a name that is drawn for it."""

    def __init__(self):
        self.name = f"study-{uuid.uuid4()}"
        self.trials = []

    def tell(self, value):
        self.trials.append(value)


@process()
def search_with_seed(frame, random_seed):
    """A random search with a seed, in a study whose drawn name reaches no result"""
    study, generator = Study(), np.random.default_rng(random_seed)
    for _ in range(8):
        study.tell(abs(float(frame["income"].mean()) - generator.uniform(20, 60)))
    return {"best": min(study.trials)}
