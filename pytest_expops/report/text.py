"""The sentence and the numbers that every reader begins with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pytest_expops.execution.records import Outcome
from pytest_expops.report.model import Report
from pytest_expops.verdicts.stability.claims import ClaimStatus
from pytest_expops.wording import joined


@dataclass(frozen=True, slots=True)
class CountsOfReport:
    """How many subjects and checks ended how. `apart` are those of which a replay differed, undeclared.

    `reused` are those that an earlier session has replayed; they count as neither replayed nor matched.
    """

    ran: int
    failed: int
    blocked: int
    replayed: int
    matched: int
    apart: int
    declared: int
    not_replayed: int
    drifted: int
    compared: int
    claims_failed: int
    claims_open: int
    claims: int
    broken: int
    causes: int
    reused: int


def numbers(report: Report) -> CountsOfReport:
    """Count what is in a report."""
    outcomes = Counter(each.outcome for each in report.subjects)
    results = Counter(judgement.result for _, judgement in report.judged() if not judgement.earlier)
    statuses = Counter(each.status for each in report.claims)
    compared = [each.baseline for each in report.subjects if each.baseline is not None]
    return CountsOfReport(
        ran=len(report.subjects) - outcomes[Outcome.BLOCKED],
        failed=outcomes[Outcome.FAILED] + outcomes[Outcome.CRASHED],
        blocked=outcomes[Outcome.BLOCKED],
        replayed=sum(results.values()),
        matched=results["matched"],
        apart=results["differed"],
        declared=results["differed as declared"],
        not_replayed=sum(each.count for each in report.not_checked if each.what == "not replayed"),
        drifted=sum(each.agreement.value == "differs" for each in compared),
        compared=len(compared),
        claims_failed=statuses[ClaimStatus.FAIL],
        claims_open=statuses[ClaimStatus.UNDECIDED],
        claims=len(report.claims),
        broken=sum(each.kind in ("split", "property") and each.result == "failed" for each in report.checks),
        causes=sum(not each.declared for each in report.causes),
        reused=sum(judgement.earlier for _, judgement in report.judged()),
    )


def headline(report: Report) -> str:
    """Return what the session has found, in one sentence.

    For example ``6 of 42 results are not reproducible, for 1 cause; 36 gave the same again.``
    """
    found = numbers(report)
    if not report.subjects:
        return "Nothing was checked."
    if found.apart:
        which = f"{found.apart} of {found.replayed} results"
        said = f"{which} {'is' if found.apart == 1 else 'are'} not reproducible, for {_counted(found.causes, 'cause')}"
        said += f"; {found.matched} gave the same again" if found.matched else ""
    elif found.replayed:
        every = found.matched == found.replayed
        said = f"{'All ' if every and found.matched > 1 else ''}{_counted(found.matched, 'result')} gave the same again"
    elif found.reused:
        said = f"{_counted(found.reused, 'result')} gave the same again in earlier sessions"
    else:
        said = f"{_counted(found.ran, 'result')}, none of them run again"
    wrong = [
        _are(found.declared, "differs as declared", "differ as declared"),
        _are(found.failed, "failed", "failed"),
        _are(found.blocked, "could not run", "could not run"),
        _are(found.reused, "was reused of an earlier session", "were reused of earlier sessions")
        if found.replayed
        else "",
        _are(found.not_replayed, "was not replayed", "were not replayed"),
        _are(found.drifted, "is not what the baseline records", "are not what the baseline records"),
        _are(found.broken, "check of splits or properties failed", "checks of splits or properties failed"),
        _are(found.claims_failed, "claim over seeds does not hold", "claims over seeds do not hold"),
        _are(found.claims_open, "claim over seeds is undecided", "claims over seeds are undecided"),
    ]
    rest = joined([each for each in wrong if each])
    return f"{said}; {rest}." if rest else f"{said}."


def _are(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}" if count else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else noun + 's'}"
