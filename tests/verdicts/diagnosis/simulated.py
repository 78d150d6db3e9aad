"""Processes whose outcomes are drawn by a rule, so that thousands of searches for a cause can be made in a second."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pytest_expops.execution.records import Failure, Outcome, RunRecord
from pytest_expops.replay.request import Replay
from pytest_expops.verdicts.diagnosis._attribution import OutOfRuns, Search
from pytest_expops.verdicts.diagnosis._trials import CONTROLS, Plan, Trial, Trials, hash_number_of

SOURCES = ("hashseed", "clock", "entropy", "threads", "memory", "tmpdir")


@dataclass(frozen=True)
class Run:
    """What an outcome may depend on: how many runs there were before, the interpreter, and the hash seed."""

    count: int
    interpreter: tuple[object, ...]
    hash_seed: int


Rule = Callable[[Run], object]
"""What a part of the results is if the sources that it depends on are not held."""


@dataclass
class Simulated(Trials):
    """Trials of a process whose parts depend on the sources given for each, by `rule` where they are not all held."""

    depends: Mapping[str, frozenset[str]]
    rule: Rule = field(default=lambda run: run.count)
    fails_without: frozenset[str] = frozenset()
    orders: int = 1_000_000
    """So many hash seeds, one after the other, each give what depends on them another value."""

    def __post_init__(self) -> None:
        self.runs = 0
        self._exact = True
        self.vary: tuple[str, ...] = ()

    def make(self, plan: Plan, number: int) -> Trial:
        self.runs += 1
        failed = bool(plan.held & self.fails_without)
        failure = Failure("ValueError", "held", "") if failed else None
        record = RunRecord("p", 1, Outcome.FAILED if failed else Outcome.PASSED, failure=failure)
        seed = plan.numbers.get("hashseed", 1 if "hashseed" in plan.held else hash_number_of(number))
        interpreter = ("fresh", self.runs) if plan.fresh else ("kept", seed, "threads" in plan.held)
        run = Run(self.runs, interpreter, seed)
        parts = {path: self._part(sources - plan.held, sources, run) for path, sources in self.depends.items()}
        return Trial(Replay(record), {} if failed else parts)

    def _part(self, free: frozenset[str], sources: frozenset[str], run: Run) -> str:
        parts: list[object] = [self.rule(run)] if free - {"hashseed"} else []
        if "hashseed" in sources:
            parts.append(run.hash_seed % self.orders)
        return repr(parts)


def searched(
    process: Simulated, suspects: tuple[str, ...] = SOURCES, others: tuple[str, ...] = (), controls: int = CONTROLS
) -> Search:
    """Search for the causes as a diagnosis does, with that many control trials."""
    search = Search(process, [process.make(Plan(), number) for number in range(controls)])
    with suppress(OutOfRuns):
        search.run(suspects, others)
    return search


def independent(outcomes: int, seed: int, rarest: float | None = None) -> Rule:
    """Return a rule by which each run has one of some outcomes, all equally likely, or one of two rarely."""
    chance = random.Random(seed)
    weights = [1 - rarest, rarest] if rarest is not None else [1] * outcomes
    return lambda run: chance.choices(range(len(weights)), weights)[0]


def mostly_new(known: float, seed: int) -> Rule:
    """Return a rule by which a run has one known outcome with a probability, and else one that was never there."""
    chance = random.Random(seed)
    return lambda run: 0 if chance.random() < known else run.count


def by_interpreter(outcomes: int, seed: int) -> Rule:
    """Return a rule by which all runs of one interpreter have the same outcome."""
    chance = random.Random(seed)
    known: dict[tuple[object, ...], int] = {}
    return lambda run: known.setdefault(run.interpreter, chance.randrange(outcomes))


def in_spells(outcomes: int, seed: int, stays: float = 0.8) -> Rule:
    """Return a rule by which a run mostly has the outcome of the run before it."""
    chance = random.Random(seed)
    last = [0]

    def rule(run: Run) -> int:
        if chance.random() > stays:
            last[0] = chance.randrange(outcomes)
        return last[0]

    return rule


def drifting(every: int) -> Rule:
    """Return a rule by which the outcome changes for good after every so many runs, as a file that grows does."""
    return lambda run: run.count // every


def by_turns(every: int, outcomes: int = 2) -> Rule:
    """Return a rule by which outcomes take turns, each for some runs, as a file that is there every other time."""
    return lambda run: run.count // every % outcomes
