"""What the live line tells, when there is one, and what is told of workers."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.plugin.options.options import read_options
from pytest_expops.plugin.progress._plan import Planned, plan
from pytest_expops.plugin.progress._tally import Tally
from pytest_expops.plugin.progress._time_left import TimeLeft, in_words
from pytest_expops.plugin.progress.workers import THREADS, NativeThreads, WorkerTimes, native_threads
from pytest_expops.plugin.scheduling.parts import Part
from pytest_expops.plugin.state import Seat, start
from tests.conftest import FAN_NAMES, Project

CONFIG = "configs/project_config.yaml"
PREFIX = f"{CONFIG}::"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def items(**upstream: str) -> dict[str, Planned]:
    """Processes, each of a kind of its own and with these upstream; underscores in a name stand for brackets."""
    planned = {}
    for name, above in upstream.items():
        process, _, check = name.partition("__")
        shown = f"{process}[{check}]" if check else process
        planned[shown] = Planned(shown, process, check or None, kind=shown, upstream=tuple(above.split()))
    return planned


def plan_of(project: Project, ids: list[str]) -> dict[str, Planned]:
    options = read_options(project.pytester.parseconfig("--expops-config", str(project.root / CONFIG)))
    state = start(options, Seat())
    try:
        return plan(ids, project.root, state.sessions)
    finally:
        state.close()


def test_items_are_known_by_their_ids_and_put_behind_what_they_wait_for(fan: Project) -> None:
    ids = [
        "test_a.py::test_it[train_1_seed40]",
        f"{PREFIX}merge",
        f"{PREFIX}train_2_seed41[replay]",
        f"{PREFIX}train_2_seed41@group",
        f"{PREFIX}evaluate_2_seed41[nothing",
        f"{PREFIX}split",
        "other/configs/project_config.yaml::split",
        f"{PREFIX}load",
        f"{PREFIX}train[stability:loss[mean]]",
    ]
    planned = plan_of(fan, ids)
    assert {node_id: (each.process, each.check) for node_id, each in planned.items()} == {
        ids[0]: (None, None),
        ids[1]: ("merge", None),
        ids[2]: ("train", "replay"),
        ids[3]: ("train", None),
        ids[4]: (None, None),
        ids[5]: ("split", None),
        ids[6]: (None, None),
        ids[7]: ("load", None),
        ids[8]: ("train", "stability:loss[mean]"),
    }
    assert [each for each in planned if planned[each].process] == [ids[7], ids[5], ids[3], ids[2], ids[8], ids[1]]
    train, replay = planned[ids[3]], planned[ids[2]]
    assert train == Planned(
        "train_2_seed41",
        "train",
        None,
        f"{PREFIX}train",
        Part((CONFIG, ("split",), (2,))),
        (f"{PREFIX}seeds_2",),
    )
    assert (replay.kind, replay.part) == (f"{PREFIX}train[replay]", train.part)
    assert replay.upstream == (f"{PREFIX}train_2_seed41",)
    of_all = planned[ids[8]]
    assert of_all.upstream == tuple(f"{PREFIX}train_{part}_seed{seed}" for part in (1, 2) for seed in (40, 41))
    assert of_all.kind == f"{PREFIX}train[stability:loss[mean]]"


def test_every_item_of_the_fan_is_of_the_pipeline(fan: Project) -> None:
    planned = plan_of(fan, [f"{PREFIX}{name}" for name in FAN_NAMES])
    assert [each.name for each in planned.values()] == FAN_NAMES


def tally(planned: dict[str, Planned], **history: float) -> tuple[Tally, Clock]:
    clock = Clock()
    return Tally(planned, TimeLeft(planned, history, clock)), clock


def test_the_line_tells_what_is_done_running_waiting_failed_and_left() -> None:
    planned = items(a="", b="a", b__replay="b", c="a", c__replay="c") | {"test": Planned("test_it")}
    told, clock = tally(planned, **dict.fromkeys(planned, 30.0))
    assert told.line(1) == "expops: 0 of 3 processes, 3 waiting; 0 of 2 replays; about 3 min left"
    told.started("a")
    clock.now += 31
    told.over("a")
    for each in ("b", "c", "test"):
        told.started(each)
    clock.now += 1
    assert told.line(2) == (
        "expops: 1 of 3 processes, 2 running; 0 of 2 replays; about 1 min 10 s left; now b, c, test_it"
    )
    told.failed("b")
    told.failed("test")
    for each in ("b", "b", "b[replay]", "unknown"):
        told.over(each)
    told.started("b")
    told.started("unknown")
    clock.now += 1
    assert told.line(2) == (
        "expops: 2 of 3 processes, 1 running; 1 of 2 replays; 1 failed; about 1 min left; now c, test_it"
    )
    for each in ("c", "c[replay]", "test"):
        told.over(each)
    clock.now += 1
    assert told.line(2) == "expops: 3 of 3 processes; 2 of 2 replays; 1 failed; a few seconds left"


def test_checks_are_told_besides_replays() -> None:
    told, _ = tally(items(a="", a__baseline="a", a__replay="a", b="a", b__laws="b"))
    for each in ("a[baseline]", "b[laws]"):
        told.over(each)
    assert told.line(1) == "expops: 0 of 2 processes, 2 waiting; 0 of 1 replay; 2 of 2 checks"


def test_few_names_are_told_and_none_of_them_is_a_command_to_the_terminal() -> None:
    told, _ = tally(items(**dict.fromkeys(["p1", "p\x1b[2J", "p3", "p4", "p5", "p6"], "")))
    for name in ("p1", "p\x1b[2J", "p3", "p4", "p5", "p6"):
        told.started(name)
    assert told.line(1) == "expops: 0 of 6 processes, 6 running; now p1, p?[2J, p3, p4 and 2 more"
    assert not Tally({"test": Planned("test_it")}, TimeLeft({}, {}))


def test_nothing_is_said_of_the_time_until_most_kinds_have_been_measured() -> None:
    planned = {f"p{seed}": Planned(f"p{seed}", f"p{seed}", None, kind="p") for seed in range(4)} | items(end="")
    left = TimeLeft(planned, {}, clock := Clock())
    assert left.seconds(1) is None
    left.measured("p0", 3.0)
    left.over("p0")
    clock.now += 1
    assert left.seconds(1) is None, "1 of the 4 that are left is of a kind that nobody knows"
    planned["p4"] = Planned("p4", "p4", None, kind="p")
    left = TimeLeft(planned, {}, clock)
    left.measured("p0", 3.0)
    assert left.seconds(1) == pytest.approx(18.0)
    left.measured("not an item", 1000.0)
    clock.now += 1
    assert left.seconds(2) == pytest.approx(9.0)


def test_the_time_left_is_the_work_over_the_workers_but_no_less_than_the_longest_path() -> None:
    planned = items(a="", b="a", c="b", d="", e="", c__replay="c")
    history = {"a": 10.0, "b": 20.0, "c": 30.0, "d": 12.0, "e": 18.0, "c[replay]": 10.0}
    assert TimeLeft(planned, history).seconds(1) == pytest.approx(100.0)
    assert TimeLeft(planned, history).seconds(2) == pytest.approx(70.0)
    assert TimeLeft(planned, history).seconds(50) == pytest.approx(70.0)
    left = TimeLeft(planned, history, clock := Clock())
    left.over("c[replay]")
    left.started("a")
    clock.now += 6
    assert left.seconds(3) == pytest.approx(54.0)
    clock.now += 34
    assert left.seconds(3) == pytest.approx(54.0), "10 % of the 40 s that `a` has taken by now, b, and c"


def test_between_two_estimates_the_time_runs_down() -> None:
    left = TimeLeft(items(a=""), {"a": 10.0}, clock := Clock())
    assert left.seconds(1) == 10.0
    clock.now += 0.25
    assert left.seconds(1) == 9.75


def test_what_is_surely_short_is_known() -> None:
    planned = {f"p{seed}": Planned(f"p{seed}", f"p{seed}", None, kind="p") for seed in range(4)}
    left = TimeLeft(planned, {"p3": 5.0})
    assert not left.short("p0", 0.1)
    left.measured("p0", 0.01)
    left.measured("p1", 0.02)
    assert left.short("p2", 0.1)
    assert not left.short("p2", 0.02)
    assert not left.short("p3", 0.1)
    assert not left.short("unknown", 0.1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (4.9, "a few seconds"),
        (5, "about 5 s"),
        (42, "about 40 s"),
        (57.4, "about 55 s"),
        (57.5, "about 1 min"),
        (79, "about 1 min 20 s"),
        (174, "about 2 min 50 s"),
        (176, "about 3 min"),
        (3569, "about 59 min"),
        (3590, "about 1 h"),
        (5000, "about 1 h 25 min"),
        (36_300, "about 10 h"),
        (50_000, "about 14 h"),
    ],
)
def test_times_are_told_as_people_do(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@given(st.floats(0, 1e6))
def test_a_time_in_words_is_near_the_time(seconds: float) -> None:
    words = in_words(seconds)
    numbers = [int(each) for each in re.findall(r"\d+", words)]
    units = [{"h": 3600, "min": 60, "s": 1}[each] for each in re.findall(r"\b(h|min|s)\b", words)]
    told = sum(number * unit for number, unit in zip(numbers, units, strict=True))
    assert abs(told - seconds) <= max(5.0, seconds / 6)


def report(worker: str | None, begin: float, seconds: float) -> Any:
    node = SimpleNamespace(gateway=SimpleNamespace(id=worker))
    common = {"duration": seconds, "start": begin, "stop": begin + seconds}
    return SimpleNamespace(**common, **({"node": node} if worker else {}))


def records(**counts: int) -> list[RunRecord]:
    passed = [
        RunRecord(f"{worker}_{number}", 0, Outcome.PASSED, worker=worker)
        for worker, count in counts.items()
        for number in range(count)
    ]
    return [*passed, RunRecord("blocked", 0, Outcome.BLOCKED, worker="gw0")]


def test_the_summary_says_how_much_each_worker_did_and_how_busy_they_were() -> None:
    times = WorkerTimes()
    assert times.line(records(gw0=1)) is None
    times.pytest_runtest_logreport(report(None, 0.0, 100.0))
    for worker, begin, seconds in (("gw1", 1000.0, 8.0), ("gw0", 1000.5, 5.5), ("gw0", 1006.0, 4.0)):
        times.pytest_runtest_logreport(report(worker, begin, seconds))
    assert times.line(records(gw0=3, gw1=1)) == (
        "on 2 workers, busy 88% of 10.0 s: gw0 3 processes, 9.5 s; gw1 1 process, 8.0 s"
    )


def test_of_many_workers_only_the_range_is_told() -> None:
    times = WorkerTimes()
    for number in range(12):
        times.pytest_runtest_logreport(report(f"gw{number}", 1000.0, 1.0 + number))
    counts = {f"gw{number}": 12 - number for number in range(11)}
    assert times.line(records(**counts)) == "on 12 workers, busy 54% of 12.0 s: 0 to 12 processes, 1.0 to 12.0 s each"


def worker_times(threads: list[int], seconds: float) -> WorkerTimes:
    """Of workers whose libraries computed with these threads, and whose items took so many seconds altogether."""
    found = WorkerTimes()
    for number, each in enumerate(threads):
        gateway = SimpleNamespace(id=f"gw{number}")
        found.busy[gateway.id] = seconds / len(threads)
        found.pytest_testnodedown(SimpleNamespace(gateway=gateway, workeroutput={THREADS: each}))
    return found


@pytest.mark.parametrize(
    ("threads", "processors", "seconds", "is_told"),
    [
        ([2, 2], 2, 60, True),
        ([8, 1], 8, 60, True),
        ([2, 2], 4, 60, False),  # there are enough
        ([2], 2, 60, False),
        ([1, 1], 1, 60, False),  # workers alone are what the user asked for
        ([2, 2], 2, 3, False),  # it does not matter
    ],
    ids=str,
)
def test_workers_whose_libraries_have_more_threads_than_there_are_processors_are_told_of(
    threads: list[int], processors: int, seconds: float, *, is_told: bool
) -> None:
    told = worker_times(threads, seconds).in_each_others_way(processors)
    assert (told is not None) == is_told
    if told:
        assert f"computed with {max(threads)} threads, on {processors} processors: `OMP_NUM_THREADS=1`" in told


def test_a_worker_that_died_has_told_nothing(project: Project) -> None:
    times = WorkerTimes()
    times.pytest_testnodedown(SimpleNamespace(gateway=SimpleNamespace(id="gw0")))
    assert times.in_each_others_way(1) is None


def test_threads_are_those_that_libraries_say(monkeypatch: pytest.MonkeyPatch) -> None:
    said = SimpleNamespace(threadpool_info=lambda: [{"num_threads": 3}, {"num_threads": 5}])
    monkeypatch.setitem(sys.modules, "threadpoolctl", said)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert native_threads() == 5
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(get_num_threads=lambda: 7))
    assert native_threads() == 7
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())  # half loaded
    monkeypatch.delitem(sys.modules, "threadpoolctl")
    assert native_threads() == 1


def test_a_worker_says_with_how_many_threads_its_libraries_compute() -> None:
    session: Any = SimpleNamespace(config=SimpleNamespace(workeroutput={}))
    NativeThreads().pytest_sessionfinish(session)
    assert session.config.workeroutput == {THREADS: native_threads()}
