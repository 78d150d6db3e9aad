"""Where and why a process that differed differs: control replays, interventions, and a trace of two runs.

The verdict stands whatever is found here. Everything is bounded by a deadline; what was found until then is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay.nondeterminism.addresses import masked
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.diagnosis._attribution import NEEDED, Search, among, ranked
from pytest_expops.verdicts.diagnosis._leftovers import Leftover, files_read_back, from_earlier, from_files
from pytest_expops.verdicts.diagnosis._locating import Parting, locate
from pytest_expops.verdicts.diagnosis._trials import CONTROLS, OutOfTime, Plan, Trial, Trials, root_of
from pytest_expops.verdicts.diagnosis.divergence import Place
from pytest_expops.verdicts.findings import Blamed, Cause, Count, Diagnosis

MORE = 4
"""So many more are made if those do not differ where the first run does: in interpreters with other hash seeds."""
RARE = 12
"""So many are made, if none of the first differs, before a difference is called rare."""
MOST = 20
"""So many replays are made with and without a cause held, at the most, before it is said to be one."""
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

    :param vary: what the replays varied besides the hash seed.
    :param differences: what the replay that failed differed in.
    :param hints: sources to suspect first: the causes found for another expanded process of the same function.
    """
    begin = time.monotonic()
    examination = _Examination(Trials(session, name, pool, vary, begin + seconds), differences, hints)
    complete, note = True, ""
    try:
        examination.run()
    except OutOfTime:
        complete, note = False, f"stopped after {seconds:g} s (--expops-diagnose-timeout)"
    except ExpopsError as error:
        complete, note = False, f"stopped: {error}"
    found = examination.result()
    notes = "; ".join(each for each in (found.note, note) if each)
    return replace(found, complete=complete, note=notes, seconds=round(time.monotonic() - begin, 3))


class _Examination:
    """One diagnosis under way; what it has found can be asked for at any time."""

    def __init__(self, trials: Trials, differences: Sequence[Difference], hints: Sequence[str]) -> None:
        self.trials = trials
        self.differences = differences
        self.hints = hints
        self.control: list[Trial] = []
        self.search: Search | None = None
        self.leftover: Leftover | None = None
        self.causes: list[Cause] = []
        self.note = ""
        self.place: Place | None = None

    def run(self) -> None:
        """Raises OutOfTime, and ReplayError where a trial cannot be made."""
        self._control()
        apart = among(self.trials, self.control)
        behind = self._behind()
        if not apart and not behind:
            self.note = f"{len(self.control)} more replays gave what the first run gave: it differs rarely"
            files = self._files()
            if files:
                self.note += f"; it reads {_listed([*files])}, written since the first run began"
            return
        try:
            if apart:
                self._attribute()
            if behind:
                self._look_behind(behind)
        finally:
            self._unattributed(behind)
        self.place = locate(self.trials, self._parting())
        self._narrow()

    def result(self) -> Diagnosis:
        """What is known so far."""
        tried = tuple(self.search.tried) if self.search else ()
        seed = self._hash_seed()
        return Diagnosis(self.place, tuple(self.causes), tried, self.trials.runs, note=self.note, hash_seed=seed)

    def _hash_seed(self) -> int | None:
        """One under which the results differ from those of the first control, which has the hash seed of replay 1."""
        paths = next((frozenset(cause.paths) for cause in self.causes if cause.source == "hashseed"), frozenset())
        one, *others = self.control or [self.trials.first]
        for other in others:
            if other.replay.hash_seed != one.replay.hash_seed and self.trials.differing(one, other) & paths:
                return other.replay.hash_seed
        return None

    def _control(self) -> None:
        self._make(CONTROLS)
        if self._behind():
            self._make(CONTROLS + MORE)
        while len(self.control) < RARE and not self._from_first():
            self._make(len(self.control) + 1)

    def _make(self, count: int) -> None:
        while len(self.control) < count:
            self.control.append(self.trials.make(Plan(watch=True), len(self.control)))

    def _behind(self) -> frozenset[str]:
        """Where the replays agree, but not with the first run. Within a result that else differs it may be chance."""
        apart = among(self.trials, self.control)
        roots = {root_of(path) for path in apart}
        return frozenset(path for path in self._from_first() - apart if root_of(path) not in roots)

    def _from_first(self) -> frozenset[str]:
        differing = (self.trials.differing(self.trials.first, each) for each in self.control)
        return frozenset().union(*differing)

    def _free(self, paths: frozenset[str]) -> Count:
        agreeing = sum(not self.trials.differing(self.trials.first, each) & paths for each in self.control)
        return Count(agreeing, len(self.control))

    def _attribute(self) -> None:
        files = self._files()
        suspects, others = ranked(self.control, self.trials.vary, self.hints)
        if files:
            suspects.insert(0, "files")
        only = {"files": tuple(files)} if files else {}
        asked = tuple(site.place for site in self._sites("addresses"))
        if asked:
            only["addresses"] = asked
        elif self._shows_addresses():
            suspects.insert(suspects.index("hashseed") + 1, "addresses")
        self.search = Search(self.trials, self.control, only)
        try:
            self.search.run(suspects, others)
        finally:
            for source, paths in self.search.found.items():
                self._add(source, paths, *self._evidence(paths), self._sites(source))

    def _evidence(self, paths: frozenset[str]) -> tuple[Count, Count]:
        """How many replays agree with all causes held, and without: of as many as tell it from chance."""
        assert self.search is not None
        needed = NEEDED
        while True:
            held = self.search.agreement(self.search.found, paths, needed)
            free = self.search.free(paths, needed)
            if held.agree == held.of and free.agree == free.of:
                # What differs in a new interpreter only: the lower digits of addresses, say.
                return self.search.in_fresh_interpreters(paths)
            if held.agree < held.of or held.chance(free) <= LEVEL or needed >= MOST:
                return held, free
            needed += NEEDED

    def _look_behind(self, paths: frozenset[str]) -> None:
        """All replays agree, but not with the first run: something was there then, or was not."""
        files = self._files()
        self.leftover = from_files(self.trials, files, paths) if files else None
        if self.leftover is not None:
            self._add(
                "files", paths, self.leftover.held, self._free(paths), self.leftover.sites, _listed(self.leftover.files)
            )
            return
        self.leftover = from_earlier(self.trials, paths)
        if self.leftover is not None:
            self._add(
                "state", paths, self.leftover.held, self._free(paths), (), f"left by {_listed(self.leftover.before)}"
            )

    def _unattributed(self, behind: frozenset[str]) -> None:
        if behind and self.leftover is None:
            self.note = (
                f"{len(self.control)} replays agree with each other, and not with the first run: what it found in its "
                "interpreter and they do not (settings of a conftest.py, say) makes the difference"
            )
        elif self.search is not None and self.search.remaining and self.causes:
            self.note = f"not attributed: {_listed(sorted(self.search.remaining))}"

    def _add(
        self, source: str, paths: frozenset[str], held: Count, free: Count, sites: Sequence[Site], detail: str = ""
    ) -> None:
        if held.chance(free) > LEVEL:
            return
        source = "state" if source == "order" else source
        remedy = SOURCES["order" if source == "state" else source].remedy
        blamed = tuple(_blamed(site) for site in sites)
        self.causes.append(Cause(source, tuple(sorted(paths)), held, free, blamed, remedy, detail))

    def _shows_addresses(self) -> bool:
        """Whether the results differ in text such as ``<Model object at 0x7f3a...>``."""
        shown = ((each.expected, each.obtained) for each in self.differences)
        return any(one != other and masked(one) == masked(other) for one, other in shown)

    def _files(self) -> dict[str, Site | None]:
        return files_read_back(self.control, self.trials.first.record.started)

    def _sites(self, source: str) -> tuple[Site, ...]:
        return tuple(dict.fromkeys(site for trial in self.control for site in trial.replay.sites.get(source, ())))

    def _parting(self) -> Parting:
        found = tuple(self.search.found) if self.search is not None else ()
        drawn = frozenset(source for trial in self.control for source in trial.replay.sites)
        return Parting(found, drawn, self.search.only if self.search is not None else {}, self.leftover)

    def _narrow(self) -> None:
        """Of several lines that drew from a source, find the one that matters by holding one at a time."""
        for index, cause in enumerate(self.causes):
            if self.search is None or len(cause.sites) < 2:
                continue
            ordered = sorted(self._sites(cause.source), key=lambda site: not self._is_place(site))
            if SOURCES[cause.source].holds_sites:
                ordered = self._decisive(cause, ordered[:MOST_SITES]) or ordered
            self.causes[index] = replace(cause, sites=tuple(_blamed(site) for site in ordered))

    def _decisive(self, cause: Cause, sites: Sequence[Site]) -> list[Site]:
        """The lines that are enough to hold. (Of two readings of a clock, say, whose difference is taken, either.)"""
        assert self.search is not None
        found = []
        for site in sites:
            plan = Plan(frozenset(self.search.found), {**self.search.only, cause.source: (site.place,)})
            made = [self.trials.make(plan, number) for number in range(3)]
            if all(each.passed for each in made) and not among(self.trials, made) & frozenset(cause.paths):
                found.append(site)
                if self._is_place(site):
                    break
        return found

    def _is_place(self, site: Site) -> bool:
        return self.place is not None and (site.file, site.line) == (self.place.file, self.place.line)


def _blamed(site: Site) -> Blamed:
    return Blamed(site.file, site.line, site.function, site.what, site.code)


def _listed(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
