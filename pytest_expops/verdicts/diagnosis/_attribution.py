"""Why results differ, by intervention: which sources, held fixed, make the runs agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pytest_expops.verdicts.diagnosis._confirming import Arms, Evidence, MadeRuns, confirm
from pytest_expops.verdicts.diagnosis._ranking import LAST, minimal, needs_interpreter
from pytest_expops.verdicts.diagnosis._trials import (
    CONTROLS,
    OUTCOME,
    OutOfTime,
    Plan,
    Trial,
    Trials,
    among,
    hash_number_of,
    interpreter_of,
    is_fixed,
)
from pytest_expops.verdicts.findings import Count, Tried, Unheld

FEW = 2
"""So many trials, at the least, show that a source is not the cause."""
MANY = 8
"""So many, at the most, show that it may be."""
DOUBT = 0.05
"""The chance with which replays may agree although the source that makes them differ is not held."""
MOST_RUNS = 100
"""No further source is tried after so many trials."""
CONTROL_SEEDS = 3
"""Under so many hash seeds there are replays, before it is tried whether results differ by them."""
OTHER_SEEDS = (2, 3, 4)
"""The numbers of the replays whose hash seeds are tried beside that of replay 1."""


class OutOfRuns(Exception):
    """As many trials have been made as a search may make."""


@dataclass(frozen=True, slots=True)
class Found:
    """The paths that a source settles, and how many replays show it, with the sources `beside` it held in all of them.

    It `was_set` to two values, or held in some replays and free in others.

    All addresses can only be fixed together with the hash seed; `differs_by_seed` says that results differ between two
    hash seeds while they are.
    """

    paths: frozenset[str]
    evidence: Evidence
    was_set: bool = False
    beside: tuple[str, ...] = ()
    differs_by_seed: bool = False


@dataclass
class Search:
    """The sources that make the trials of one process differ, found one after the other.

    `remaining` are the paths at which trials differ while what was `found` is held. `only` narrows what is held of some
    sources, whenever they are. `unsure` are sources that seemed to settle something, which new trials did not confirm.
    By those in `quiet`, traced trials differ even where it makes no difference to results.
    """

    trials: Trials
    control: Sequence[Trial]
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quiet: frozenset[str] = frozenset()
    found: dict[str, Found] = field(default_factory=dict)
    tried: list[Tried] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    remaining: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        # Those interpreters first that are not the first's, and the last of them: what differs there may not elsewhere.
        numbers = range(len(self.control))[::-1]
        self._elsewhere = [number for number in numbers if interpreter_of(number) != interpreter_of(0)] or [0]
        self._numbers = [0, *self._elsewhere, *(number for number in numbers[:-1] if interpreter_of(number) == 0)]
        self._made: dict[frozenset[str], list[Trial]] = {}
        self._begin = self.trials.runs
        self.remaining = among(self.trials, self.control)
        within = [trial for number, trial in enumerate(self.control) if interpreter_of(number) == interpreter_of(0)]
        self._vary_within = among(self.trials, within)
        """Where trials differ that were forked of one interpreter: there new ones tell no more than those."""

    def run(self, suspects: Sequence[str], others: Sequence[str]) -> bool:
        """Try each of the `suspects` by itself; if something remains, look for what settles it among all.

        Returns:
            Whether there was time for all of it; if not, what was found so far is there all the same.

        Raises:
            OutOfRuns: there were trials enough.
        """
        try:
            self._run(suspects, others)
        except OutOfTime:
            return False
        return True

    def _run(self, suspects: Sequence[str], others: Sequence[str]) -> None:
        self._try_varied(suspects)
        if self.remaining:
            self._set_hash_seeds()
        self._try_varied([source for source in others if source not in suspects])
        if self._was_ruled_out("hashseed") and not self.remaining & self._vary_within:
            # Interpreters differ although their hash seed is the same.
            # (What is left in memory depends on where it lies: where a line was given such, that is tried before.)
            left = [source for source in suspects if source == "memory"]
            suspects = [*dict.fromkeys([*left, "addresses", "imports", *suspects])]
        for source in suspects:
            if self.remaining:
                self._try(source)
        if self.remaining:
            self._widen(suspects)
        rest = [*suspects, *others]
        # Threads are held by one that looks after them, now and then: what it allocates moves what others do.
        rounds: list[tuple[Sequence[str], Sequence[str]]] = [(("addresses",), ()), (("threads",), ("addresses",))]
        if len(suspects) > 1:
            rounds.insert(0, (LAST, ()))  # most that depend on two sources depend on one of those that were seen
        for without, needed in rounds:
            if self.remaining:
                self._try_together([source for source in rest if source not in without], needed)

    def _widen(self, suspects: Sequence[str]) -> None:
        """From here on, hold all of each source, and not only what a line was seen to ask for; try those again."""
        widened = {source for source in self.only if source not in self.found}
        self.only = {source: places for source, places in self.only.items() if source not in widened}
        self._made = {held: made for held, made in self._made.items() if not held & widened}
        self.tried = [each for each in self.tried if not widened & {*each.sources}]
        for source in suspects:
            if source in widened and source != "addresses" and self.remaining:
                self._try(source)

    def unheld(self) -> tuple[Unheld, ...]:
        """Return what drew from a source in replays that held it."""
        most: dict[tuple[str, str], int] = {}
        for held, made in self._made.items():
            for trial in made:
                for source in held & trial.replay.escaped.keys():
                    for who, count in trial.replay.escaped[source].items():
                        most[source, who] = max(count, most.get((source, who), 0))
        return tuple(Unheld(source, who, count) for (source, who), count in most.items())

    def _set_hash_seeds(self) -> None:
        """Set the hash seed to two values, where the control agrees under each and differs between them.

        That takes far fewer trials than to hold it where there are two outcomes only, as of the order of a set of two.
        """
        by_seed: dict[int, list[Trial]] = {}
        for number, trial in enumerate(self.control):
            by_seed.setdefault(hash_number_of(number), []).append(trial)
        unstable = frozenset().union(*(among(self.trials, made) for made in by_seed.values()))
        paths = self.remaining - unstable
        if not paths:
            self.tried.append(Tried(("hashseed",), Count(0, len(by_seed[hash_number_of(0)]))))
            return
        one = hash_number_of(0)
        numbers = [each for each in by_seed if self.trials.differing(by_seed[one][0], by_seed[each][0]) & paths]
        if len(by_seed) < CONTROL_SEEDS:  # a third outcome tells more than many replays with two
            by_seed[hash_number_of(CONTROLS)] = [self.trials.make(Plan(watch=True), CONTROLS)]
        self._confirm_hash_seed(paths, frozenset(), one, numbers, by_seed)

    def _try_varied(self, sources: Sequence[str]) -> None:
        """Vary each of those alone that the session varies, as long as results agree where it varies nothing."""
        for source in sources:
            if source in self.trials.vary and self.remaining - self._vary_within:
                self._vary(source)

    def _vary(self, source: str) -> None:
        held = frozenset(self.found)
        as_it_is = self._held(held, 1)[0] if held else self.control[0]
        plan = Plan(held, self.only)
        varied = self.trials.make(replace(plan, numbers={source: 1}), 0)
        paths = self.trials.differing(as_it_is, varied) & self.remaining - self._vary_within
        if not paths:
            return
        if not held:
            as_it_is = self.trials.make(plan, 0)  # the control was watched, which allocates
        third = self.trials.make(replace(plan, numbers={source: 2}), 0)
        if self._confirm(source, paths, _set(source, plan, 0, 1), MadeRuns([as_it_is], [varied], [third])):
            self._settle(source)

    def _settle(self, source: str) -> None:
        """Count to what a source explains where replays differed as it was set, and agree now that it is held.

        They may have differed there without it: as one that is watched from one that is not, say.
        """
        found = self.found[source]
        differing = self._differing(self.found)
        also = found.evidence.parted & self.remaining - differing
        self.found[source] = replace(found, paths=found.paths | also)
        self.remaining = (self.remaining - also) & (self._vary_within | differing)

    def _try(self, source: str) -> None:
        if source in self.found or source in self.unsure or self._was_ruled_out(source):
            return
        settled = self.remaining - self._differing({*self.found, source})
        if settled:
            self._confirm_held(source, settled, frozenset(self.found))

    def _was_ruled_out(self, source: str) -> bool:
        """Return whether results differ with the source held, of which the control has told already."""
        return not self.found and any(each.sources == (source,) and not each.count.agree for each in self.tried)

    def _try_together(self, sources: Sequence[str], needed: Sequence[str]) -> None:
        """For results that depend on several sources at once, or on one that was no suspect.

        Those `needed` are among them, since nothing is settled without.
        """
        rest = [source for source in sources if source not in self.found]
        settled = self.remaining - self._differing({*self.found, *rest})
        if not settled:
            return

        def is_enough(chosen: Sequence[str]) -> bool:
            return not settled & self._differing({*self.found, *chosen})

        needed = [source for source in needed if source in rest]
        others = [source for source in rest if source not in needed]
        chosen = [*needed, *([] if needed and is_enough(needed) else minimal(others, needed, is_enough))]
        base = frozenset({*self.found, *chosen})
        if "addresses" in chosen and is_fixed(Plan(base, self.only)):
            base -= {"hashseed"}  # it is fixed with them, and cannot be told from them
        for source in [each for each in chosen if each in base]:
            self._confirm_held(source, settled, base - {source})

    def _confirm_held(self, source: str, paths: frozenset[str], base: frozenset[str]) -> None:
        """Confirm a source by trials which differ in it alone, with `base` held in all.

        To fix all addresses takes a fixed hash seed; so it is fixed in all then.
        """
        if source == "hashseed":
            self._confirm_hash_seed(paths, base, 1, OTHER_SEEDS)
            return
        held = Plan(base | {source}, self.only)
        also = frozenset({"hashseed"}) if is_fixed(held) else frozenset()
        self._confirm(source, paths, Arms(held, Plan(base | also, self.only)))

    def _confirm_hash_seed(
        self,
        paths: frozenset[str],
        base: frozenset[str],
        one: int,
        numbers: Iterable[int],
        control: Mapping[int, Sequence[Trial]] = MappingProxyType({}),
    ) -> None:
        """Confirm that results differ between `one` hash seed and another, by their numbers.

        One `control` of each counts too; others were forked of the same interpreter, and tell nothing new.
        """
        tried = len(self.tried)
        for number in numbers:
            others = [made[0] for other, made in control.items() if other not in (one, number)]
            seen = MadeRuns(control.get(one, ())[:1], control.get(number, ())[:1], others)
            arms = _set("hashseed", Plan(base, self.only), one, number)
            if self._confirm("hashseed", paths, arms, seen) or len(self.tried) > tried:
                break  # it is a cause, or replays under one hash seed differ

    def _confirm(
        self,
        source: str,
        paths: frozenset[str],
        arms: Arms,
        seen: MadeRuns | None = None,
    ) -> bool:
        """Confirm a source, in interpreters of their own where else those of both kinds would be forked of two.

        What differs between those two would be taken for an effect of the source.
        """
        forked = (not needs_interpreter(source) or paths <= self._vary_within) and not is_fixed(arms.held)
        if not forked:
            arms = replace(arms, held=_fresh(arms.held), free=_fresh(arms.free))
        arms = replace(arms, traces=self._can_be_traced(source, arms))
        if forked and not arms.free.held and not arms.sets:
            seen = MadeRuns(self._made.get(arms.held.held, ()), self.control)
        tried = max(1, len(self._made))
        plenty = enough(self.trials, self.control, paths)
        numbers = [0] if arms.sets else self._numbers
        evidence = confirm(self.trials, arms, paths, numbers=numbers, tried=tried, plenty=plenty, seen=seen)
        if not isinstance(evidence, Evidence):
            if evidence is not None:
                self.tried.append(Tried(tuple(sorted({*arms.held.held, source})), evidence))
            elif source not in self.unsure:
                self.unsure.append(source)
            return False
        by_seed = source == "addresses" and is_fixed(arms.held) and self._differs_by_seed(arms.held, paths)
        beside = tuple(sorted(arms.free.held - {source}))
        self.found[source] = Found(paths, evidence, arms.sets, beside, by_seed)
        self.remaining -= paths
        return True

    def _can_be_traced(self, source: str, arms: Arms) -> bool:
        """Return whether two trials that differ in the source alone tell where runs part, and one line does not yet.

        With threads held, other things are run and not only with other results. A trace has addresses of its own.
        """
        tells = source != "threads" and not is_fixed(arms.held) and not self.quiet - {source}
        return tells and len(self.only.get(source, ())) != 1

    def _differs_by_seed(self, plan: Plan, paths: frozenset[str]) -> bool:
        made = [self.trials.make(replace(plan, numbers={"hashseed": number}), 0) for number in (1, 2)]
        return bool(among(self.trials, made) & paths)

    def differs_at(self, only: Mapping[str, tuple[str, ...]], paths: frozenset[str]) -> bool:
        """Return whether trials differ at `paths` while what was found is held, of some sources at a few lines only."""
        plan = Plan(frozenset(self.found), {**self.only, **only})
        made = [
            self.trials.make(plan, self._numbers[number % len(self._numbers)])
            for number in range(enough(self.trials, self.control, paths))
        ]
        return not all(each.passed for each in made) or bool(among(self.trials, made) & paths)

    def _differing(self, held: Iterable[str]) -> frozenset[str]:
        """Those of what remains at which trials with `held` held differ, looking no further than need be."""
        key, paths = frozenset(held), self.remaining
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
            if self.trials.runs - self._begin >= MOST_RUNS:
                raise OutOfRuns(f"stopped after {MOST_RUNS} replays")
            # With one hash seed it does not matter which, and `Trials` chooses by the count.
            number = len(made) if "hashseed" in held else self._numbers[len(made) % len(self._numbers)]
            made.append(self.trials.make(Plan(held, self.only), number))
        return made


def _set(source: str, plan: Plan, one: int, other: int) -> Arms:
    return Arms(replace(plan, numbers={source: one}), replace(plan, numbers={source: other}), sets=True)


def _fresh(plan: Plan) -> Plan:
    return replace(plan, fresh=True)


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
