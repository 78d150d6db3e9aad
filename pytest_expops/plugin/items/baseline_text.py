"""The words for a result that is not what the lock file records: what differs, and what else is not as it was."""

from __future__ import annotations

from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.baseline.baseline import BaselineComparison
from pytest_expops.verdicts.baseline.changes import ABSENT, Change, Subject
from pytest_expops.wording import and_more, first_of, joined

MOST_DIFFERENCES = 4
"""How many differences of one process its failure shows."""
MOST_NAMED = 4
"""How many names a list in one line has."""

_ALL = "(without the last argument it records whatever differs)"
_MACHINE = {"cpu": "another CPU", "python": "Python", "blas": "BLAS", "gpu": "GPU", "fingerprints": "fingerprints of"}


def explain_drift(comparison: BaselineComparison, context: tuple[str, str, str], command: str) -> str:
    """Return why a `[baseline]` item failed; the first line alone is what pytest's short summary shows.

    Args:
        comparison: The process with its entry.
        context: The lock file, the name of the process's function, and the tolerance for other environments.
        command: What records the new result.
    """
    path, function, tolerance = context
    how = f" (recorded in another environment, so compared within {tolerance})" if comparison.elsewhere else ""
    lines = [
        f"baseline differs: {drift_gist(comparison, function)}",
        "",
        f"{comparison.process} no longer gives what {path} records{how}:",
        "",
    ]
    for difference in comparison.differences[:MOST_DIFFERENCES]:
        lines += _difference(difference)
    if more := and_more(comparison.count, MOST_DIFFERENCES, "differences"):
        lines.append(more)
    lines += ["", *_what_else(comparison, function)]
    return "\n".join([*lines, "", f"if this is what it should give, record it: {command}", _ALL])


def drift_gist(comparison: BaselineComparison, function: str) -> str:
    """Return the first difference in one line, how many more there are, and what seems to be the reason."""
    first = comparison.differences[0]
    short = max(len(first.expected), len(first.obtained)) <= 40
    how = f"expected {first.expected}, obtained {first.obtained}" if short else first.detail
    return f"{first.path}: {first_of(how, comparison.count)}; {because(comparison, function)}"


def because(comparison: BaselineComparison, function: str) -> str:
    """Return what is most likely the reason, in a few words."""
    if comparison.upstream:
        names = joined([f"`{name}`" for name in comparison.upstream], MOST_NAMED)
        return f"{names} already differ{'s' if len(comparison.upstream) == 1 else ''} from the baseline"
    own = [words_for(each, function) for each in comparison.changes if not each.subject.around]
    around = [words_for(each, function) for each in comparison.changes if each.subject.around]
    if own:
        also = " (the environment changed too)" if around else ""
        return f"{joined(own, MOST_NAMED)} changed{also}"
    if around:
        return f"nothing changed but {joined(around, MOST_NAMED)}"
    return "nothing else that is recorded changed"


def words_for(change: Change, function: str = "") -> str:
    """Return what changed, as the subject of a sentence."""
    what, before, after = change.what, change.before, change.after
    became = f"{what} {before} -> {after}"
    if change.subject is Subject.CODE:
        return _code(change, function)
    if change.subject is Subject.PARAMETER:
        return f"the parameter {what} ({before} -> {after})"
    if change.subject is Subject.SEED:
        return f"the seed ({before} -> {after})"
    if change.subject is Subject.SIZE:
        return f"the size of its partition ({before} -> {after} rows)"
    if change.subject is Subject.INPUT:
        return f"what it receives from `{what}`"
    if change.subject is Subject.FILE:
        return f"the file {what}"
    if change.subject is Subject.MACHINE:
        return _machine(change)
    return became


def _code(change: Change, function: str) -> str:
    file, _, name = change.what.rpartition(":")
    if not file:
        return f"what {name} does when it is imported"
    if name == function:
        return f"the code of `{name}`"
    user = f" (used by `{function}`)" if function else ""
    if change.before == ABSENT:
        user = f" (now used by `{function}`)"
    elif change.after == ABSENT:
        user = f" (no longer used by `{function}`)"
    return f"the code of `{name}` in {file}{user}"


def _machine(change: Change) -> str:
    if change.what == "features":
        before, after = set(change.before.split()), set(change.after.split())
        gone, new = " ".join(sorted(before - after)), " ".join(sorted(after - before))
        shown = [f"without {gone}"] if gone else []
        shown += [f"with {new}"] if new else []
        return f"CPU features ({', '.join(shown)})"
    name = _MACHINE.get(change.what, change.what)
    return f"{name} {change.before} -> {change.after}"


def _what_else(comparison: BaselineComparison, function: str) -> list[str]:
    lines = [
        f"    `{name}`, upstream, already differs from the baseline" for name in comparison.upstream[:MOST_DIFFERENCES]
    ]
    if more := and_more(len(comparison.upstream), MOST_DIFFERENCES, "upstream processes"):
        lines.append(f"    {more}")
    lines += [f"    {words_for(each, function)}" for each in comparison.changes]
    if not lines:
        return [
            "nothing else that is recorded changed: code, parameters, seeds, input data, libraries and machine are as",
            "they were. Does it replay? What it reads besides (files, network, clock) is not recorded.",
        ]
    if any(not each.subject.around for each in comparison.changes) or comparison.upstream:
        return ["what else changed since it was recorded:", *lines]
    return ["the only other changes since it was recorded:", *lines]


def _difference(difference: Difference) -> list[str]:
    detail = f": {difference.detail}" if difference.detail else ""
    return [
        f"  {difference.path}{detail}",
        f"      expected: {difference.expected}",
        f"      obtained: {difference.obtained}",
    ]
