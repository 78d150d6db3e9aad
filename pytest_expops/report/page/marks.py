"""What came of a subject in one sign and one word: no meaning is told by a colour alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_expops.execution.records import Outcome
from pytest_expops.report.model import CheckResult, Replayed, Result, Subject
from pytest_expops.verdicts.baseline.baseline import Agreement


@dataclass(frozen=True, slots=True)
class VerdictMark:
    """A verdict as it is seen: `key` gives its colour, a class of the style; `sign` is a character, `word` says it.

    `many` says it of several.
    """

    key: str
    sign: str
    word: str
    many: str = ""

    def of(self, count: int) -> str:
        """Return how it is said of so many."""
        return self.many if count != 1 and self.many else self.word


FAILED = VerdictMark("failed", "✗", "failed")
CRASHED = VerdictMark("failed", "✗", "the worker died")
BLOCKED = VerdictMark("blocked", "/", "could not run")
DIFFERED = VerdictMark("differed", "≠", "differs when run again", "differ when run again")
DRIFTED = VerdictMark("drifted", "Δ", "not what the baseline records")
STEADY = VerdictMark("drifted", "Δ", "the same again, but not what the baseline records")
DECLARED = VerdictMark("declared", "≈", "differs, as declared", "differ, as declared")
UNEXPECTED = VerdictMark("declared", "≡", "the same again, though declared to differ")
MATCHED = VerdictMark("matched", "=", "the same again")
EARLIER = VerdictMark("matched", "=", "the same again in an earlier session")
OPEN = VerdictMark("open", "?", "not run again")

ORDER = (FAILED, CRASHED, BLOCKED, DIFFERED, DRIFTED, STEADY, DECLARED, UNEXPECTED, OPEN, MATCHED, EARLIER)
"""From what is to be looked at first."""
LEGEND = (FAILED, BLOCKED, DIFFERED, DRIFTED, DECLARED, UNEXPECTED, OPEN, MATCHED)
"""One of each sign."""

_OF_OUTCOME: Mapping[Outcome, VerdictMark] = {
    Outcome.FAILED: FAILED,
    Outcome.CRASHED: CRASHED,
    Outcome.BLOCKED: BLOCKED,
}
_OF_REPLAY: Mapping[Replayed, VerdictMark] = {
    "matched": MATCHED,
    "differed": DIFFERED,
    "differed as declared": DECLARED,
    "matched though declared": UNEXPECTED,
}
_OF_RESULT: Mapping[Result, VerdictMark] = {
    "passed": VerdictMark("matched", "✓", "passed"),
    "failed": FAILED,
    "error": VerdictMark("failed", "✗", "error"),
    "skipped": VerdictMark("open", "?", "skipped"),
    "xfailed": VerdictMark("declared", "≈", "failed, as expected"),
    "xpassed": VerdictMark("declared", "≡", "passed, though expected to fail"),
}


def mark_of(subject: Subject) -> VerdictMark:
    """Return the one thing to know of a subject."""
    found = mark_of_replay(subject)
    if subject.baseline is None or subject.baseline.agreement is not Agreement.DIFFERS:
        return found
    return {OPEN: DRIFTED, DECLARED: DRIFTED, UNEXPECTED: STEADY, MATCHED: STEADY, EARLIER: STEADY}.get(found, found)


def mark_of_replay(subject: Subject) -> VerdictMark:
    """Return what came of running it and running it again, whatever a baseline says."""
    if subject.outcome is not Outcome.PASSED:
        return _OF_OUTCOME[subject.outcome]
    if subject.judgement is None:
        return OPEN
    found = _OF_REPLAY[subject.judgement.result]
    return EARLIER if found is MATCHED and subject.judgement.earlier else found


def mark_of_check(check: CheckResult) -> VerdictMark:
    """Return how an item ended."""
    return _OF_RESULT[check.result]


def counted(marks: Iterable[VerdictMark]) -> list[tuple[VerdictMark, int]]:
    """Return how often each occurs, in `ORDER`."""
    found = Counter(marks)
    return [(each, found[each]) for each in ORDER if found[each]]
