"""Threads: pools of another size when varied; held, one after the other, and nothing that waits is stuck (S7.1)."""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing.pool
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest

from pytest_expops.replay.nondeterminism import _concurrency as concurrency
from pytest_expops.replay.nondeterminism._threads import Threads, pool_size
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from pytest_expops.replay.nondeterminism.thread_knobs import VARIABLES
from tests.replay.nondeterminism.probe import Probe, started_with

SOURCE = Threads()
VARIED = Setting(Mode.VARIED, 1)

RACE = """
import concurrent.futures, joblib, multiprocessing, multiprocessing.pool, queue, threading, time
found = []
def work(number):
    time.sleep(0.05 * (2 - number))
    found.append(number)
    return number
"""
RACES = {
    """
    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    """: "threading.Thread.start()",
    """
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for number in range(3): pool.submit(work, number)
    """: "concurrent.futures.ThreadPoolExecutor.submit()",
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool: list(pool.map(work, range(3)))
    """: "concurrent.futures.ThreadPoolExecutor.map()",
    """
    with multiprocessing.pool.ThreadPool(3) as pool: found = list(pool.imap_unordered(work, range(3)))
    """: "multiprocessing.Pool.imap_unordered()",
    """
    with multiprocessing.pool.ThreadPool(3) as pool: pool.map(work, range(3), 1)
    """: "multiprocessing.Pool.map()",
    """
    joblib.Parallel(n_jobs=3, backend="threading")(joblib.delayed(work)(number) for number in range(3))
    """: "joblib.Parallel()",
}
PATCHED = [
    (threading.Thread, "start"),
    (concurrent.futures.ThreadPoolExecutor, "submit"),
    (concurrent.futures.ThreadPoolExecutor, "__init__"),
    (concurrent.futures, "as_completed"),
    (concurrent.futures, "wait"),
    (multiprocessing.pool.Pool, "__init__"),
    (multiprocessing.pool.Pool, "imap_unordered"),
    (joblib.parallel.Parallel, "__call__"),
    (os, "cpu_count"),
]


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """Everything must be as it was found."""
    before = [vars(owner)[name] for owner, name in PATCHED]
    yield Probe(tmp_path)
    assert [vars(owner)[name] for owner, name in PATCHED] == before


def _race(probe: Probe, setting: Setting, race: str) -> Any:
    return probe.under(SOURCE, setting, RACE + textwrap.dedent(race))["found"]


@pytest.mark.parametrize("race", RACES)
def test_what_races_is_in_order_when_it_is_held(probe: Probe, race: str) -> None:
    assert _race(probe, NATURAL, race) == [2, 1, 0]
    assert _race(probe, HELD, race) == [0, 1, 2]


@pytest.mark.parametrize(("race", "what"), RACES.items())
def test_lines_that_start_something_are_known(probe: Probe, race: str, what: str) -> None:
    _race(probe, NATURAL, race)
    sites = probe.watcher.all_sites()[SOURCE.name]
    # A pool's own threads are not the project's.
    assert {site.what for site in sites} == {what}
    assert {site.line for site in sites} <= set(range(8, 11))


def test_the_order_in_which_futures_complete_is_held_as_given(probe: Probe) -> None:
    text = """
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            given = [pool.submit(work, number) for number in range(3)]
            found = [future.result() for future in concurrent.futures.as_completed(given)]
            backwards = [future.result() for future in concurrent.futures.as_completed(given[::-1])]
            of_set = [future.result() for future in concurrent.futures.as_completed(set(given))]
            done, pending = concurrent.futures.wait(set(given))
            waited = [future.result() for future in done]
            result = isinstance(done, set), len(done), done == set(given), pending == set(), done.pop() is given[0]
    """
    found = probe.under(SOURCE, HELD, RACE + textwrap.dedent(text))
    assert found["found"] == found["of_set"] == found["waited"] == [0, 1, 2]
    assert found["backwards"] == [2, 1, 0]
    assert found["result"] == (True, 3, True, True, True)
    assert _race(probe, NATURAL, text) == [2, 1, 0]


def test_child_processes_complete_in_order_too(probe: Probe) -> None:
    text = """
        import concurrent.futures, time
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            given = [pool.submit(time.sleep, seconds) for seconds in (0.3, 0)]
            order = [given.index(future) for future in concurrent.futures.as_completed(given)]
    """
    assert probe.under(SOURCE, NATURAL, text)["order"] == [1, 0]
    assert probe.under(SOURCE, HELD, text)["order"] == [0, 1]


def test_a_future_that_does_not_end_in_time_is_a_timeout_as_ever(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PATIENCE", 0.01)
    text = """
        import concurrent.futures, threading
        event = threading.Event()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            try:
                list(concurrent.futures.as_completed([pool.submit(event.wait, 10)], timeout=0.05))
            except concurrent.futures.TimeoutError as error:
                message = str(error)
            event.set()
    """
    messages = [probe.under(SOURCE, setting, text)["message"] for setting in (NATURAL, HELD)]
    assert messages == ["1 (of 1) futures unfinished"] * 2


def test_threads_that_wait_for_their_starter_are_not_stuck(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PATIENCE", 0.05)
    text = """
        import queue, threading
        numbers = queue.Queue(maxsize=1)
        producer = threading.Thread(target=lambda: [numbers.put(number) for number in range(5)])
        producer.start()
        found = [numbers.get() for _ in range(5)]
        forever = threading.Thread(target=threading.Event().wait, daemon=True)
        forever.start()
    """
    assert probe.under(SOURCE, HELD, text)["found"] == [0, 1, 2, 3, 4]


def test_waiting_in_vain_comes_to_an_end(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "PATIENCE", 0.05)
    monkeypatch.setattr(concurrency, "PATIENCE_IN_ALL", 0.1)
    text = """
        import threading
        event = threading.Event()
        threads = [threading.Thread(target=event.wait) for _ in range(20)]
        for thread in threads: thread.start()
        event.set()
    """
    begin = time.perf_counter()
    probe.under(SOURCE, HELD, text)
    assert 0.1 <= time.perf_counter() - begin < 0.8


def test_nobody_elses_threads_are_waited_for(probe: Probe) -> None:
    order: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.05 * (1 - number))
        order.append(number)

    with SOURCE.apply(HELD, probe.watcher), concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(2):
            pool.submit(work, number)
    assert order == [1, 0]
    assert probe.watcher.all_sites() == {}


def test_only_the_lines_asked_for_are_held(probe: Probe) -> None:
    text = """
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for number in range(3): pool.submit(work, number)
    """
    lines = RACE.count("\n") + 3
    for line, expected in ((lines, [0, 1, 2]), (1, [2, 1, 0])):
        assert _race(probe, Setting(Mode.HELD, only=(f"{probe.path.resolve()}:{line}",)), text) == expected


@pytest.mark.parametrize(("natural", "sizes"), [("1", [2, 3, 4]), ("2", [1, 3, 4]), ("4,2", [1, 2, 3])])
def test_a_variation_never_has_the_natural_number_of_threads(natural: str, sizes: list[int]) -> None:
    environment = {"OMP_NUM_THREADS": natural}
    assert [pool_size(number, environment) for number in (1, 2, 3)] == sizes
    started = started_with(SOURCE, Setting(Mode.VARIED, 2), environment)
    assert started == dict.fromkeys(VARIABLES, str(sizes[1]))
    assert started_with(SOURCE, HELD, environment) == dict.fromkeys(VARIABLES, "1")
    assert started_with(SOURCE, NATURAL, environment) == environment


def test_without_a_number_in_the_environment_the_natural_one_is_that_of_the_processors() -> None:
    natural = len(os.sched_getaffinity(0))
    assert natural not in [pool_size(number, {}) for number in range(1, natural + 3)]


def test_an_interpreter_started_so_computes_with_that_many_threads() -> None:
    pytest.importorskip("threadpoolctl")
    code = "import numpy, threadpoolctl; print([pool['num_threads'] for pool in threadpoolctl.threadpool_info()])"
    environment = started_with(SOURCE, HELD, os.environ)
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert set(json.loads(told.stdout)) == {1}


def test_the_project_finds_as_many_processors_as_it_has_threads(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
        import multiprocessing, os
        counts = [os.cpu_count(), multiprocessing.cpu_count(), len(os.sched_getaffinity(0))]
    """
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert probe.under(SOURCE, VARIED, text)["counts"] == [7, 7, 7]
    assert probe.under(SOURCE, HELD, text)["counts"] == [1, 1, 1]
    assert probe.under(SOURCE, NATURAL, text)["counts"] == [
        os.cpu_count(),
        os.cpu_count(),
        len(os.sched_getaffinity(0)),
    ]
    assert {site.what for site in probe.watcher.all_sites()[SOURCE.name]} == {
        "os.cpu_count()",
        "os.sched_getaffinity()",
    }


@pytest.mark.ml
def test_pytorch_has_one_thread_and_then_as_many_as_before(probe: Probe) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert probe.under(SOURCE, HELD, "count = torch.get_num_threads()", torch=torch)["count"] == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
