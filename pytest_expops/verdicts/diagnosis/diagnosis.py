"""Where and why a process that differed differs: control replays, interventions, and a trace of two runs.

The verdict stands whatever is found here. Everything is bounded by a deadline; what was found until then is kept. Each
phase is a function from what is known to a finding; `_examine` is their order.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay.nondeterminism.addresses import masked
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.diagnosis._attribution import NEEDED, Search, among, ranked
from pytest_expops.verdicts.diagnosis._control import Control, agreeing_with_first, controlled
from pytest_expops.verdicts.diagnosis._leftovers import Leftover, changing, from_earlier, from_files
from pytest_expops.verdicts.diagnosis._locating import Parting, locate
from pytest_expops.verdicts.diagnosis._trials import OutOfTime, Plan, Trials
from pytest_expops.verdicts.findings import Cause, CodeLine, Count, Diagnosis, Place, ReadBack
from pytest_expops.wording import listed

MOST = 20
"""So many replays are made with and without a cause held, at the most, before it is said to be one."""
IN_TURN = 10
"""So many are made with and without it, in turn, where files that the process reads change from run to run."""
LEVEL = 0.01
"""What is found to make replays agree would seem to do so by chance with at most this probability."""
MOST_SITES = 6
"""So many lines that drew from one source are held fixed one by one."""


def diagnose(
    session: PipelineSession,
    name: str,
    pool: ReplicaPool,
    *,
    vary: Sequence[str] = (),
    seconds: float = 120.0,
    differences: Sequence[Difference] = (),
    hints: Sequence[str] = (),
) -> Diagnosis:
    """Find where and why replays of `name` differ, in about `seconds`.

    Args:
        session: the session of its pipeline.
        name: an expanded process whose replay differed.
        pool: makes the replays.
        vary: what the replays varied besides the hash seed.
        seconds: the time that it may take.
        differences: what the replay that failed differed in.
        hints: sources to suspect first: the causes found for another expanded process of the same function.
    """
    begin = time.monotonic()
    case = _Case(Trials(session, name, pool, vary, begin + seconds), differences, hints)
    findings = _Findings()
    stopped = ""
    try:
        _examine(case, findings)
    except OutOfTime:
        stopped = f"stopped after {seconds:g} s (--expops-diagnose-timeout)"
    except ExpopsError as error:
        stopped = f"stopped: {error}"
    found = _put_together(case, findings)
    notes = "; ".join(each for each in (found.note, stopped) if each)
    return replace(found, complete=not stopped, note=notes, seconds=round(time.monotonic() - begin, 3))


@dataclass(frozen=True, slots=True)
class _Case:
    """What is to be explained: the trials of the process, what its replay differed in, and what to suspect first."""

    trials: Trials
    differences: Sequence[Difference]
    hints: Sequence[str]


@dataclass(slots=True)
class _Findings:
    """What the phases have found so far, in the order in which they come."""

    control: Control | None = None
    search: Search | None = None
    leftover: Leftover | None = None
    causes: list[Cause] = field(default_factory=list)
    place: Place | None = None
    alerts: tuple[Site, ...] = ()

    @property
    def files(self) -> bool:
        """Whether files are why replays do not agree with the first run."""
        return any(cause.source == "files" for cause in self.causes)


def _examine(case: _Case, findings: _Findings) -> None:
    """Go through the phases, and note each finding as it comes.

    Raises:
        OutOfTime: the time is over.
        ReplayError: a trial could not be made.
    """
    control = findings.control = controlled(case.trials)
    if control.apart:
        _attribute(case, findings, control)
    if control.behind:
        _look_behind(case, findings, control)
    if control.apart or findings.leftover is not None:
        findings.place = locate(case.trials, _parting(findings, control))
    search = findings.search
    if search is not None:
        for index, cause in enumerate(findings.causes):
            findings.causes[index] = _narrowed(cause, case.trials, search, control, findings.place)
        if (search.remaining or not findings.causes) and any(each.replay.torch for each in control.made):
            findings.alerts = case.trials.make(Plan(alerts=True), 0).replay.alerts


def _attribute(case: _Case, findings: _Findings, control: Control) -> None:
    """Find the sources that make replays differ from each other; raises as `_examine`."""
    search = findings.search = _prepared_search(case, control)
    suspects, others = _suspects(case, control)
    finished = search.run(suspects, others)
    drifts = bool(changing(control.read_back, control.made))
    for source, paths in search.found.items():
        held, free = search.alternating(paths, IN_TURN) if drifts else _evidence(search, paths)
        findings.causes += _proved(source, paths, held, free, control.sites(source))
    if not finished:
        raise OutOfTime


def _look_behind(case: _Case, findings: _Findings, control: Control) -> None:
    """Find what the first run met, and replays do not; raises as `_examine`."""
    free = agreeing_with_first(case.trials, control, control.behind)
    if "files" in case.trials.vary:
        held, sites = from_files(case.trials, control.behind)
        findings.causes += _proved("files", control.behind, held, free, sites)
    if not findings.files:
        leftover = findings.leftover = from_earlier(case.trials, control.behind)
        if leftover is not None:
            findings.causes += _proved("state", control.behind, leftover.held, free, (), leftover.before)


def _put_together(case: _Case, findings: _Findings) -> Diagnosis:
    """Return what is known so far as one diagnosis."""
    search = findings.search
    return Diagnosis(
        findings.place,
        tuple(findings.causes),
        tuple(search.tried) if search is not None else (),
        case.trials.runs,
        note=_note(findings),
        hash_seed=_differing_hash_seed(case.trials, findings),
        read_back=_unproved_files(findings),
        alerts=tuple(map(CodeLine.at, findings.alerts)),
    )


def _suspects(case: _Case, control: Control) -> tuple[list[str], list[str]]:
    """Return the sources to hold one by one, the likeliest first, and the others.

    Addresses are a suspect where a line asked for one, or where results differ in text such as
    ``<Model object at 0x7f3a...>``.
    """
    suspects, others = ranked(control.made, case.trials.vary, case.hints)
    if not control.sites("addresses") and _shows_addresses(case.differences):
        suspects.insert(suspects.index("hashseed") + 1, "addresses")
    return suspects, others


def _shows_addresses(differences: Sequence[Difference]) -> bool:
    shown = ((each.expected, each.obtained) for each in differences)
    return any(one != other and masked(one) == masked(other) for one, other in shown)


def _prepared_search(case: _Case, control: Control) -> Search:
    """Return the search for causes; of addresses, only those that lines asked for are held, where there are any."""
    asked = tuple(site.place for site in control.sites("addresses"))
    only: Mapping[str, tuple[str, ...]] = {"addresses": asked} if asked else {}
    return Search(case.trials, control.made, only)


def _evidence(search: Search, paths: frozenset[str]) -> tuple[Count, Count]:
    """Return how many replays agree with all causes held, and without: of as many as tell it from chance."""
    needed = NEEDED
    while True:
        held = search.agreement(search.found, paths, needed)
        free = search.free(paths, needed)
        if held.agree == held.of and free.agree == free.of:
            # What differs in a new interpreter only: the lower digits of addresses, say.
            return search.in_fresh_interpreters(paths)
        if held.agree < held.of or held.chance(free) <= LEVEL or needed >= MOST:
            return held, free
        needed += NEEDED


def _proved(
    source: str, paths: frozenset[str], held: Count, free: Count, sites: Sequence[Site], before: Sequence[str] = ()
) -> list[Cause]:
    """Return the cause, or nothing where as much agreement may be chance (`LEVEL`)."""
    if held.chance(free) > LEVEL:
        return []
    remedy = SOURCES["order" if source == "state" else source].remedy
    detail = f"left by {listed([f'`{name}`' for name in before], 3)}" if before else ""
    lines = tuple(CodeLine.at(site) for site in sites)
    return [Cause("state" if source == "order" else source, tuple(sorted(paths)), held, free, lines, remedy, detail)]


def _parting(findings: _Findings, control: Control) -> Parting:
    """Return what makes two runs differ, as `locate` takes it."""
    search = findings.search
    found, only = (tuple(search.found), search.only) if search is not None else ((), {})
    return Parting(found, control.drawn, only, findings.leftover)


def _narrowed(cause: Cause, trials: Trials, search: Search, control: Control, place: Place | None) -> Cause:
    """Of several lines that drew from a source, name those that matter, by holding one at a time.

    For example, of two readings of a clock of which one is only printed, the other.
    """
    if len(cause.sites) < 2:
        return cause
    ordered = sorted(control.sites(cause.source), key=lambda site: not _is_at(site, place))
    if SOURCES[cause.source].holds_sites:
        ordered = _decisive(cause, trials, search, ordered[:MOST_SITES], place) or ordered
    return replace(cause, sites=tuple(CodeLine.at(site) for site in ordered))


def _decisive(cause: Cause, trials: Trials, search: Search, sites: Sequence[Site], place: Place | None) -> list[Site]:
    """Return the lines that are enough to hold: of two readings of a clock whose difference is taken, either."""
    found = []
    for site in sites:
        plan = Plan(frozenset(search.found), {**search.only, cause.source: (site.place,)})
        made = [trials.make(plan, number) for number in range(3)]
        if all(each.passed for each in made) and not among(trials, made) & frozenset(cause.paths):
            found.append(site)
            if _is_at(site, place):
                break
    return found


def _is_at(site: Site, place: Place | None) -> bool:
    return place is not None and (site.file, site.line) == (place.file, place.line)


def _note(findings: _Findings) -> str:
    """Return what is known besides causes: that the difference is rare, or what is left without a cause."""
    control, search = findings.control, findings.search
    if control is None:
        return ""
    if not control.apart and not control.behind:
        return f"{len(control.made)} more replays gave what the first run gave: it differs rarely"
    if control.behind and findings.leftover is None and not findings.files:
        return f"{len(control.made)} replays agree with each other, and not with the first run"
    if search is not None and search.remaining and findings.causes:
        return f"not attributed: {listed([f'`{path}`' for path in sorted(search.remaining)], 3)}"
    return ""


def _unproved_files(findings: _Findings) -> tuple[ReadBack, ...]:
    """Return the files that may be the cause; none where all that differs has a proved one.

    Where replays differ from one another, these are only the files that they did not all find alike.
    """
    control, search = findings.control, findings.search
    if control is None:
        return ()
    unexplained = bool(control.behind) and findings.leftover is None and not findings.files
    rare = not control.apart and not control.behind
    if unexplained or rare:
        return control.read_back
    remaining = search is not None and bool(search.remaining)
    return changing(control.read_back, control.made) if remaining else ()


def _differing_hash_seed(trials: Trials, findings: _Findings) -> int | None:
    """Return one under which results differ from those of the first control, which has the hash seed of replay 1."""
    if findings.control is None:
        return None
    paths = next((frozenset(cause.paths) for cause in findings.causes if cause.source == "hashseed"), frozenset())
    one, *others = findings.control.made
    for other in others:
        if other.replay.hash_seed != one.replay.hash_seed and trials.differing(one, other) & paths:
            return other.replay.hash_seed
    return None
