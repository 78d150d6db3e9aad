"""Why results differ, by intervention: which sources, held fixed, make the runs agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_expops.replay.nondeterminism.base import HELD
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.diagnosis._trials import OUTCOME, OutOfTime, Plan, Trial, Trials, interpreter_of
from pytest_expops.verdicts.findings import Count, Tried

NEEDED = 5
"""So many replays must agree, beside the one they are compared with, before a source is called the cause."""
FEW = 2
"""So many trials, at the least, tell that a source is not the cause."""
MANY = 8
"""So many, at the most, tell that it may be."""
DOUBT = 0.05
"""The chance with which replays may agree although the source that makes them differ is not held."""

Ok = Callable[[Sequence[str]], bool]


@dataclass
class Search:
    """The sources that make the trials of one process differ, found one after the other.

    `remaining` are the paths at which trials differ while what was `found` is held; `found` says which paths each
    source has settled. `only` narrows what is held of some sources, whenever they are.
    """

    trials: Trials
    control: Sequence[Trial]
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    found: dict[str, frozenset[str]] = field(default_factory=dict)
    tried: list[Tried] = field(default_factory=list)
    remaining: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._late: list[Trial] = []
        # Those interpreters first that are not the first's, and the last of them: what differs there may not elsewhere.
        numbers = range(len(self.control))[::-1]
        self._elsewhere = [number for number in numbers if interpreter_of(number) != interpreter_of(0)] or [0]
        self._numbers = [0, *self._elsewhere, *(number for number in numbers[:-1] if interpreter_of(number) == 0)]
        self._made: dict[frozenset[str], list[Trial]] = {frozenset(): list(self.control)}
        self.remaining = among(self.trials, self.control)

    def run(self, suspects: Sequence[str], others: Sequence[str]) -> bool:
        """Try each of the `suspects` by itself; if something remains, look for what settles it among all.

        Returns:
            Whether there was time for all of it; if not, what was found so far is there all the same.
        """
        try:
            self._run(suspects, others)
        except OutOfTime:
            return False
        return True

    def _run(self, suspects: Sequence[str], others: Sequence[str]) -> None:
        for source in suspects:
            if self.remaining:
                self._try(source)
        # From here on, of all objects, and not only of those that a line asked about.
        if "addresses" in self.only and "addresses" not in self.found:
            self.only = {source: places for source, places in self.only.items() if source != "addresses"}
            self._made = {held: made for held, made in self._made.items() if "addresses" not in held}
        rest = [*suspects, *others]
        for sources in ([source for source in rest if source not in LAST], rest):
            if self.remaining:
                self._try_together(sources)
        self._prune()

    def agreement(self, held: Iterable[str], paths: frozenset[str], needed: int = NEEDED) -> Count:
        """How many of `needed` replays with `held` held agree with one more such replay at `paths`."""
        return self._agreement(self._held(frozenset(held), needed + 1), paths)

    def free(self, paths: frozenset[str], needed: int = NEEDED) -> Count:
        """How many agree so with nothing held, now: an interpreter that has run for a while is not as at first."""
        # None in the interpreter of the one that the others are compared with.
        while len(self._late) <= needed:
            number = self._elsewhere[(len(self._late) - 1) % len(self._elsewhere)] if self._late else 0
            self._late.append(self.trials.make(Plan(), number))
        return self._agreement(self._late, paths)

    def in_fresh_interpreters(self, paths: frozenset[str]) -> tuple[Count, Count]:
        """`agreement` of all that was found, and `free`, each replay in an interpreter of its own."""
        plans = Plan(frozenset(self.found), self.only, fresh=True), Plan(fresh=True)
        held, free = ([self.trials.make(plan, number) for number in range(NEEDED + 1)] for plan in plans)
        return self._agreement(held, paths), self._agreement(free, paths)

    def alternating(self, paths: frozenset[str], needed: int) -> tuple[Count, Count]:
        """Return `agreement` of all that was found, and `free`, of new replays that are made in turn.

        So what drifts from run to run, as a log that grows does, is the same for both.
        """
        held: list[Trial] = []
        free: list[Trial] = []
        for number in range(needed + 1):
            held.append(self.trials.make(Plan(frozenset(self.found), self.only), number))
            free.append(self.trials.make(Plan(), number))
        return self._agreement(held, paths), self._agreement(free, paths)

    def _agreement(self, trials: Sequence[Trial], paths: frozenset[str]) -> Count:
        one, *rest = trials
        agreeing = sum(other.passed and not self.trials.differing(one, other) & paths for other in rest)
        return Count(agreeing if one.passed else 0, len(rest))

    def _try(self, source: str) -> None:
        settled = self.remaining - self._differing({*self.found, source})
        if settled:
            self.found[source] = settled
            self.remaining -= settled

    def _try_together(self, sources: Sequence[str]) -> None:
        """For results that depend on several sources at once, or on one that was no suspect."""
        rest = [source for source in sources if source not in self.found]
        settled = self.remaining - self._differing({*self.found, *rest})
        if not settled:
            return

        def is_enough(chosen: Sequence[str]) -> bool:
            return not settled & self._differing({*self.found, *chosen})

        for source in minimal(rest, (), is_enough):
            self.found[source] = settled
        self.remaining -= settled

    def _prune(self) -> None:
        """Drop what settled something only by chance: a source is a cause if, free by itself, it makes a difference."""
        for source in list(self.found):
            rest = [other for other in self.found if other != source]
            settled = self.found[source]
            if rest and not self._differing(rest, settled) & settled:
                del self.found[source]
                for other in rest:
                    self.found[other] |= settled

    def _differing(self, held: Iterable[str], paths: frozenset[str] | None = None) -> frozenset[str]:
        """Those of `paths` (what remains) at which trials with `held` held differ, looking no further than need be."""
        key, paths = frozenset(held), self.remaining if paths is None else paths
        count = enough(self.trials, self.control, paths)
        made = self._held(key, FEW)
        while True:
            differing = among(self.trials, made) if all(each.passed for each in made) else {*paths, OUTCOME}
            if paths <= differing or len(made) >= count:
                break
            made = self._held(key, len(made) + 1)
        agreeing = len(made) if not paths & differing else 0
        self.tried.append(Tried(tuple(sorted(key)), Count(agreeing, len(made))))
        return frozenset(paths & differing)

    def _held(self, held: frozenset[str], count: int) -> list[Trial]:
        made = self._made.setdefault(held, [])
        while len(made) < count:
            # With one hash seed it does not matter which, and `Trials` chooses by the count.
            number = len(made) if "hashseed" in held else self._numbers[len(made) % len(self._numbers)]
            made.append(self.trials.make(Plan(held, self.only), number))
        return made


def among(trials: Trials, made: Sequence[Trial]) -> frozenset[str]:
    """The paths at which any two of some trials differ."""
    found: set[str] = set()
    for one, other in itertools.combinations(made, 2):
        found |= trials.differing(one, other)
    return frozenset(found)


def enough(trials: Trials, control: Sequence[Trial], paths: frozenset[str]) -> int:
    """How many trials must agree at `paths`, seen how often those of the `control` do.

    If two trials agree by chance with probability p at the path where they do so most often, n trials all agree with
    the first with probability p^(n-1), which shall be at most `DOUBT`. p is the share of agreeing pairs.
    """
    pairs = [trials.differing(one, other) for one, other in itertools.combinations(control, 2)]
    rarest = min((sum(path in found for found in pairs) for path in paths), default=0)
    chance = 1 - rarest / len(pairs) if pairs else 0.0
    if chance <= 0:
        return FEW
    if chance >= 1:
        return MANY
    return min(MANY, max(FEW, 1 + math.ceil(math.log(DOUBT) / math.log(chance))))


def minimal(rest: Sequence[str], base: Sequence[str], is_enough: Ok) -> list[str]:
    """Return a smallest part of `rest` that, with `base`, is enough; `rest` whole is (QuickXplain, Junker 2004)."""
    if len(rest) <= 1:
        return list(rest)
    middle = len(rest) // 2
    left, right = rest[:middle], rest[middle:]
    if is_enough([*base, *left]):
        return minimal(left, base, is_enough)
    if is_enough([*base, *right]):
        return minimal(right, base, is_enough)
    first = minimal(left, [*base, *right], is_enough)
    return [*first, *minimal(right, [*base, *first], is_enough)]


LAST = ("gc", "addresses", "threads", "memory")
"""Sources that are dear to hold, or seldom the cause; the last to be held where no line drew from them."""


def ranked(control: Sequence[Trial], vary: Sequence[str], first: Sequence[str]) -> tuple[list[str], list[str]]:
    """The suspects, the likeliest first, and all other sources that can be held.

    Suspects are those that were the cause for a process of the same kind (`first`), those that a line of the project
    drew from, those that the session varies, and the hash seed and imports, which nobody can watch.
    """
    drawn = {source for trial in control for source in trial.replay.sites}
    holdable = [source for source, each in SOURCES.items() if each.can_hold]
    # One that needs interpreters of its own costs seconds, where others cost no more than the process.
    by_cost = sorted(holdable, key=lambda source: (source in LAST, _needs_interpreter(source)))
    seen = [source for source in by_cost if source in drawn]
    varied = [source for source in (*by_cost, "order") if source in vary and source not in seen]
    # Addresses follow from the hash seed to some extent, so what was seen to ask for them is tried without it first.
    hinted = [source for source in first if source in SOURCES and source != "files"]
    suspects = [*dict.fromkeys([*hinted, *seen, *varied, "hashseed", "imports"])]
    return suspects, [source for source in by_cost if source not in suspects]


def _needs_interpreter(source: str) -> bool:
    return bool(SOURCES[source].environment(HELD, {}))
