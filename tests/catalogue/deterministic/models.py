"""Models that keep when, where and how fast they were made, besides what they are."""

# needs: sklearn

from __future__ import annotations

import tempfile

import joblib
import numpy as np
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes an import below possible)
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_expops.core import process

FEATURES = ["age", "income", "visits"]


@process()
def keep_grid_search(frame):
    """A grid search as it is, with the times of its fits"""
    return {"search": GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(frame[FEATURES], frame["clicks"])}


@process()
def keep_halving_search(frame, random_seed):
    """A search by halving as it is, with the times of its fits"""
    search = HalvingGridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=3, random_state=random_seed)
    return {"search": search.fit(frame[FEATURES], frame["clicks"])}


@process()
def keep_pipeline_with_cache(frame):
    """A pipeline that caches its steps in a temporary folder"""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = make_pipeline(StandardScaler(), Ridge(), memory=joblib.Memory(folder, verbose=0))
        return {"pipeline": pipeline.fit(frame[FEATURES], frame["clicks"])}


@process()
def keep_figure(frame):
    """A figure, whose parts refer to each other by their addresses

    needs: matplotlib
    """
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.hist(frame["age"], bins=10)
    axes.set_title("customers")
    return {"figure": figure}


@process()
def keep_word_vectors(reviews, random_seed):
    """Word vectors with a log of their training

    needs: gensim
    """
    from gensim.models import Word2Vec

    words = [review.split() for review in reviews]
    return {"model": Word2Vec(words, vector_size=8, min_count=1, seed=random_seed, workers=1)}


@process()
def keep_study(frame, random_seed):
    """A study without a name, with the times of its trials

    needs: optuna
    """
    import optuna

    rows, clicks = frame[FEATURES].to_numpy(), frame["clicks"].to_numpy()

    def objective(trial):
        penalty = trial.suggest_float("penalty", 0.01, 10.0, log=True)
        weights = np.linalg.solve(rows.T @ rows + penalty * np.eye(3), rows.T @ clicks)
        return float(np.mean((rows @ weights - clicks) ** 2))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=random_seed))
    study.optimize(objective, n_trials=5)
    return {"study": study, "best": study.best_trial}


@process()
def keep_blank_pipeline():
    """A pipeline of spaCy, whose stop words are a set

    needs: spacy
    """
    import spacy

    return {"pipeline": spacy.blank("en"), "document": spacy.blank("en")("good and cheap")}


@process()
def keep_drawn_posterior(random_seed):
    """Draws with the moment at which they were made

    needs: arviz
    """
    import arviz

    return {"draws": arviz.from_dict(posterior={"mean": np.random.default_rng(random_seed).normal(size=(2, 20))})}
