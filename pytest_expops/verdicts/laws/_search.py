"""The smallest case that breaks a law, found by Hypothesis: the same in every session, and within a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, find, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, NoSuchExample

from pytest_expops.unpatched import UNPATCHED

C = TypeVar("C")
V = TypeVar("V")


@dataclass
class Effort:
    """How much is tried: `examples` cases in each search, all searches together for no longer than `seconds`.

    The first case is always tried, and shrinking a case that breaks the law counts for the time alone.
    """

    examples: int
    seconds: float

    def __post_init__(self) -> None:
        self.started = UNPATCHED.monotonic()
        self.tried = 0

    @property
    def over(self) -> bool:
        return self.tried > 0 and UNPATCHED.monotonic() - self.started > self.seconds


@dataclass(frozen=True)
class Counterexample(Generic[C, V]):
    """A case, and how it breaks the law."""

    case: C
    violation: V


class _TimeIsUp(BaseException):
    """Ends a search at once; no `Exception`, so that Hypothesis takes it for none of the test's."""


def smallest(
    cases: st.SearchStrategy[C], violation: Callable[[C], V | None], effort: Effort
) -> Counterexample[C, V] | None:
    """Find the smallest case that has a violation; None if all cases that were tried are fine.

    Where the time is up amid shrinking, it is the last one found, which is mostly the smallest by then.
    """
    last: list[Counterexample[C, V]] = []

    def breaks(case: C) -> bool:
        if effort.over:
            raise _TimeIsUp
        effort.tried += 1
        found = violation(case)
        if found is not None:
            last[:] = [Counterexample(case, found)]
        return found is not None

    try:
        find(cases, breaks, settings=_settings(effort.examples), random=random.Random(0))
    except NoSuchExample:
        return None
    except (_TimeIsUp, Flaky):
        # Flaky: the same case breaks the law now and then, so the process is not even deterministic.
        pass
    return last[0] if last else None


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        phases=[Phase.generate, Phase.shrink],
        # It may be called within a test of Hypothesis, under whatever profile; how long a run takes is the user's.
        suppress_health_check=list(HealthCheck),
        database=None,
        deadline=None,
        derandomize=True,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )
