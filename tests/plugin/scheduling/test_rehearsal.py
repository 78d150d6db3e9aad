"""A session with remembered durations is rehearsed, and another order taken if it is over sooner then."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.plugin.scheduling import _rehearsal as rehearsal
from pytest_expops.plugin.scheduling import scheduler
from pytest_expops.plugin.scheduling._graph_view import GraphView
from pytest_expops.plugin.scheduling._priorities import Priorities
from pytest_expops.plugin.scheduling._rehearsal import ENOUGH, Begun, Rehearsal, improve
from pytest_expops.plugin.scheduling.estimates import Estimates
from tests.plugin.scheduling.families import FAMILIES, Family, least_makespan, make
from tests.plugin.scheduling.model import Model
from tests.plugin.scheduling.scenario import Scenario
from tests.plugin.scheduling.scenarios import random_scenario


class Session:
    """What the controller has of a session before anything has begun; `known` is the share of durations remembered."""

    def __init__(self, family: Family, known: float = 1.0) -> None:
        count = round(known * len(family.ids))
        self.view = GraphView(family.ids, family.graph)
        self.estimates = Estimates(dict(list(zip(family.ids, family.seconds.values(), strict=True))[:count]))
        self.priorities = Priorities(self.view, self.estimates)

    def improve(self, begun: Begun) -> bool:
        return improve(self.view, self.estimates, self.priorities, begun)

    def play(self, begun: Begun) -> float:
        return Rehearsal(self.view, self.estimates, self.priorities, begun).play()


def nobody_has_begun(workers: int) -> Begun:
    return [()] * workers


def modelled(
    family: Family, workers: int, *, seconds: tuple[float, ...] | None = None, latency: float = 0.0005
) -> float:
    """The makespan in the model, with the durations of `family` remembered and others, perhaps, taken."""
    history = dict(zip(family.ids, family.seconds.values(), strict=True))
    scenario = Scenario(
        family.ids, family.graph, seconds or tuple(family.seconds.values()), workers, history, latency=latency
    )
    outcome = Model(scenario, filler_seconds=0.0).run()
    assert outcome.ended == "finished"
    return outcome.makespan


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, as many rehearsals are made as on one that is not."""
    monkeypatch.setattr(rehearsal, "monotonic", lambda: 0.0)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Nothing is rehearsed, until it is undone."""
    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "improve", lambda *_: False)
        yield patch


@pytest.mark.parametrize("workers", [2, 8])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_rehearsal_takes_what_the_session_takes(
    tmp_path: Path, name: str, workers: int, plain: pytest.MonkeyPatch
) -> None:
    family = make(name, 50, mean=1.0, folder=tmp_path)
    expected = modelled(family, workers, latency=1e-6)
    assert Session(family).play(nobody_has_begun(workers)) == pytest.approx(expected, rel=1e-3)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(st.randoms(use_true_random=False))
def test_every_rehearsal_ends_and_none_beats_the_bound(rng: random.Random) -> None:
    scenario = random_scenario(rng, largest=60)
    view = GraphView(scenario.ids, scenario.graph)
    estimates = Estimates(scenario.history)
    priorities = Priorities(view, estimates)
    workers = rng.randrange(1, 9)
    played = Rehearsal(view, estimates, priorities, nobody_has_begun(workers))
    took = played.play()
    assert played._board.unfinished == 0
    assert took >= max(sum(priorities.seconds) / workers, *priorities.rank) * (1 - 1e-9)


def test_a_better_order_is_found_where_there_is_one(tmp_path: Path, plain: pytest.MonkeyPatch) -> None:
    """Twelve chains of four on eight workers: the four that are left at the end should have been begun before."""
    family = make("chains", 50, mean=4.0, folder=tmp_path, seed=3)
    least = least_makespan(family.upstream, family.seconds, 8)
    assert modelled(family, 8) / least > 1.05
    plain.undo()
    assert modelled(family, 8) / least < 1.03


def test_it_is_better_too_where_items_take_other_than_last_time(tmp_path: Path, plain: pytest.MonkeyPatch) -> None:
    """By up to a twentieth each."""
    family = make("chains", 50, mean=4.0, folder=tmp_path, seed=3)
    rng = random.Random(1)
    others = [tuple(each * rng.uniform(0.95, 1.05) for each in family.seconds.values()) for _ in range(6)]
    before = [modelled(family, 8, seconds=seconds) for seconds in others]
    plain.undo()
    after = [modelled(family, 8, seconds=seconds) for seconds in others]
    assert sum(after) < 0.98 * sum(before)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_order_is_changed_only_for_the_better(tmp_path: Path, name: str) -> None:
    changed = 0
    for seed in range(3):
        family = make(name, 50, mean=1.0, folder=tmp_path, seed=seed)
        for workers in (2, 5, 8):
            session = Session(family)
            ranks, before = list(session.priorities.rank), session.play(nobody_has_begun(workers))
            if session.improve(nobody_has_begun(workers)):
                changed += 1
                assert session.play(nobody_has_begun(workers)) <= (1 - ENOUGH) * before
            else:
                assert session.priorities.rank == ranks
    assert changed or name in {"unequal", "skewed"}, "of those, many short chains, the plain order is good"


def test_the_order_that_was_found_outlasts_new_estimates(tmp_path: Path) -> None:
    session = Session(make("chains", 50, mean=4.0, folder=tmp_path, seed=3))
    plain = list(session.priorities.rank)
    assert session.improve(nobody_has_begun(8))
    found = list(session.priorities.rank)
    assert found != plain
    session.priorities.compute()
    assert session.priorities.rank == pytest.approx(found)


def test_what_has_begun_is_taken_as_it_is(tmp_path: Path) -> None:
    """The chain that a worker has begun with is not begun by another, and keeps its rank."""
    session = Session(make("chains", 50, mean=4.0, folder=tmp_path, seed=3))
    source = session.view.order[0]
    begun = [(source,), *nobody_has_begun(7)]
    rank = session.priorities.rank[source]
    assert session.play(begun) == session.play(nobody_has_begun(8))
    assert session.improve(begun)
    assert session.priorities.rank[source] == rank


def test_nothing_is_rehearsed_where_too_little_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = make("chains", 50, mean=4.0, folder=tmp_path, seed=3)
    assert Session(family, known=0.96).improve(nobody_has_begun(8)), "one item has failed last time"
    monkeypatch.setattr(rehearsal, "Rehearsal", None)
    assert not Session(family, known=0.5).improve(nobody_has_begun(8))
    assert not Session(family, known=0.0).improve(nobody_has_begun(8))


def test_nothing_is_rehearsed_where_that_would_take_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of a second, one of thousands of items, and one that no worker is there for."""
    monkeypatch.setattr(rehearsal, "Rehearsal", None)
    assert not Session(make("chains", 50, mean=0.02, folder=tmp_path)).improve(nobody_has_begun(2))
    assert not Session(make("chains", 2_500, mean=0.5, folder=tmp_path)).improve(nobody_has_begun(2))
    assert not Session(make("chains", 50, mean=4.0, folder=tmp_path)).improve([])


@pytest.mark.parametrize(("lasts", "expected"), [(0.05, 5), (1.0, 1)])
def test_on_a_slow_machine_the_clock_ends_it(
    tmp_path: Path, lasts: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of a second may be spent on this session, which is enough for hundreds of rehearsals elsewhere."""
    plays: list[int] = []
    play = Rehearsal.play
    monkeypatch.setattr(Rehearsal, "play", lambda self: plays.append(1) or play(self))
    monkeypatch.setattr(rehearsal, "monotonic", lambda: lasts * len(plays))
    session = Session(make("chains", 50, mean=4.0, folder=tmp_path, seed=3))
    plain = list(session.priorities.rank)
    changed = session.improve(nobody_has_begun(8))
    assert len(plays) == expected
    assert changed or session.priorities.rank == plain


def test_what_cannot_be_improved_is_played_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker takes as long in any order."""
    plays = []
    play = Rehearsal.play
    monkeypatch.setattr(Rehearsal, "play", lambda self: plays.append(1) or play(self))
    assert not Session(make("chains", 50, mean=4.0, folder=tmp_path)).improve(nobody_has_begun(1))
    assert len(plays) == 1
