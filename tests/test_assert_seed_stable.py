"""`assert_seed_stable`: what it takes, what it asserts, and what it says."""

from __future__ import annotations

import unittest
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special  # noqa: F401 - which bears to be imported only once, see conftest.py

from pytest_expops import StabilityError, assert_seed_stable
from pytest_expops.verdicts.stability.claims import ClaimStatus, Finding
from tests.conftest import Project

VALUES = {40: 0.90, 41: 0.92, 42: 0.91, 43: 0.93}
FRAME = pd.DataFrame({"seed": list(VALUES), "value": list(VALUES.values())})


@pytest.mark.parametrize(
    ("values", "seeds"),
    [
        (VALUES, ["40", "41", "42", "43"]),
        (pd.Series(VALUES), ["40", "41", "42", "43"]),
        (FRAME, ["40", "41", "42", "43"]),
        (np.array(list(VALUES.values()), dtype="float64"), ["0", "1", "2", "3"]),
        (list(VALUES.values()), ["0", "1", "2", "3"]),
    ],
    ids=["mapping", "series", "frame", "array", "list"],
)
def test_values_may_come_in_many_forms(values: Any, seeds: list[str]) -> None:
    found = assert_seed_stable(values, min_value=0.9, max_range=0.03)
    assert isinstance(found, Finding)
    assert found.readings == {"": dict(zip(seeds, VALUES.values(), strict=True))}
    with pytest.raises(AssertionError, match=r"^FAIL: value: min_value 0.91: obtained 0.9\n"):
        assert_seed_stable(values, min_value=0.91)


def test_every_bound_of_a_config_is_a_keyword() -> None:
    bounds = {
        "min_mean": 0.8,
        "max_mean": 1.0,
        "min_std": 0.0,
        "max_std": 0.5,
        "max_range": 0.03,
        "max_cv": 0.9,
        "min_value": 0.9,
        "max_value": 0.93,
    }
    found = assert_seed_stable(VALUES, **bounds)  # type: ignore[arg-type]
    assert {claim.bound: claim.limit for claim in found.claims} == bounds
    assert found.together == 5


def test_a_violation_shows_the_values_per_seed() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_seed_stable(pd.Series(VALUES, name="accuracy"), min_mean=0.95, max_range=0.01)
    assert str(caught.value) == "\n".join(
        [
            "FAIL: accuracy: min_mean 0.95: obtained 0.915, with 4 seeds the interval is 0.8945 to 0.9355 (and 1 more)",
            "",
            "accuracy, 4 seeds",
            "  FAIL      min_mean 0.95: obtained 0.915, with 4 seeds the interval is 0.8945 to 0.9355",
            "  FAIL      max_range 0.01: obtained 0.03",
            "",
            "  seed  accuracy",
            "    40       0.9",
            "    41      0.92",
            "    42      0.91",
            "    43      0.93",
            "  mean     0.915",
            "   std   0.01291",
            "",
            "(the interval holds for all seeds that there might be, with 95 % confidence)",
        ]
    )


def test_what_cannot_be_decided_fails_unless_asked_otherwise() -> None:
    """An assertion that was not shown is not a passed one."""
    told = r"^UNDECIDED: value: min_mean 0.91: obtained 0.915, with 4 seeds .*; 29 seeds would decide at this spread\n"
    with pytest.raises(AssertionError, match=told):
        assert_seed_stable(VALUES, min_mean=0.91)
    with pytest.raises(unittest.SkipTest, match=r"^UNDECIDED: value: min_mean 0.91"):
        assert_seed_stable(VALUES, min_mean=0.91, undecided="skip")
    assert assert_seed_stable(VALUES, min_mean=0.91, undecided="pass").status is ClaimStatus.UNDECIDED
    with pytest.raises(AssertionError, match=r"^FAIL: value: min_mean 0.99: "):
        assert_seed_stable(VALUES, min_mean=0.99, undecided="pass")


def test_the_last_step_of_a_series_counts_whatever_the_order_of_rows() -> None:
    frame = pd.DataFrame(
        {
            "partition": [1, 1, 1, 2, 2],
            "seed": [7, 8, 7, 7, 8],
            "step": [10, 1, 2, 1, 1],
            "value": [0.1, 0.2, 99.0, 0.3, 0.4],
            "metric": "loss",
        }
    ).astype({"partition": "Int64", "seed": "Int64"})
    found = assert_seed_stable(frame, max_value=0.4)
    assert found.readings == {"partition 1": {"7": 0.1, "8": 0.2}, "partition 2": {"7": 0.3, "8": 0.4}}
    assert found.metric == "loss"
    assert [dict(group.values) for group in assert_seed_stable(frame, max_value=0.4, over="all").groups] == [
        {"7": pytest.approx(0.2), "8": pytest.approx(0.3)}
    ]


def test_several_layers_are_groups_and_the_innermost_seed_varies() -> None:
    frame = pd.DataFrame({"partition": [(1, 2), (1, 2)], "seed": [(5, 7), (5, 8)], "value": [1.0, 2.0]})
    assert assert_seed_stable(frame, max_value=2).readings == {"partition 1, 2, outer seed 5": {"7": 1.0, "8": 2.0}}
    without = pd.DataFrame({"partition": pd.array([pd.NA, None], dtype="Int64"), "seed": [7, 8], "value": [1.0, 2.0]})
    assert assert_seed_stable(without, max_value=2).readings == {"": {"7": 1.0, "8": 2.0}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "`value` has no value for any seed"),
        ({1: 0.5, 2: float("nan")}, "`value` is nan for seed 2; expected finite numbers"),
        ({1: "0.5"}, "the value of seed 1 is '0.5' of type str; expected a number"),
        ({1: None}, "the value of seed 1 is None of type NoneType; expected a number"),
        (pd.Series([1.0, 2.0], index=[7, 7]), "seed 7 has two values"),
        (pd.DataFrame({"seed": [7, 7], "value": [1.0, 2.0]}), "seed 7 has two values"),
        (pd.DataFrame({"seed": [7, 7], "step": [1, 1], "value": [1.0, 2.0]}), "seed 7 has two values"),
        (pd.DataFrame({"seed": [7], "metric": ["loss"]}), "the frame has no column `value`, but `seed`, `metric`"),
        (
            pd.DataFrame({"seed": [7, 7], "metric": ["loss", "score"], "value": [1.0, 2.0]}),
            "the frame has several metrics: `loss`, `score`",
        ),
        (pd.DataFrame({"seed": pd.array([pd.NA], dtype="Int64"), "value": [1.0]}), "a row has no seed"),
        (3, "the values are of type int; expected a frame with the columns `seed` and `value`"),
    ],
)
def test_what_is_no_number_per_seed_is_an_error(values: Any, message: str) -> None:
    with pytest.raises(StabilityError) as caught:
        assert_seed_stable(values, min_mean=0.0)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({}, TypeError, "assert_seed_stable needs a bound: any of min_mean, max_mean, .*, max_value"),
        ({"max_std": float("nan")}, ValueError, "max_std: a number from 0 to 1e300 is expected, not nan"),
        ({"max_std": 1, "over": "partitions"}, ValueError, "over is 'partition' or 'all', not 'partitions'"),
        ({"max_std": 1, "undecided": "xfail"}, ValueError, "undecided is 'fail', 'skip' or 'pass', not 'xfail'"),
        ({"max_std": 1, "confidence": 95}, ValueError, "confidence: a number between 0 and 1 is expected, not 95"),
    ],
)
def test_arguments_that_make_no_sense_are_errors(keywords: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        assert_seed_stable(VALUES, **keywords)


def test_it_takes_the_metrics_of_a_run_and_skips_as_pytest_does(project: Project) -> None:
    project.write(
        "start evaluate",
        """
        from pytest_expops.core import log_metric
        def start(data): return {}
        def evaluate(data, hyperparameters):
            log_metric("accuracy", 0.5)
            log_metric("accuracy", 0.9 + hyperparameters["random_seed"] / 100)
            log_metric("loss", 5)
            return {}
        """,
        {"start": {"seed_parallelism": [1, 2, 3]}},
    )
    project.pytester.makepyfile(
        """
        import pytest
        from pytest_expops import assert_seed_stable
        @pytest.fixture
        def accuracy(expops): return expops.metrics("evaluate").query("metric == 'accuracy'")
        def test_holds(accuracy): assert_seed_stable(accuracy, min_value=0.9, max_range=0.05)
        def test_fails(accuracy): assert_seed_stable(accuracy, max_value=0.9)
        def test_open(accuracy): assert_seed_stable(accuracy, min_mean=0.92, undecided="skip")
        """
    )
    outcome = project.run(
        "--expops-replay=none", "--rootdir=.", "test_it_takes_the_metrics_of_a_run_and_skips_as_pytest_does.py"
    )
    tests = {name: each for name, each in outcome.items.items() if name.startswith("test_")}
    assert tests == {"test_holds": "passed", "test_fails": "failed", "test_open": "skipped"}
    assert outcome.message("test_fails").startswith("FAIL: accuracy: max_value 0.9: obtained 0.93")
    assert outcome.message("test_open").startswith("UNDECIDED: accuracy: min_mean 0.92: obtained 0.92")
