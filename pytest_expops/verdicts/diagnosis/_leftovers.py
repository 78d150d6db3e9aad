"""What the first run found and a replay does not: files it wrote, and what earlier processes left in its modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_expops.execution.records import RunRecord
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.verdicts.diagnosis._attribution import minimal
from pytest_expops.verdicts.diagnosis._trials import Plan, Trial, Trials
from pytest_expops.verdicts.findings import Count

NEEDED = 4
"""So many replays must agree with the first run."""
LARGEST = 64
"""So many processes, at the most, are run again to find the one that left something behind: the latest."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that makes replays agree with the first run once it is as it was then.

    `before` are the processes that left something in a module, `files` those that a run wrote and a later one read.
    """

    held: Count
    before: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    sites: tuple[Site, ...] = ()


def files_read_back(control: Sequence[Trial], since: float) -> dict[str, Site | None]:
    """The files that a trial read and that were written after the moment `since` (in seconds since the epoch)."""
    found: dict[str, Site | None] = {}
    for trial in control:
        for each in trial.replay.opened:
            if each.read and each.mtime_ns is not None and each.mtime_ns >= since * 1e9:
                found.setdefault(each.path, each.site)
    return found


def from_files(trials: Trials, files: dict[str, Site | None], paths: frozenset[str]) -> Leftover | None:
    """Whether replays that find none of these files agree with the first run, as it did not either."""
    plan = Plan(frozenset({"files"}), {"files": tuple(files)})
    held = _agreement(trials, plan, paths, NEEDED)
    if held.agree < held.of:
        return None
    return Leftover(held, files=tuple(files), sites=tuple(site for site in files.values() if site is not None))


def from_earlier(trials: Trials, paths: frozenset[str]) -> Leftover | None:
    """Whether replays agree with the first run when they run what ran before it in the same interpreter."""
    earlier = _earlier(trials)
    if not earlier or not _explains(trials, earlier, paths, fresh=True):
        return None
    # In one interpreter for all trials first. A setting of a library that one of them leaves is met by the next, and so
    # may make too few seem enough; then each has one of its own.
    for fresh in (False, True):
        before = _smallest(trials, earlier, paths, fresh=fresh)
        held = _agreement(trials, Plan(before=before, fresh=True), paths, NEEDED)
        if held.agree == held.of:
            return Leftover(held, before=before)
    return None


def _smallest(trials: Trials, earlier: Sequence[str], paths: frozenset[str], *, fresh: bool) -> tuple[str, ...]:
    def is_enough(chosen: Sequence[str]) -> bool:
        return _explains(trials, _in_order(chosen, earlier), paths, fresh=fresh)

    # The latest first: what was left last is the likeliest to be found.
    return _in_order(minimal(earlier[::-1], (), is_enough), earlier)


def _explains(trials: Trials, before: Sequence[str], paths: frozenset[str], *, fresh: bool) -> bool:
    plan = Plan(before=tuple(before), fresh=fresh)
    return _agreement(trials, plan, paths, 1).agree == 1


def _agreement(trials: Trials, plan: Plan, paths: frozenset[str], count: int) -> Count:
    """How many of `count` trials agree with the first run; no more are made once one does not."""
    agreeing = 0
    for number in range(count):
        trial = trials.make(plan, number)
        if not trial.passed or trials.differing(trials.first, trial) & paths:
            return Count(agreeing, number + 1)
        agreeing += 1
    return Count(agreeing, count)


def _earlier(trials: Trials) -> list[str]:
    """The processes that the worker of the first run had run before it, in their order."""
    first = trials.first.record
    records: list[RunRecord] = [
        record
        for name in trials.session.expanded.processes
        if (record := trials.session.known(name)) is not None and _is_before(record, first)
    ]
    records.sort(key=lambda record: record.started)
    left = trials.seconds_left / 4
    chosen: list[str] = []
    for record in reversed(records[-LARGEST:]):
        left -= record.duration
        if left < 0:
            break
        chosen.append(record.process)
    return chosen[::-1]


def _is_before(record: RunRecord, first: RunRecord) -> bool:
    return record.worker == first.worker and 0 < record.started < first.started and record.process != first.process


def _in_order(chosen: Sequence[str], earlier: Sequence[str]) -> tuple[str, ...]:
    return tuple(each for each in earlier if each in chosen)
