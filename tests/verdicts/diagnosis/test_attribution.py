"""The search for causes, on processes that are told by which source each part of their results depends on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.execution.records import Failure, Outcome, RunRecord
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.request import Replay
from pytest_expops.verdicts.diagnosis._attribution import FEW, MANY, Search, among, enough, minimal, ranked
from pytest_expops.verdicts.diagnosis._trials import Plan, Trial, Trials
from pytest_expops.verdicts.findings import Count

SOURCES = ("hashseed", "clock", "entropy", "threads", "memory", "tmpdir")


class Process(Trials):
    """Trials of a process whose parts depend on the sources given for each; `flips` maps a source to its outcomes."""

    def __init__(self, depends: Mapping[str, frozenset[str]], flips: Mapping[str, Sequence[int]] | None = None) -> None:
        self.depends = depends
        self.flips = flips or {}
        self.runs = 0
        self._exact = True
        self.fails_without: frozenset[str] = frozenset()

    def make(self, plan: Plan, number: int) -> Trial:
        self.runs += 1
        failed = plan.held & self.fails_without
        record = RunRecord(
            "p",
            1,
            Outcome.FAILED if failed else Outcome.PASSED,
            failure=Failure("ValueError", "held", "") if failed else None,
        )
        parts = {
            path: repr([self._drawn(source) for source in sorted(sources - plan.held)])
            for path, sources in self.depends.items()
        }
        return Trial(Replay(record), {} if failed else parts)

    def _drawn(self, source: str) -> int:
        outcomes = self.flips.get(source)
        return self.runs if outcomes is None else outcomes[self.runs % len(outcomes)]


def searched(process: Process, suspects: Sequence[str] = SOURCES, others: Sequence[str] = ()) -> Search:
    control = [process.make(Plan(), number) for number in range(5)]
    search = Search(process, control)
    search.run(suspects, others)
    return search


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.frozensets(st.sampled_from(SOURCES)), min_size=1),
    st.permutations(SOURCES),
    st.integers(0, len(SOURCES)),
)
def test_exactly_the_sources_that_results_depend_on_are_found(
    depends: dict[str, frozenset[str]], order: list[str], suspected: int
) -> None:
    search = searched(Process(depends), order[:suspected], order[suspected:])
    assert set(search.found) == frozenset().union(*depends.values())
    assert not search.remaining


def test_each_cause_is_told_with_the_paths_that_it_settles() -> None:
    search = searched(Process({"id": frozenset({"entropy"}), "order": frozenset({"hashseed"}), "w": frozenset()}))
    assert search.found == {"entropy": frozenset({"id"}), "hashseed": frozenset({"order"})}
    assert search.agreement(search.found, frozenset({"id", "order"})) == Count(5, 5)
    assert search.agreement(["entropy"], frozenset({"order"})) == Count(0, 5)


def test_what_depends_on_a_source_that_nothing_holds_remains() -> None:
    search = searched(Process({"x": frozenset({"moon"}), "y": frozenset({"clock"})}))
    assert search.found == {"clock": frozenset({"y"})}
    assert search.remaining == {"x"}
    assert search.tried[-1].count.agree == 0


def test_runs_that_fail_while_a_source_is_held_are_no_agreement() -> None:
    process = Process({"x": frozenset({"clock"})})
    process.fails_without = frozenset({"memory"})
    search = searched(process, ["memory", "clock"])
    assert list(search.found) == ["clock"]


def test_two_outcomes_that_agree_by_chance_are_not_taken_for_an_effect() -> None:
    # As the order of a set of two: of two runs in a row half agree, whatever is held.
    process = Process({"x": frozenset({"hashseed"})}, {"hashseed": [0, 0, 1, 0, 1, 1]})
    search = searched(process, ["clock", "entropy", "hashseed"])
    assert list(search.found) == ["hashseed"]


def test_a_source_that_was_no_suspect_is_found_all_the_same_with_few_runs() -> None:
    others = [f"s{number}" for number in range(16)]
    process = Process({"x": frozenset({"s11"})})
    search = searched(process, ["clock"], others)
    assert list(search.found) == ["s11"]
    assert process.runs < 30


@pytest.mark.parametrize(("outcomes", "count"), [([0, 1, 2, 3, 4], FEW), ([0, 0, 0, 0, 0], MANY)])
def test_the_more_often_trials_agree_anyway_the_more_are_made(outcomes: list[int], count: int) -> None:
    process = Process({"x": frozenset({"moon"})}, {"moon": outcomes})
    control = [process.make(Plan(), number) for number in range(5)]
    assert enough(process, control, frozenset({"x"})) == count


def test_as_many_trials_are_made_as_make_chance_agreement_unlikely() -> None:
    process = Process({"x": frozenset({"moon"})}, {"moon": [0, 0, 1, 1]})
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
    process = Process({"x": frozenset()})
    passed = process.make(Plan(), 0)
    process.fails_without = frozenset({"clock"})
    held = Plan(frozenset({"clock"}))
    failed = [process.make(held, 0), process.make(held, 1)]
    assert among(process, failed) == frozenset()
    assert among(process, [passed, *failed]) == {"outcome"}


def test_parts_that_only_one_run_has_are_told_by_their_output() -> None:
    record = RunRecord("p", 1, Outcome.PASSED)
    one = Trial(Replay(record), {"outputs['a'][140]": "x", "outputs['a']['n']": "1", "outputs['b']": "z"})
    other = Trial(Replay(record), {"outputs['a'][139]": "x", "outputs['a']['n']": "2", "outputs['b']": "z"})
    assert Process({}).differing(one, other) == {"outputs['a']", "outputs['a']['n']"}


def test_suspects_are_what_was_drawn_from_after_hints_and_what_varies() -> None:
    site = Site("model.py", 3, "train", "now()")
    trial = Trial(Replay(RunRecord("p", 1, Outcome.PASSED), sites={"order": (site,), "moon": (site,)}), {})
    suspects, others = ranked([trial], ["order"], ["hashseed", "gone"])
    assert suspects == ["hashseed", "order", "imports"]
    assert not {"moon", "gone", "files"} & {*suspects, *others}
    assert not set(suspects) & set(others)
