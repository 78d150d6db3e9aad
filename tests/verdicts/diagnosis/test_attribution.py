"""The search for causes, on processes that are told by which source each part of their results depends on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.replay.nondeterminism import registry
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.request import Replay
from pytest_expops.verdicts.diagnosis._attribution import FEW, MANY, MOST_RUNS, Search, enough
from pytest_expops.verdicts.diagnosis._confirming import MOST, Arms, chance_of_one, chance_of_two, confirm
from pytest_expops.verdicts.diagnosis._ranking import minimal, ranked
from pytest_expops.verdicts.diagnosis._trials import CONTROLS, Plan, Trial, among, interpreter_of
from pytest_expops.verdicts.findings import Count
from tests.verdicts.diagnosis.simulated import (
    SOURCES,
    Rule,
    Run,
    Simulated,
    by_interpreter,
    by_turns,
    drifting,
    in_spells,
    independent,
    mostly_new,
    searched,
)

HOLDABLE = tuple(name for name, source in registry.SOURCES.items() if source.can_hold)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.frozensets(st.sampled_from(SOURCES)), min_size=1),
    st.permutations(SOURCES),
    st.integers(0, len(SOURCES)),
)
def test_exactly_the_sources_that_results_depend_on_are_found(
    depends: dict[str, frozenset[str]], order: list[str], suspected: int
) -> None:
    search = searched(Simulated(depends), tuple(order[:suspected]), tuple(order[suspected:]))
    assert set(search.found) == frozenset().union(*depends.values())
    assert not search.remaining


def test_each_cause_is_told_with_the_paths_that_it_settles() -> None:
    search = searched(Simulated({"id": frozenset({"entropy"}), "order": frozenset({"hashseed"}), "w": frozenset()}))
    assert {source: found.paths for source, found in search.found.items()} == {"entropy": {"id"}, "hashseed": {"order"}}
    for found in search.found.values():
        assert found.evidence.held.agree == found.evidence.held.of >= 3
        assert found.evidence.free.agree == 0


def test_what_depends_on_a_source_that_nothing_holds_remains() -> None:
    search = searched(Simulated({"x": frozenset({"moon"}), "y": frozenset({"clock"})}))
    assert list(search.found) == ["clock"]
    assert search.remaining == {"x"}
    assert search.tried[-1].count.agree == 0


def test_runs_that_fail_while_a_source_is_held_are_no_agreement() -> None:
    process = Simulated({"x": frozenset({"clock"})}, fails_without=frozenset({"memory"}))
    search = searched(process, ("memory", "clock"))
    assert list(search.found) == ["clock"]


def test_a_source_is_told_with_what_was_held_beside_it() -> None:
    search = searched(Simulated({"x": frozenset({"clock", "entropy"})}))
    assert {source: found.beside for source, found in search.found.items()} == {
        "clock": ("entropy",),
        "entropy": ("clock",),
    }


def test_a_source_that_was_no_suspect_is_found_all_the_same_with_few_runs() -> None:
    process = Simulated({"x": frozenset({"host"})})
    search = searched(process, ("clock",), HOLDABLE)
    assert list(search.found) == ["host"]
    assert process.runs < 35


class Restless(Simulated):
    """Addresses move while threads are held, by the thread that looks after them."""

    def make(self, plan: Plan, number: int) -> Trial:
        moved = {"addresses"} if "threads" in plan.held else set()
        return super().make(replace(plan, held=plan.held - moved), number)


def test_addresses_are_found_though_they_move_while_threads_are_held() -> None:
    search = searched(Restless({"x": frozenset({"addresses"})}), ("clock",), (*SOURCES, "addresses"))
    assert list(search.found) == ["addresses"]


class Varied(Simulated):
    """Both parts depend on the host, which the session varies; one is noisy, too, in some runs."""

    def make(self, plan: Plan, number: int) -> Trial:
        self.runs += 1
        host = 0 if "host" in plan.held else plan.numbers.get("host", interpreter_of(number))
        noise = self.rule(Run(self.runs, (plan.watch, bool(plan.held)), 0))
        return Trial(Replay(RunRecord("p", 1, Outcome.PASSED)), {"x": f"{host}", "y": f"{host} {noise}"})


@pytest.mark.parametrize(
    ("noise", "settled"),
    [
        (lambda run: run.interpreter[0] and run.count, {"x", "y"}),
        (lambda run: run.count, {"x"}),
        (lambda run: not run.interpreter[1] and run.count, {"x"}),
    ],
)
def test_what_differs_in_watched_runs_only_is_told_with_what_is_varied(noise: Rule, settled: set[str]) -> None:
    process = Varied({}, noise)
    process.vary = ("host",)
    search = Search(process, [process.make(Plan(watch=True), number) for number in range(CONTROLS)])
    search.run(("hashseed",), ("host",))
    assert {source: found.paths for source, found in search.found.items()} == {"host": settled}
    assert search.remaining == {"x", "y"} - settled


class Leftover(Simulated):
    """What is left in memory is the same where memory is held, and where it lies at the same addresses."""

    def make(self, plan: Plan, number: int) -> Trial:
        settled = {"memory"} if plan.held & {"memory", "addresses"} else set()
        return super().make(replace(plan, held=plan.held | settled), number)


def test_memory_that_a_line_was_given_is_tried_before_addresses() -> None:
    def found(suspects: tuple[str, ...]) -> list[str]:
        process = Leftover({"x": frozenset({"memory"})}, by_interpreter(1_000_000, seed=1))
        return list(searched(process, suspects, (*SOURCES, "addresses")).found)

    assert found(("memory",)) == ["memory"]
    assert found(()) == ["addresses"]


def test_few_runs_show_that_nothing_held_has_an_effect() -> None:
    process = Simulated({"x": frozenset({"moon"})})
    assert not searched(process, ("clock",), SOURCES).found
    assert process.runs <= 3 + 2 * 3


def test_the_likely_source_is_told_with_few_runs() -> None:
    process = Simulated({"x": frozenset({"entropy"})})
    assert list(searched(process, ("entropy", "clock")).found) == ["entropy"]
    assert process.runs <= 3 + 2 + 6


def test_the_order_of_a_set_of_two_is_told_with_few_runs() -> None:
    """Of two seeds that give two orders, each is set a few times; held at one, many would be needed."""
    process = Simulated({"x": frozenset({"hashseed"})}, orders=2)
    search = searched(process)
    assert search.found["hashseed"].evidence.held == Count(5, 5)
    assert search.found["hashseed"].evidence.free == Count(0, 5)
    assert process.runs <= 4 + 8


def test_many_orders_are_told_with_fewer_runs_yet() -> None:
    process = Simulated({"x": frozenset({"hashseed"})})
    search = searched(process)
    assert search.found["hashseed"].evidence.held == Count(3, 3)
    assert search.found["hashseed"].evidence.free == Count(0, 3)
    assert process.runs <= 4 + 4


def test_no_more_trials_than_allowed_are_made() -> None:
    rule = independent(2, seed=1, rarest=0.2)
    process = Simulated({f"x{number}": frozenset({"moon"}) for number in range(40)}, rule)
    searched(process, HOLDABLE, HOLDABLE)
    assert process.runs <= 3 + MOST_RUNS + 2 * MOST


Distribution = list[float]
distributions = st.lists(st.floats(0.01, 1), min_size=1, max_size=8).flatmap(
    lambda weights: st.floats(0, 1).map(lambda new: [each / sum(weights) * (1 - new) for each in weights])
)
"""The probabilities of outcomes; what they lack of 1 is that of outcomes which never come twice."""


@given(distributions, st.integers(2, 6), st.integers(2, 8))
def test_no_distribution_makes_agreement_and_none_more_probable_than_is_told(
    known: Distribution, alike: int, apart: int
) -> None:
    chance = sum(each**alike for each in known) * _all_apart(known, apart)
    assert chance <= chance_of_one(alike, apart, among=True) * 1.001


@given(distributions, st.integers(3, 6), st.integers(2, 8))
def test_nor_where_none_of_the_others_is_like_those_that_agree(known: Distribution, alike: int, apart: int) -> None:
    chance = 0.0
    for index, each in enumerate(known):
        others = [*known[:index], *known[index + 1 :]]
        chance += each**alike * _all_apart(others, apart, new=max(0.0, 1 - sum(known)))
    assert chance <= chance_of_one(alike, apart, among=False) * 1.001


@given(distributions, st.integers(2, 6), st.integers(2, 6), st.integers(1, 3))
def test_no_distribution_makes_two_agreements_more_probable_than_is_told(
    known: Distribution, one: int, other: int, apart: int
) -> None:
    chance = sum(p**one * q**other * max(0, 1 - p - q) ** apart for p, q in itertools.permutations(known, 2))
    assert chance <= chance_of_two(one, other, apart) * 1.001


def _all_apart(known: Distribution, draws: int, new: float | None = None) -> float:
    """Return the probability that no two draws are alike: new ones, and some of the known outcomes, each once."""
    new = max(0.0, 1 - sum(known)) if new is None else new
    return sum(
        math.factorial(once) * math.comb(draws, once) * new ** (draws - once) * math.prod(chosen)
        for once in range(min(draws, len(known)) + 1)
        for chosen in itertools.combinations(known, once)
    )


FALSE_RATE = 0.01
"""What is called a cause may be none in so many searches."""
SEARCHES = 1000
VARIED = ("timezone", "locale", "cwd-listing-order", "host")

RULES: dict[str, Callable[[int], Rule]] = {
    "two": lambda seed: independent(2, seed),
    "two, one of them rare": lambda seed: independent(2, seed, rarest=0.1),
    "two, one of them often": lambda seed: independent(2, seed, rarest=0.3),
    "three": lambda seed: independent(3, seed),
    "ten": lambda seed: independent(10, seed),
    "one often, or a new one": lambda seed: mostly_new(0.5, seed),
    "one at times, or a new one": lambda seed: mostly_new(0.3, seed),
    "four, by interpreter": lambda seed: by_interpreter(4, seed),
    "two, by interpreter": lambda seed: by_interpreter(2, seed),
    "ten, by interpreter": lambda seed: by_interpreter(10, seed),
    "two, in spells": lambda seed: in_spells(2, seed),
    "three, in long spells": lambda seed: in_spells(3, seed, 0.9),
    "ten, in spells": lambda seed: in_spells(10, seed, 0.7),
    "drift": lambda seed: drifting(1 + seed % 7),
    "two, by turns": lambda seed: by_turns(1 + seed % 7),
    "three, by turns": lambda seed: by_turns(1 + seed % 5, 3),
}


@pytest.mark.parametrize("name", RULES)
def test_what_nothing_explains_is_hardly_ever_blamed_on_a_source(name: str) -> None:
    wrong = 0
    for seed in range(SEARCHES):
        process = Simulated({"x": frozenset({"moon"})}, RULES[name](seed))
        process.vary = VARIED if seed % 4 > 1 else ()
        wrong += bool(searched(process, controls=7 if seed % 2 else 3, others=VARIED).found)
    assert wrong <= FALSE_RATE * SEARCHES


@pytest.mark.parametrize(
    ("name", "least"), [("two", 0.6), ("three", 0.8), ("ten", 0.95), ("two, one of them often", 0.2)]
)
def test_the_source_is_found_and_no_other_where_outcomes_are_few(name: str, least: float) -> None:
    right = wrong = 0
    for seed in range(200):
        search = searched(Simulated({"x": frozenset({"entropy"})}, RULES[name](seed)))
        right += list(search.found) == ["entropy"]
        wrong += bool(search.found.keys() - {"entropy"})
    assert right >= least * 200
    assert wrong <= FALSE_RATE * 200


def test_replays_that_disagree_once_while_a_source_is_held_confirm_nothing() -> None:
    outcomes = iter([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 9, 6])
    process = Simulated({"x": frozenset({"moon"})}, lambda run: next(outcomes))
    arms = Arms(Plan(frozenset({"clock"})), Plan())
    assert confirm(process, arms, frozenset({"x"}), numbers=[0], tried=1) == Count(0, 2)


class Logged(Simulated):
    """Trials that are remembered; a trace changes the outcome of those that `notice` it."""

    notice = False

    def make(self, plan: Plan, number: int) -> Trial:
        self.plans = [*getattr(self, "plans", ()), plan]
        trial = super().make(plan, number)
        return replace(trial, parts={"x": f"traced {self.runs}"}) if plan.trace and self.notice else trial


def test_the_last_pair_is_traced_and_no_more_are_made_for_it() -> None:
    process = Logged({"x": frozenset({"clock"})})
    found = searched(process, ("clock",)).found["clock"].evidence
    assert process.runs == 9
    assert [plan.trace for plan in process.plans] == [False] * 7 + [True] * 2
    assert found.traced is not None
    assert found.traced[0].parts != found.traced[1].parts
    assert (found.held, found.free) == (Count(4, 4), Count(0, 5))


def test_a_pair_does_not_count_whose_outcome_a_trace_changes() -> None:
    process = Logged({"x": frozenset({"clock"})})
    process.notice = True
    found = searched(process, ("clock",)).found["clock"].evidence
    assert found.traced is None
    assert sum(plan.trace for plan in process.plans) == 2
    assert process.runs == 11
    assert (found.held, found.free) == (Count(4, 4), Count(0, 5))


@pytest.mark.parametrize(
    ("source", "only", "quiet", "traced"),
    [
        ("clock", {}, set(), True),
        ("clock", {}, {"clock"}, True),
        ("clock", {}, {"entropy"}, False),
        ("clock", {"clock": ("m.py:1",)}, set(), False),
        ("threads", {}, set(), False),
    ],
)
def test_only_pairs_are_traced_that_tell_where_runs_part(
    source: str, only: dict[str, tuple[str, ...]], quiet: set[str], traced: bool
) -> None:
    process = Logged({"x": frozenset({source})})
    search = Search(process, [process.make(Plan(), number) for number in range(CONTROLS)], only, frozenset(quiet))
    search.run([source], [])
    assert (search.found[source].evidence.traced is not None) == traced
    assert any(plan.trace for plan in process.plans) == traced


def test_replays_that_would_agree_anyway_confirm_nothing() -> None:
    process = Simulated({"x": frozenset()})
    arms = Arms(Plan(frozenset({"clock"})), Plan())
    assert confirm(process, arms, frozenset({"x"}), numbers=[0], plenty=4) is None
    assert process.runs == 8


@pytest.mark.parametrize(("outcomes", "count"), [([0, 1, 2, 3, 4], FEW), ([0, 0, 0, 0, 0], MANY)])
def test_the_more_often_trials_agree_anyway_the_more_are_made(outcomes: list[int], count: int) -> None:
    process = Simulated({"x": frozenset({"moon"})}, lambda run: outcomes[run.count % 5])
    control = [process.make(Plan(), number) for number in range(5)]
    assert enough(process, control, frozenset({"x"})) == count


def test_as_many_trials_are_made_as_make_chance_agreement_unlikely() -> None:
    process = Simulated({"x": frozenset({"moon"})}, lambda run: run.count // 2 % 2)
    control = [process.make(Plan(), number) for number in range(4)]
    # 2 of 6 pairs agree: (1/3)^(n-1) <= 0.05 for n >= 3.73.
    assert enough(process, control, frozenset({"x"})) == 4


@given(st.integers(1, 12), st.data())
def test_minimal_finds_a_smallest_sufficient_part(size: int, data: st.DataObject) -> None:
    rest = [f"s{number}" for number in range(size)]
    wanted = data.draw(st.lists(st.sampled_from(rest), min_size=1, unique=True))
    found = minimal(rest, (), lambda chosen: set(wanted) <= set(chosen))
    assert sorted(found) == sorted(wanted)


@given(st.integers(2, 9), st.data())
def test_where_several_parts_would_do_minimal_finds_one_that_cannot_be_less(size: int, data: st.DataObject) -> None:
    rest = [f"s{number}" for number in range(size)]
    wanted = data.draw(st.lists(st.frozensets(st.sampled_from(rest), min_size=1), min_size=1, max_size=3))

    def is_enough(chosen: Sequence[str]) -> bool:
        return any(each <= set(chosen) for each in wanted)

    found = minimal(rest, (), is_enough)
    assert is_enough(found)
    assert not any(is_enough(less) for less in itertools.combinations(found, len(found) - 1))


def test_failures_alike_agree_and_differ_from_what_passed() -> None:
    process = Simulated({"x": frozenset()}, fails_without=frozenset({"clock"}))
    passed = process.make(Plan(), 0)
    held = Plan(frozenset({"clock"}))
    failed = [process.make(held, 0), process.make(held, 1)]
    assert among(process, failed) == frozenset()
    assert among(process, [passed, *failed]) == {"outcome"}


def test_parts_that_only_one_run_has_are_told_by_their_output() -> None:
    record = RunRecord("p", 1, Outcome.PASSED)
    one = Trial(Replay(record), {"outputs['a'][140]": "x", "outputs['a']['n']": "1", "outputs['b']": "z"})
    other = Trial(Replay(record), {"outputs['a'][139]": "x", "outputs['a']['n']": "2", "outputs['b']": "z"})
    assert Simulated({}).differing(one, other) == {"outputs['a']", "outputs['a']['n']"}


def test_suspects_are_what_was_drawn_from_after_hints_and_what_varies() -> None:
    site = Site("model.py", 3, "train", "now()")
    trial = Trial(Replay(RunRecord("p", 1, Outcome.PASSED), sites={"order": (site,), "moon": (site,)}), {})
    suspects, others = ranked([trial], ["order"], ["hashseed", "gone"])
    assert suspects == ["hashseed"]
    assert others[:2] == ["order", "imports"]
    assert not {"moon", "gone", "files"} & {*suspects, *others}
    assert not set(suspects) & set(others)
