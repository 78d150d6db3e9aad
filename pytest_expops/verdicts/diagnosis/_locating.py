"""Where two runs part: the first call, and in it the first line, after which they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.tracing import Target, Trace
from pytest_expops.verdicts.diagnosis._divergence import Harmless, differing_names, first_call, first_line
from pytest_expops.verdicts.diagnosis._leftovers import Leftover
from pytest_expops.verdicts.diagnosis._trials import Plan, Trial, Trials
from pytest_expops.verdicts.findings import Place

OTHERS = (1, 7, 8)
"""Trial 0 is compared with these in turn until one differs; they are made in three other interpreters."""
UNSEEDED = "generators"
"""The global generators, in runs that nothing seeds; held while runs are traced, too."""
MOST_SILENT = 3
"""So many calls that all give back the same are looked into, the outermost first."""
QUIET = frozenset({"entropy", "clock", "cwd-listing-order", "tmpdir", "host", "env", "imports"})
"""Sources that are held while runs are traced, where they are drawn from and no cause: what differs harmlessly must not
be blamed. The hash seed is held likewise, which no line is seen to draw from."""
GIVING = frozenset({"entropy", "clock", "cwd-listing-order", "host"})
"""Sources of which a line gets what differs, so that holding that line alone shows whether it is at fault."""


@dataclass(frozen=True, slots=True)
class Parting:
    """What makes two runs differ: the sources that were found to be causes, or what earlier processes left behind.

    `drawn` are the sources that a line of the project was seen to draw from. The sources `quiet` are held in all runs.
    `traced` are two runs that differ by nothing but the only cause, if there are such already.
    """

    causes: tuple[str, ...] = ()
    drawn: frozenset[str] = frozenset()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leftover: Leftover | None = None
    quiet: frozenset[str] = frozenset()
    traced: tuple[Trial, Trial] | None = None

    def plans(self) -> Iterator[tuple[Plan, Plan]]:
        """Yield how the two runs are made; then with nothing held, since what is held may be by what they differ."""
        quiet = (QUIET & {*self.drawn, "imports"}) | {"hashseed", UNSEEDED} | self.quiet
        if self.leftover is not None:
            yield Plan(quiet), Plan(quiet, before=self.leftover.before)
            return
        yield (Plan(quiet - {*self.causes}, self.only),) * 2
        yield (Plan(self.quiet, self.only),) * 2


def place_of(site: Site) -> Place:
    """Return the place of a line that was found to be at fault by holding it alone."""
    return Place(site.file, site.line, site.function, site.step, f"the result of {site.what}", site.code)


def is_at(place: Place | None, site: Site) -> bool:
    """Return whether a place is this line."""
    return place is not None and (site.file, site.line) == (place.file, place.line)


def locate(trials: Trials, parting: Parting) -> Place | None:
    """Where two runs part of which `parting` tells the difference; nowhere if no traced runs did.

    Raises:
        OutOfTime: as `Trials.make`.
    """
    if parting.traced is not None:
        pair = _traces(*parting.traced)
        place = _place(trials, next(parting.plans()), parting, pair) if pair is not None else None
        if place is not None:
            return place
    for plans in parting.plans():
        pair = _traced(trials, plans, partial(replace, trace=True))
        if pair is not None:
            return _place(trials, plans, parting, pair)
    return None


def _place(trials: Trials, plans: tuple[Plan, Plan], parting: Parting, pair: tuple[Trace, Trace]) -> Place | None:
    one, other = pair = _without_states(pair, parting)
    found = first_call(one, other)
    if found is not None and found.names and parting.causes:
        found = first_call(one, other, _harmless(trials, parting))
    if found is None:
        return _within(trials, plans, parting, pair)
    lines = _lines_of(trials, plans, parting, pair, found.target)
    line = first_line(*lines, found) if lines is not None else None
    return line or found.place


def _lines_of(
    trials: Trials, plans: tuple[Plan, Plan], parting: Parting, known: tuple[Trace, Trace], target: Target
) -> tuple[Trace, Trace] | None:
    """Return traces of the lines of a call in two runs that differ: those of the calls, if they have them."""
    if all(each.target == target for each in known):
        return known
    found = _traced(trials, plans, partial(replace, lines=target))
    return _without_states(found, parting) if found is not None else None


def _without_states(traces: tuple[Trace, Trace], parting: Parting) -> tuple[Trace, Trace]:
    """Return traces without the random states, if these are the cause: they differ from the start, and at no line."""
    if UNSEEDED not in parting.causes:
        return traces
    one, other = (
        replace(
            trace,
            calls=tuple(replace(call, rng={}, rng_after={}) for call in trace.calls),
            lines=tuple(replace(line, rng={}) for line in trace.lines),
        )
        for trace in traces
    )
    return one, other


def _within(trials: Trials, plans: tuple[Plan, Plan], parting: Parting, known: tuple[Trace, Trace]) -> Place | None:
    """Return where two runs part within a call that gives back the same, since it writes what differs, say."""
    outer = [call for call in reversed(known[0].calls) if not call.namespace and not call.thread]
    for call in outer[:MOST_SILENT]:
        lines = _lines_of(trials, plans, parting, known, call.target)
        place = first_line(*lines) if lines is not None else None
        if place is not None:
            return place
    return None


def _harmless(trials: Trials, parting: Parting) -> Harmless:
    """Return what differs in modules though the causes are held, and results are the same: it is at no fault."""
    plan = replace(next(parting.plans())[0], trace=True)
    plan = replace(plan, held=plan.held | {*parting.causes})
    one, other = trials.make(plan, 0), trials.make(plan, OTHERS[0])
    if trials.differing(one, other) or one.replay.trace is None or other.replay.trace is None:
        return frozenset()
    return differing_names(one.replay.trace, other.replay.trace)


def _traced(trials: Trials, plans: tuple[Plan, Plan], traced: Callable[[Plan], Plan]) -> tuple[Trace, Trace] | None:
    """The traces of two runs that differ."""
    for number in OTHERS:
        one, other = trials.make(traced(plans[0]), 0), trials.make(traced(plans[1]), number)
        found = _traces(one, other) if trials.differing(one, other) else None
        if found is not None:
            return found
    return None


def _traces(one: Trial, other: Trial) -> tuple[Trace, Trace] | None:
    ours, theirs = one.replay.trace, other.replay.trace
    return (ours, theirs) if ours is not None and theirs is not None else None
