"""What replays do after others is told from what they do alone, and from what they do because they are watched."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_expops.execution.records import Failure, Outcome, RunRecord
from pytest_expops.replay.request import Replay
from pytest_expops.verdicts.diagnosis._control import controlled
from pytest_expops.verdicts.diagnosis._leftovers import from_earlier
from pytest_expops.verdicts.diagnosis._trials import OUTCOME, Plan, Trial, Trials, agrees

A, B = "outputs['a']", "outputs['b']"
Rule = Callable[[Plan], dict[str, Any] | None]


class OfATest(Trials):
    """Trials of a test that others ran before; a rule gives the parts of each, None where it fails."""

    def __init__(self, first: dict[str, Any], rule: Rule) -> None:
        check = SimpleNamespace(earlier=("one", "two"), test_files=("test_a.py",))
        self.session: Any = SimpleNamespace(expanded=SimpleNamespace(pipeline=SimpleNamespace(check=check)))
        self.vary, self.runs, self._exact = (), 0, True
        self._rule = rule
        self.first = self._trial(first)

    def make(self, plan: Plan, number: int) -> Trial:
        return self._trial(self._rule(plan))

    def _trial(self, parts: dict[str, Any] | None) -> Trial:
        if parts is None:
            return Trial(Replay(RunRecord("t", 1, Outcome.FAILED, failure=Failure("ValueError", "of it", ""))), {})
        return Trial(Replay(RunRecord("t", 1, Outcome.PASSED)), {key: str(value) for key, value in parts.items()})


def counted(name: str) -> Rule:
    count = itertools.count(1)
    return lambda plan: {name: next(count)}


def test_replays_that_fail_only_while_they_are_watched_are_made_without() -> None:
    given = counted(A)
    control = controlled(OfATest({A: 0}, lambda plan: None if plan.watch else given(plan)))
    assert not control.watched
    assert all(each.passed for each in control.made)
    assert (control.apart, control.behind) == ({A}, set())


def test_what_only_watched_replays_give_is_not_taken_for_what_was_left_behind() -> None:
    control = controlled(OfATest({A: 0}, lambda plan: {A: int(plan.watch)}))
    assert (control.watched, control.apart, control.behind) == (False, set(), set())


@pytest.mark.parametrize("alone", [None, {A: 0}])
def test_the_test_that_leaves_something_behind_is_found(alone: dict[str, Any] | None) -> None:
    trials = OfATest({A: 1}, lambda plan: {A: 1} if "one" in (plan.before or ()) else alone)
    control = controlled(trials)
    assert control.watched
    found = from_earlier(trials, control.behind)
    assert found is not None
    assert (found.before, found.held.agree, found.held.of) == (("one",), 4, 4)


@pytest.mark.parametrize("alone", [None, {}])
def test_replays_that_differ_elsewhere_after_others_do_not_agree_with_the_first_run(
    alone: dict[str, Any] | None,
) -> None:
    """They fail alone, and pass after another; but what they give then is not what the first run gave."""
    given = counted(f"{A}['at']")
    trials = OfATest({f"{A}['at']": 0}, lambda plan: given(plan) if "one" in (plan.before or ()) else alone)
    control = controlled(trials)
    assert control.watched
    assert control.behind
    assert from_earlier(trials, control.behind) is None


@pytest.mark.parametrize(
    ("differing", "paths", "expected"),
    [
        ([], [f"{A}[0]"], True),
        ([f"{B}[0]"], [f"{A}[0]"], True),
        ([f"{A}[1]"], [f"{A}[0]"], True),
        ([f"{A}[0]"], [f"{A}[0]"], False),
        ([A], [f"{A}[0]"], False),
        ([f"{A}[0]"], [A], False),
        ([OUTCOME], [f"{A}[0]"], False),
        ([f"{A}[0]"], [OUTCOME], False),
        ([], [OUTCOME], True),
    ],
)
def test_a_run_agrees_at_parts_which_it_has_and_which_do_not_differ(
    differing: list[str], paths: list[str], expected: bool
) -> None:
    assert agrees(frozenset(differing), frozenset(paths)) is expected
