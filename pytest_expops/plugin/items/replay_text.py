"""The words for a replay that differed: what differs, where the runs part, why, and what helps."""

from __future__ import annotations

from pathlib import Path

from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.diagnosis.divergence import Place
from pytest_expops.verdicts.findings import Blamed, Cause, Diagnosis
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.wording import and_more, first_of, joined, short_path

MOST_EXPLAINED = 5
"""How many differences of one replay its failure tells."""
MOST_SITES = 3
"""How many lines it names for one cause."""


def explain(verdict: Verdict, command: str, directory: Path) -> str:
    """Why a replay failed, in full; the first line alone is what pytest's short summary shows.

    :param directory: files are named from there.
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
    """The first difference in one line, how many more there are, and the causes."""
    first = verdict.differences[0]
    how = first.detail or f"expected {first.expected}, obtained {first.obtained}"
    causes = verdict.diagnosis.causes if verdict.diagnosis else ()
    because = f"; cause: {joined([title(cause.source) for cause in causes])}" if causes else ""
    return f"{first.path}: {first_of(how, verdict.count)}{because}"


def diagnosed(diagnosis: Diagnosis, directory: Path) -> list[str]:
    """Where and why, one finding a line, with the evidence."""
    lines = []
    if diagnosis.place is not None:
        lines += _where(diagnosis.place, directory)
    for cause in diagnosis.causes:
        lines += _why(cause, len(diagnosis.causes) > 1, directory)
    if not diagnosis.causes:
        lines.append("why:    not attributed")
        lines += _tried(diagnosis)
    if diagnosis.note:
        lines.append(f"        {diagnosis.note}")
    lines.append(f"        (diagnosed in {diagnosis.runs} runs, {diagnosis.seconds:.1f} s)")
    return lines


def title(source: str) -> str:
    """What a cause is called in a sentence."""
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
    return [*lines, f"        {_evidence(cause, several)}", f"        to mend it: {cause.remedy}"]


def _evidence(cause: Cause, several: bool) -> str:
    if cause.source == "state" and not cause.detail:
        return f"in fresh modules, {cause.held} replays agree; where others ran before, {cause.free}"
    if cause.source == "state":
        return f"run after it, {cause.held} replays agree with the first run; in fresh modules, {cause.free}"
    if cause.source == "files":
        return f"with the file out of sight, {cause.held} replays agree; with it, {cause.free}"
    fixed = "all causes" if several else title(cause.source)
    return f"with {fixed} fixed, {cause.held} replays agree; without, {cause.free}"


def _tried(diagnosis: Diagnosis) -> list[str]:
    """What was held fixed to no avail: single sources, and the largest set of them."""
    alone = [each.sources[0] for each in diagnosis.tried if len(each.sources) == 1]
    together = max(
        (each for each in diagnosis.tried if len(each.sources) > 1), key=lambda each: len(each.sources), default=None
    )
    lines = []
    if alone:
        lines.append(f"        held fixed without effect: {', '.join(map(title, alone))}")
    if together is not None:
        lines.append(
            f"        nor all of them at once, with {', '.join(map(title, sorted(set(together.sources) - set(alone))))}"
        )
    return lines


def _site(site: Blamed, directory: Path) -> str:
    return f"{short_path(site.file, directory)}:{site.line} {site.what}"


def _difference(difference: Difference) -> list[str]:
    detail = f": {difference.detail}" if difference.detail else ""
    return [
        f"  {difference.path}{detail}",
        f"      first run: {difference.expected}",
        f"      replay:    {difference.obtained}",
    ]
