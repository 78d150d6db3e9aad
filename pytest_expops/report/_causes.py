"""Differences that one cause explains, told once: duplicates of a process, tests, or calls with one finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_expops.report._lines import shown_line
from pytest_expops.report.model import Explanation, SharedCause, Subject
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.verdicts.replay_gist import gist, headline, title
from pytest_expops.verdicts.replay_text import evidence, remaining

MOST_LINES = 5
"""Of one cause, at most so many lines are shown."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A subject of which a replay differed. `command` shows it again, where one is known."""

    subject: Subject
    verdict: Verdict
    command: str = ""


def shared_causes(found: Iterable[Differing], directory: Path) -> tuple[tuple[SharedCause, ...], Mapping[str, str]]:
    """Return the causes, those that explain most first, and by subject which of them is its own.

    What was found at one line is one cause, in whatever processes; without a line, it is one for each process or test.
    """
    groups: dict[tuple[str, bool, str], list[Differing]] = {}
    for each in found:
        diagnosis = each.verdict.diagnosis
        finding = diagnosis.finding if diagnosis is not None else ""
        group = "" if diagnosis is not None and diagnosis.place is not None else each.subject.group
        groups.setdefault((group, bool(each.subject.declared), finding), []).append(each)
    ordered = sorted(groups.values(), key=lambda group: (bool(group[0].subject.declared), -len(group)))
    causes = tuple(_cause(f"cause-{number}", group, directory) for number, group in enumerate(ordered, start=1))
    return causes, {name: cause.id for cause in causes for name in cause.subjects}


def _cause(identity: str, group: list[Differing], directory: Path) -> SharedCause:
    first = group[0]
    diagnosis = first.verdict.diagnosis
    subjects = tuple(each.subject.id for each in group)
    told = SharedCause(
        identity,
        headline(diagnosis, directory),
        subjects,
        first.subject.id,
        gist(first.verdict),
        command=first.command,
        declared=bool(first.subject.declared),
    )
    if diagnosis is None:
        return told
    return replace(
        told,
        where=shown_line(diagnosis.place, directory) if diagnosis.place is not None else None,
        why=tuple(
            Explanation(
                cause.source,
                title(cause.source),
                evidence(cause),
                cause.remedy,
                tuple(shown_line(site, directory) for site in cause.sites[:MOST_LINES]),
            )
            for cause in diagnosis.causes
        ),
        note=tuple(remaining(diagnosis, directory)),
    )
