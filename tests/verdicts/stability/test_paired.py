"""A result against the baseline, seed by seed."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_expops.verdicts.stability.paired import PairedComparison, Standing, compare_paired

BASE = {"40": 0.90, "41": 0.80, "42": 0.70, "43": 0.60}


def _moved(*changes: float) -> dict[str, float]:
    return {seed: value + change for (seed, value), change in zip(BASE.items(), changes, strict=True)}


def test_a_small_change_is_told_although_seeds_differ_much_more() -> None:
    """Seeds differ by 0.3, the change is 0.01: unpaired it would be lost."""
    after = _moved(0.010, 0.011, 0.009, 0.010)
    found = compare_paired(BASE, after, better="higher")
    assert found.standing is Standing.BETTER
    assert found.mean == pytest.approx(0.01)
    expected = stats.ttest_rel(list(after.values()), list(BASE.values())).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert stats.ttest_ind(list(after.values()), list(BASE.values())).pvalue > 0.9


@pytest.mark.parametrize(
    ("changes", "better", "margin", "expected"),
    [
        ((0.010, 0.011, 0.009, 0.010), "lower", 0.0, Standing.WORSE),
        ((-0.010, -0.011, -0.009, -0.010), "higher", 0.0, Standing.WORSE),
        ((-0.010, -0.011, -0.009, -0.010), "lower", 0.0, Standing.BETTER),
        ((0.010, 0.011, 0.009, 0.010), "lower", 0.02, Standing.SAME),
        ((0.010, 0.011, 0.009, 0.010), "lower", 0.001, Standing.WORSE),
        ((0.01, -0.01, 0.02, -0.01), "higher", 0.0, Standing.UNDECIDED),
        ((0.01, -0.01, 0.02, -0.01), "higher", 0.5, Standing.SAME),
        ((0.0, 0.0, 0.0, 0.0), "higher", 0.0, Standing.SAME),
        ((0.0, 0.0, 0.0, 1e-16), "higher", 0.0, Standing.SAME),
        ((0.0, 0.0, 0.0, 1e-9), "higher", 0.0, Standing.UNDECIDED),
    ],
)
def test_direction_margin_and_rounding(
    changes: tuple[float, ...], better: Any, margin: float, expected: Standing
) -> None:
    assert compare_paired(BASE, _moved(*changes), better=better, margin=margin).standing is expected


def test_seeds_that_only_one_has_are_left_out() -> None:
    after = {**_moved(0.010, 0.011, 0.009, 0.010), "99": -5.0}
    before = {**BASE, "98": 7.0}
    assert compare_paired(before, after, better="higher") == compare_paired(
        BASE, _moved(0.010, 0.011, 0.009, 0.010), better="higher"
    )
    assert compare_paired({"1": 1.0}, {"2": 1.0}, better="higher") == PairedComparison("", Standing.UNDECIDED, 0)


def test_one_seed_that_changed_decides_nothing() -> None:
    found = compare_paired({"1": 0.5}, {"1": 0.75}, better="higher")
    assert found == PairedComparison("", Standing.UNDECIDED, 1, 0.25, (-math.inf, math.inf))
    assert compare_paired({"1": 0.5}, {"1": 0.5}, better="higher").standing is Standing.SAME


@given(
    st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=1, max_size=8),
    st.sampled_from([0.0, 1.0, 20.0]),
)
def test_better_for_one_direction_is_worse_for_the_other(pairs: list[tuple[int, int]], margin: float) -> None:
    before = {str(index): float(pair[0]) for index, pair in enumerate(pairs)}
    after = {str(index): float(pair[1]) for index, pair in enumerate(pairs)}
    swap = {Standing.BETTER: Standing.WORSE, Standing.WORSE: Standing.BETTER}
    found = compare_paired(before, after, better="higher", margin=margin)
    for other in (
        compare_paired(before, after, better="lower", margin=margin),
        compare_paired(after, before, better="higher", margin=margin),
    ):
        assert other.standing is swap.get(found.standing, found.standing)
    assert PairedComparison.from_json(json.loads(json.dumps(found.to_json()))) == found
