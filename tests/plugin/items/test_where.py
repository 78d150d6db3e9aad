"""A line is named only if what differs there reaches the result: names that are drawn, and orders, mostly do not."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Project

SCRIPT = """
    import uuid

    import networkx as nx
    import numpy as np

    def start():
        return {"words": [f"word{number}" for number in range(30)]}

    class Study:
        def __init__(self):
            self.name = f"study-{uuid.uuid4()}"
            self.values = []

        def tell(self, value):
            self.values.append(value)

    def drawn_name(words):
        study = Study()
        for _ in words:
            study.tell(np.random.default_rng().normal())  # drawn_name
        return {"best": max(study.values)}

    def name_of_a_seeded_study(words, random_seed):
        study, rng = Study(), np.random.default_rng(random_seed)
        order = list(set(words))  # name_of_a_seeded_study
        study.tell(rng.normal())
        return {"best": study.values[0], "order": order}

    def harmless_order(words):
        counts = dict.fromkeys(set(words), 1)
        drawn = np.random.default_rng().normal(size=len(counts))  # harmless_order
        return {"drawn": drawn}

    class Index:
        def __init__(self):
            self.known = {"settings": {}}

    def order_in_an_object(words):
        index = Index()
        index.known["settings"].update(dict.fromkeys(set(words), 1))  # order_in_an_object
        size = len(index.known)
        first = next(iter(index.known["settings"]))
        return {"first": first, "size": size}

    def order_of_nodes(words):
        graph = nx.Graph()
        graph.add_nodes_from({word for word in words})  # order_of_nodes
        graph.add_edges_from(zip(words, words[1:]))
        count = graph.number_of_nodes()
        first = list(graph.nodes)[0]
        return {"first": first, "count": count}

    def made_and_used(words):
        def fresh():
            return np.random.default_rng()  # made_and_used
        label = f"run-{uuid.uuid4()}"
        rng = fresh()
        print(label)
        return {"drawn": rng.normal()}

    class Registry:
        def __init__(self):
            self.key = id(self)
            self.known = []

    REGISTRY = Registry()

    def module_with_an_address(words):
        order = list(set(words))  # module_with_an_address
        return {"order": order, "known": len(REGISTRY.known)}
"""
NAMES = [
    "drawn_name",
    "name_of_a_seeded_study",
    "harmless_order",
    "order_in_an_object",
    "order_of_nodes",
    "made_and_used",
    "module_with_an_address",
]


@pytest.mark.slow
def test_the_line_is_the_one_that_reaches_the_result(project: Project) -> None:
    pytest.importorskip("networkx")
    edges = "\n".join(f"start {name}" for name in NAMES)
    project.write(edges, SCRIPT, {"start": {"seed_parallelism": {"seeds": [7]}}})
    outcome = project.run("-n0", "--expops-replays=6", diagnose=True)
    assert outcome.where("failed") == {f"{name}_seed7[replay]" for name in NAMES}
    found = {}
    for name in NAMES:
        code = re.search(r"where:  .*\n            (.*)", outcome.message(f"{name}_seed7[replay]"))
        found[name] = code[1].rpartition("# ")[2] if code else "nowhere"
    assert found == dict(zip(NAMES, NAMES, strict=True))
