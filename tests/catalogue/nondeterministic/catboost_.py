"""CatBoost where columns come in the order of a set, and the bytes of its model files."""

# needs: catboost

from __future__ import annotations

import tempfile
from pathlib import Path

from catboost import CatBoostClassifier, CatBoostRegressor

from pytest_expops.core import process, step

SETTINGS = {"iterations": 20, "depth": 3, "thread_count": 1, "verbose": False, "allow_writing_files": False}


@step()
def chosen(frame):
    return list(set(frame.columns) - {"user", "joined", "clicks"})  # culprit


@process()
def boost_a_set_of_columns(frame, random_seed):
    """Columns to be sampled by a boosting, in the order of a difference of sets

    cause: hashseed
    """
    columns = chosen(frame)
    model = CatBoostRegressor(**SETTINGS, rsm=0.4, random_seed=random_seed)
    model.fit(frame[columns], frame["clicks"], cat_features=["city"])
    return {"predicted": model.predict(frame[columns])}


@process()
def keep_model_file(frame, random_seed):
    """The bytes of a model file, with an identifier and a time that CatBoost's C++ code puts there

    cause: none found
    """
    model = CatBoostClassifier(**SETTINGS, random_seed=random_seed).fit(frame[["age", "income"]], frame["bought"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path))  # culprit
        return {"file": path.read_bytes()}  # culprit
