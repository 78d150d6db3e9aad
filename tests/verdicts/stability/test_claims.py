"""Claims over seeds hold, do not, or are open; what would decide them; and how they are told."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.errors import StabilityError
from pytest_expops.pipeline.config.vocabulary import STABILITY_BOUNDS
from pytest_expops.verdicts.stability._intervals import mean_interval, moments, std_interval
from pytest_expops.verdicts.stability.claims import ClaimStatus, Finding, Group, doubt, judge
from pytest_expops.verdicts.stability.paired import compare_paired
from pytest_expops.verdicts.stability.text import explain, headline

FIVE = {"1": 0.90, "2": 0.92, "3": 0.91, "4": 0.93, "5": 0.89}


def _status(values: Mapping[str, float], **bounds: float) -> ClaimStatus:
    found = judge({"": values}, bounds)
    assert {claim.bound: claim.limit for claim in found.claims} == bounds
    return found.status


@pytest.mark.parametrize(
    ("bound", "holds", "is_open", "fails"),
    [
        ("min_mean", 0.88, 0.90, 0.94),
        ("max_mean", 0.94, 0.92, 0.88),
        ("min_std", 0.005, 0.015, 0.2),
        ("max_std", 0.2, 0.02, 0.005),
        ("max_cv", 0.3, 0.02, 0.004),
    ],
)
def test_a_bound_holds_fails_or_is_open(bound: str, holds: float, is_open: float, fails: float) -> None:
    """PASS if the whole interval is inside, FAIL if all of it is outside, else UNDECIDED."""
    statuses = [_status(FIVE, **{bound: limit}) for limit in (holds, is_open, fails)]
    assert statuses == [ClaimStatus.PASS, ClaimStatus.UNDECIDED, ClaimStatus.FAIL]


def test_the_status_changes_exactly_at_the_ends_of_the_interval() -> None:
    low, high = mean_interval(moments(list(FIVE.values())), 0.05)
    assert _status(FIVE, min_mean=low) is ClaimStatus.PASS
    assert _status(FIVE, min_mean=low + 1e-9) is ClaimStatus.UNDECIDED
    assert _status(FIVE, min_mean=high - 1e-9) is ClaimStatus.UNDECIDED
    assert _status(FIVE, min_mean=high + 1e-9) is ClaimStatus.FAIL


@pytest.mark.parametrize(
    ("bound", "holds", "fails"),
    [("max_range", 0.04, 0.039), ("min_value", 0.89, 0.8901), ("max_value", 0.93, 0.9299)],
)
def test_bounds_on_the_seeds_that_ran_are_never_open(bound: str, holds: float, fails: float) -> None:
    """0.93 - 0.89 is 0.040000000000000036: rounding is no violation."""
    assert _status(FIVE, **{bound: holds}) is ClaimStatus.PASS
    assert _status(FIVE, **{bound: fails}) is ClaimStatus.FAIL
    assert _status({"1": 0.5}, min_value=0.5, max_value=0.5, max_range=0.0) is ClaimStatus.PASS
    assert judge({"": FIVE}, {bound: holds}).claims[0].interval is None


def test_one_seed_leaves_every_claim_on_all_seeds_open() -> None:
    found = judge({"": {"7": 0.5}}, {"min_mean": -100.0, "max_std": 100.0, "max_cv": 100.0, "min_value": 0.0})
    assert [claim.status for claim in found.claims] == [*[ClaimStatus.UNDECIDED] * 3, ClaimStatus.PASS]
    assert {claim.enough for claim in found.claims} == {None}


def test_a_process_that_ignores_its_seed_is_judged_and_said_to() -> None:
    found = judge({"": {"1": 0.1, "2": 0.1, "3": 0.1}}, {"min_mean": 0.1, "max_std": 0.0, "max_cv": 0.0})
    assert found.status is ClaimStatus.PASS
    assert found.groups[0].without_effect
    assert ", 3 seeds: all values are equal, the seed shows no effect" in explain(found)
    assert judge({"": dict.fromkeys("123", 0.1)}, {"min_std": 0.001}).status is ClaimStatus.FAIL
    assert "no effect" not in explain(judge({"": FIVE}, {"min_mean": 0.5}))


def test_each_partition_is_a_claim_of_its_own_or_seeds_are_averaged_over_all() -> None:
    readings = {"partition 1": {"1": 0.2, "2": 0.4}, "partition 2": {"1": 0.6, "2": 0.8}}
    single = judge(readings, {"min_value": 0.5})
    assert [(group.label, group.claims[0].status) for group in single.groups] == [
        ("partition 1", ClaimStatus.FAIL),
        ("partition 2", ClaimStatus.PASS),
    ]
    whole = judge(readings, {"min_value": 0.35}, over="all")
    assert [dict(group.values) for group in whole.groups] == [{"1": pytest.approx(0.4), "2": pytest.approx(0.6)}]
    assert whole.status is ClaimStatus.PASS
    assert whole.readings == readings


def test_claims_share_the_chance_of_error() -> None:
    """Bonferroni: with m intervals in all, each is one of confidence 1 - 0.05 / m; exact bounds take no share."""
    readings = {"a": FIVE, "b": FIVE}
    found = judge(readings, {"min_mean": 0.9, "max_std": 0.1, "max_range": 0.1})
    assert found.together == 4
    expected = moments(list(FIVE.values()))
    assert found.groups[0].interval == mean_interval(expected, 0.05 / 4)
    assert found.groups[1].claims[1].interval == pytest.approx(std_interval(expected, 0.05 / 4))
    assert judge({"": FIVE}, {"min_mean": 0.9}, together=12).groups[0].interval == mean_interval(expected, 0.05 / 12)
    assert judge({"": FIVE}, {"min_mean": 0.9}, confidence=0.8).groups[0].interval == mean_interval(expected, 0.2)


def test_any_wrong_verdict_is_as_rare_as_was_asked_for() -> None:
    """Five false claims, false by a hair, on normal values: of 300 sets of them at most 1 in 20 may hold a PASS."""
    rng = np.random.default_rng(3)
    wrong = uncorrected = 0
    for sample in rng.standard_normal((300, 5, 4)):
        readings = {
            str(row): {str(seed): value for seed, value in enumerate(values)} for row, values in enumerate(sample)
        }
        wrong += any(claim.status is ClaimStatus.PASS for claim in judge(readings, {"min_mean": 1e-6}).claims)
        uncorrected += any(
            claim.status is ClaimStatus.PASS for claim in judge(readings, {"min_mean": 1e-6}, together=1).claims
        )
    assert wrong <= 0.05 * 300
    assert uncorrected > 0.08 * 300


@given(
    st.lists(st.integers(-200, 200).map(lambda each: each / 16), min_size=2, max_size=12, unique=True),
    st.sampled_from([bound for bound in STABILITY_BOUNDS if bound.endswith(("mean", "std"))]),
    st.floats(-3, 3),
)
def test_what_is_said_to_decide_does_and_fewer_do_not(values: list[float], bound: str, distance: float) -> None:
    found = moments(values)
    limit = (found.mean if bound.endswith("mean") else found.std) + distance * found.std
    (claim,) = judge({"": {str(index): value for index, value in enumerate(values)}}, {bound: limit}).claims
    assert (claim.enough is None) or claim.status is ClaimStatus.UNDECIDED
    if claim.enough is not None:
        interval = mean_interval if bound.endswith("mean") else std_interval

        def decided(n: int) -> bool:
            low, high = interval(type(found)(n, found.mean, found.std, found.kurtosis, found.scale), 0.05)
            return low >= limit or high <= limit

        assert decided(claim.enough + 1)
        assert not decided(claim.enough - 1)


def test_a_bound_that_is_the_mean_itself_is_never_decided() -> None:
    (claim,) = judge({"": {"1": 1.0, "2": 3.0}}, {"min_mean": 2.0}).claims
    assert (claim.status, claim.enough) == (ClaimStatus.UNDECIDED, None)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_errors_that_name_the_seed(bad: float) -> None:
    with pytest.raises(StabilityError, match=rf"^`loss` is {bad} for b, seed 2; expected finite numbers$"):
        judge({"a": {"1": 1.0}, "b": {"1": 1.0, "2": bad}}, {"min_mean": 0.0}, metric="loss")
    with pytest.raises(StabilityError, match=r"^`loss` has no value for any seed$"):
        judge({}, {"min_mean": 0.0}, metric="loss")


def test_averages_over_partitions_need_every_seed_in_each() -> None:
    with pytest.raises(StabilityError, match="`loss` has no value for b, seed 2"):
        judge({"a": {"1": 1.0, "2": 1.0}, "b": {"1": 1.0}}, {"min_mean": 0.0}, over="all", metric="loss")


def test_few_seeds_are_doubted_more_are_not() -> None:
    assert doubt("min_mean", 3, 0.05) == "with 3 seeds its interval reaches 2.48 standard deviations to either side"
    assert doubt("min_mean", 4, 0.05) is None
    assert doubt("max_std", 5, 0.05) == "with 5 seeds its interval is 0.53 to 5.87 times what is obtained"
    assert doubt("max_std", 6, 0.05) is None
    assert doubt("max_cv", 6, 0.05) is not None
    assert doubt("max_mean", 1, 0.05) == "one seed has no spread"
    assert [doubt(bound, 1, 0.05) for bound in ("min_value", "max_value", "max_range")] == [None, None, None]


def test_findings_survive_json() -> None:
    for values in ({"1": 0.5}, FIVE, dict.fromkeys("123", 0.0)):
        found = judge({"": values}, {"min_mean": 0.9, "max_std": 0.1, "max_cv": 1.0, "max_range": 0.1})
        again = Finding.from_json(json.loads(json.dumps(found.to_json())))
        assert repr(again) == repr(found)
        assert all(isinstance(group, Group) for group in again.groups)


def test_a_failure_tells_bound_interval_and_values_per_seed() -> None:
    readings = {
        "partition 1": {"40": 0.95, "41": 0.92, "42": 0.97},
        "partition 2": {"40": 0.61, "41": 0.60, "42": 0.60},
    }
    found = judge(readings, {"min_mean": 0.92, "max_range": 0.04}, process="evaluate", metric="score/accuracy")
    assert explain(found) == "\n".join(
        [
            "FAIL: score/accuracy (partition 1): max_range 0.04: obtained 0.05 (and 1 more)",
            "",
            "partition 1, 3 seeds",
            "  UNDECIDED min_mean 0.92: obtained 0.9467, with 3 seeds the interval is 0.8565 to 1.037; 8 seeds would "
            "decide at this spread",
            "  FAIL      max_range 0.04: obtained 0.05",
            "partition 2, 3 seeds",
            "  FAIL      min_mean 0.92: obtained 0.6033, with 3 seeds the interval is 0.5826 to 0.624",
            "  PASS      max_range 0.04: obtained 0.01",
            "",
            "  seed  partition 1  partition 2",
            "    40         0.95         0.61",
            "    41         0.92          0.6",
            "    42         0.97          0.6",
            "  mean       0.9467       0.6033",
            "   std      0.02517     0.005774",
            "",
            "(the intervals are for all seeds that there might be; all 2 hold at once with 95 %)",
        ]
    )


def test_many_partitions_are_told_in_blocks_and_means_beside_what_they_are_of() -> None:
    readings = {f"p{number}": {"1": 1.0, "2": number / 4} for number in range(10)}
    text = explain(judge(readings, {"max_range": 5.0}, over="all"))
    heads = [line.split() for line in text.splitlines() if line.startswith("  seed")]
    assert heads == [["seed", *(f"p{number}" for number in range(8))], ["seed", "p8", "p9", "mean"]]
    assert "(these bounds are on the seeds that ran; of others they say nothing)" in text


def test_the_baseline_is_told_beside_the_claims() -> None:
    found = judge({"": FIVE}, {"min_mean": 0.5})
    before = {seed: value - 0.01 for seed, value in FIVE.items()}
    worse = compare_paired(before, FIVE, better="lower")
    assert headline(found, [worse]) == (
        "value: worse than the baseline: by +0.01 on average of 5 seeds, interval +0.01 to +0.01"
    )
    same = compare_paired(FIVE, FIVE, better="lower")
    assert headline(found, [same]) == "value: its claim holds"
    assert "            no difference to the baseline (5 seeds)" in explain(found, [same]).splitlines()
