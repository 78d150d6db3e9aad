"""TensorFlow and Keras where they draw from streams that the plugin seeds, and number what they make."""

# needs: tensorflow

from __future__ import annotations

import keras
import tensorflow as tf

from pytest_expops.core import process


@process()
def build_before(frame):
    """Makes layers, so that later ones get other names

    helper: yes
    """
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    return {"rows": len(frame)}


@process()
def train_keras_model(frame):
    """A Keras model whose layers are numbered on, and whose weights and batches are seeded

    after: build_before
    """
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3), keras.layers.Dropout(0.2)])
    model.compile("sgd", "mse")
    features = frame[["age", "visits"]].to_numpy(dtype="float32") / 50
    model.fit(features, features.mean(axis=1, keepdims=True).repeat(3, axis=1), epochs=1, verbose=0)
    return {"model": model}


@process()
def shuffle_data_set(frame):
    """A data set shuffled without a seed of its own"""
    data = tf.data.Dataset.from_tensor_slices(frame["age"].to_numpy()).shuffle(100)
    return {"order": [int(value) for value in data]}


@process()
def map_in_parallel_in_order(frame):
    """A parallel map that keeps the order"""
    data = tf.data.Dataset.from_tensor_slices(frame["income"].to_numpy(dtype="float32"))
    return {"roots": [float(each) for each in data.map(tf.sqrt, num_parallel_calls=4)]}


@process()
def draw_from_global_generator(frame):
    """The global generator, and draws without a seed"""
    return {"one": tf.random.get_global_generator().normal((3,)).numpy(), "other": tf.random.uniform((3,)).numpy()}
