"""What the terminal summary says of the baseline: how many agree, within what, and what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pytest_expops.pipeline.model import Kind
from pytest_expops.plugin.baselines import Written
from pytest_expops.plugin.state import SessionState
from pytest_expops.verdicts.baseline.baseline import Agreement, Baseline, BaselineComparison
from pytest_expops.verdicts.baseline.changes import changes_between
from pytest_expops.verdicts.baseline.text import MOST_NAMED, drift_gist, words_for
from pytest_expops.verdicts.session_verdicts import repeating_of
from pytest_expops.wording import joined, short_path

MOST_SHOWN = 10
"""How many processes of one kind the summary names."""
Line = tuple[str, str]
"""A line, and its colour: red, yellow, green or none."""

_WORDS = {Agreement.SAME: "the same", Agreement.WITHIN: "within tolerance", Agreement.DIFFERS: "different"}


def baseline_lines(state: SessionState, config: Path, directory: Path) -> Iterator[Line]:
    """Yield the lines under the heading of one config; none where there is no lock file, and none is to be made."""
    baseline = state.baselines.get(config)
    if baseline is None:
        return
    path = short_path(state.lock_paths[config], directory)
    comparisons = baseline.comparisons()
    if comparisons:
        yield from _compared(baseline, comparisons, path, state.options.baseline.tolerance.value)
        for name in [name for name, each in comparisons.items() if each.agreement is Agreement.DIFFERS][:MOST_SHOWN]:
            function = state.sessions[config].expanded[name].process.code.function
            repeating = repeating_of(state.sessions[config], name, state.options.replay)
            yield f"  {name} differs from the baseline: {drift_gist(comparisons[name], function, repeating)}", "red"
    written = state.written.get(config)
    if written is not None:
        yield from _what_was_written(written, path)
    elif state.options.baseline.mode == "check":
        yield from _missing(state, config, baseline)
    if baseline.stale and state.options.baseline.mode != "update":
        yield f"  stale entries: {joined(baseline.stale, MOST_NAMED)} (--expops-baseline=update removes them)", "yellow"


def _compared(
    baseline: Baseline, comparisons: Mapping[str, BaselineComparison], path: str, tolerance: str
) -> Iterator[Line]:
    count = Counter(each.agreement for each in comparisons.values())
    parts = [f"{count[each]} {_WORDS[each]}" for each in Agreement if count[each]]
    yield f"compared {len(comparisons)} with {path}: {', '.join(parts)}", ""
    elsewhere = [name for name, each in comparisons.items() if each.elsewhere]
    if elsewhere:
        all_of_them = "all" if len(elsewhere) == len(comparisons) else str(len(elsewhere))
        yield (
            f"  {all_of_them} recorded in another environment ({_environments(baseline, elsewhere)}), so metrics and "
            f"sketches were compared within {tolerance}, or the tolerance in the config",
            "yellow",
        )


def _environments(baseline: Baseline, names: Iterable[str]) -> str:
    """Return how this environment differs from those in which some processes were recorded."""
    changes: dict[str, None] = {}
    for name in names:
        entry = baseline.lock.entries[name]
        for change in changes_between(entry, replace(entry, environment=baseline.environment(name, entry.modules))):
            changes[words_for(change)] = None
    return joined(changes, MOST_NAMED)


def _missing(state: SessionState, config: Path, baseline: Baseline) -> Iterator[Line]:
    """Yield a line on processes that ran and have no entry, if there are any."""
    session = state.sessions[config]
    ran = session.all_records()
    names = [
        name
        for name, each in session.expanded.processes.items()
        if name in ran
        and name not in baseline.lock.entries
        and each.process.kind is not Kind.CHART
        and each.process.nondeterministic is None
    ]
    if names:
        yield f"  not in the baseline: {joined(names, MOST_NAMED)} (--expops-baseline=new records them)", ""


def _what_was_written(written: Written, path: str) -> Iterator[Line]:
    """Yield exactly what was written, and why the rest was not."""
    if written.error:
        yield f"the baseline was not written: {written.error}", "red"
        return
    counts = [
        f"{len(written.added)} added" if written.added else "",
        f"{len(written.updated)} updated" if written.updated else "",
        f"{len(written.removed)} removed" if written.removed else "",
        f"{written.unchanged} unchanged" if written.unchanged else "",
    ]
    shown = ", ".join(each for each in counts if each) or "nothing to record"
    yield f"baseline {path}: {shown}", "green" if written.added or written.updated or written.removed else ""
    if written.added:
        yield f"  added {joined(written.added, MOST_SHOWN)}", ""
    for name, what in written.updated.items():
        yield f"  updated {name}: {what}", ""
    if written.removed:
        yield f"  removed {joined(written.removed)}", ""
    reasons: dict[str, list[str]] = {}
    for name, reason in written.withheld.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        yield f"  not recorded: {joined(names, MOST_NAMED)}: {reason}", "yellow"
