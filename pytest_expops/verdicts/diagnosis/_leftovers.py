"""What the first run did not find as replays do: what earlier processes left behind, and files written since.

What processes leave in modules is tried: replays are made with and without it. Files are only seen: nobody's files are
moved to find out what a run does without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_expops.execution.file_times import file_time_resolution
from pytest_expops.execution.records import RunRecord
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.verdicts.diagnosis._ranking import minimal
from pytest_expops.verdicts.diagnosis._trials import Plan, Trial, Trials, agrees
from pytest_expops.verdicts.findings import CodeLine, Count, ReadBack, Writer

NEEDED = 4
"""So many replays must agree with the first run."""
LARGEST = 64
"""So many processes, at the most, are run again to find the one that left something behind: the latest."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """The processes that make replays agree with the first run once they have run `before` in the same interpreter."""

    held: Count
    before: tuple[str, ...]


def files_read_back(trials: Trials, control: Sequence[Trial]) -> tuple[ReadBack, ...]:
    """Return the files that a trial read and that were written after the first run began.

    For example, a process that keeps ``cache.json`` reads it in every replay; a file of the project that was there
    before the session is older than the first run, and is not returned.
    """
    first = trials.first.record
    found: dict[str, ReadBack] = {}
    for trial in control:
        # Later than this it is of the trial's own, though nobody saw it write: a library did.
        began = (trial.record.started - file_time_resolution()) * 1e9
        for each in trial.replay.opened:
            known = each.path in first.written
            if not each.read or each.mtime_ns is None or not (known or first.started * 1e9 <= each.mtime_ns < began):
                continue
            writer: Writer = "replay" if each.written else "first run" if known else ""
            found.setdefault(each.path, ReadBack(each.path, writer, CodeLine.at(each.site), read=not each.looked))
    return tuple(found.values())


def changing(files: Sequence[ReadBack], control: Sequence[Trial]) -> tuple[ReadBack, ...]:
    """Return those of `files` that not all trials found alike: only they can make one trial differ from another.

    For example a log that every run appends to; but not a cache that the first run alone has written.
    """
    found = [{each.path: each.mtime_ns for each in trial.replay.opened if each.read} for trial in control]
    return tuple(file for file in files if len({each.get(file.path) for each in found}) > 1)


def from_files(trials: Trials, paths: frozenset[str]) -> tuple[Count, tuple[Site, ...]]:
    """Count the replays that agree with the first run if they find the files as they are, and say who read them.

    Where the session varies the files, all other trials are made without what was written since the first run began.
    """
    made = [trials.make(Plan(in_place=True), number) for number in range(NEEDED)]
    agreeing = sum(_as_first(trials, each, paths) for each in made)
    sites = dict.fromkeys(file.site for each in made for file in each.replay.met)
    return Count(agreeing, len(made)), tuple(sites)


def from_earlier(trials: Trials, paths: frozenset[str]) -> Leftover | None:
    """Find the processes without which replays do not agree with the first run, and with which they do.

    For example, `load` sets an option of a library that `train` depends on: alone, replays of `train` differ from its
    first run; after `load`, they agree.
    """
    earlier = _earlier(trials)
    if not earlier or not _explains(trials, earlier, paths):
        return None
    before = _smallest(trials, earlier, paths)
    held = _agreement(trials, Plan(before=before), paths, NEEDED)
    return Leftover(held, before) if held.agree == held.of else None


def left_by_others(trials: Trials, paths: frozenset[str]) -> tuple[str, ...]:
    """Return the tests after which a test differs from what it gives alone; none where it does not after all of them.

    They are some of those that are run before it where the order is varied.
    """
    check = trials.session.expanded.pipeline.check
    others = check.others if check is not None else ()
    alone = trials.make(Plan(before=()), 0)

    def is_enough(chosen: Sequence[str]) -> bool:
        after = trials.make(Plan(before=_in_order(chosen, others)), 0)
        return bool(trials.differing(alone, after) & paths)

    return _in_order(minimal(others, (), is_enough), others) if others and is_enough(others) else ()


def _smallest(trials: Trials, earlier: Sequence[str], paths: frozenset[str]) -> tuple[str, ...]:
    def is_enough(chosen: Sequence[str]) -> bool:
        return _explains(trials, _in_order(chosen, earlier), paths)

    # The latest first: what was left last is the likeliest to be found.
    return _in_order(minimal(earlier[::-1], (), is_enough), earlier)


def _explains(trials: Trials, before: Sequence[str], paths: frozenset[str]) -> bool:
    return _agreement(trials, Plan(before=tuple(before)), paths, 1).agree == 1


def _agreement(trials: Trials, plan: Plan, paths: frozenset[str], count: int) -> Count:
    """Count how many of `count` trials agree with the first run; no more are made once one does not."""
    agreeing = 0
    for number in range(count):
        trial = trials.make(plan, number)
        if not _as_first(trials, trial, paths):
            return Count(agreeing, number + 1)
        agreeing += 1
    return Count(agreeing, count)


def _as_first(trials: Trials, trial: Trial, paths: frozenset[str]) -> bool:
    return trial.passed and agrees(trials.differing(trials.first, trial), paths)


def _earlier(trials: Trials) -> list[str]:
    """Return the processes that the worker of the first run had run before it, in their order.

    Of a call that a test hands over that is itself: nobody has recorded who called it before.
    """
    check = trials.session.expanded.pipeline.check
    if check is not None:
        return list(check.earlier) if check.test_files else [trials.name]
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
