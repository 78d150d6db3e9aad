"""What a session says nothing about, and why: what was not run, not replayed, left undecided, or reused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pytest_expops.execution.records import Outcome
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.report.model import CheckResult, NotChecked, Subject, Unknown

MOST_NAMES = 20
"""So many names are kept of what was not checked for one reason."""
NO_ITEM_ASKED = "no item that was run needs it"
EARLIER = "an earlier session has replayed it, and all that it is known to be made from is as it was"


def what_was_not_checked(
    pipelines: Mapping[str, ExpandedPipeline], subjects: Sequence[Subject], checks: Sequence[CheckResult]
) -> Iterator[NotChecked]:
    """Yield it by reason.

    Args:
        pipelines: those of the session, by config as a report calls it.
        subjects: what has run.
        checks: the items that have ended.
    """
    ran = {(each.config, each.name) for each in subjects}
    for config, expanded in pipelines.items():
        yield from _by("not run", ((NO_ITEM_ASKED, name) for name in expanded.processes if (config, name) not in ran))
    blocked = (each for each in subjects if each.outcome is Outcome.BLOCKED)
    yield from _by("not run", ((each.failure, each.name) for each in blocked))
    yield from _by("not replayed", ((each.not_replayed, each.name) for each in subjects if each.not_replayed))
    reused = (each for each in subjects if each.judgement is not None and each.judgement.earlier)
    yield from _by("reused", ((EARLIER, each.name) for each in reused))
    open_claims = (each for each in checks if each.kind == "stability" and each.result == "skipped")
    yield from _by("undecided", ((each.gist, each.name) for each in open_claims))


def _by(what: Unknown, pairs: Iterable[tuple[str, str]]) -> Iterator[NotChecked]:
    found: dict[str, list[str]] = {}
    for reason, name in pairs:
        found.setdefault(reason, []).append(name)
    for reason, names in found.items():
        yield NotChecked(what, reason, tuple(names[:MOST_NAMES]), len(names))
