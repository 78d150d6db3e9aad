"""Orders and numbers that come from the hashes of strings, which every interpreter salts anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pytest_expops.core import process, step

NUMBERS = {"age", "income", "visits", "tenure", "rating", "bought", "clicks"}


def feature_names(frame, without):
    return [name for name in NUMBERS if name not in without]  # culprit


@process()
def order_features(frame):
    """Coefficients in the order of a set of column names

    cause: hashseed
    """
    names = feature_names(frame, without={"clicks"})
    features = frame[names].to_numpy(dtype=float)
    coefficients, *_ = np.linalg.lstsq(features, frame["clicks"].to_numpy(), rcond=None)
    return {"coefficients": coefficients, "sorted": sorted(names)}


def build_vocabulary(documents):
    words = set()
    for document in documents:
        words.update(document.split())
    return {word: number for number, word in enumerate(words)}  # culprit


@process()
def number_words(reviews):
    """A vocabulary numbered in the order of a set

    cause: hashseed
    """
    vocabulary = build_vocabulary(reviews)
    counts = np.zeros((len(reviews), len(vocabulary)), dtype=int)
    for row, review in enumerate(reviews):
        for word in review.split():
            counts[row, vocabulary[word]] += 1
    return {"counts": counts}


def bucket(token, size):
    return hash(token) % size  # culprit


@process()
def hash_features(reviews):
    """The hashing trick, with the built-in hash

    cause: hashseed
    """
    table = np.zeros((len(reviews), 32))
    for row, review in enumerate(reviews):
        for token in review.split():
            table[row, bucket(token, 32)] += 1
    return {"table": table}


@process()
def split_by_hash(frame):
    """A train and test split by the hash of the user's name

    cause: hashseed
    """
    is_test = frame["user"].map(lambda user: hash(user) % 10 < 2)  # culprit
    return {"train": int((~is_test).sum()), "test_mean": float(frame.loc[is_test, "income"].sum())}


@process()
def add_up_a_set(frame):
    """Floating sums over the members of a set, in the order of the set

    cause: hashseed
    """
    income = frame.groupby("user")["income"].first()
    totals = {}
    for city, rows in frame.groupby("city"):
        totals[city] = sum(income[user] * 1.1 for user in set(rows["user"]))  # culprit
    return {"totals": totals, "users": len(set(frame["user"]))}


@step()
def encode(values):
    codes = {}
    for value in frozenset(values):  # culprit
        codes.setdefault(value, len(codes))
    return [codes[value] for value in values]


@process()
def encode_labels(frame):
    """Label codes given out in the order of a frozenset

    cause: hashseed
    """
    return {"codes": encode(list(frame["city"]))}


@process()
def write_prompt(frame):
    """A prompt that lists the categories of a set

    cause: hashseed
    """
    cities = {city for city in frame["city"] if city != "Oslo"}
    listed = ", ".join(cities)  # culprit
    return {"prompt": f"Classify the customer as one of: {listed}.", "choices": len(cities)}


@process()
def drop_correlated(frame):
    """Of correlated columns the one that the set gives first is kept

    cause: hashseed
    """
    columns = {
        f"{name}_x{factor}": frame[name] * factor for name in ("age", "income", "clicks") for factor in (1, 2, 3, 4)
    }
    correlation = pd.DataFrame(columns).corr().abs()
    kept = []
    for name in set(columns):  # culprit
        if all(correlation.loc[name, other] < 0.95 for other in kept):
            kept.append(name)
    return {"kept": sorted(kept), "of": len(columns)}


@process()
def take_from_a_set(frame):
    """Work taken from a set with pop, each result depending on the one before

    cause: hashseed
    """
    pending, smoothed, path = set(frame["city"]), 0.0, []
    income = frame.groupby("city")["income"].mean()
    while pending:
        city = pending.pop()  # culprit
        smoothed = 0.5 * smoothed + 0.5 * income[city]
        path.append(smoothed)
    return {"smoothed": path}


def majority(votes):
    return max(set(votes), key=votes.count)  # culprit


@process()
def vote(frame):
    """A majority vote whose ties are settled by the order of a set

    cause: hashseed
    """
    models = [frame["city"].shift(shift, fill_value="Lyon").tolist() for shift in range(4)]
    return {"votes": [majority(list(row)) for row in zip(*models, strict=True)]}


@process()
def fold_by_file(frame):
    """Folds over a set of paths

    cause: hashseed
    """
    files = {Path("shards") / f"{city}.csv" for city in frame["city"]}
    folds = [[], [], []]
    for number, file in enumerate(files):  # culprit
        folds[number % 3].append(file.name)
    return {"folds": [sorted(fold) for fold in folds]}


@process()
def limit_vocabulary(reviews):
    """The top words of a count, cut amid words that are equally frequent

    cause: hashseed
    """
    words = [word for review in reviews for word in review.split()]
    distinct = set(words)
    by_count = sorted(distinct, key=words.count, reverse=True)  # culprit
    return {"kept": by_count[:12], "distinct": len(distinct)}


class Vocabulary:
    """Counts words, and keeps them in the order in which they came."""

    def __init__(self):
        self.counts = {}

    def add(self, words):
        for word in words:  # culprit
            self.counts[word] = self.counts.get(word, 0) + 1


@process()
def count_in_an_object(reviews):
    """A count kept in an object, whose first of several frequent words is taken some lines later

    cause: hashseed
    """
    vocabulary = Vocabulary()
    vocabulary.add({word for review in reviews for word in review.split()})  # culprit
    vocabulary.add(["good", "bad", "late"])
    size = len(vocabulary.counts)
    rare = min(vocabulary.counts, key=vocabulary.counts.get)
    return {"rare": rare, "size": size}


@process()
def link_users(frame):
    """A graph whose nodes are added from a set, so that they come in another order, and the search begins elsewhere

    cause: hashseed
    needs: networkx
    """
    import networkx as nx

    pairs = list(zip(frame["city"], frame["city"].shift(-1, fill_value="Lyon"), strict=True))
    graph = nx.Graph()
    graph.add_nodes_from({city for pair in pairs for city in pair})  # culprit
    graph.add_edges_from(pairs)
    first = next(iter(graph.nodes))
    reached = list(nx.bfs_tree(graph, first))
    return {"reached": reached, "nodes": list(graph.nodes), "edges": graph.number_of_edges()}
