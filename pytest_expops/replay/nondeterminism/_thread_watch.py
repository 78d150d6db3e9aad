"""Counts the threads that are started during a replay, by the package that started them."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, process_time  # the true ones, whatever becomes of those of `time`
from types import FrameType

from pytest_expops.execution.seeding.import_hook import loaded_module
from pytest_expops.replay.nondeterminism._native_threads import package_of, thread_ids, work_of
from pytest_expops.replay.nondeterminism.base import Watcher
from pytest_expops.replay.nondeterminism.thread_knobs import HARMLESS, KNOBS, OWN, known_as, loaded_pools

SOURCE = "threads"
INTERVAL = 0.01
"""So many seconds lie between two looks."""
LAST_LOOKS = 10
"""So often, at the most, is looked at the end whose code threads run."""
WORK = 1_000_000
"""So many nanoseconds on a processor are more than it takes to start a thread that then waits."""
UNKNOWN = "a library's native code"
STANDSTILL = 1.0
"""So many seconds without computing, while tasks wait, are taken for tasks that wait for one another."""
BUSY = 0.1
"""A process that has a processor for this share of the time computes something; a machine may be busy with others."""
_MACHINERY = frozenset({"threading", "concurrent", "multiprocessing", "joblib", "loky", "asyncio", "_threading_local"})
_sleep = time.sleep


class ThreadWatch:
    """Looks at the threads of this process until it is stopped, and adds to what `watcher` knows."""

    def __init__(self, watcher: Watcher, *, held: bool) -> None:
        self._watcher = watcher
        self._held = held
        self._before = thread_ids()
        self._packages: dict[int, str | None] = {}
        self._own: set[int] = set()
        self._seen: set[int] = set()
        self._working: set[int] = set()
        self._work: dict[int, int] = {}
        self._python: list[tuple[threading.Thread, str]] = []
        self._most: Counter[str] = Counter()
        self._together: set[frozenset[int]] = set()
        self._stuck: list[tuple[Callable[[], bool], Callable[[], None]]] = []
        self._progress = monotonic(), process_time()
        self._ended = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look from time to time, and at the end."""
        self._before = thread_ids()
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            for _ in range(LAST_LOOKS):
                self._look()
                if all(self._packages[each] for each in self._working):
                    break
                _sleep(INTERVAL)  # whose code a thread runs cannot be seen before it waits
            self._tell()

    def relieve(self, waits: Callable[[], bool], grow: Callable[[], None]) -> None:
        """Call `grow` once if `waits` says that tasks wait, and nothing is computed for a while."""
        self._stuck.append((waits, grow))

    def started(self, thread: threading.Thread) -> str:
        """Count a thread that Python started; return the package that did, `OWN`, or "" for a pool of Python's own."""
        direct, package = starter(self._watcher, sys._getframe(1))
        self._python = [each for each in self._python if each[0].is_alive()]
        self._python.append((thread, package))
        if thread.native_id is not None:
            self._own.add(thread.native_id)
        if package:
            self._most[package] = max(self._most[package], self.alive(package))
        return package if direct else ""

    def alive(self, package: str) -> int:
        """How many threads of a package run now."""
        return sum(thread.is_alive() and other == package for thread, other in self._python)

    def _watch(self) -> None:
        self._own.add(threading.get_native_id())
        while not self._ended.is_set():
            self._look()
            self._relieve()
            _sleep(INTERVAL)

    def _look(self) -> None:
        self._own |= {thread.native_id for thread in threading.enumerate() if thread.native_id is not None}
        new = thread_ids() - self._before - self._own
        # One that Python starts is not among its own at once: so what is seen for the first time is not counted yet.
        known, self._seen = new & self._seen, new
        now = {each for each in known if self._works(each)}
        self._working |= now
        for each in known:
            if self._packages.get(each) is None:
                self._packages[each] = package_of(each)
        # By their numbers: whose they are may be seen later.
        self._together.add(frozenset(known & self._working))
        for package in {known_as(self._packages[each] or UNKNOWN) for each in now}:
            self._note(package)

    def _works(self, thread: int) -> bool:
        """Whether a thread has computed something since the last look, rather than waited for work."""
        work = work_of(thread)
        if work is None:
            return True
        before, self._work[thread] = self._work.get(thread, 0), work
        return work - before > WORK

    def _note(self, package: str) -> None:
        """Remember at which line of the project the main thread is while threads begin to work."""
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        if frame is not None:
            self._watcher.saw_at(SOURCE, f"threads of {package}", frame)

    def _relieve(self) -> None:
        now, used = monotonic(), process_time()
        since, before = self._progress
        if now - since < STANDSTILL:
            return
        self._progress = now, used
        if used - before > (now - since) * BUSY:
            return
        for waits, grow in [each for each in self._stuck if each[0]()]:
            self._stuck.remove((waits, grow))
            self._watcher.escape(SOURCE, "tasks that wait for one another", 1)
            grow()

    def _tell(self) -> None:
        """What was started; and, held, what computes with more threads than one all the same."""
        native: Counter[str] = Counter()
        for together in self._together:
            native |= Counter(known_as(self._packages[each] or UNKNOWN) for each in together)
        for package, count in (self._most + native).items():
            if package not in HARMLESS:
                self._watcher.started(package, count)
        for package, count in native.items():
            if self._held and package not in HARMLESS and not _is_one(package):
                self._watcher.escape(SOURCE, package, count)


def _is_one(package: str) -> bool:
    """Whether a library says of itself that it computes with one thread."""
    pools = loaded_pools(package)
    if pools:
        return max(pools) <= 1
    knob, module = KNOBS.get(package), loaded_module(package)
    if knob is None or knob.size is None or module is None:
        return False
    with contextlib.suppress(Exception):
        return knob.size(module) <= 1
    return False


def starter(watcher: Watcher, frame: FrameType | None) -> tuple[bool, str]:
    """Whether it started the thread itself, rather than by a pool, and the package, or `OWN`."""
    direct = True
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        top = name.partition(".")[0]
        if watcher.owns(frame.f_code.co_filename):
            return direct, OWN
        if top in _MACHINERY:
            direct = direct and top == "threading"
        elif top != "pytest_expops":
            return direct, top
        frame = frame.f_back
    return direct, ""
