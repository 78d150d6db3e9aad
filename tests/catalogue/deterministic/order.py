"""Sets, hashes and identities that are used, and do not reach the result."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
import weakref

import numpy as np
import pandas as pd

from pytest_expops.core import process, step


@process()
def sort_feature_names(frame):
    """A set of column names that is sorted before it is used"""
    names = {"age", "income", "visits", "tenure"} & set(frame.columns)
    features = frame[sorted(names)].to_numpy(dtype=float)
    return {"coefficients": np.linalg.lstsq(features, frame["clicks"].to_numpy(), rcond=None)[0]}


@process()
def filter_by_membership(reviews):
    """A set that is only asked whether it holds a word"""
    stopwords = {"good", "bad", "new", "old"}
    return {"filtered": [[word for word in review.split() if word not in stopwords] for review in reviews]}


@step()
def exact_total(values):
    return math.fsum(values)


@process()
def add_up_exactly(frame):
    """A floating sum over a set, by fsum, which rounds only once"""
    incomes = {f"{income:.12f}" for income in frame["income"]}
    return {"total": exact_total(float(income) for income in incomes)}


@process()
def add_up_whole_numbers(frame):
    """A sum of whole numbers in the order of a set"""
    visits = frame.groupby("user")["visits"].sum()
    return {"visits": int(sum(visits[user] for user in set(frame["user"])))}


@process()
def take_extremes_of_a_set(frame):
    """The largest members of a set, with ties settled by name"""
    cities = set(frame["city"])
    return {"largest": max(cities, key=lambda city: (len(city), city)), "first": min(cities)}


@process()
def rank_with_ties_settled(reviews):
    """The top words of a count, equally frequent ones by name"""
    words = [word for review in reviews for word in review.split()]
    return {"kept": sorted(set(words), key=lambda word: (-words.count(word), word))[:12]}


@process()
def vote_by_sorted_classes(frame):
    """A majority vote over a sorted set of votes"""
    models = [frame["city"].shift(shift, fill_value="Lyon").tolist() for shift in range(4)]
    return {"votes": [max(sorted(set(row)), key=row.count) for row in zip(*models, strict=True)]}


@process()
def dump_with_sorted_keys(frame):
    """JSON text of a dict filled in the order of a set, with its keys sorted"""
    settings = {city: len(city) for city in set(frame["city"])}
    text = json.dumps(settings, sort_keys=True)
    return {"text": text, "checksum": hashlib.sha256(text.encode()).hexdigest()}


@process()
def split_by_stable_hash(frame):
    """A split by a hash of the user's name that is the same everywhere"""
    digest = frame["user"].map(lambda user: int(hashlib.md5(user.encode()).hexdigest(), 16) % 10)
    return {"test": frame.loc[digest < 2, "user"].tolist()}


@process()
def hash_whole_numbers(frame):
    """The built-in hash of numbers, which is not salted"""
    return {"buckets": [hash((int(age), int(visits))) % 16 for age, visits in frame[["age", "visits"]].to_numpy()]}


@process()
def order_small_numbers(frame):
    """A set of small whole numbers, whose order is that of their values"""
    return {"ages": list({int(age) for age in frame["age"]})}


@process()
def name_by_uuid5(frame):
    """Identifiers that are a function of the name"""
    return {"ids": [str(uuid.uuid5(uuid.NAMESPACE_URL, user)) for user in frame["user"][:20]]}


@process()
def memoise_by_identity(frame):
    """A memo keyed by ids, from which only the values are taken"""
    memo = {}
    columns = [frame["age"], frame["income"], frame["age"]]
    return {"means": [memo.setdefault(id(column), float(column.mean())) for column in columns]}


@process()
def cache_weakly(frame):
    """A weak cache that is asked only for what is alive"""
    cache, alive = weakref.WeakValueDictionary(), [frame[[name]] for name in ("age", "income")]
    for number, each in enumerate(alive):
        cache[number] = each
    return {"means": [float(cache[number].iloc[:, 0].mean()) for number in range(2)]}


@process()
def visit_a_graph(frame):
    """Neighbours kept in sets, visited in sorted order"""
    graph = {}
    for one, other in zip(frame["city"], frame["city"].shift(-1).dropna(), strict=False):
        graph.setdefault(one, set()).add(other)
    seen, waiting = [], ["Lyon"]
    while waiting:
        city = waiting.pop(0)
        if city not in seen:
            seen.append(city)
            waiting += sorted(graph.get(city, ()))
    return {"visited": seen}


@process()
def deduplicate_in_order(frame):
    """dict.fromkeys, which takes out doubles and keeps the order, where a set would not"""
    return {"cities": list(dict.fromkeys(frame["city"]))}


@process()
def reindex_after_a_set(frame):
    """A table built in the order of a set, and sorted by its index"""
    rows = {city: frame.loc[frame["city"] == city, "income"].mean() for city in set(frame["city"])}
    return {"table": pd.Series(rows).sort_index()}


class Vocabulary:
    """Counts words, and keeps them in the order in which they came."""

    def __init__(self):
        self.counts = {}

    def add(self, words):
        for word in words:
            self.counts[word] = self.counts.get(word, 0) + 1


@process()
def look_up_in_an_object(reviews):
    """A count kept in an object in the order of a set, and only asked for words by name"""
    vocabulary = Vocabulary()
    vocabulary.add({word for review in reviews for word in review.split()})
    vocabulary.add(["good", "bad", "late"])
    return {"counts": vocabulary.counts, "known": [vocabulary.counts.get(word, 0) for word in ("good", "dirty")]}


@process()
def link_sorted_users(frame):
    """A graph whose nodes are added from a set that is sorted

    needs: networkx
    """
    import networkx as nx

    pairs = list(zip(frame["city"], frame["city"].shift(-1, fill_value="Lyon"), strict=True))
    graph = nx.Graph()
    graph.add_nodes_from(sorted({city for pair in pairs for city in pair}))
    graph.add_edges_from(pairs)
    return {"reached": list(nx.bfs_tree(graph, next(iter(graph.nodes))))}
