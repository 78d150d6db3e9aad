"""What replays gave, noted with the item that made them: properties for JUnit, and what other reporters attach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from pytest_expops.report.gathering import result_of_replays, shown_differences
from pytest_expops.report.model import Replayed, ShownDifference
from pytest_expops.verdicts.replay import ReplayStatus, Verdict
from pytest_expops.verdicts.replay_gist import cause_of, line_of
from pytest_expops.verdicts.replay_text import explain


@dataclass(frozen=True, slots=True)
class FoundByReplays:
    """What the replays of one subject gave. `cause` and `place` are empty where nothing differed, or none is known.

    `explanation` is what a failure says in full.
    """

    subject: str
    verdict: Replayed
    cause: str = ""
    place: str = ""
    differences: tuple[ShownDifference, ...] = ()
    count: int = 0
    explanation: str = ""

    @property
    def differed(self) -> bool:
        """Whether a replay gave something else."""
        return bool(self.differences)

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, without the explanation."""
        return {name: value for name, value in asdict(self).items() if name != "explanation"}


FOUND: pytest.StashKey[list[FoundByReplays]] = pytest.StashKey()
"""Of an item: what its replays gave."""


def note_verdicts(item: pytest.Item, verdicts: Sequence[Verdict], *, declared: bool = False, command: str = "") -> None:
    """Note with an item what its replays gave: one verdict for each seed, or one alone.

    Args:
        item: what made the replays.
        verdicts: in the words that the item speaks.
        declared: whether it is declared nondeterministic.
        command: what shows a difference again.
    """
    found = [_found(item, each, declared, command) for each in verdicts]
    item.stash.setdefault(FOUND, []).extend(found)
    item.user_properties.extend(_properties(found))


def noted(item: pytest.Item) -> list[FoundByReplays]:
    """Return what was noted with an item."""
    return item.stash.get(FOUND, [])


def _found(item: pytest.Item, verdict: Verdict, declared: bool, command: str) -> FoundByReplays:
    differed = verdict.status is ReplayStatus.DIFFERED
    result = result_of_replays(differed=differed, declared=declared)
    if not differed:
        return FoundByReplays(verdict.process, result)
    directory = item.config.invocation_params.dir
    return FoundByReplays(
        verdict.process,
        result,
        "" if declared else cause_of(verdict.diagnosis),
        line_of(verdict.diagnosis, directory),
        shown_differences(verdict.differences),
        verdict.count,
        explain(verdict, command, directory),
    )


def _properties(found: Sequence[FoundByReplays]) -> Iterator[tuple[str, str]]:
    """Yield what a JUnit report is to have: of several seeds, what is to be said of those that differed."""
    told = [each for each in found if each.differed] or found[:1]
    for name in ("verdict", "cause", "place"):
        values = dict.fromkeys(getattr(each, name) for each in told)
        if shown := "; ".join(value for value in values if value):
            yield f"expops_{name}", shown
