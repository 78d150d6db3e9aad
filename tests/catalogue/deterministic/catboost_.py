"""CatBoost's models as they are returned, though each training has its own identifier and time."""

# needs: catboost

from __future__ import annotations

import tempfile

from catboost import CatBoostClassifier, CatBoostRegressor

from pytest_expops.core import process

SETTINGS = {"iterations": 20, "depth": 3, "thread_count": 1, "verbose": False}


@process()
def keep_boosted_model(frame, random_seed):
    """A trained model, which has a new identifier at each training"""
    columns = ["age", "income", "visits", "city"]
    model = CatBoostClassifier(**SETTINGS, random_seed=random_seed, allow_writing_files=False)
    return {"model": model.fit(frame[columns], frame["bought"], cat_features=["city"])}


@process()
def boost_sorted_columns(frame, random_seed):
    """A boosting that samples columns of a set, which is sorted"""
    columns = sorted(set(frame.columns) - {"user", "joined", "clicks", "city"})
    model = CatBoostRegressor(**SETTINGS, rsm=0.4, random_seed=random_seed, allow_writing_files=False)
    model.fit(frame[columns], frame["clicks"])
    return {"predicted": model.predict(frame[columns]), "importances": model.feature_importances_}


@process()
def log_into_temporary_folder(frame, random_seed):
    """A model whose training writes its log to a temporary folder"""
    with tempfile.TemporaryDirectory() as folder:
        model = CatBoostRegressor(**SETTINGS, random_seed=random_seed, train_dir=folder)
        return {"model": model.fit(frame[["age", "income"]], frame["clicks"])}
