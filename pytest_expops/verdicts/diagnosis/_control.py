"""Control replays: what differs from run to run when nothing is held fixed, and what from the first run alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.verdicts.diagnosis._leftovers import files_read_back
from pytest_expops.verdicts.diagnosis._trials import CONTROLS, Plan, Trial, Trials, agrees, among, root_of
from pytest_expops.verdicts.findings import Count, ReadBack

MORE = 2
"""So many more are made if those do not differ where the first run does: in interpreters with other hash seeds."""
RARE = 12
"""So many are made, if none of the first differs, before a difference is called rare."""


@dataclass(frozen=True, slots=True)
class Control:
    """Replays with nothing held, and where they differ.

    `apart` are the paths at which they differ from one another, as where a random number is drawn; `behind` those at
    which they agree, but not with the first run, as where that one found no cache. They are `watched`, unless that is
    what makes them differ.
    """

    made: tuple[Trial, ...]
    apart: frozenset[str]
    behind: frozenset[str]
    read_back: tuple[ReadBack, ...]
    watched: bool = True

    def sites(self, source: str) -> tuple[Site, ...]:
        """Return the lines that drew from a source, in the order in which they were first met."""
        return tuple(dict.fromkeys(site for trial in self.made for site in trial.replay.sites.get(source, ())))

    @property
    def drawn(self) -> frozenset[str]:
        """The sources that a line of the project drew from."""
        return frozenset(source for trial in self.made for source in trial.replay.sites)

    @property
    def threads(self) -> dict[str, int]:
        """How many threads ran at one time, by the package that started them."""
        found: dict[str, int] = {}
        for trial in self.made:
            for package, count in trial.replay.threads.items():
                found[package] = max(count, found.get(package, 0))
        return found


def controlled(trials: Trials) -> Control:
    """Make replays with nothing held: a few; more where those agree but not with the first run, or show nothing.

    To watch one takes a thread beside it, and other functions in the place of Python's. What only watched replays do
    is no finding: where it is due to that, all are made without.
    """
    control = _made(trials, Plan(watch=True))
    if not control.behind:
        return control
    plain = trials.make(Plan(), 0)
    changed = trials.differing(plain, control.made[0]) & control.behind
    return replace(_made(trials, Plan()), watched=False) if changed else control


def _made(trials: Trials, plan: Plan) -> Control:
    made: list[Trial] = []

    def make(count: int) -> None:
        while len(made) < count:
            made.append(trials.make(plan, len(made)))

    make(CONTROLS)
    if _behind(trials, made):
        make(CONTROLS + MORE)
    while len(made) < RARE and not _from_first(trials, made):
        make(len(made) + 1)
    return Control(tuple(made), among(trials, made), _behind(trials, made), files_read_back(trials, made))


def _behind(trials: Trials, made: Sequence[Trial]) -> frozenset[str]:
    """Return where trials agree, but not with the first run. Within a result that else differs it may be chance."""
    apart = among(trials, made)
    roots = {root_of(path) for path in apart}
    return frozenset(path for path in _from_first(trials, made) - apart if root_of(path) not in roots)


def _from_first(trials: Trials, made: Sequence[Trial]) -> frozenset[str]:
    return frozenset().union(*(trials.differing(trials.first, each) for each in made))


def agreeing_with_first(trials: Trials, control: Control, paths: frozenset[str]) -> Count:
    agreeing = sum(agrees(trials.differing(trials.first, each), paths) for each in control.made)
    return Count(agreeing, len(control.made))
