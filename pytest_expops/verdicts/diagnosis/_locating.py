"""Where two runs part: the first call, and in it the first line, after which they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pytest_expops.verdicts.diagnosis._divergence import first_call, first_line
from pytest_expops.verdicts.diagnosis._leftovers import Leftover
from pytest_expops.verdicts.diagnosis._trials import Plan, Trial, Trials
from pytest_expops.verdicts.findings import Place

OTHERS = (1, 7, 8)
"""Trial 0 is compared with these in turn until one differs; they are made in three other interpreters."""
QUIET = frozenset({"entropy", "clock", "cwd-listing-order", "tmpdir", "host", "env", "imports"})
"""Sources that are held while runs are traced, where they are drawn from and no cause: what differs harmlessly must not
be blamed."""


@dataclass(frozen=True, slots=True)
class Parting:
    """What makes two runs differ: the sources that were found to be causes, or what earlier processes left behind.

    `drawn` are the sources that a line of the project was seen to draw from.
    """

    causes: tuple[str, ...] = ()
    drawn: frozenset[str] = frozenset()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leftover: Leftover | None = None

    def plans(self) -> tuple[Plan, Plan]:
        """How the two runs are made. Where no cause is known, nothing is held."""
        quiet = QUIET & {*self.drawn, "imports"}
        if self.leftover is not None:
            return Plan(quiet), Plan(quiet, before=self.leftover.before)
        plan = Plan(quiet - {*self.causes} if self.causes else frozenset(), self.only)
        return plan, plan


def locate(trials: Trials, parting: Parting) -> Place | None:
    """Where two runs part of which `parting` tells the difference; None if no traced runs did.

    Raises:
        OutOfTime: as `Trials.make`.
    """
    plans = parting.plans()
    pair = _traced(trials, plans, lambda plan: replace(plan, trace=True))
    if pair is None:
        return None
    one, other = pair
    assert one.replay.trace is not None
    assert other.replay.trace is not None
    found = first_call(one.replay.trace, other.replay.trace)
    if found is None:
        return None
    pair = _traced(trials, plans, lambda plan: replace(plan, lines=found.target))
    if pair is not None:
        one, other = pair
        assert one.replay.trace is not None
        assert other.replay.trace is not None
        line = first_line(one.replay.trace, other.replay.trace, found)
        if line is not None:
            return line
    return found.place


def _traced(trials: Trials, plans: tuple[Plan, Plan], traced: Callable[[Plan], Plan]) -> tuple[Trial, Trial] | None:
    """Two traced runs that differ."""
    for number in OTHERS:
        one, other = trials.make(traced(plans[0]), 0), trials.make(traced(plans[1]), number)
        if trials.differing(one, other) and one.replay.trace is not None and other.replay.trace is not None:
            return one, other
    return None
