"""Claims of a config on a run: how many intervals they take, which are doubted, and how they stand to the baseline."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import SeedClaims
from pytest_expops.verdicts.stability.claims import ClaimStatus
from pytest_expops.verdicts.stability.paired import Standing
from pytest_expops.verdicts.stability.spread import Spread, doubts, intervals_in, judge_spread, seed_count
from tests.pipeline.config.configs import classic_document

EDGES = "split start\nstart evaluate\nevaluate again\nagain last\n"
PROCESSES: dict[str, dict[str, Any]] = {
    "split": {"data_parallelism": {"size": 3, "data_name": "rows"}},
    "start": {"seed_parallelism": {"seeds": [1, 2, 3, 4]}},
    "again": {"seed_parallelism": {"seeds": [5, 6]}},
}
Recorded = dict[str, Mapping[str, list[tuple[int | None, float]]]]


def _session(folder: Path, stability: dict[str, Any] | None = None) -> PipelineSession:
    (folder / "models").mkdir()
    (folder / "models" / "model.py").write_text(
        textwrap.dedent("""
        from pytest_expops.core import log_metric
        def split(data): return {"rows": [1, 2, 3]}
        def start(data): return {"part": data["split"]["rows"][0]}
        def evaluate(data, hyperparameters):
            log_metric("score", data["start"]["part"] + hyperparameters["random_seed"] / 100)
            return {}
        def again(data): return {}
        def last(data, hyperparameters): return {"score": hyperparameters["random_seed"]}
        """),
        encoding="utf-8",
    )
    document = {**classic_document(EDGES, PROCESSES), "reproducibility": {"stability": stability or {}}}
    (folder / "config.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return PipelineSession(expand(load_config(folder / "config.yaml")), folder / "session")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> PipelineSession:
    return _session(tmp_path_factory.mktemp("spread"))


@pytest.mark.parametrize(
    ("stability", "expected"),
    [
        ({}, 1),
        ({"evaluate": {"score": {"min_value": 1, "max_range": 1}}}, 1),
        ({"evaluate": {"score": {"min_mean": 1, "max_std": 1, "max_range": 1}}}, 3 * 2),
        ({"evaluate": {"score": {"min_mean": 1, "max_std": 1, "over": "all"}}}, 2),
        ({"evaluate": {"score": {"better": "higher"}, "loss": {"max_cv": 1}}}, 3 + 3),
        # `last` stands in 3 partitions and 4 outer seeds; each has 2 seeds of its own.
        ({"last": {"score": {"max_mean": 1}}, "evaluate": {"score": {"min_mean": 1}}}, 12 + 3),
    ],
)
def test_every_interval_of_a_config_counts(tmp_path: Path, stability: dict[str, Any], expected: int) -> None:
    expanded = _session(tmp_path, stability).expanded
    assert intervals_in(expanded) == expected
    assert (seed_count(expanded, "evaluate"), seed_count(expanded, "last")) == (4, 2)


def test_bounds_whose_intervals_are_wide_for_want_of_seeds_are_doubted(session: PipelineSession) -> None:
    claims = SeedClaims("score", {"min_mean": 1.0, "max_std": 1.0, "max_range": 1.0, "min_value": 1.0})
    assert list(doubts(session.expanded, "evaluate", claims, 1)) == ["max_std"]
    assert list(doubts(session.expanded, "evaluate", claims, 6)) == ["min_mean", "max_std"]
    assert list(doubts(session.expanded, "last", claims, 1)) == ["min_mean", "max_std"]


def test_nested_seed_layers_are_judged_within_each_outer_seed(session: PipelineSession) -> None:
    spread = judge_spread(session, "last", SeedClaims("score", {"max_range": 1.0}), 1)
    assert len(spread.finding.groups) == 12
    assert spread.finding.readings["partition 3, outer seed 4"] == {"5": 5.0, "6": 6.0}
    assert spread.status is ClaimStatus.PASS
    assert judge_spread(session, "last", SeedClaims("score", {"max_range": 0.9}), 1).status is ClaimStatus.FAIL


def _recorded(session: PipelineSession, change: float) -> Recorded:
    """What a baseline has whose scores were lower by `change`, more or less."""
    found: Recorded = {}
    for each in session.expanded.of("evaluate"):
        score = each.partitions[0] + each.seeds[0] / 100
        found[each.name] = {"score": [(1, score - change * (1 + each.seeds[0] / 10))]}
    return found


@pytest.mark.parametrize("over", ["partition", "all"])
@pytest.mark.parametrize(
    ("change", "better", "standing", "status"),
    [
        (0.1, "higher", Standing.BETTER, ClaimStatus.PASS),
        (0.1, "lower", Standing.WORSE, ClaimStatus.FAIL),
        (0.0, "lower", Standing.SAME, ClaimStatus.PASS),
    ],
)
def test_each_group_is_compared_with_the_baseline(
    session: PipelineSession, over: Any, change: float, better: Any, standing: Standing, status: ClaimStatus
) -> None:
    claims = SeedClaims("score", {"max_range": 1.0}, over=over, better=better)
    spread = judge_spread(session, "evaluate", claims, 1, _recorded(session, change).get)
    labels = ["partition 1", "partition 2", "partition 3"] if over == "partition" else [""]
    assert [(each.label, each.standing, each.n) for each in spread.comparisons] == [
        (label, standing, 4) for label in labels
    ]
    assert spread.status is status
    assert Spread.from_json(json.loads(json.dumps(spread.to_json()))) == spread


def test_what_one_seed_tells_against_the_baseline_is_undecided(session: PipelineSession) -> None:
    recorded = {"evaluate_2_seed3": _recorded(session, 0.1)["evaluate_2_seed3"]}
    claims = SeedClaims("score", {"max_range": 1.0}, better="higher")
    spread = judge_spread(session, "evaluate", claims, 1, recorded.get)
    assert [(each.label, each.standing, each.n) for each in spread.comparisons] == [
        ("partition 2", Standing.UNDECIDED, 1)
    ]
    assert spread.status is ClaimStatus.UNDECIDED
    violated = SeedClaims("score", {"max_range": 0.0}, better="higher")
    assert judge_spread(session, "evaluate", violated, 1, recorded.get).status is ClaimStatus.FAIL


def test_averages_are_compared_over_the_seeds_that_every_partition_has(session: PipelineSession) -> None:
    recorded = _recorded(session, 0.1)
    del recorded["evaluate_1_seed3"]
    claims = SeedClaims("score", {}, over="all", better="higher")
    spread = judge_spread(session, "evaluate", claims, 1, recorded.get)
    assert [(each.standing, each.n) for each in spread.comparisons] == [(Standing.BETTER, 3)]


def test_without_a_baseline_or_a_direction_nothing_is_compared(session: PipelineSession) -> None:
    recorded = _recorded(session, 0.1)
    directed, plain = SeedClaims("score", {}, better="higher"), SeedClaims("score", {"max_range": 1.0})
    assert judge_spread(session, "evaluate", directed, 1).comparisons == ()
    assert judge_spread(session, "evaluate", plain, 1, recorded.get).comparisons == ()
    for over in ("partition", "all"):
        claims = SeedClaims("score", {}, over=over, better="higher")  # type: ignore[arg-type]
        assert judge_spread(session, "evaluate", claims, 1, {}.get).comparisons == ()
