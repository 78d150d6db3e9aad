"""The words for a replay that differed: what differs, where the runs part, why, and what helps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.nondeterminism.thread_knobs import OWN, fixes
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.findings import Cause, CodeLine, Diagnosis, Place, ReadBack, Writer
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.wording import and_more, first_of, joined, short_path

MOST_EXPLAINED = 5
"""How many differences of one replay its failure shows."""
MOST_SITES = 3
"""How many lines it names for one cause."""


def explain(verdict: Verdict, command: str, directory: Path) -> str:
    """Return why a replay failed, in full; the first line alone is what pytest's short summary shows.

    Args:
        verdict: What was found.
        command: What reproduces it.
        directory: Files are named from there.
    """
    of = f" (replay {verdict.attempt} of {verdict.replays})" if verdict.replays > 1 else ""
    also = f", and with another {joined(verdict.varied)}" if verdict.varied else ""
    lines = [
        f"not deterministic: {gist(verdict)}",
        "",
        f"{verdict.process} was run again on the same inputs with the same seed, in a fresh interpreter",
        f"with PYTHONHASHSEED={verdict.hash_seed}{also}{of}, and the second run differs from the first:",
        "",
    ]
    if verdict.traceback:
        lines += [f"the replay raised {verdict.differences[0].obtained}, the first run passed", "", verdict.traceback]
    else:
        for difference in verdict.differences[:MOST_EXPLAINED]:
            lines += _difference(difference)
        if more := and_more(verdict.count, MOST_EXPLAINED, "differences"):
            lines.append(more)
    if verdict.diagnosis is not None:
        lines += ["", *diagnosed(verdict.diagnosis, directory)]
    return "\n".join([*lines, "", f"to see just this again: {command}"])


def gist(verdict: Verdict) -> str:
    """Return the first difference in one line, how many more there are, and the causes.

    For example ``outputs['w']: 3 of 4 elements differ (and 2 more); cause: the clock``.
    """
    first = verdict.differences[0]
    how = first.detail or f"expected {first.expected}, obtained {first.obtained}"
    return f"{first_of(f'{first.path}: {how}', verdict.count)}{_because(verdict.diagnosis)}"


def _because(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None or not (diagnosis.causes or diagnosis.read_back):
        return ""
    if diagnosis.causes:
        return f"; cause: {joined([title(cause.source) for cause in diagnosis.causes])}"
    return f"; likely cause: {_reads(diagnosis.read_back[0])}"


def diagnosed(diagnosis: Diagnosis, directory: Path) -> list[str]:
    """Return where and why, one finding a line, with the evidence; what was only seen comes after what was proved."""
    lines = []
    if diagnosis.place is not None:
        lines += _where(diagnosis.place, directory)
    for cause in diagnosis.causes:
        lines += _why(cause, len(diagnosis.causes) > 1, directory)
        lines += _threads(diagnosis) if cause.source == "threads" else []
    if diagnosis.read_back:
        lines += _likely(diagnosis.read_back, directory)
    elif not diagnosis.causes:
        lines.append("why:    not attributed")
    if not diagnosis.causes:
        lines += _tried(diagnosis)
    if diagnosis.note:
        lines.append(f"        {diagnosis.note}")
    lines.append(f"        (diagnosed in {diagnosis.runs} runs, {diagnosis.seconds:.1f} s)")
    return lines


def _likely(files: Sequence[ReadBack], directory: Path) -> list[str]:
    lines = []
    for file in files[:MOST_SITES]:
        lines += [f"likely: {_reads(file, directory)}", f"            {_site(file.site, directory)}"]
    if more := and_more(len(files), MOST_SITES, "files"):
        lines.append(f"        {more}")
    lines.append("        this was seen, not proved: no replay was made without the file")
    return [*lines, f"        fix: {SOURCES['files'].remedy}"]


def _reads(file: ReadBack, directory: Path | None = None) -> str:
    """``reads `cache.json`, which the first run wrote``; less is said where less is known."""
    shown = os.path.basename(file.path) if directory is None else short_path(file.path, directory)
    return f"reads `{shown}`, {_WRITTEN[file.writer]}"


_WRITTEN: dict[Writer, str] = {
    "first run": "which the first run wrote",
    "replay": "which it writes too",
    "": "which was written after the first run began",
}


def title(source: str) -> str:
    """Return what a cause is called in a sentence."""
    return STATE if source == "state" else SOURCES[source].title


STATE = "what an earlier process left behind"


def _where(place: Place, directory: Path) -> list[str]:
    of = f" in {place.function}" + (f" (step `{place.step}`)" if place.step else "")
    lines = [f"where:  {short_path(place.file, directory)}:{place.line}{of}, {place.path} differs first"]
    return [*lines, f"            {place.code}"] if place.code else lines


def _why(cause: Cause, several: bool, directory: Path) -> list[str]:
    detail = f", {cause.detail}" if cause.detail else ""
    lines = [f"why:    {title(cause.source)}{detail}"]
    lines += [f"            {_site(site, directory)}" for site in cause.sites[:MOST_SITES]]
    if more := and_more(len(cause.sites), MOST_SITES, "lines"):
        lines.append(f"            {more}")
    return [*lines, f"        {_evidence(cause, several)}", f"        fix: {cause.remedy}"]


def _evidence(cause: Cause, several: bool) -> str:
    if cause.source == "state" and not cause.detail:
        return f"in fresh modules, {cause.held} replays agree; after other processes, {cause.free}"
    if cause.source == "state":
        return f"run after it, {cause.held} replays agree with the first run; in fresh modules, {cause.free}"
    fixed = "all causes" if several else title(cause.source)
    return f"with {fixed} fixed, {cause.held} replays agree; without, {cause.free}"


def _unheld(diagnosis: Diagnosis) -> list[str]:
    """Return what could not be held where no cause, or not of everything, was found; and what helps to hold it."""
    lines = []
    for source in dict.fromkeys(each.source for each in diagnosis.unheld):
        found = [each for each in diagnosis.unheld if each.source == source]
        started = [each.who if " that " in each.who else f"{each.count} started by {each.who}" for each in found]
        lines.append(f"        {NOT_HELD.get(source, title(source))} could not be held here: {joined(started)}")
        lines += [f"        fix: {each}" for each in fixes(each.who for each in found)] if source == "threads" else []
    return lines


NOT_HELD = {"threads": "threads"}
"""What cannot be held is called otherwise than as a cause: it is the threads that run, and not their number."""


def _threads(diagnosis: Diagnosis) -> list[str]:
    """Return which packages started the threads that are the cause, and how each is told to have one."""
    started = [f"{count} by {package}" for package, count in diagnosis.threads.items() if package != OWN]
    if not started:
        return []
    return [
        f"        threads started: {joined(started)}",
        *(f"        fix: {each}" for each in fixes(diagnosis.threads)),
    ]


def _tried(diagnosis: Diagnosis) -> list[str]:
    """Return what was held fixed without effect: single sources, and the largest set of them.

    What could not be held is not among them.
    """
    unheld = {each.source for each in diagnosis.unheld}
    alone = [each.sources[0] for each in diagnosis.tried if len(each.sources) == 1]
    alone = [source for source in alone if source not in unheld]
    together = max(
        (each for each in diagnosis.tried if len(each.sources) > 1), key=lambda each: len(each.sources), default=None
    )
    lines = []
    if alone:
        lines.append(f"        held fixed without effect: {', '.join(map(title, alone))}")
    if together is not None:
        others = ", ".join(map(title, sorted(set(together.sources) - set(alone) - unheld)))
        with_them = f", and with them {others}" if others else ""
        lines.append(f"        also without effect: all of these held fixed at once{with_them}")
    return lines + _unheld(diagnosis)


def _site(site: CodeLine, directory: Path) -> str:
    return f"{short_path(site.file, directory)}:{site.line} {site.what}"


def _difference(difference: Difference) -> list[str]:
    detail = f": {difference.detail}" if difference.detail else ""
    return [
        f"  {difference.path}{detail}",
        f"      first run: {difference.expected}",
        f"      replay:    {difference.obtained}",
    ]
