"""What is expected of the pipeline for other partitions than the configured ones; Hypothesis draws them.

`expops.run` runs a variation of the pipeline here and in memory. What the variation does not touch is the session's
own, so each of these runs takes some milliseconds. See docs/properties.md.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pytest_expops.laws import seed_invariant
from pytest_expops.strategies import frames, partition_sizes

PATIENTS = 569
quick = settings(max_examples=10, deadline=None, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])


@quick
@given(sizes=partition_sizes(PATIENTS, min_rows=40))
def test_each_patient_is_in_one_partition_however_they_are_split(expops, sizes):
    """With fewer than 40 patients in a partition, no test row might be malignant."""
    result = expops.run("preprocess", partitions={"feature_engineering_generic": sizes})
    partitions = result.outputs("preprocess").values()
    held = np.concatenate([rows.index for each in partitions for rows in (each["x_train"], each["x_test"])])

    assert sorted(held) == list(range(PATIENTS))


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="`summary` gives every partition the same weight, whatever its size: it is a mean of means",
)
@settings(quick, max_examples=200)
@given(
    predictions=frames({"label": "bool", "probability": st.sampled_from([0.1, 0.9])}, min_rows=4, max_rows=4),
    sizes=partition_sizes(4, allow_empty=False),
)
def test_the_mean_accuracy_does_not_depend_on_how_patients_are_split(expops, predictions, sizes):
    """The same patients with the same predictions; the networks have no part in it."""
    whole, split = mean_accuracy(expops, predictions, 1), mean_accuracy(expops, predictions, sizes)

    assert split == pytest.approx(whole)


def mean_accuracy(expops, predictions: pd.DataFrame, sizes: int | list[int]) -> float:
    """The mean accuracy in `summary`, if these predictions are all there is, split like this."""
    cuts = sizes if isinstance(sizes, int) else np.cumsum(sizes)[:-1]
    partitions = [predictions.iloc[rows] for rows in np.array_split(np.arange(len(predictions)), cuts)]
    evaluated = {
        f"evaluate_model_{number}_seed40": {
            "metrics": {"accuracy": float(((part["probability"] > 0.5) == part["label"]).mean())},
            "labels": part["label"].to_numpy(),
            "probabilities": part["probability"].to_numpy(dtype=float),
        }
        for number, part in enumerate(partitions, start=1)
    }
    result = expops.run(
        "ensemble_aggregation",
        partitions={"feature_engineering_generic": len(partitions)},
        seeds={"preprocess": [40]},
        outputs=evaluated,
    )
    return float(result["ensemble_aggregation"]["summary"].loc["mean", "accuracy"])


def test_the_report_draws_nothing_at_random(expops):
    seed_invariant(expops, "report")
