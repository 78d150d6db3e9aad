"""Is a breast mass malignant? From a CSV to the mean and spread of a network's scores over partitions and seeds.

Every process gets `data`, the outputs of its direct upstream processes by name, and `hyperparameters`. What it returns
is a dict: the next process's `data`, and what a test finds under ``expops["its_name"]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from pytest_expops.core import log_metric, process, step

LABEL = "malignant"


@process()
def load(data: dict[str, Any], hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Read the CSV; processes run in the project's root, so `data_path` is relative to it."""
    return {"df": pd.read_csv(hyperparameters["data_path"])}


@process()
def feature_engineering_generic(data: dict[str, Any]) -> dict[str, Any]:
    """Add features that need no other row than their own, and shuffle; `df` is then cut into partitions.

    Shuffling comes first because partitions are consecutive rows, and the file is not in random order: its first third
    holds twice as many malignant masses as its last. `sample` draws from NumPy's global generator, which is seeded
    before every process: here with the base seed, as no seed layer is open yet.
    """
    df = data["load"]["df"]
    df["mean_roundness"] = 4 * np.pi * df["mean_area"] / df["mean_perimeter"] ** 2
    df["area_spread"] = df["worst_area"] / df["mean_area"]
    df["texture_spread"] = df["worst_texture"] / df["mean_texture"]
    return {"df": df.sample(frac=1.0, ignore_index=True)}


@process()
def preprocess(data: dict[str, Any], hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Hold out test rows of this partition, and standardise by what the other rows show."""
    df = data["feature_engineering_generic"]["df"]
    train, test = train_test_split(df, test_size=hyperparameters["test_size"], stratify=df[LABEL])
    scaler = StandardScaler().set_output(transform="pandas").fit(train.drop(columns=LABEL))
    return {
        "x_train": scaler.transform(train.drop(columns=LABEL)),
        "x_test": scaler.transform(test.drop(columns=LABEL)),
        "y_train": train[LABEL],
        "y_test": test[LABEL],
    }


@process()
def train_model(data: dict[str, Any], hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Train one network; the seed decides its first weights and the order of its batches."""
    rows = data["preprocess"]
    model = new_network(hyperparameters).fit(rows["x_train"], rows["y_train"])
    for loss in model.loss_curve_:
        log_metric("train_loss", loss)  # steps count up from 1: here, epochs
    return {"model": model}


def new_network(hyperparameters: dict[str, Any]) -> MLPClassifier:
    """An untrained network. Under a seed layer `random_seed` is among the hyperparameters."""
    return MLPClassifier(
        hidden_layer_sizes=hyperparameters["hidden_layer_sizes"],
        learning_rate_init=hyperparameters["learning_rate_init"],
        max_iter=hyperparameters["max_iter"],
        random_state=hyperparameters["random_seed"],
    )


@process()
def evaluate_model(data: dict[str, Any]) -> dict[str, Any]:
    """Judge one network on the rows held out."""
    model, rows = data["train_model"]["model"], data["preprocess"]
    probabilities = model.predict_proba(rows["x_test"][model.feature_names_in_])[:, 1]
    metrics = score(rows["y_test"], probabilities)
    for name, value in metrics.items():
        log_metric(name, value)
    return {"metrics": metrics, "labels": rows["y_test"].to_numpy(), "probabilities": probabilities}


@step()
def score(labels: pd.Series, probabilities: np.ndarray) -> dict[str, float]:
    """Accuracy at the threshold 0.5, and log loss in nats."""
    return {
        "accuracy": float(accuracy_score(labels, probabilities > 0.5)),
        "log_loss": float(log_loss(labels, probabilities)),
    }


@process()
def ensemble_aggregation(data: dict[str, Any]) -> dict[str, Any]:
    """Bring together what every partition and seed found: ``data["evaluate_model"]["data1"]["seed40"]["metrics"]``.

    Returns `scores` (a row per partition and seed), `summary` (mean and standard deviation of each metric), and
    `ensemble` (by partition, how well the seeds do together: the accuracy of their mean probability).
    """
    rows, ensemble = [], {}
    for partition, by_seed in data["evaluate_model"].items():
        rows += [{"partition": partition, "seed": seed, **result["metrics"]} for seed, result in by_seed.items()]
        labels = next(iter(by_seed.values()))["labels"]  # rows are held out before the seeds part, so all have the same
        together = np.mean([result["probabilities"] for result in by_seed.values()], axis=0)
        ensemble[partition] = float(accuracy_score(labels, together > 0.5))
    scores = pd.DataFrame(rows).set_index(["partition", "seed"])
    return {"scores": scores, "summary": scores.agg(["mean", "std"]), "ensemble": pd.Series(ensemble, name="accuracy")}


@process()
def report(data: dict[str, Any]) -> dict[str, Any]:
    """Put the summary into words."""
    results = data["ensemble_aggregation"]
    mean, std = results["summary"].loc["mean"], results["summary"].loc["std"]
    lines = [f"{len(results['scores'])} networks:"]
    lines += [f"  {metric} {mean[metric]:.3f} +- {std[metric]:.3f}" for metric in mean.index]
    lines += [f"  accuracy of the seeds together {results['ensemble'].mean():.3f}"]
    return {"text": "\n".join(lines)}
