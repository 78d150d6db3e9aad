"""Where and why a process that differed differs: control replays, interventions, and a trace of two runs.

The verdict stands whatever is found here. Everything is bounded by a deadline; what was found until then is kept. Each
phase is a function from what is known to a finding; `_examine` is their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay.nondeterminism.addresses import masked
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.diagnosis._attribution import Found, OutOfRuns, Search
from pytest_expops.verdicts.diagnosis._conclusion import Findings, conclude
from pytest_expops.verdicts.diagnosis._confirming import agreeing
from pytest_expops.verdicts.diagnosis._control import Control, agreeing_with_first, controlled
from pytest_expops.verdicts.diagnosis._leftovers import from_earlier, from_files, left_by_others
from pytest_expops.verdicts.diagnosis._locating import GIVING, QUIET, UNSEEDED, Parting, is_at, locate, place_of
from pytest_expops.verdicts.diagnosis._ranking import ranked
from pytest_expops.verdicts.diagnosis._trials import OutOfTime, Plan, Trial, Trials
from pytest_expops.verdicts.findings import Cause, CodeLine, Count, Diagnosis, Place
from pytest_expops.wording import listed

LEVEL = 0.01
"""What earlier processes left would seem to make replays agree by chance with at most this probability."""
BY_SEED = "and perhaps the hash seed: with addresses fixed, replays under two hash seeds still differ"
"""What is known besides where addresses are a cause; they cannot all be fixed without the hash seed."""
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
    known: Diagnosis | None = None,
) -> Diagnosis:
    """Find where and why replays of `name` differ, in about `seconds`.

    Args:
        session: the session of its pipeline.
        name: an expanded process whose replay differed.
        pool: makes the replays.
        vary: what the replays varied besides the hash seed.
        seconds: the time that it may take.
        differences: what the replay that failed differed in.
        known: what was found for another duplicate of the process: few replays are made to see whether it holds here
            too, and if not, its causes are suspected first.
    """
    begin = UNPATCHED.monotonic()
    case = _Case(Trials(session, name, pool, vary, begin + seconds), differences, known)
    findings = Findings()
    stopped = ""
    try:
        _examine(case, findings)
    except OutOfTime:
        stopped = f"stopped after {seconds:g} s (--expops-diagnose-timeout)"
    except ExpopsError as error:
        stopped = f"stopped: {error}"
    found = conclude(case.trials, findings)
    notes = "; ".join(each for each in (found.note, stopped) if each)
    return replace(found, complete=not stopped, note=notes, seconds=round(UNPATCHED.monotonic() - begin, 3))


@dataclass(frozen=True, slots=True)
class _Case:
    """What is to be explained: the trials of the process, what its replay differed in, and what is known of another."""

    trials: Trials
    differences: Sequence[Difference]
    known: Diagnosis | None


def _examine(case: _Case, findings: Findings) -> None:
    """Go through the phases, and note each finding as it comes.

    Raises:
        OutOfTime: the time is over.
        ReplayError: a trial could not be made.
    """
    control = findings.control = controlled(case.trials)
    cause = _likewise(case, control)
    if cause is not None and case.known is not None:
        findings.causes, findings.place = [cause], case.known.place
        return
    if control.apart:
        _attribute(case, findings, control)
    if control.behind:
        _look_behind(case, findings, control)
    if _can_be_located(case, findings, control):
        search = findings.search
        line = _only_line(findings, control) if search is not None else None
        findings.place = place_of(line) if line is not None else locate(case.trials, _parting(case, findings, control))
        if search is not None:
            findings.place = _narrow(findings, search, control)
            if (search.remaining or not findings.causes) and any(each.replay.torch for each in control.made):
                findings.alerts = case.trials.make(Plan(alerts=True), 0).replay.alerts


def _can_be_located(case: _Case, findings: Findings, control: Control) -> bool:
    """Return whether two runs can be traced that part: after other tests, a run is another one from the start.

    None is traced where those that are watched give something else.
    """
    if not control.watched:
        return False
    if _is_of_test(case):
        others = any(each.source not in ("order", "state") for each in findings.causes)
        return bool(control.apart) and (others or not findings.causes)
    return bool(control.apart) or findings.leftover is not None


def _likewise(case: _Case, control: Control) -> Cause | None:
    """Return the one cause of all that another duplicate differs in, if holding it makes this one agree as well.

    It was proved there; so a few replays are enough here, and none needs an interpreter of its own.
    """
    known = case.known
    if known is None or len(known.causes) != 1 or known.note or not control.apart or control.behind:
        return None
    (cause,) = known.causes
    if cause.source not in SOURCES or not SOURCES[cause.source].can_hold or cause.beside:
        return None
    plan = Plan(frozenset({cause.source}), _only(control))
    made = [case.trials.make(plan, number) for number in range(len(control.made))]
    held, free = agreeing(case.trials, made, control.apart), agreeing(case.trials, control.made, control.apart)
    if not all(each.passed for each in made) or held.agree < held.of:
        return None
    paths = tuple(sorted(control.apart))
    return replace(cause, paths=paths, held=held, free=free, was_set=False)


def _attribute(case: _Case, findings: Findings, control: Control) -> None:
    """Find the sources that make replays differ from each other; raises as `_examine`."""
    search = findings.search = _prepared_search(case, control)
    suspects, others = _suspects(case, control)
    try:
        finished = search.run(suspects, others)
    except OutOfRuns as error:
        finished, findings.stopped = True, str(error)
    findings.causes += [_cause(source, found, control) for source, found in search.found.items()]
    if _is_of_test(case) and "order" in search.found:
        _name_others(case, findings, search.found["order"])
    if not finished:
        raise OutOfTime


def _name_others(case: _Case, findings: Findings, found: Found) -> None:
    """Name the tests that leave something behind which a test depends on; raises as `_examine`."""
    others = left_by_others(case.trials, found.paths)
    (index,) = (index for index, each in enumerate(findings.causes) if each.source == "state")
    findings.causes[index] = replace(findings.causes[index], source="order", detail=_left_by(others), left_by=others)


def _is_of_test(case: _Case) -> bool:
    check = case.trials.session.expanded.pipeline.check
    return check is not None and bool(check.test_files)


def _look_behind(case: _Case, findings: Findings, control: Control) -> None:
    """Find what the first run met, and replays do not; raises as `_examine`."""
    free = agreeing_with_first(case.trials, control, control.behind)
    if "files" in case.trials.vary:
        held, sites = from_files(case.trials, control.behind)
        if held.chance(free) <= LEVEL:
            lines = tuple(CodeLine.at(site) for site in sites)
            paths = tuple(sorted(control.behind))
            findings.causes.append(Cause("files", paths, held, free, lines, SOURCES["files"].remedy))
    if not findings.files:
        leftover = findings.leftover = from_earlier(case.trials, control.behind)
        if leftover is not None and leftover.held.chance(free) <= LEVEL:
            findings.causes.append(_state(control.behind, leftover.held, free, leftover.before))


def _only_line(findings: Findings, control: Control) -> Site | None:
    """Return the line that explains all by itself: the only one that drew from the only cause, and held alone."""
    search = findings.search
    if search is None or search.remaining or len(findings.causes) != 1 or findings.leftover is not None:
        return None
    source = findings.causes[0].source
    return control.sites(source)[0] if _is_alone(source, search.only.get(source, ())) else None


def _narrow(findings: Findings, search: Search, control: Control) -> Place | None:
    """Of several lines that drew from a cause, name those that matter.

    Returns:
        Where the runs part: one of these lines, where there are such. (What was traced to differ elsewhere, such as a
        name that nobody asks for, makes no difference to the results.)
    """
    place = findings.place
    at_fault: list[Site] = []
    for index, cause in enumerate(findings.causes):
        sites = sorted(control.sites(cause.source), key=lambda site: not is_at(place, site))
        decisive = _decisive(cause, search, sites, place)
        # Of two readings of a clock, one alone held is no time at all; where the runs part at one, that is the line.
        measured = cause.source == "clock" and any(is_at(place, site) for site in sites)
        at_fault += decisive if cause.source in GIVING and not measured else []
        if sites:
            lines = tuple(CodeLine.at(site) for site in decisive or sites)
            findings.causes[index] = replace(cause, sites=lines)
    if not at_fault or any(is_at(place, site) for site in at_fault):
        return place
    return place_of(at_fault[0])


def _suspects(case: _Case, control: Control) -> tuple[list[str], list[str]]:
    """Return the sources to hold one by one, the likeliest first, and the others.

    Addresses are a suspect where a line asked for one, or where results differ in text such as
    ``<Model object at 0x7f3a...>``.
    """
    hints = [cause.source for cause in case.known.causes] if case.known is not None else []
    suspects, others = ranked(control.made, case.trials.vary, hints)
    if not control.sites("addresses") and _shows_addresses(case.differences):
        suspects.insert(suspects.index("hashseed") + 1, "addresses")
    if _is_unseeded(case):
        place = suspects.index("hashseed")
        suspects[place:place] = [source for source, each in SOURCES.items() if each.holds_unseeded]
    return suspects, others


def _shows_addresses(differences: Sequence[Difference]) -> bool:
    shown = ((each.expected, each.obtained) for each in differences)
    return any(one != other and masked(one) == masked(other) for one, other in shown)


def _prepared_search(case: _Case, control: Control) -> Search:
    """Return the search for causes."""
    quiet = (QUIET & control.drawn) | ({UNSEEDED} if _is_unseeded(case) else set())
    # A test is traced alone, and so in runs of its own.
    return Search(case.trials, control.made, _only(control), quiet | ({"order"} if _is_of_test(case) else set()))


def _is_unseeded(case: _Case) -> bool:
    check = case.trials.session.expanded.pipeline.check
    return check is not None and check.seed is None and not check.seeds


def _only(control: Control) -> Mapping[str, tuple[str, ...]]:
    """Return what alone is held of some sources.

    Of addresses, those that lines asked for, where there are any. Of what gives a line something else each time, what
    it gives that line, where there is but one: if that explains all, the line need not be looked for.
    """
    asked = {source: tuple(dict.fromkeys(site.place for site in control.sites(source))) for source in control.drawn}
    return {source: places for source, places in asked.items() if source == "addresses" or _is_alone(source, places)}


def _is_alone(source: str, places: Sequence[str]) -> bool:
    return source in (*GIVING, "addresses") and SOURCES[source].holds_sites and len(places) == 1


def _cause(source: str, found: Found, control: Control) -> Cause:
    """Return a source that was found and confirmed as a cause."""
    if source == "order":
        return _state(found.paths, found.evidence.held, found.evidence.free)
    lines = tuple(CodeLine.at(site) for site in control.sites(source))
    counts = found.evidence.held, found.evidence.free
    detail = BY_SEED if found.differs_by_seed else ""
    return Cause(
        source,
        tuple(sorted(found.paths)),
        *counts,
        lines,
        SOURCES[source].remedy,
        detail,
        beside=found.beside,
        was_set=found.was_set,
    )


def _state(paths: frozenset[str], held: Count, free: Count, before: Sequence[str] = ()) -> Cause:
    return Cause(
        "state", tuple(sorted(paths)), held, free, (), SOURCES["order"].remedy, _left_by(before), left_by=tuple(before)
    )


def _left_by(names: Sequence[str]) -> str:
    return f"left by {listed([f'`{name}`' for name in names], 3)}" if names else ""


def _parting(case: _Case, findings: Findings, control: Control) -> Parting:
    """Return what makes two runs differ, as `locate` takes it; tests are traced without others before them."""
    search = findings.search
    found = tuple(search.found) if search is not None else ()
    only = {source: search.only[source] for source in found if source in search.only} if search is not None else {}
    if _is_of_test(case):
        alone = frozenset({"order"} & set(case.trials.vary))
        return Parting(tuple(each for each in found if each != "order"), control.drawn, only, quiet=alone)
    return Parting(found, control.drawn, only, findings.leftover, traced=_traced_already(search))


def _traced_already(search: Search | None) -> tuple[Trial, Trial] | None:
    """Return two traced runs that differ in the only cause alone."""
    if search is None or search.remaining or len(search.found) != 1:
        return None
    return next(iter(search.found.values())).evidence.traced


def _decisive(cause: Cause, search: Search, sites: Sequence[Site], place: Place | None) -> list[Site]:
    """Return the lines that are enough to hold: of two readings of a clock whose difference is taken, either.

    None are tried where there is no choice: where they cannot be held, or the only one is where the runs part.
    """
    places = list(dict.fromkeys(site.place for site in sites))
    alone = len(places) < 2 and (cause.source not in GIVING or any(is_at(place, site) for site in sites))
    if alone or not SOURCES[cause.source].holds_sites:
        return []
    found: list[Site] = []
    for each in places[:MOST_SITES]:
        if not search.differs_at({cause.source: (each,)}, frozenset(cause.paths)):
            here = [site for site in sites if site.place == each]
            found += here
            if any(is_at(place, site) for site in here):
                break
    return found
