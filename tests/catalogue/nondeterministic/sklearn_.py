"""scikit-learn and SciPy where the plugin's seeds do not reach, and what they report besides the model."""

# needs: sklearn, scipy

from __future__ import annotations

import numpy as np
from scipy.stats import qmc
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.preprocessing import StandardScaler

from pytest_expops.core import process, step

FEATURES = ["age", "income", "visits", "tenure"]
ONLINE = SGDClassifier(random_state=0)


def split(frame):
    return train_test_split(frame, test_size=0.25, random_state=np.random.RandomState())  # culprit


@process()
def split_with_fresh_state(frame, random_seed):
    """A split by a RandomState without a seed, before a model with one

    cause: entropy
    """
    train, test = split(frame)
    model = LogisticRegression(random_state=random_seed, max_iter=500).fit(train[FEATURES], train["bought"])
    return {"coefficients": model.coef_, "accuracy": model.score(test[FEATURES], test["bought"])}


@process()
def cross_validate_with_times(frame):
    """All that cross_validate returns, times included

    cause: clock
    """
    scores = cross_validate(Ridge(), frame[FEATURES], frame["clicks"], cv=3)  # culprit
    return {"scores": scores}


@process()
def search_with_times(frame):
    """A grid search whose whole table of results is kept

    cause: clock
    """
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3)
    search.fit(frame[FEATURES], frame["clicks"])  # culprit
    return {"best": search.best_params_, "table": search.cv_results_}


def forest(frame, seed):
    model = RandomForestRegressor(300, max_depth=3, random_state=seed, n_jobs=4)
    return model.fit(frame[FEATURES], frame["clicks"])


@process()
def predict_in_parallel(frame, random_seed):
    """A seeded forest whose trees are added up by threads as they finish

    cause: threads
    """
    model = forest(frame, random_seed)
    rows = frame[FEATURES].sample(4_000, replace=True)
    return {"predicted": model.predict(rows), "importances": model.feature_importances_}  # culprit


@step()
def cluster(rows, seed):
    return KMeans(4, n_init=1, random_state=seed).fit(rows)  # culprit


@process()
def cluster_in_parallel(random_seed):
    """Centers that each thread adds up for its part of the rows

    cause: threads
    vary: threads
    """
    rows = np.random.default_rng(random_seed).normal(size=(3_000, 10))
    return {"centers": cluster(rows, random_seed).cluster_centers_}


@process()
def scale_a_set_of_columns(frame):
    """A column transformer over a set of names

    cause: hashseed
    """
    chosen = {"age", "income", "visits", "tenure", "rating", "clicks"} & set(frame.columns)
    transformer = ColumnTransformer([("scale", StandardScaler(), list(chosen))])  # culprit
    return {"scaled": transformer.fit_transform(frame)}


@process()
def pretrain_online(frame):
    """Fits the model of the module

    helper: yes
    """
    ONLINE.partial_fit(frame[FEATURES], frame["bought"], classes=[0, 1])
    return {"rows": len(frame)}


@process()
def train_online(frame):
    """An online model of the module, which another process has trained already

    cause: state
    after: pretrain_online
    """
    features = StandardScaler().fit_transform(frame[FEATURES])
    ONLINE.partial_fit(features, frame["bought"], classes=[0, 1])  # culprit
    return {"coefficients": ONLINE.coef_.copy()}


@process()
def sample_a_design(frame):
    """A scrambled Sobol design without a seed, for a search of hyperparameters

    cause: entropy
    """
    design = qmc.Sobol(2, scramble=True).random(8)  # culprit
    alphas = 10 ** qmc.scale(design, [-3, 0], [1, 1])[:, 0]
    scores = [Ridge(alpha=alpha).fit(frame[FEATURES], frame["clicks"]).coef_[0] for alpha in alphas]
    return {"alphas": alphas, "scores": scores}
