"""A session's findings as lines of a terminal: each cause once, with what it explains, and what was checked besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_expops.report.model import CheckKind, CheckResult, SharedCause, Subject
from pytest_expops.wording import and_more, joined, listed

MOST_CAUSES = 10
"""How many causes are shown, and how many checks that failed."""
MOST_SUBJECTS = 4
"""Of one cause, so many subjects are named besides the one that is shown."""
MOST_GROUPS = 3
"""And so many processes."""
NOUNS: Mapping[CheckKind, tuple[str, str]] = {"split": ("split", "splits"), "property": ("property", "properties")}
"""The checks that have a line of their own, and what they are called: one, and more."""

Colour = Literal["", "red", "yellow"]


@dataclass(frozen=True, slots=True)
class TerminalLine:
    """One line, and its colour; empty for the terminal's own."""

    text: str
    colour: Colour = ""


def cause_lines(causes: Sequence[SharedCause], subjects: Mapping[str, Subject]) -> Iterator[TerminalLine]:
    """Yield two lines for each cause: what it makes differ, and how; then those of what is declared nondeterministic.

    Args:
        causes: as a report has them.
        subjects: those that the causes name, by id.
    """
    for cause in causes[:MOST_CAUSES]:
        colour: Colour = "yellow" if cause.declared else "red"
        of = [subjects[each] for each in cause.subjects]
        example = subjects[cause.example]
        found = "as declared" if cause.declared else cause.title
        yield TerminalLine(f"  {_differ(of)}{' ' if cause.declared else ': '}{found}", colour)
        others = listed([each.name for each in of if each is not example], MOST_SUBJECTS)
        also = f"; also {others}" if others else ""
        yield TerminalLine(f"      {example.name}: {cause.gist}{also}", colour)
    if more := and_more(len(causes), MOST_CAUSES, "causes"):
        yield TerminalLine(f"  ... {more}")


def matched_though_declared(subjects: Sequence[Subject]) -> Iterator[TerminalLine]:
    """Yield a line for each subject that is declared nondeterministic, and of which all replays matched."""
    found = [each for each in subjects if each.judgement and each.judgement.result == "matched though declared"]
    for each in found[:MOST_CAUSES]:
        yield TerminalLine(f"  {each.name} matched, though declared nondeterministic: {each.declared}", "red")
    if more := and_more(len(found), MOST_CAUSES, "like these"):
        yield TerminalLine(f"  ... {more}")


def check_lines(checks: Sequence[CheckResult]) -> Iterator[TerminalLine]:
    """Yield a line on the checks of splits and properties, and one for each that failed; none where none was made.

    For example ``checked 3 splits and 2 properties: all hold``.
    """
    checks = [each for each in checks if each.kind in NOUNS]
    ran = [each for each in checks if each.result != "skipped"]
    failed = [each for each in ran if each.result in ("failed", "error")]
    if not checks:
        return
    left_out = len(checks) - len(ran)
    without = f"{left_out} could not be checked" if left_out else ""
    if not ran:
        yield TerminalLine(f"of {_counted(checks)} none could be checked", "yellow")
        return
    found = f"{len(failed)} failed" if failed else "all hold" if len(ran) > 1 else "it holds"
    yield TerminalLine(f"checked {_counted(ran)}: {'; '.join(filter(None, [found, without]))}")
    for each in failed[:MOST_CAUSES]:
        yield TerminalLine(f"  {each.name} failed: {each.gist}", "red")
    if more := and_more(len(failed), MOST_CAUSES, "like these"):
        yield TerminalLine(f"  ... {more}")


def _differ(subjects: Sequence[Subject]) -> str:
    """Return ``6 replays of `train` differ``, or ``the replay of `train_seed1` differs``."""
    if len(subjects) == 1:
        return f"the replay of `{subjects[0].name}` differs"
    groups = dict.fromkeys(each.group for each in subjects)
    return f"{len(subjects)} replays of {joined([f'`{each}`' for each in groups], MOST_GROUPS)} differ"


def _counted(checks: Sequence[CheckResult]) -> str:
    counts = {kind: sum(each.kind == kind for each in checks) for kind in NOUNS}
    return joined(f"{count} {NOUNS[kind][count > 1]}" for kind, count in counts.items() if count)
