"""Whether holding a source makes results agree: shown on new replays, made with and without it in turn.

What was found by searching may agree by chance, the more so as many sources are tried. So nothing that is called a
cause rests on the replays by which it was found alone. New ones are made in turn, in equally new interpreters: what
drifts from run to run, or goes with the interpreter, meets both kinds alike.

If the source made no difference, the replays with and without it held could change places. The chance is that of the
arrangement that was seen, among all (a permutation test: Fisher, The Design of Experiments, 1935, chapter 3), times the
number of sources that were tried (Bonferroni). Where no two free replays agree, as with random numbers, fewer replays
tell as much: the chance is that of as many draws, all alike of the one kind and none alike of the other, under whatever
distribution makes that the most probable. The smaller of the two counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_expops.verdicts.diagnosis._trials import Plan, Trial, Trials, among
from pytest_expops.verdicts.findings import Count

LEVEL = 0.009
"""What is called a cause would seem to be one by chance with at most this probability."""
LEAST = 2
"""So many new replays of each kind are made at the least,"""
MOST = 20
"""and so many at the most."""
PARTED = 3
"""So many of each kind, all with the outcome of their kind, tell what else a source settles that is a cause already."""
LOOKS = 2
"""The probability is taken so many times, as it is looked at again after each pair."""
_CHANCES = tuple(step / 200 for step in range(1, 200))
"""Probabilities among which the one is sought that explains best what was seen."""
_HELD_FIRST = (True, False, False, True)
"""Which of a pair is made first: what goes by turns does not meet one kind only."""


@dataclass(frozen=True, slots=True)
class Arms:
    """Two kinds of replays, which differ in nothing but the source in question.

    `sets` says that the source is set to one value in the one and to another in the other, as the hash seed is; else
    it is held in the one, and free in the other. If it `traces`, the pair that is likely to be the last is traced: it
    tells where runs part too, with replays that are made anyway.
    """

    held: Plan
    free: Plan
    sets: bool = False
    traces: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many replays with the source held agree with each other, and how many without it.

    Where the source was set to two values (`Arms.sets`), how many under the second agree with those under the first.
    `parted` are all paths at which the replays of each kind agree, and not with those of the other kind, where
    there are enough of them (`PARTED`). `traced` is a pair of them that was.
    """

    held: Count
    free: Count
    parted: frozenset[str] = frozenset()
    traced: tuple[Trial, Trial] | None = None


@dataclass(frozen=True, slots=True)
class MadeRuns:
    """Replays that were made before: of both kinds, in interpreters like those of the new ones.

    Where the source is set to two values, `others` are replays with other values, each with its own.
    """

    held: Sequence[Trial] = ()
    free: Sequence[Trial] = ()
    others: Sequence[Trial] = ()


def confirm(
    trials: Trials,
    arms: Arms,
    paths: frozenset[str],
    *,
    numbers: Sequence[int],
    tried: int = 1,
    plenty: int = MOST,
    seen: MadeRuns | None = None,
) -> Evidence | Count | None:
    """Make replays of both kinds in turn until they tell whether the source makes results differ at `paths`.

    Args:
        trials: makes them.
        arms: how they are made.
        paths: where results differ.
        numbers: those of the trials (see `Trials.make`), in turn.
        tried: how many sources were tried to find this one.
        plenty: so many free replays would not all agree if it were a cause.
        seen: replays that were made before.

    Returns:
        The evidence. Where replays differ although the source is held, how many agree, which is none. None where it
        makes no difference, or where `MOST` replays of each kind cannot tell it from chance.

    Raises:
        OutOfTime: as `Trials.make`.
    """
    seen = seen or MadeRuns()
    held, free = list(seen.held), list(seen.free)
    begin, traced = len(free), None

    def is_enough(outcomes: _Outcomes) -> bool:
        if len(outcomes.free) - begin < LEAST or not _shows(arms, outcomes, begin):
            return False
        others = _numbered(trials, seen.others, paths, known=[held[0], free[0]])
        return _chance(arms, outcomes, sum(each > 1 for each in others)) * tried <= LEVEL

    for turn in range(MOST):
        number = numbers[turn % len(numbers)]
        traces = arms.traces and traced is None and bool(held and free)
        traces = traces and is_enough(_outcomes(trials, held, free, paths).likely(arms))
        pair = _pair(trials, arms, turn, number, traces)
        outcomes = _outcomes(trials, [*held, pair[0]], [*free, pair[1]], paths)
        if traces and outcomes.disagree(arms):  # a trace takes time and memory, and may change what comes of these
            arms, tried = replace(arms, traces=False), 2 * tried  # a second chance to agree by chance
            continue
        held.append(pair[0])
        free.append(pair[1])
        if traces:
            traced = pair
        if outcomes.disagree(arms):
            return Count(0, len(held))
        if outcomes.are_alike(arms, enough=len(free) - begin >= max(plenty, LEAST)):
            return None
        if is_enough(outcomes):
            return replace(_evidence(arms, outcomes), parted=_parted(trials, held, free), traced=traced)
    return None


def agreeing(trials: Trials, made: Sequence[Trial], paths: frozenset[str]) -> Count:
    """Return how many of some trials agree with each other at `paths`; 0 if no two do."""
    most = max(Counter(_numbered(trials, made, paths)).values())
    return Count(most if most > 1 else 0, len(made))


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """A number for each replay: equal for those that agree. The first of those that are held has 0."""

    held: list[int]
    free: list[int]
    passed: bool
    """Whether all passed that are held."""

    def disagree(self, arms: Arms) -> bool:
        """Return whether replays differ although the source is held, or set to one value."""
        return not self.passed or len(set(self.held)) > 1 or (arms.sets and len(set(self.free)) > 1)

    def are_alike(self, arms: Arms, enough: bool) -> bool:
        """Return whether the source makes no difference, as far as `enough` free replays tell."""
        return self.held[0] == self.free[0] if arms.sets else enough and len(set(self.free)) == 1

    def likely(self, arms: Arms) -> _Outcomes:
        """Return what these are likely to be with another pair, if the source is a cause."""
        new = self.free[0] if arms.sets else max(*self.held, *self.free) + 1
        return replace(self, held=[*self.held, self.held[0]], free=[*self.free, new])


def _pair(trials: Trials, arms: Arms, turn: int, number: int, traces: bool) -> tuple[Trial, Trial]:
    """Return a new replay of each kind."""
    order = (arms.held, arms.free) if _HELD_FIRST[turn % len(_HELD_FIRST)] else (arms.free, arms.held)
    one, other = (trials.make(replace(plan, trace=traces), number) for plan in order)
    return (one, other) if order[0] is arms.held else (other, one)


def _outcomes(trials: Trials, held: Sequence[Trial], free: Sequence[Trial], paths: frozenset[str]) -> _Outcomes:
    numbered = _numbered(trials, held, paths), _numbered(trials, free, paths, known=held[:1])
    return _Outcomes(*numbered, all(each.passed for each in held))


def _numbered(trials: Trials, made: Sequence[Trial], paths: frozenset[str], known: Sequence[Trial] = ()) -> list[int]:
    """Return a number for each trial: equal for those that agree at `paths`, with those of `known` 0, 1, ..."""
    found: list[Trial] = list(known)
    outcomes = []
    for trial in made:
        outcome = next((index for index, one in enumerate(found) if _agree(trials, one, trial, paths)), len(found))
        if outcome == len(found):
            found.append(trial)
        outcomes.append(outcome)
    return outcomes


def _agree(trials: Trials, one: Trial, other: Trial, paths: frozenset[str]) -> bool:
    return one.passed == other.passed and not trials.differing(one, other) & paths


def _shows(arms: Arms, outcomes: _Outcomes, begin: int) -> bool:
    """Whether the new replays show the difference by themselves; the free ones are from `begin` on."""
    return outcomes.held[0] != outcomes.free[0] if arms.sets else len(set(outcomes.free[begin:])) > 1


def _chance(arms: Arms, outcomes: _Outcomes, others: int) -> float:
    """Return the probability of what was seen if the source made no difference, at the most.

    So many `others`, with the source set to other values, agree with neither kind.
    """
    held, free = outcomes.held, outcomes.free
    total, count = len(held) + len(free), len(held)
    ways = math.comb(total, count)
    if arms.sets:
        # Of all ways to choose which are of the first kind, these part the two outcomes.
        arranged = (2 if len(held) == len(free) else 1) / ways
        return min(arranged, chance_of_two(len(held), len(free), others)) if others else arranged
    # Held, a result may be one that free ones never are, and yet no more alike: the most frequent of both count as one.
    most, *rest = sorted(Counter(free).values(), reverse=True)
    arranged = sum(math.comb(size, count) for size in (most + count, *rest)) / ways
    drawn = chance_of_one(count, len(free), among=held[0] in free)
    return LOOKS * (min(arranged, drawn) if most == 1 else arranged)


def chance_of_one(alike: int, apart: int, *, among: bool) -> float:
    """Return the probability, at the most, that all of so many draws are `alike`, and of others any two `apart`.

    Draws are independent and of one distribution, whichever. One outcome of probability p, and else none twice, makes
    it p^alike times that of no such outcome among the others, or of no more than one if one of them may be `among`
    those alike: the most probable for some p. With two alike, none of them among the others, several such outcomes can
    be a little more probable.
    """
    return max(p**alike * ((1 - p) ** apart + among * apart * p * (1 - p) ** (apart - 1)) for p in _CHANCES)


def chance_of_two(one: int, other: int, apart: int) -> float:
    """Return the probability, at the most, that so many draws agree, so many `other` ones too, and all else is `apart`.

    The sum of p^one q^other (1 - p - q)^apart over any two outcomes, of probabilities p and q, is at most the largest
    of its terms with one p and one q less, as the products p q have a sum of at most 1. By calculus that is largest
    where p, q and 1 - p - q are as the exponents.
    """
    exponents = one - 1, other - 1, apart
    return math.prod((each / sum(exponents)) ** each for each in exponents)


def _parted(trials: Trials, held: Sequence[Trial], free: Sequence[Trial]) -> frozenset[str]:
    apart = trials.differing(held[0], free[0]) if min(len(held), len(free)) >= PARTED else frozenset()
    return apart - among(trials, held) - among(trials, free)


def _evidence(arms: Arms, outcomes: _Outcomes) -> Evidence:
    held, free = outcomes.held, outcomes.free
    if arms.sets:
        return Evidence(Count(len(held), len(held)), Count(free.count(held[0]), len(free)))
    most = max(Counter(free).values())
    return Evidence(Count(len(held), len(held)), Count(most if most > 1 else 0, len(free)))
