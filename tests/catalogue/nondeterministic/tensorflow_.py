"""TensorFlow where the order of a data set is left to threads, or randomness and time come from below Python."""

# needs: tensorflow

from __future__ import annotations

import random

import keras
import tensorflow as tf

from pytest_expops.core import process, step


@process()
def draw_from_the_machine(frame):
    """A generator from a nondeterministic state

    cause: entropy
    """
    generator = tf.random.Generator.from_non_deterministic_state()  # culprit
    return {"weights": generator.normal((3, 2)).numpy(), "rows": len(frame)}


@step()
def batches(values):
    def slow(value):
        return tf.reduce_sum(tf.sort(tf.random.stateless_uniform((3_000,), (1, 2)))) * 0 + value

    data = tf.data.Dataset.from_tensor_slices(values).repeat(4)
    data = data.map(slow, num_parallel_calls=4, deterministic=False)  # culprit
    return [float(value) for value in data]


@process()
def map_out_of_order(frame):
    """A data set whose parallel map may give its elements in any order

    cause: threads
    """
    return {"order": batches(frame["income"].to_numpy(dtype="float32"))}


@process()
def stamp_in_graph(frame):
    """The time read by TensorFlow itself

    cause: clock
    drawn: natively
    """
    return {"mean": float(tf.reduce_mean(frame["income"])), "exported": float(tf.timestamp())}  # culprit


@process()
def seed_a_layer_by_entropy(frame):
    """A Keras initialiser whose seed was drawn from the system

    cause: entropy
    """
    seed = random.SystemRandom().randrange(2**31)  # culprit
    layer = keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))
    return {"hidden": layer(frame[["age", "visits"]].to_numpy(dtype="float32")).numpy()}
