"""scikit-learn where it draws from the global stream, or from a seed, or hashes with a hash of its own."""

# needs: sklearn, scipy

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.neural_network import MLPRegressor

from pytest_expops.core import process, step

FEATURES = ["age", "income", "visits", "tenure"]


@process()
def split_without_seed(frame):
    """A split without random_state, which draws from the seeded global stream"""
    train, test = train_test_split(frame, test_size=0.25)
    return {"train": train, "test": test}


@step()
def train(frame):
    return SGDClassifier().fit(frame[FEATURES], frame["bought"])


@process()
def fit_without_seed(frame):
    """An estimator with random_state=None"""
    return {"model": train(frame)}


@process()
def shuffle_folds_without_seed(frame):
    """Shuffled folds and their scores, without a seed"""
    folds = KFold(4, shuffle=True)
    return {"scores": cross_val_score(LogisticRegression(max_iter=500), frame[FEATURES], frame["bought"], cv=folds)}


@process()
def fit_forest_in_parallel(frame, random_seed):
    """A forest fitted by several threads, each tree with a seed of its own"""
    forest = RandomForestClassifier(20, max_depth=3, n_jobs=2, random_state=random_seed)
    forest.fit(frame[FEATURES], frame["bought"])
    return {"importances": forest.feature_importances_, "leaves": forest.apply(frame[FEATURES])}


@process()
def vectorise_words(reviews):
    """Vectorizers, one that sorts its vocabulary and one with a hash that is not salted"""
    counts = CountVectorizer().fit(reviews)
    hashed = HashingVectorizer(n_features=64).transform(reviews)
    return {"vocabulary": counts.vocabulary_, "counts": counts.transform(reviews), "hashed": hashed}


@process()
def keep_used_vectorizer(reviews):
    """A vectorizer that has been used, which notes the id of its stop words"""
    vectorizer = CountVectorizer(stop_words=["good", "bad"])
    return {"shape": vectorizer.fit_transform(reviews).shape, "vectorizer": vectorizer}


@process()
def reduce_with_seed(frame, random_seed):
    """A randomised decomposition with a seed"""
    return {"components": PCA(2, svd_solver="randomized", random_state=random_seed).fit(frame[FEATURES]).components_}


@process()
def train_network_without_seed(frame):
    """A small network whose weights and batches come from the global stream"""
    network = MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, early_stopping=True)
    return {"weights": network.fit(frame[FEATURES] / 50, frame["clicks"]).coefs_}


@process()
def build_sparse_from_a_set(frame):
    """A sparse matrix filled in the order of a set, and put in order"""
    cells = {(int(age) % 10, city) for age, city in zip(frame["age"], frame["city"], strict=True)}
    cities = sorted({city for _, city in cells})
    rows, columns = zip(*((row, cities.index(city)) for row, city in cells), strict=True)
    matrix = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(10, len(cities))).tocsr()
    matrix.sort_indices()
    return {"matrix": matrix}
