"""A small Keras network of the irises; weights, dropout, noise and batches are drawn from global random states."""

from __future__ import annotations

import keras
import tensorflow as tf
from sklearn.datasets import load_iris

from pytest_expops.core import log_metric, process, step


@process()
def load():
    return {"df": load_iris(as_frame=True).frame}


@process()
def partition(data):
    return {"df": data["load"]["df"].sample(frac=1)}


@process()
def fan_out(data):
    return data["partition"]


def network():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def arrays(df):
    values = df.to_numpy(dtype="float32")
    return values[:, :4], values[:, 4].astype("int64")


def fit(df, hyperparameters, noise):
    """Weights by the layers' names, and the loss of each epoch."""
    model = network()
    model.compile(keras.optimizers.Adam(hyperparameters["learning_rate"]), loss="sparse_categorical_crossentropy")
    features, target = arrays(df)
    history = model.fit(features + noise, target, epochs=hyperparameters["epochs"], batch_size=16, verbose=0)
    for loss in history.history["loss"]:
        log_metric("loss", loss)
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    return {"weights": weights, "losses": history.history["loss"], "df": df}


@process()
def train(data, hyperparameters):
    df = data["fan_out"]["df"]
    return fit(df, hyperparameters, tf.random.normal((len(df), 4), stddev=0.1).numpy())


@process()
def train_unseeded(data, hyperparameters):
    df = data["fan_out"]["df"]
    generator = tf.random.Generator.from_non_deterministic_state()
    return fit(df, hyperparameters, generator.normal((len(df), 4), stddev=0.1).numpy())


@process()
def judge_unseeded(data):
    return {"first": float(data["train_unseeded"]["losses"][0])}


@step()
def uncertainty(model, features):
    """The spread of the outputs under dropout, float32 of shape (rows, 3)."""
    return tf.math.reduce_std([model(features, training=True) for _ in range(5)], axis=0).numpy()


@process()
def evaluate(data):
    trained = data["train"]
    model = network()
    model.set_weights([array for arrays in trained["weights"].values() for array in arrays])
    features, target = arrays(trained["df"])
    accuracy = float((model(features).numpy().argmax(axis=1) == target).mean())
    log_metric("accuracy", accuracy)
    return {"accuracy": accuracy, "spread": uncertainty(model, features)}


@process()
def ensemble(data):
    parts = data["evaluate"]
    return {part: {seed: result["accuracy"] for seed, result in seeds.items()} for part, seeds in parts.items()}
