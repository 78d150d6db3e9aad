"""The scheduler keeps its laws in the discrete-event model, and those with a planted defect do not (S6.2, S6.4)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.plugin.scheduling._graph_view import Need
from tests.plugin.scheduling.defects import DEFECTS, planted
from tests.plugin.scheduling.ledger import Broken, Ledger
from tests.plugin.scheduling.model import Model
from tests.plugin.scheduling.scenario import Moment, Outcome, Scenario
from tests.plugin.scheduling.scenarios import random_scenario


def run(scenario: Scenario) -> Outcome:
    """Raises Broken."""
    ledger = Ledger(scenario)
    outcome = Model(scenario, ledger).run()
    ledger.check(outcome)
    return outcome


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.randoms(use_true_random=False))
def test_every_law_holds_whatever_happens(rng: random.Random) -> None:
    run(random_scenario(rng, largest=8))


@pytest.mark.parametrize("first", range(0, 600, 200))
def test_every_law_holds_in_seeded_runs(first: int) -> None:
    """`python -m tests.plugin.scheduling.thorough` makes as many as one likes."""
    ends = {run(random_scenario(random.Random(seed), largest=120)).ended for seed in range(first, first + 200)}
    assert {"finished", "stopped", "restarts"} <= ends


# One process; the worker that first has it dies of it, the second before it has begun.
DIES_BEFORE_IT_BEGINS = Scenario(
    ids=("c.yaml::a",),
    graph={"c.yaml::a": Need((), kind="a")},
    seconds=(1.0,),
    workers=1,
    deadly={0: (Moment.AFTER_LOGSTART, 1)},
    kills=((1.45, 0),),
    reruns=1,
    latency=0.1,
    seed=1,
)
# One of two workers dies, and its replacement has collected one test more.
REPLACED_BY_AN_ODD_ONE = Scenario(
    ids=tuple(f"c.yaml::{name}" for name in "abcdef"),
    graph={f"c.yaml::{name}": Need((), kind=name) for name in "abcdef"},
    seconds=(1.0,) * 6,
    kills=((1.2, 0),),
    collects={2: tuple(f"c.yaml::{name}" for name in "abcdefg")},
)
# `b` waits for `a`, whose worker dies of it; `a` is asked for once more.
WAITS_FOR_A_RERUN = Scenario(
    ids=("c.yaml::a", "c.yaml::b"),
    graph={"c.yaml::a": Need((), kind="a"), "c.yaml::b": Need(("c.yaml::a",), kind="b")},
    seconds=(1.0, 1.0),
    deadly={0: (Moment.MIDWAY, 1)},
    reruns=1,
)
BY_HAND = [DIES_BEFORE_IT_BEGINS, REPLACED_BY_AN_ODD_ONE, WAITS_FOR_A_RERUN]


def scenarios() -> Iterator[Scenario]:
    yield from BY_HAND
    for seed in range(300):
        yield random_scenario(random.Random(seed), largest=30)


def law_broken(scenario: Scenario) -> str | None:
    try:
        run(scenario)
    except Broken as error:
        return str(error).partition(":")[0]
    return None


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_breaks_a_law(defect: str) -> None:
    for scenario in scenarios():
        with planted(defect):
            broken = law_broken(scenario)
        if broken:
            break
    assert broken in DEFECTS[defect][1]
    assert law_broken(scenario) is None, "and the real scheduler breaks none with the same scenario"


def test_each_scenario_by_hand_ends_as_it_should() -> None:
    once_more = run(DIES_BEFORE_IT_BEGINS)
    assert (once_more.ended, once_more.starts[0], once_more.deaths, once_more.crashed) == ("finished", 2, 2, set())
    odd = run(REPLACED_BY_AN_ODD_ONE)
    assert (odd.ended, len(odd.over), odd.deaths) == ("finished", 5, 1)
    assert len(odd.crashed) == 1
    rerun = run(WAITS_FOR_A_RERUN)
    assert (rerun.ended, dict(rerun.starts), rerun.crashed) == ("finished", {0: 2, 1: 1}, set())


def test_what_is_not_followed_by_anything_hangs_in_the_model_as_in_xdist() -> None:
    with planted("without filler"):
        outcome = Model(WAITS_FOR_A_RERUN).run()
    assert outcome.ended == "hang"
    assert not outcome.starts


def test_a_run_of_the_model_is_the_same_every_time() -> None:
    for seed in range(20):
        first, second = (run(random_scenario(random.Random(seed), largest=30)) for _ in range(2))
        assert first == second


def test_a_deselected_ancestor_is_waited_for_through_its_own_ancestors() -> None:
    graph = {
        "c.yaml::a": Need((), kind="a"),
        "c.yaml::b": Need(("c.yaml::a",), kind="b"),
        "c.yaml::c": Need(("c.yaml::b",), kind="c"),
    }
    outcome = run(Scenario(ids=("c.yaml::c", "c.yaml::a"), graph=graph, seconds=(1.0, 2.0)))
    assert outcome.makespan == pytest.approx(3.0, abs=0.1)


def test_at_x_what_was_sent_is_run_and_the_rest_is_not() -> None:
    ids = tuple(f"c.yaml::{number}" for number in range(40))
    graph = {node_id: Need((), kind=node_id) for node_id in ids}
    outcome = run(Scenario(ids=ids, graph=graph, seconds=(1.0,) * 40, failing=frozenset({0}), maxfail=1))
    assert outcome.ended == "stopped"
    assert sum(outcome.starts.values()) <= 4


def test_nothing_to_run_ends_at_once() -> None:
    assert run(Scenario(ids=(), graph={}, seconds=())).ended == "finished"


def test_many_short_items_go_in_few_messages() -> None:
    """20,000 no-op items must not wait for an answer each."""
    ids = tuple(f"c.yaml::{number}" for number in range(2000))
    graph = {node_id: Need((), kind="one") for node_id in ids}
    outcome = run(Scenario(ids=ids, graph=graph, seconds=(0.0005,) * 2000))
    assert outcome.ended == "finished"
    assert outcome.sends < 100
