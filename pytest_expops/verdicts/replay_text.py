"""The words for a replay that differed: what differs, where the runs part, why, and what helps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.nondeterminism.thread_knobs import OWN, fixes
from pytest_expops.replay.nondeterminism.torch_alerts import ELSEWHERE
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.findings import Cause, CodeLine, Diagnosis, Place, Writer
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.verdicts.replay_gist import LEFT_BY_TESTS, NOT_ATTRIBUTED, ORDER_OF_TESTS, first_line, reads, title
from pytest_expops.wording import and_more, joined, short_path, short_place

SAME = " on the same inputs with the same seed"
"""What is the same in two runs of a process, and of a function."""
MOST_EXPLAINED = 5
"""How many differences of one replay its failure shows."""
MOST_MISSING = 3
"""How many files it names that a replay was without."""
MOST_OTHERS = 2
"""So many sources that were held in place of others are named."""
MOST_SITES = 3
"""How many lines it names for one cause."""


def explain(verdict: Verdict, command: str, directory: Path, how: str = SAME) -> str:
    """Return why a replay failed, in full; the first line alone is what pytest's short summary shows.

    Args:
        verdict: What was found.
        command: What reproduces it; empty where nothing is known to.
        directory: Files are named from there.
        how: What was the same in both runs.
    """
    of = f" (replay {verdict.attempt} of {verdict.replays})" if verdict.replays > 1 else ""
    others = [source for source in verdict.varied if source not in ("files", "calls", ORDER_OF_TESTS)]
    also = f", and with another {joined(others)}" if others else ""
    also += ", after a first call there" if "calls" in verdict.varied else ""
    also += ", after other tests there" if ORDER_OF_TESTS in verdict.varied else ""
    missing = _missing(verdict, directory)
    also += ", in a copy of the project" if missing else ""
    if verdict.machines:
        also += f", on another machine ({verdict.machines[1]}; the first run was made on {verdict.machines[0]})"
    lines = [
        first_line(verdict, directory),
        "",
        f"{verdict.process} was run again{how}, in a fresh interpreter",
        f"with PYTHONHASHSEED={verdict.hash_seed}{also}{of}, and the second run differs from the first:",
        *missing,
        "",
    ]
    if verdict.traceback:
        lines += _raised(verdict)
    else:
        for difference in verdict.differences[:MOST_EXPLAINED]:
            lines += _difference(difference)
        if more := and_more(verdict.count, MOST_EXPLAINED, "differences"):
            lines.append(more)
    if verdict.diagnosis is not None:
        lines += ["", *diagnosed(verdict.diagnosis, directory)]
    again = "to see just this again" + (", remove these files before" if missing else "")
    return "\n".join([*lines, *(["", f"{again}: {command}"] if command else [])])


def refer(verdict: Verdict, other: Verdict, told_in: str, directory: Path) -> str:
    """Return one line that leads to where another verdict with the same finding is told in full.

    Args:
        verdict: What was found.
        other: The verdict that is told in full.
        told_in: What tells it.
        directory: Files are named from there.

    Returns:
        The line, and below it what the other does not explain: another exception, or files, or what was left open.
    """
    lines = [f"{first_line(verdict, directory)}; `{told_in}` tells why"]
    missing, theirs = _missing(verdict, directory), _missing(other, directory)
    lines += ["", *missing] if missing and missing != theirs else []
    lines += ["", *_raised(verdict)] if verdict.traceback and verdict.traceback != other.traceback else []
    notes = [each.diagnosis.note if each.diagnosis is not None else "" for each in (verdict, other)]
    lines += ["", notes[0]] if notes[0] and notes[0] != notes[1] else []
    return "\n".join(lines)


def _raised(verdict: Verdict) -> list[str]:
    first = f"the replay raised {verdict.differences[0].obtained}, the first run passed"
    return [first, "", verdict.traceback]


def _missing(verdict: Verdict, directory: Path) -> list[str]:
    """Return a line for each file that the copy of the project was without, or had as it was before."""
    paths = [short_path(each, directory) for each in verdict.without]
    shown = [f"  not in the copy: what was written to {path} since the session began" for path in paths]
    more = and_more(len(shown), MOST_MISSING, "files")
    return [*shown[:MOST_MISSING], *([f"  {more}"] if more else [])]


def diagnosed(diagnosis: Diagnosis, directory: Path) -> list[str]:
    """Return where and why, one finding a line, with the evidence; what was only seen comes after what was proved."""
    lines = []
    if diagnosis.place is not None:
        lines += _where(diagnosis.place, directory)
    for cause in diagnosis.causes:
        lines += _why(cause, directory)
        lines += _threads(diagnosis) if cause.source == "threads" else []
    return lines + remaining(diagnosis, directory)


def remaining(diagnosis: Diagnosis, directory: Path) -> list[str]:
    """Return what there is to say besides where the runs part and what was proved: what was seen or tried."""
    lines: list[str] = []
    if diagnosis.read_back:
        lines += _likely(diagnosis, directory)
    elif not diagnosis.causes:
        lines.append(f"why:    {NOT_ATTRIBUTED}")
    if not diagnosis.causes:
        lines += _tried(diagnosis)
    if diagnosis.alerts:
        lines += _alerts(diagnosis.alerts, directory)
    return [*lines, *_closing(diagnosis)]


def _closing(diagnosis: Diagnosis) -> list[str]:
    note = [f"        {diagnosis.note}"] if diagnosis.note else []
    return [*note, f"        (diagnosed in {diagnosis.runs} runs, {diagnosis.seconds:.1f} s)"]


def _alerts(found: Sequence[CodeLine], directory: Path) -> list[str]:
    """Return the operations of PyTorch; what would help here is said only of those that may matter here."""
    here = [site for site in found if ELSEWHERE not in site.what]
    where = "" if here else " on CUDA"
    lines = [f"seen:   operations of PyTorch that may have no fixed order{where}:"]
    lines += [f"            {_site(site, directory)}" for site in found[:MOST_MISSING]]
    if more := and_more(len(found), MOST_MISSING, "lines"):
        lines.append(f"            {more}")
    lines.append("        this was seen in one more run, and not shown to be the cause")
    return [*lines, "        fix: torch.use_deterministic_algorithms(True), or another operation"] if here else lines


def _likely(diagnosis: Diagnosis, directory: Path) -> list[str]:
    files, lines = diagnosis.read_back, []
    for file in files[:MOST_SITES]:
        lines += [f"likely: {reads(file, directory)}", f"            {_site(file.site, directory)}"]
    if more := and_more(len(files), MOST_SITES, "files"):
        lines.append(f"        {more}")
    lines.append("        this was seen, not proved: no replay was made without the file")
    return [*lines, f"        fix: {diagnosis.file_remedy}"]


def found_by(verdict: Verdict, directory: Path) -> list[str]:
    """Return a line for each kind of file of an earlier run that replays which matched have read.

    For example ``train reads `cache.json`, which its first run wrote: only the reading was checked``.
    """
    kinds: dict[tuple[bool, Writer, str], list[str]] = {}
    for file in verdict.found:
        path = f"`{short_path(file.path, directory)}`"
        kinds.setdefault((file.read, file.writer, file.process), []).append(path)
    lines = []
    for (read, writer, process), paths in kinds.items():
        named = " ".join(filter(None, [paths[0], and_more(len(paths), 1, "files")]))
        by = {"first run": "its first run wrote", "process": f"`{process}` wrote"}.get(writer, "was written")
        since = "" if writer == "first run" else " in this session"
        if read:
            lines.append(f"{verdict.process} reads {named}, which {by}{since}: only the reading was checked")
        else:
            rest = "what it does without was not checked"
            lines.append(f"{verdict.process} finds {named}, which {by}{since}, and does not change it: {rest}")
    return lines


def _where(place: Place, directory: Path) -> list[str]:
    of = f" in {place.function}" + (f" (step `{place.step}`)" if place.step else "")
    lines = [f"where:  {short_path(place.file, directory)}:{place.line}{of}, {short_place(place.path)} differs first"]
    return [*lines, f"            {place.code}"] if place.code else lines


def _why(cause: Cause, directory: Path) -> list[str]:
    detail = f", {cause.detail}" if cause.detail and cause.source != "calls" else ""
    if cause.detail and cause.source in (ORDER_OF_TESTS, LEFT_BY_TESTS):
        detail = f": what was {cause.detail}"
    lines = [f"why:    {title(cause.source)}{detail}"]
    lines += [f"            {_site(site, directory)}" for site in cause.sites[:MOST_SITES]]
    if more := and_more(len(cause.sites), MOST_SITES, "lines"):
        lines.append(f"            {more}")
    first, *others = cause.remedy.split("\n")
    fixes = [f"        fix: {first}", *(f"             {each}" for each in others)]
    return [*lines, f"        {evidence(cause)}", *fixes]


def evidence(cause: Cause) -> str:
    """Return what the replays showed: how many agree with the cause held fixed, and how many without."""
    if cause.source == "calls" and cause.detail:
        return f"after a first call, {cause.held} replays agree with the first run; without, {cause.free}"
    if cause.source == "calls":
        return f"called once in an interpreter, {cause.held} replays agree; after a first call, {cause.free}"
    if cause.source == LEFT_BY_TESTS:
        return f"run after it, {cause.held} replays agree with the first run; alone, {cause.free}"
    if cause.source == ORDER_OF_TESTS:
        return f"alone, {cause.held} replays agree; after other tests, {cause.free}"
    if cause.source == "state" and not cause.detail:
        return f"in fresh modules, {cause.held} replays agree; after other processes, {cause.free}"
    if cause.source == "state":
        return f"run after it, {cause.held} replays agree with the first run; in fresh modules, {cause.free}"
    if cause.source == "files":
        return f"with the files as they are, {cause.held} replays agree with the first run; without, {cause.free}"
    beside = f" ({joined([title(source) for source in cause.beside])} fixed in both)" if cause.beside else ""
    other = "with another" if cause.was_set else "without"
    return f"with {title(cause.source)} fixed, {cause.held} replays agree; {other}, {cause.free}{beside}"


def _unheld(diagnosis: Diagnosis) -> list[str]:
    """Return what could not be held where no cause, or not of everything, was found; and what helps to hold it."""
    lines = []
    for source in dict.fromkeys(each.source for each in diagnosis.unheld):
        found = [each for each in diagnosis.unheld if each.source == source]
        started = [each.who if " that " in each.who else f"{each.count} started by {each.who}" for each in found]
        lines.append(f"        {NOT_HELD.get(source, title(source))} could not be held here: {joined(started)}")
        lines += [f"        fix: {each}" for each in fixes(each.who for each in found)] if source == "threads" else []
    return lines


HELD_WHERE = "held for Python code: what compiled libraries or the system read and draw by themselves is not"
"""What it means that the clock, say, was held."""
HELD_AS = {"addresses": "the system's random choice of addresses"}
"""What is held of a source, where that is not all of it: what a process allocates, and when, is still its own."""
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
    """Return what was held fixed without effect, by itself and together with others; and what was not tried.

    What could not be held is not among them.
    """
    unheld = {each.source for each in diagnosis.unheld}
    without = [each.sources for each in diagnosis.tried if not each.count.agree]
    alone = dict.fromkeys(sources[0] for sources in without if len(sources) == 1)
    several = sorted((sources for sources in without if len(sources) > 1), key=len, reverse=True)
    together = several[0] if several else ()
    lines = []
    for how, sources in (("one at a time", [*alone]), ("all at once", together)):
        held = [_held_as(source) for source in sources if source not in unheld]
        lines += [f"        held fixed without effect, {how}: {', '.join(held)}"] if held else []
    for sources in several:
        other = [_held_as(source) for source in sources if source not in (*together, *unheld)]
        gone = [_held_as(source) for source in together if source not in (*sources, *unheld)]
        if 0 < len(other) <= MOST_OTHERS and len(gone) <= MOST_OTHERS:
            lines.append(f"        held fixed without effect, {joined(other)} in place of {joined(gone)}")
            break
    if lines:
        lines.append(f"        ({HELD_WHERE})")
    seen = {source for each in diagnosis.tried for source in each.sources}
    untried = [title(source) for source, each in SOURCES.items() if each.can_hold and source not in seen]
    if untried and diagnosis.tried:
        lines.append(f"        not tried: {', '.join(untried)}")
    return lines + _unheld(diagnosis)


def _held_as(source: str) -> str:
    return HELD_AS.get(source, title(source))


def _site(site: CodeLine, directory: Path) -> str:
    return f"{short_path(site.file, directory)}:{site.line} {site.what}"


def _difference(difference: Difference) -> list[str]:
    detail = f": {difference.detail}" if difference.detail else ""
    return [
        f"  {short_place(difference.path)}{detail}",
        f"      first run: {difference.expected}",
        f"      replay:    {difference.obtained}",
    ]
