"""What is expected of the results, once every process of the pipeline has run.

Three ways to them: a fixture named after an aggregation process is its output; ``expops[name]`` is any process's;
``expops.outputs(name)`` and ``expops.metrics(name)`` are those of all its partitions and seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def test_every_partition_and_seed_is_scored_once(ensemble_aggregation, expops):
    scores = ensemble_aggregation["scores"]
    evaluated = expops.outputs("evaluate_model")

    assert len(scores) == len(evaluated)
    assert scores.index.is_unique
    assert not scores.isna().any(axis=None)


def test_networks_are_good_on_average_and_none_is_useless(ensemble_aggregation):
    scores, summary = ensemble_aggregation["scores"], ensemble_aggregation["summary"]

    assert summary.loc["mean", "accuracy"] > 0.9
    assert summary.loc["mean", "log_loss"] < 0.3
    assert scores["accuracy"].min() > 0.85


def test_seeds_change_the_accuracy_by_less_than_eight_points(ensemble_aggregation):
    accuracy = ensemble_aggregation["scores"]["accuracy"].groupby("partition", sort=False)

    assert (accuracy.max() - accuracy.min()).max() < 0.08


def test_seeds_together_are_about_as_good_as_alone_or_better(ensemble_aggregation):
    together, alone = ensemble_aggregation["ensemble"].mean(), ensemble_aggregation["summary"].loc["mean", "accuracy"]

    assert together > alone - 0.02


def test_each_patient_is_in_one_partition_and_either_trains_or_tests(expops):
    patients = expops["feature_engineering_generic"]["df"]
    partitions = expops.outputs("preprocess").values()
    held = [rows.index for each in partitions for rows in (each["x_train"], each["x_test"])]

    assert sorted(np.concatenate(held)) == sorted(patients.index)


def test_another_seed_makes_another_network(expops):
    first_weights = [output["model"].coefs_[0] for output in expops.outputs("train_model").values()]

    assert len({weights.tobytes() for weights in first_weights}) == len(first_weights)


def test_training_loss_falls_to_a_twentieth(expops):
    losses = expops.metrics("train_model").query("metric == 'train_loss'").sort_values("step")
    by_network = losses.groupby(["partition", "seed"])["value"]

    assert len(by_network) == len(expops.outputs("train_model"))
    assert (by_network.last() < by_network.first() / 20).all()


def test_logged_metrics_are_those_that_the_aggregation_saw(expops, ensemble_aggregation):
    logged = expops.metrics("evaluate_model").pivot_table(values="value", index=["partition", "seed"], columns="metric")

    pd.testing.assert_frame_equal(
        logged.reset_index(drop=True), ensemble_aggregation["scores"].reset_index(drop=True), check_names=False
    )


def test_report_names_every_metric(expops, ensemble_aggregation):
    text = expops["report"]["text"]

    assert [name for name in ensemble_aggregation["summary"].columns if name not in text] == []
