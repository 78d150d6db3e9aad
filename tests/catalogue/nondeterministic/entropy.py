"""Draws from the operating system's randomness, which no seed reaches."""

from __future__ import annotations

import os
import random
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pytest_expops.core import process, step


def resample(values, generator):
    return [float(np.mean(generator.choice(values, len(values)))) for _ in range(200)]


def interval(values):
    generator = np.random.default_rng()  # culprit
    return np.quantile(resample(values, generator), [0.025, 0.975])


@process()
def bootstrap_interval(frame):
    """A bootstrap interval from a generator without a seed

    cause: entropy
    """
    center = np.random.default_rng(0).permutation(frame["income"]).mean()
    return {"center": float(center), "interval": interval(frame["income"].to_numpy())}


@process()
def identify_rows(frame):
    """Row identifiers made by uuid4

    cause: entropy
    """
    table = frame[["user", "city"]].copy()
    table["row"] = [str(uuid.uuid5(uuid.NAMESPACE_DNS, user)) for user in table["user"]]
    table["batch"] = uuid.uuid4().hex  # culprit
    return {"table": table}


@process()
def hold_out_securely(frame):
    """A holdout chosen by the secure generator, which cannot be seeded

    cause: entropy
    """
    chosen = secrets.SystemRandom().sample(range(len(frame)), 48)  # culprit
    return {"holdout": sorted(chosen), "mean": float(frame["income"].iloc[chosen].mean())}


class Augmenter:
    """Swaps words; has a stream of its own, so that it does not disturb the global one."""

    def __init__(self):
        self.random = random.Random()  # culprit

    def __call__(self, text):
        words = text.split()
        one, other = self.random.sample(range(len(words)), 2)
        words[one], words[other] = words[other], words[one]
        return " ".join(words)


@process()
def augment_reviews(reviews, random_seed):
    """Text augmentation by a private random.Random()

    cause: entropy
    """
    order = random.Random(random_seed).sample(reviews, len(reviews))
    augment = Augmenter()
    return {"reviews": [augment(review) for review in order]}


@process()
def spawn_streams(frame):
    """Streams for parallel chains, spawned from a seed sequence without entropy

    cause: entropy
    """
    sequence = np.random.SeedSequence()  # culprit
    starts = [np.random.default_rng(child).normal(frame["age"].mean(), 1.0) for child in sequence.spawn(4)]
    return {"chains": starts}


@step()
def initialise(shape):
    np.random.seed()  # culprit
    return np.random.normal(0, 0.1, shape)


@process()
def reseed_everything(frame):
    """np.random.seed() without an argument, which undoes the seed that was set

    cause: entropy
    """
    noise = np.random.normal(size=3)
    weights = initialise((3, 2))
    return {"noise": noise, "hidden": np.tanh(frame[["age", "income", "visits"]].to_numpy() @ weights)}


@process()
def seed_from_the_system(frame):
    """A seed of four bytes from os.urandom

    cause: entropy
    """
    seed = int.from_bytes(os.urandom(4), "little")  # culprit
    order = np.random.default_rng(seed).permutation(len(frame))
    return {"folds": np.array_split(order, 5)}


@process()
def restart_python_random(reviews):
    """random.seed() in a helper meant to make things more random

    cause: entropy
    """

    def pick(count):
        random.seed()  # culprit
        return random.sample(reviews, count)

    return {"shown": pick(5)}


@process()
def draw_bit_generator(frame):
    """A bit generator made without a seed

    cause: entropy
    """
    generator = np.random.Generator(np.random.PCG64())  # culprit
    fixed = np.random.Generator(np.random.PCG64(11))
    return {"mask": generator.random(len(frame)) < 0.8, "control": fixed.random(4)}


@process()
def name_the_run(frame):
    """A run name with a random suffix, as experiment trackers give it

    cause: entropy
    """
    suffix = secrets.token_hex(3)  # culprit
    return {"run": f"baseline-{len(frame)}-{suffix}", "mean": float(frame["income"].mean())}


class Study:
    """The trials of a search, under a name that is drawn for it."""

    def __init__(self):
        self.name = f"study-{uuid.uuid4()}"
        self.trials = []

    def tell(self, value):
        self.trials.append(value)


@process()
def search_in_a_named_study(frame):
    """A random search without a seed, in a study whose drawn name reaches no result

    cause: entropy
    """
    study = Study()
    target = float(frame["income"].mean())
    for _ in range(8):
        study.tell(abs(target - np.random.default_rng().uniform(20, 60)))  # culprit
    return {"best": min(study.trials)}


@process()
def spread_generators(frame):
    """Generators without a seed, made by the threads of a pool: no line of the project is on their stack

    cause: entropy
    """
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(np.random.default_rng, [None] * 4))  # culprit
    return {"noise": [generator.normal() for generator in made], "rows": len(frame)}


@process()
def reseed_in_a_thread(frame, random_seed):
    """A generator with a seed, which a pool's thread seeds anew without one

    cause: entropy
    """
    generator = np.random.RandomState(random_seed)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(generator.seed).result()  # culprit
    return {"order": generator.permutation(len(frame))}


def resampled_mean(values):
    return float(np.random.choice(values, len(values)).mean())


@process()
def bootstrap_in_children(frame):
    """A bootstrap in child processes of loky, whose global generators nobody seeds

    cause: entropy
    needs: joblib
    """
    import joblib

    income = frame["income"].to_numpy()
    return {"means": joblib.Parallel(2)(joblib.delayed(resampled_mean)(income) for _ in range(6))}  # culprit
