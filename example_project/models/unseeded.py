"""The same pipeline with two honest mistakes in it, of the kind that no score ever shows.

Nothing here crashes, and the networks are as good as those of `breast_cancer.py`. Yet no seed brings a result back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from breast_cancer import (  # noqa: F401  the other processes are as they were
    ensemble_aggregation,
    evaluate_model,
    feature_engineering_generic,
    load,
    new_network,
    preprocess,
    report,
)

from pytest_expops.core import log_metric, process

TOO_SIMILAR = 0.95


@process()
def select_features(data: dict[str, Any]) -> dict[str, Any]:
    """Drop each feature that tells almost the same as one before it.

    Mistake: `features` takes its order from a set of strings, and so from Python's hash seed, another in each
    interpreter. The same features are chosen every time, but in another order, so that the network's first weights
    fall on other features. Cure: ``features = [name for name in x_train if name not in redundant]``.
    """
    x_train = data["preprocess"]["x_train"]
    similarity = np.triu(np.abs(np.corrcoef(x_train, rowvar=False)), k=1)
    redundant = {name for name, column in zip(x_train.columns, similarity.T, strict=True) if column.max() > TOO_SIMILAR}
    features = list(set(x_train.columns) - redundant)
    return {"features": features}


@process()
def train_model(data: dict[str, Any], hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Train one network on a bootstrap sample of the rows.

    Mistake: the generator that draws the sample is made without a seed, so it takes one from the operating system,
    which no `random.seed` or `np.random.seed` reaches. That the network itself is seeded does not help.
    Cure: ``np.random.default_rng(hyperparameters["random_seed"])``.
    """
    rows, features = data["preprocess"], data["select_features"]["features"]
    generator = np.random.default_rng()
    drawn = generator.integers(len(rows["y_train"]), size=len(rows["y_train"]))
    model = new_network(hyperparameters).fit(rows["x_train"][features].iloc[drawn], rows["y_train"].iloc[drawn])
    for loss in model.loss_curve_:
        log_metric("train_loss", loss)
    return {"model": model}
