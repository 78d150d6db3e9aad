"""The words for a result that is not what the lock file records: what differs, and what else is not as it was."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.baseline.baseline import BaselineComparison
from pytest_expops.verdicts.baseline.changes import ABSENT, Aspect, Change, Kept
from pytest_expops.verdicts.baseline.lock_file import PACKAGES
from pytest_expops.verdicts.session_verdicts import Repeating
from pytest_expops.wording import and_more, first_of, joined, short_place

MOST_DIFFERENCES = 4
"""How many differences of one process its failure shows."""
MOST_NAMED = 4
"""How many names a list in one line has."""

_ALL = "(without the last argument it records whatever differs)"
_MACHINE = {"cpu": "another CPU", "python": "Python", "blas": "BLAS", "gpu": "GPU", "fingerprints": "fingerprints of"}


@dataclass(frozen=True, slots=True)
class Context:
    """What a report says besides the comparison.

    `lock` is the lock file, `function` the name of the process's function, `tolerance` what is granted in another
    environment, and `repeating` what the replays of the session say.
    """

    lock: str
    function: str
    tolerance: str
    repeating: Repeating


def explain_drift(comparison: BaselineComparison, context: Context, command: str) -> str:
    """Return why a `[baseline]` item failed; the first line alone is what pytest's short summary shows.

    Args:
        comparison: the process with its entry.
        context: what else is said of it.
        command: what records the new result.
    """
    within = f" (recorded in another environment, so compared within {context.tolerance})"
    lines = [
        f"baseline differs: {drift_gist(comparison, context.function, context.repeating)}",
        "",
        f"{comparison.process} no longer gives what {context.lock} records{within if comparison.elsewhere else ''}:",
        "",
    ]
    for difference in comparison.differences[:MOST_DIFFERENCES]:
        lines += _difference(difference)
    if more := and_more(comparison.count, MOST_DIFFERENCES, "differences"):
        lines.append(more)
    lines += ["", *_what_else(comparison, context.function), "", *_does_it_repeat(context.repeating)]
    if context.repeating.repeats:
        lines += ["", f"if this is what it should give, record it: {command}", _ALL]
    return "\n".join(lines)


def drift_gist(comparison: BaselineComparison, function: str, repeating: Repeating) -> str:
    """Return the first difference in one line, how many more there are, and what seems to be the reason."""
    first = comparison.differences[0]
    short = max(len(first.expected), len(first.obtained)) <= 40
    how = f"expected {first.expected}, obtained {first.obtained}" if short else first.detail
    reason = because(comparison, function)
    if repeating.differs:
        whose = "its replay" if repeating.differs == repeating.process else f"the replay of `{repeating.differs}`"
        reason = f"{whose} did not match either, see `{repeating.differs}[replay]`"
    return f"{short_place(first.path)}: {first_of(how, comparison.count)}; {reason}"


def because(comparison: BaselineComparison, function: str) -> str:
    """Return what is most likely the reason, in a few words, as far as it is recorded."""
    if comparison.upstream:
        names = joined([f"`{name}`" for name in comparison.upstream], MOST_NAMED)
        return f"{names} already differ{'s' if len(comparison.upstream) == 1 else ''} from the baseline"
    own = [words_for(each, function) for each in comparison.changes if not each.subject.around]
    around = [words_for(each, function) for each in comparison.changes if each.subject.around]
    if own:
        also = " (the environment changed too)" if around else ""
        return f"{joined(own, MOST_NAMED)} changed{also}"
    if around:
        return f"of what is recorded, only this changed: {joined(around, MOST_NAMED)}"
    return "what is recorded of it is as it was"


def words_for(change: Change, function: str = "") -> str:
    """Return what changed, as the subject of a sentence."""
    what, before, after = change.what, change.before, change.after
    became = f"{what} {before} -> {after}"
    if change.subject is Aspect.CODE:
        return _code(change, function)
    if change.subject is Aspect.PLACE:
        return f"where `{what}` is imported from ({before} -> {after})"
    if change.subject is Aspect.PARAMETER:
        return f"the parameter {what} ({before} -> {after})"
    if change.subject is Aspect.SEED:
        return f"the seed ({before} -> {after})"
    if change.subject is Aspect.SIZE:
        return f"the size of its partition ({before} -> {after} rows)"
    if change.subject is Aspect.INPUT:
        return f"what it receives from `{what}`"
    if change.subject is Aspect.FILE:
        where = " (not recorded before)" if before == ABSENT else " (no longer there)" if after == ABSENT else ""
        return f"the file {what}{where}"
    if change.subject is Aspect.MACHINE:
        return _machine(change)
    return became


def _code(change: Change, function: str) -> str:
    file, _, name = change.what.rpartition(":")
    if not file:
        return f"what {name} does when it is imported" if name.endswith(".py") else f"the code in {name}"
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
    kept = as_it_was(comparison.kept)
    if not lines:
        return ["what is recorded of it is as it was:", *kept]
    if any(not each.subject.around for each in comparison.changes) or comparison.upstream:
        return ["what else changed since it was recorded:", *lines, "as it was:", *kept]
    return ["of what is recorded, only this changed:", *lines, "as it was:", *kept]


def as_it_was(kept: Kept) -> list[str]:
    """Return what was compared and found as it was, and then what is not recorded, so that nothing is known of it."""
    names = [_KEPT[Aspect(each)] for each in kept.subjects if Aspect(each) is not Aspect.FILE]
    if kept.files:
        names.append(f"its files {joined(kept.files, MOST_NAMED)}")
    missing = [f"`{each}`, a module without a file" for each in kept.without_file]
    if PACKAGES not in kept.covers:
        missing.append("code that it imports from packages of yours elsewhere, and their libraries")
    missing.append("other files" if kept.names_files else "the files that it reads")
    return [f"    {', '.join(names) or 'nothing'}", f"    not recorded: {', '.join(missing)}, the network, the clock"]


_KEPT = {
    Aspect.CODE: "its code",
    Aspect.PARAMETER: "parameters",
    Aspect.SEED: "seed",
    Aspect.SIZE: "size of its partition",
    Aspect.INPUT: "inputs",
    Aspect.LIBRARY: "libraries",
    Aspect.MACHINE: "machine",
}


def _does_it_repeat(repeating: Repeating) -> list[str]:
    """Return what the session's replays say, and what follows for recording the new result."""
    differs = repeating.differs
    if differs:
        whose = "its replay" if differs == repeating.process else f"the replay of `{differs}`, upstream,"
        found = f"{whose} in this session did not match either: see `{differs}[replay]`."
        return [found, "A result that does not repeat is not recorded."]
    if repeating.declared:
        return [f"`{repeating.declared}`, upstream, is declared nondeterministic, so this is not recorded."]
    if repeating.not_replayed:
        return [f"it was not replayed in this session ({repeating.not_replayed}): whether it repeats is not known."]
    if repeating.earlier:
        return ["its replay in an earlier session matched, and the result of that session was reused."]
    return ["its replay in this session matched."]


def _difference(difference: Difference) -> list[str]:
    detail = f": {difference.detail}" if difference.detail else ""
    return [
        f"  {short_place(difference.path)}{detail}",
        f"      expected: {difference.expected}",
        f"      obtained: {difference.obtained}",
    ]
