"""Forests and linear models of the irises: seeded by argument, seeded by NumPy's global state, and not at all."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier

from pytest_expops.core import log_metric, process, step

FEATURES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


@process()
def load():
    return {"df": load_iris(as_frame=True).frame}


@process()
def partition(data):
    return {"df": data["load"]["df"].sample(frac=1)}  # by NumPy's global state


@process()
def fan_out(data):
    return data["partition"]


@process()
def train_forest(data, hyperparameters):
    df = data["fan_out"]["df"]
    forest = RandomForestClassifier(
        n_estimators=hyperparameters["n_estimators"], random_state=hyperparameters["random_seed"]
    )
    return {"model": forest.fit(df[FEATURES], df["target"]), "df": df}


@process()
def train_global(data, hyperparameters):
    df = data["fan_out"]["df"]
    forest = RandomForestClassifier(n_estimators=hyperparameters["n_estimators"])
    line = SGDClassifier(max_iter=20, tol=None)
    return {"forest": forest.fit(df[FEATURES], df["target"]), "line": line.fit(df[FEATURES], df["target"])}


@process()
def train_unseeded(data, hyperparameters):
    df = data["fan_out"]["df"]
    rows = np.random.default_rng().permutation(len(df))[: len(df) // 2]  # seeded by the operating system
    forest = RandomForestClassifier(hyperparameters["n_estimators"], random_state=hyperparameters["random_seed"])
    forest.fit(df[FEATURES].iloc[rows], df["target"].iloc[rows])
    return {"rows": rows, "probabilities": forest.predict_proba(df[FEATURES])}


@process()
def judge_unseeded(data):
    return {"confidence": float(data["train_unseeded"]["probabilities"].max(axis=1).mean())}


@step()
def bootstrap(correct):
    """The accuracy on each of five samples with replacement."""
    return [float(np.random.choice(correct, len(correct)).mean()) for _ in range(5)]


@process()
def evaluate(data):
    df = data["train_forest"]["df"]
    models = {"forest": data["train_forest"]["model"], **data["train_global"]}
    result = {}
    for name, model in models.items():
        correct = (model.predict(df[FEATURES]) == df["target"]).to_numpy()
        result[name] = bootstrap(correct)
        log_metric(f"accuracy_{name}", float(correct.mean()))
    return result


@process()
def ensemble(data):
    parts = data["evaluate"]
    return {part: {seed: result["forest"][0] for seed, result in seeds.items()} for part, seeds in parts.items()}
