"""In which order sources are tried, and how a smallest set of them is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_expops.replay.nondeterminism.base import HELD
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.diagnosis._trials import Trial

Ok = Callable[[Sequence[str]], bool]

LAST = ("gc", "addresses", "threads", "memory")
"""Sources that are dear to hold, or seldom the cause; the last to be held where no line drew from them."""


def ranked(control: Sequence[Trial], vary: Sequence[str], first: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the suspects, the likeliest first, and all other sources that can be held.

    Suspects are those that were the cause for a process of the same kind (`first`), those that a line of the project
    drew from, and the hash seed. Of the others, those that the session varies come first.
    """
    drawn = {source for trial in control for source in trial.replay.sites}
    holdable = [source for source, each in SOURCES.items() if each.can_hold]
    # One that needs interpreters of its own costs seconds, where others cost no more than the process.
    by_cost = sorted(holdable, key=lambda source: (source in LAST, needs_interpreter(source)))
    seen = [source for source in by_cost if source in drawn]
    varied = [source for source in (*by_cost, "order") if source in vary and source not in seen]
    # Addresses follow from the hash seed to some extent, so what was seen to ask for them is tried without it first.
    hinted = [source for source in first if source in SOURCES and source != "files"]
    suspects = [*dict.fromkeys([*hinted, *seen, "hashseed"])]
    others = dict.fromkeys([*varied, "imports", *by_cost])
    return suspects, [source for source in others if source not in suspects]


def needs_interpreter(source: str) -> bool:
    """Return whether an interpreter must be started otherwise where a source is held."""
    return bool(SOURCES[source].environment(HELD, {}))


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
