"""What threads could not be held is known, by the package that started them; what waits for another is not stuck."""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.nondeterminism import _concurrency as concurrency
from pytest_expops.replay.nondeterminism import _thread_watch as thread_watch
from pytest_expops.replay.nondeterminism._concurrency import _grow_executor
from pytest_expops.replay.nondeterminism._threads import Threads
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Setting
from pytest_expops.replay.nondeterminism.thread_knobs import KNOBS, VARIABLES, fixes, known_as
from tests.replay.nondeterminism.probe import Probe, started_with

SOURCE = Threads()
LIBRARY = """
import queue, threading
def train(workers):
    'As gensim does: threads take jobs from a queue that another fills.'
    jobs, sums = queue.Queue(), []
    threads = [threading.Thread(target=work, args=(jobs, sums)) for _ in range(workers)]
    for thread in threads: thread.start()
    for number in range(100): jobs.put(number)
    for _ in threads: jobs.put(None)
    for thread in threads: thread.join()
    return sum(sums)
def work(jobs, sums):
    while (number := jobs.get()) is not None: sums.append(number)
def in_turn(count):
    found = []
    threads = [threading.Thread(target=found.append, args=(number,)) for number in range(count)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return found
"""


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Probe:
    monkeypatch.setattr(concurrency, "PATIENCE", 0.05)
    monkeypatch.setattr(thread_watch, "STANDSTILL", 0.05)
    return Probe(tmp_path)


def _library() -> dict[str, Any]:
    library: dict[str, Any] = {"__name__": "gensim.models.word2vec"}
    exec(compile(LIBRARY, "/lib/gensim/models/word2vec.py", "exec"), library)
    return library


def _run(probe: Probe, setting: Setting, text: str, **names: Any) -> Any:
    probe.watcher.forget()
    return probe.under(SOURCE, setting, text, **names)["found"]


def test_threads_of_a_library_that_wait_for_it_are_said_not_to_be_held(probe: Probe) -> None:
    text = "\nfound = train(3)"
    assert _run(probe, NATURAL, text, train=_library()["train"]) == 4950
    assert probe.watcher.threads()["gensim"] == 3
    assert probe.watcher.escaped() == {}
    (site,) = [each for each in probe.watcher.all_sites()["threads"] if each.what == "threads of gensim"]
    assert site.line == 2
    assert _run(probe, HELD, text, train=_library()["train"]) == 4950
    assert probe.watcher.escaped() == {"threads": {"gensim": 3}}
    assert fixes(["gensim", "unheard_of"]) == ["gensim: `workers=1`"]


def test_threads_of_a_library_that_end_by_themselves_are_held(probe: Probe) -> None:
    assert _run(probe, HELD, "found = in_turn(9)", in_turn=_library()["in_turn"]) == list(range(9))
    assert probe.watcher.escaped() == {}


def test_threads_that_only_show_progress_are_not_counted(probe: Probe) -> None:
    library = {**_library(), "__name__": "tqdm"}
    exec(compile(LIBRARY, "/lib/tqdm/monitor.py", "exec"), library)
    assert _run(probe, HELD, "found = train(2)", train=library["train"]) == 4950
    assert probe.watcher.escaped() == {}
    assert "tqdm" not in probe.watcher.threads()


@pytest.mark.parametrize(
    "pool",
    [
        "with ThreadPoolExecutor(2) as pool: found = list(pool.map(meet, range(4)))",
        "with ThreadPool(2) as pool: found = pool.map(meet, range(4), 1)",
        "with ThreadPoolExecutor(2) as pool: found = [x.result() for x in [pool.submit(meet, n) for n in range(4)]]",
        "with ThreadPoolExecutor(2) as pool: found = pool.submit(lambda: [*pool.map(int, range(4))]).result()",
    ],
)
def test_tasks_that_wait_for_one_another_are_not_stuck_and_said_not_to_be_held(probe: Probe, pool: str) -> None:
    text = """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from multiprocessing.pool import ThreadPool
        barrier = threading.Barrier(2)
        def meet(number):
            barrier.wait(timeout=20)
            return number
    """
    assert _run(probe, HELD, textwrap.dedent(text) + pool) == [0, 1, 2, 3]
    assert list(probe.watcher.escaped()) == ["threads"]


def test_a_task_that_computes_for_long_is_waited_for(probe: Probe) -> None:
    text = """
        import time
        from concurrent.futures import ThreadPoolExecutor
        found = []
        def work(number):
            end = time.process_time() + 0.15
            while time.process_time() < end: pass
            found.append(number)
        with ThreadPoolExecutor(2) as pool:
            for number in range(2): pool.submit(work, number)
            found.append("all submitted")
    """
    assert _run(probe, HELD, text) == [0, 1, "all submitted"]
    assert probe.watcher.escaped() == {}


def test_the_project_that_starts_threads_that_serve_is_said_not_to_be_held(probe: Probe) -> None:
    text = """
        import threading
        event, found = threading.Event(), None
        threads = [threading.Thread(target=event.wait) for _ in range(2)]
        for thread in threads: thread.start()
        event.set()
        for thread in threads: thread.join()
    """
    _run(probe, HELD, text)
    assert probe.watcher.escaped() == {"threads": {"the project": 2}}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity of threads here")
def test_all_threads_share_one_processor_while_they_are_held(probe: Probe) -> None:
    text = "found = [line for line in open('/proc/self/status') if line.startswith('Cpus_allowed_list')]"
    before = os.sched_getaffinity(0)
    (told,) = _run(probe, HELD, text)
    assert told.split()[1].isdecimal()
    assert os.sched_getaffinity(0) == before


def test_pools_that_are_loaded_already_are_limited_and_then_as_before(probe: Probe) -> None:
    pytest.importorskip("threadpoolctl")
    text = "import numpy, threadpoolctl\nfound = [each['num_threads'] for each in threadpoolctl.threadpool_info()]"
    before = _run(probe, NATURAL, text)
    assert set(_run(probe, HELD, text)) == {1}
    assert _run(probe, NATURAL, text) == before


def test_a_library_is_told_by_its_knob_and_then_as_before(probe: Probe) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    text = "import pyarrow\nfound = pyarrow.cpu_count(), pyarrow.io_thread_count()"
    before = pyarrow.cpu_count()
    pyarrow.set_cpu_count(3)
    try:
        natural = _run(probe, NATURAL, text)
        assert _run(probe, HELD, text) == (1, 1)
        assert _run(probe, NATURAL, text) == natural
    finally:
        pyarrow.set_cpu_count(before)


def test_each_connection_of_duckdb_has_one_thread(probe: Probe) -> None:
    pytest.importorskip("duckdb")
    text = """
        import duckdb
        asked = "SELECT current_setting('threads')"
        found = [connection.execute(asked).fetchone()[0] for connection in (duckdb, duckdb.connect())]
    """
    assert _run(probe, HELD, text) == [1, 1]
    assert _run(probe, NATURAL, text) != [1, 1]


NATIVE = """
import polars, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from tests.replay.nondeterminism.probe import Probe
from pytest_expops.replay.nondeterminism._threads import Threads
from pytest_expops.replay.nondeterminism.base import {setting}
probe = Probe(Path({folder!r}))
probe.under(Threads(), {setting}, '''
import polars
frame = polars.DataFrame({{"a": range(300_000)}})
for _ in range(30):
    frame.lazy().with_columns(b=polars.col("a") % 999).group_by("b").agg(polars.col("a").sin().sum()).collect()
''')
import json
print(json.dumps([probe.watcher.threads(), probe.watcher.escaped()]))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the system does not tell what threads do")
@pytest.mark.parametrize("setting", ["NATURAL", "HELD"])
def test_native_threads_are_known_by_the_package_whose_code_they_run(tmp_path: Path, setting: str) -> None:
    pytest.importorskip("polars")
    code = NATIVE.format(tests=str(Path(__file__).parents[3]), folder=str(tmp_path), setting=setting)
    environment = {**os.environ, "POLARS_MAX_THREADS": "4"}
    if setting == "HELD":
        environment = started_with(SOURCE, HELD, environment)
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    threads, escaped = json.loads(told.stdout)
    if setting == "NATURAL":
        assert threads["polars"] > 0
    assert escaped.get("threads", {}).get("polars") is None


def test_the_table_has_a_remedy_for_each_library_and_each_variable_once() -> None:
    assert all(knob.fix for knob in KNOBS.values())
    assert len(set(VARIABLES)) == len(VARIABLES)
    names = ("_polars_runtime_32", "_duckdb", "scikit_learn", "opencv_python_headless", "else")
    assert [known_as(each) for each in names] == ["polars", "duckdb", "sklearn", "cv2", "else"]


@pytest.mark.parametrize(("ends", "threads"), [(True, 0), (False, 2)])
def test_a_pool_that_shuts_down_gets_no_more_threads(ends: bool, threads: int) -> None:
    """It goes through them without a lock to wait for each."""
    pool: Any = concurrent.futures.ThreadPoolExecutor(1)
    if ends:
        pool.shutdown()  # which puts a word for its threads into the queue
    else:
        pool._work_queue.put(None)
    _grow_executor(pool, workers=4)
    assert len(pool._threads) == threads
    pool.shutdown()
