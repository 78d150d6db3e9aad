"""By-name injection (S2.2): what a function gets, and above all that parameters reach the model."""

from __future__ import annotations

from pathlib import Path

from tests.expops.running import config, run

LOAD = """
from expops.core import process

@process()
def load():
    return {"X_train": [1, 2], "y_train": [0, 1], "unused": "u"}
"""


def test_all_that_is_left_reaches_a_model_through_its_keywords(tmp_path: Path) -> None:
    """The global parameters, the process's own over them, and upstream keys that nobody names; `random_seed` not."""
    ran = run(
        tmp_path,
        config(
            "load train",
            """
            - name: load
            - name: train
              code: fit
              parameters: {n_estimators: 350, learning_rate: 0.1}
            """,
        ).replace("experiment:\n", "experiment:\n  parameters: {learning_rate: 0.5, test_size: 0.2}\n"),
        LOAD
        + """
@process()
def fit(X_train, y_train, **xgb_params):
    class Model:
        def __init__(self, n_estimators=100, learning_rate=0.3, test_size=None, unused=None):
            self.state = (n_estimators, learning_rate, test_size, unused)
    return {"state": Model(**xgb_params).state, "names": sorted(xgb_params)}
""",
    )
    assert ran.outputs("train") == {
        "state": (350, 0.1, 0.2, "u"),
        "names": ["learning_rate", "n_estimators", "test_size", "unused"],
    }


def test_the_seed_of_the_layer_or_else_the_base_seed_goes_to_who_declares_it(tmp_path: Path) -> None:
    """S4.2; and a splitter that asks gets the list of its seeds."""
    ran = run(
        tmp_path,
        config(
            "load seeds\nload before\nseeds train",
            """
            - name: load
            - name: before
              code: seed_of
            - name: seeds
              seed_parallelism: {seeds: [41, 43]}
            - name: train
              code: seed_of
            """,
            head="scripts: {main: src/model.py}\nreproducibility: {random_seed: 7}",
        ),
        LOAD
        + """
@process()
def seeds(seeds, **inputs):
    return {**inputs, "told": seeds}

@process()
def seed_of(random_seed, told=None):
    return {"seed": random_seed, "told": told}
""",
    )
    assert ran.outputs("before") == {"seed": 7, "told": None}
    assert ran.outputs("train_seed41") == {"seed": 41, "told": [41, 43]}
    assert ran.outputs("train_seed43") == {"seed": 43, "told": [41, 43]}
    assert ran.outputs("seeds")["X_train"] == [1, 2]


def test_functionless_splits_a_splitter_that_returns_rows_and_aggregation_by_key(tmp_path: Path) -> None:
    """S1.2, S2.3, S5.4: the output keys outside, partitions in them, seeds in these."""
    ran = run(
        tmp_path,
        config(
            "load rows\nrows seeds\nseeds train\ntrain merge",
            """
            - name: load
            - name: rows
              data_parallelism: {size: [1, 2], data_name: df}
            - name: seeds
              seed_parallelism: [41, 42]
            - name: train
            - name: merge
              data_aggregation: true
              seed_aggregation: true
            """,
        ),
        LOAD
        + """
@process()
def rows(X_train):
    return [{"a": 1}, {"a": 2}, {"a": 3}]

@process()
def train(df, random_seed):
    return {"score": (len(df), random_seed)}

@process()
def merge(score):
    return {"score": score}
""",
    )
    assert ran.outputs("merge")["score"] == {
        "data1": {"seed41": (1, 41), "seed42": (1, 42)},
        "data2": {"seed41": (2, 41), "seed42": (2, 42)},
    }


def test_a_key_that_two_upstreams_return_is_an_error_only_where_it_is_taken(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        config(
            "load takes\nother takes\nload leaves\nother leaves",
            "- name: load\n- name: other\n  code: load\n- name: takes\n- name: leaves",
        ),
        LOAD + "\ndef takes(X_train):\n    return {}\n\ndef leaves(rows=None):\n    return {'rows': rows}\n",
    )
    assert ran.outputs("leaves") == {"rows": None}
    assert "`X_train` is offered twice: by the output of `load` and by the output of `other`" in ran.failure("takes")
