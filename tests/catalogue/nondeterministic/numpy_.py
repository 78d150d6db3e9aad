"""NumPy where arrays are not filled, buffers are not zeroed, or the BLAS divides the work among threads."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np

from pytest_expops.core import process, step


def pad(rows, length):
    table = np.empty((len(rows), length))  # culprit
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


@process()
def pad_without_filling(reviews):
    """Sequences padded with whatever was in memory

    cause: memory
    """
    return {
        "lengths": pad([[len(word) for word in review.split()[: 3 + i % 5]] for i, review in enumerate(reviews)], 8)
    }


@process()
def skip_missing_groups(frame):
    """A table of group means, of which one that has no rows is never written

    cause: memory
    """
    scratch = [str(value) for value in np.sqrt(frame["age"])]
    del scratch
    means = np.empty(37)  # culprit
    for rating in range(1, 6):
        means[rating] = frame.loc[frame["rating"] == rating, "income"].mean()
    return {"means": means}


@step()
def inner(one, other):
    return float(one @ other)  # culprit


@process()
def multiply_long_vectors(random_seed):
    """An inner product that the BLAS divides among its threads

    cause: threads
    vary: threads
    """
    one, other = np.random.default_rng(random_seed).normal(size=(2, 400_000))
    return {"similarity": inner(one, other)}


@process()
def solve_normal_equations(random_seed):
    """A linear system solved by as many threads as there are

    cause: threads
    vary: threads
    """
    matrix = np.random.default_rng(random_seed).normal(size=(300, 300))
    return {"solution": np.linalg.solve(matrix, matrix[0] + 1.0)}  # culprit


def checksum(value):
    return hashlib.sha256(pickle.dumps(value)).hexdigest()  # culprit


@process()
def name_by_pickle(frame):
    """A checksum of the pickle of a set of strings

    cause: hashseed
    """
    classes = frozenset(frame["city"])
    return {"classes": classes, "checksum": checksum({"classes": classes, "version": 2})}


@process()
def shuffle_ties(frame):
    """Scores ranked after ties were broken by an unseeded draw

    cause: entropy
    """
    breaking = np.random.RandomState().uniform(size=len(frame))  # culprit
    order = np.lexsort((breaking, frame["rating"].to_numpy()))
    return {"top": frame["user"].to_numpy()[order[-20:]]}
