"""The operating system's randomness in other threads and in child processes: held alike, and its line known."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Conditions, Mode, Setting, Watcher
from pytest_expops.replay.nondeterminism.registry import applied
from tests.replay.nondeterminism.probe import Probe

LIBRARY = """
import numpy as np, random
def put(queue): queue.put(mean(range(99)))
def seed(): np.random.seed(1)
def mean(values): return float(np.random.choice(values, len(values)).mean())
def drawn(_): return random.random()
def seeded_mean(values): seed(); return mean(values)
"""
IMPORTS = """
import joblib, library, multiprocessing, os, random, subprocess, sys, threading, uuid, numpy as np
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
spawn = multiprocessing.get_context("spawn")
found = []
"""
LINE = IMPORTS.count("\n") + 1
"""That of the draw, or of what has a library draw in another thread or process."""
FORKED = "random.seed() in a forked process"
THREADS = {
    "found = [each.random() for each in ThreadPoolExecutor(3).map(np.random.default_rng, [None] * 9)]": (
        "numpy.random.default_rng() without a seed"
    ),
    "found = [each.result() for each in [ThreadPoolExecutor(2).submit(os.urandom, 8) for _ in range(9)]]": (
        "os.urandom()"
    ),
    "found = ThreadPool(3).map(os.urandom, [8] * 9)": "os.urandom()",
    "found = list(ThreadPool(3).imap(os.urandom, [8] * 9))": "os.urandom()",
    "found = [ThreadPool(3).apply(uuid.uuid4), *ThreadPool(3).starmap(uuid.uuid4, [()] * 9)]": "uuid.uuid4()",
    "found = joblib.Parallel(3, 'threading')(joblib.delayed(os.urandom)(8) for _ in range(9))": "os.urandom()",
    "thread = threading.Thread(target=random.seed); thread.start(); thread.join(); found = [random.random()]": (
        "random.seed() without a seed"
    ),
    "made = np.random.RandomState(5); ThreadPoolExecutor(1).submit(made.seed).result(); found = [made.normal()]": (
        "a generator of numpy.random without a seed"
    ),
    "timer = threading.Timer(0, lambda: found.append(uuid.uuid4())); timer.start(); timer.join()": "uuid.uuid4()",
    "found = [each.hex for each in ThreadPool(3).map(lambda _: uuid.uuid4(), range(9), 1)]": "uuid.uuid4()",
}
UNSEEDED = "the global generator of numpy in a child process, which nobody seeded"
CHILDREN = {
    "found = multiprocessing.get_context('fork').Pool(2).starmap(uuid.uuid4, [()] * 6, 1)": "uuid.uuid4()",
    "found = multiprocessing.get_context('fork').Pool(1).map(library.drawn, range(6), 1)": FORKED,
    "found = spawn.Pool(2).starmap(uuid.uuid4, [()] * 6, 1)": "uuid.uuid4()",
    "with ProcessPoolExecutor(2, spawn) as pool: found = list(pool.map(library.mean, [range(99)] * 6))": UNSEEDED,
    "found = joblib.Parallel(2)(joblib.delayed(library.mean)(range(99)) for _ in range(6))": UNSEEDED,
    "q = spawn.Queue(); p = spawn.Process(target=library.put, args=(q,)); p.start(); found = [q.get()]; p.join()": (
        UNSEEDED
    ),
    "found = [subprocess.check_output([sys.executable, '-c', 'import uuid; print(uuid.uuid4())'])]": "uuid.uuid4()",
}
NO_DRAWS = [
    "found = spawn.Pool(1, library.seed).map(library.mean, [range(99)] * 3, 1)",
    "found = joblib.Parallel(2)(joblib.delayed(library.seeded_mean)(range(99)) for _ in range(6))",
    "with ThreadPoolExecutor(3) as pool: found = [each.random() for each in pool.map(np.random.default_rng, range(9))]",
]


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "library.py").write_text(LIBRARY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    states = np.random.get_state()
    yield Probe(tmp_path)
    np.random.set_state(states)
    sys.modules.pop("library", None)


def _run(probe: Probe, line: str, conditions: Conditions, *, watching: bool = False) -> tuple[Any, Watcher]:
    """What the line found, in children that served no other run."""
    watcher = Watcher(lambda file: file == str(probe.path), watching=watching)
    with applied(conditions, watcher):
        found = probe.run(IMPORTS + line)["found"]
    if "joblib.externals.loky.reusable_executor" in sys.modules:
        sys.modules["joblib.externals.loky"].get_reusable_executor().shutdown(wait=True)
    return found, watcher


def _sites(watcher: Watcher) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for site in watcher.all_sites().get("entropy", ()):
        found.setdefault(site.line, set()).add(site.what)
    return found


@pytest.mark.parametrize("line", [*THREADS, *CHILDREN])
def test_a_draw_in_another_thread_or_process_differs_unless_it_is_held(probe: Probe, line: str) -> None:
    free = [_run(probe, line, {"hashseed": NATURAL})[0] for _ in range(2)]
    held = [_run(probe, line, {"entropy": HELD}) for _ in range(2)]
    assert free[0] != free[1]
    assert held[0][0] == held[1][0]
    assert len({str(each) for each in held[0][0]}) == len(held[0][0])
    assert held[0][1].escaped() == {}


@pytest.mark.parametrize(("line", "what"), [*THREADS.items(), *CHILDREN.items()])
def test_the_line_that_submitted_a_draw_is_known(probe: Probe, line: str, what: str) -> None:
    forked = {FORKED} if "get_context('fork')" in line else set()
    assert _sites(_run(probe, line, {}, watching=True)[1]) == {LINE: {what} | forked}


@pytest.mark.parametrize("line", NO_DRAWS)
def test_what_is_seeded_elsewhere_is_no_draw_and_is_not_touched(probe: Probe, line: str) -> None:
    natural, watcher = _run(probe, line, {}, watching=True)
    assert _sites(watcher) == {}
    assert _run(probe, line, {"entropy": HELD})[0] == natural


def test_only_the_tasks_of_the_lines_asked_for_are_held(probe: Probe) -> None:
    line = "with ThreadPoolExecutor(2) as pool: found = list(pool.map(os.urandom, [8] * 4))"
    for number, alike in ((LINE, True), (1, False)):
        setting = Setting(Mode.HELD, only=(f"{os.path.realpath(probe.path)}:{number}",))
        first, second = (_run(probe, line, {"entropy": setting})[0] for _ in range(2))
        assert (first == second) is alike


def test_a_child_that_could_not_be_told_is_said_not_to_be_held(probe: Probe) -> None:
    line = "found = subprocess.check_output([sys.executable, '-E', '-c', 'import uuid; print(uuid.uuid4())'])"
    assert _run(probe, line, {"entropy": HELD})[1].escaped() == {
        "entropy": {"programs in child processes that do not take part": 1}
    }


def test_a_program_in_a_child_finds_its_own_environment_and_site(probe: Probe) -> None:
    line = (
        "found = subprocess.check_output([sys.executable, '-c', "
        "'import os, sys; print(sorted(os.environ.items()), sys.path)'], stderr=subprocess.STDOUT)"
    )
    assert _run(probe, line, {"entropy": HELD})[0] == _run(probe, line, {})[0]
