"""Python's own threads, pools and child processes: who starts them, and, held, one after the other."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from time import monotonic, process_time  # the true ones, whatever becomes of those of `time`
from types import ModuleType
from typing import Any

from pytest_expops.replay.nondeterminism._patching import Patches
from pytest_expops.replay.nondeterminism._thread_watch import BUSY, ThreadWatch
from pytest_expops.replay.nondeterminism.base import Setting, Watcher, is_held
from pytest_expops.replay.nondeterminism.thread_knobs import HARMLESS, OWN

PATIENCE = 1.0
"""So many seconds one that was started is waited for; it may wait for something that its starter has yet to do."""
PATIENCE_IN_ALL = 10.0
"""So many seconds are waited in vain in one replay."""
BUSY_IN_ALL = 60.0
"""So many more are waited while something is computed."""

Patch = Callable[[Patches, ModuleType], None]


class Concurrency:
    """The stand-ins of one replay.

    What is held is not forbidden to run beside what started it: it is given time to end first. So threads that serve
    for ever, and those that wait for one another, still work. A pool has one worker; one of threads gets as many as it
    was made with when its tasks wait and nothing is computed. What then runs beside something else was not held, and
    the watcher is told.
    """

    def __init__(self, source: str, setting: Setting, watcher: Watcher, threads: ThreadWatch) -> None:
        self._source = source
        self._setting = setting
        self._watcher = watcher
        self._threads = threads
        self._left = PATIENCE_IN_ALL
        self._busy = BUSY_IN_ALL
        self._endless: set[str] = set()
        self._numbers: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._next = itertools.count()

    def libraries(self) -> dict[str, Patch]:
        """What to patch in which module, when it is loaded."""
        return {
            "threading": lambda patches, module: patches.wrap(module.Thread, "start", self._start_thread),
            "multiprocessing.process": self._patch_processes,
            "multiprocessing.pool": self._patch_pool,
            "concurrent.futures._base": self._patch_map,
            "concurrent.futures": self._patch_futures,
            "concurrent.futures.thread": functools.partial(self._patch_executor, "ThreadPoolExecutor"),
            "concurrent.futures.process": functools.partial(self._patch_executor, "ProcessPoolExecutor"),
            "joblib.parallel": self._patch_joblib,
            "joblib.externals.loky.reusable_executor": self._patch_loky,
            "loky.reusable_executor": self._patch_loky,
        }

    def _holds(self, what: str, **how: Any) -> bool:
        return is_held(self._setting, self._watcher.saw(self._source, what, **how))

    def _wait(self, done: Callable[[float], object]) -> bool:
        """Wait for what was started, as long as patience lasts; return whether it was in vain."""
        while self._left > 0:
            begin, used = monotonic(), process_time()
            limit = min(PATIENCE, self._left)
            done(limit)
            waited = monotonic() - begin
            if waited < limit:
                return False
            if self._busy > 0 and process_time() - used > waited * BUSY:
                self._busy -= waited
            else:
                self._left -= waited
                return True
        return True

    # Threads and processes that the project starts itself.

    def _start_thread(self, original: Callable[[Any], None], thread: threading.Thread) -> None:
        original(thread)
        package = self._threads.started(thread)
        if not package or package in HARMLESS:
            return
        own = package == OWN
        what = "threading.Thread.start()" if own else f"threads of {package}"
        if not self._holds(what, direct=own):
            return
        # Those of one library are alike: if one serves for ever, the others do.
        if package in self._endless or self._wait(thread.join):
            if not own:
                self._endless.add(package)
            if thread.is_alive():
                self._watcher.escape(self._source, package, self._threads.alive(package))

    def _patch_processes(self, patches: Patches, module: ModuleType) -> None:
        def start(original: Callable[[Any], None], process: Any) -> None:
            original(process)
            held = self._holds("multiprocessing.Process.start()", direct=True)
            if held and self._wait(process.join) and process.is_alive():
                self._watcher.escape(self._source, "child processes that do not end by themselves")

        patches.wrap(module.BaseProcess, "start", start)

    # Pools of `concurrent.futures`.

    def _patch_executor(self, name: str, patches: Patches, module: ModuleType) -> None:
        executor = getattr(module, name)
        what = f"concurrent.futures.{name}"

        def init(original: Callable[..., None], pool: Any, max_workers: Any = None, *args: Any, **kwargs: Any) -> None:
            held = self._holds(what, remember=False)
            original(pool, max_workers, *args, **kwargs)
            if held:
                workers, pool._max_workers = pool._max_workers, 1
                if hasattr(pool, "_work_queue"):
                    self._relieve(pool, _executor_waits, functools.partial(_grow_executor, workers=workers))

        def submit(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            future = original(*args, **kwargs)
            # `map` submits too.
            if self._holds(f"{what}.submit()", unless=("concurrent", "joblib")):
                self._numbers[future] = next(self._next)
                if self._wait(functools.partial(_ended, future)) and not future.done():
                    self._watcher.escape(self._source, "tasks that do not end by themselves")
            return future

        patches.wrap(executor, "__init__", init)
        patches.wrap(executor, "submit", submit)

    def _relieve(self, pool: Any, waits: Callable[[Any], bool], grow: Callable[[Any], None]) -> None:
        found = weakref.ref(pool)

        def is_stuck() -> bool:
            pool = found()
            return pool is not None and waits(pool)

        def relieve() -> None:
            pool = found()
            if pool is not None:
                grow(pool)

        self._threads.relieve(is_stuck, relieve)

    def _patch_map(self, patches: Patches, module: ModuleType) -> None:
        def each(original: Callable[..., Any], pool: Any, *args: Any, **kwargs: Any) -> Any:
            self._watcher.saw(self._source, f"concurrent.futures.{type(pool).__name__}.map()")
            return original(pool, *args, **kwargs)

        patches.wrap(module.Executor, "map", each)

    def _patch_futures(self, patches: Patches, module: ModuleType) -> None:
        def as_completed(original: Callable[..., Any], fs: Iterable[Any], timeout: float | None = None) -> Any:
            held = self._holds("concurrent.futures.as_completed()")
            return _as_given(self._in_order(fs), timeout) if held else original(fs, timeout)

        def wait(original: Callable[..., Any], fs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
            if not self._holds("concurrent.futures.wait()"):
                return original(fs, *args, **kwargs)
            futures = self._in_order(fs)
            result = original(futures, *args, **kwargs)
            return type(result)(*(_InOrder(each for each in futures if each in found) for found in result))

        patches.wrap(module, "as_completed", as_completed)
        patches.wrap(module, "wait", wait)

    def _in_order(self, futures: Iterable[Any]) -> list[Any]:
        """In the order given; those of a set, which has none, in that of their submission."""
        if isinstance(futures, set | frozenset):
            return sorted(futures, key=lambda future: self._numbers.get(future, -1))
        return list(dict.fromkeys(futures))

    # Pools of `multiprocessing` and joblib.

    def _patch_pool(self, patches: Patches, module: ModuleType) -> None:
        def init(original: Callable[..., None], pool: Any, processes: Any = None, *args: Any, **kwargs: Any) -> None:
            held = self._holds("multiprocessing.Pool()", remember=False)
            original(pool, 1 if held else processes, *args, **kwargs)
            if held and hasattr(pool._inqueue, "qsize"):
                workers = processes or multiprocessing.cpu_count()
                self._relieve(pool, _pool_waits, functools.partial(_grow_pool, workers=workers))

        def task(name: str, original: Callable[..., Any], pool: Any, *args: Any, **kwargs: Any) -> Any:
            held = self._holds(f"multiprocessing.Pool.{name}()", unless=("multiprocessing", "joblib"))
            return pool.imap(*args, **kwargs) if held and name == "imap_unordered" else original(pool, *args, **kwargs)

        patches.wrap(module.Pool, "__init__", init)
        for name in ("apply_async", "imap", "imap_unordered", "map", "map_async", "starmap", "starmap_async"):
            patches.wrap(module.Pool, name, functools.partial(task, name))

    def _patch_joblib(self, patches: Patches, module: ModuleType) -> None:
        def call(original: Callable[..., Any], parallel: Any, *args: Any, **kwargs: Any) -> Any:
            self._watcher.saw(self._source, "joblib.Parallel()")
            return original(parallel, *args, **kwargs)

        patches.wrap(module.Parallel, "__call__", call)

    def _patch_loky(self, patches: Patches, module: ModuleType) -> None:
        """One child process, and not none: what runs in this one has other generators than what runs in a child."""

        def get(original: Callable[..., Any], max_workers: Any = None, *args: Any, **kwargs: Any) -> Any:
            held = self._holds("joblib.Parallel()", remember=False)
            return original(1 if held else max_workers, *args, **kwargs)

        patches.wrap(module._ReusablePoolExecutor, "get_reusable_executor", get)


def _executor_waits(pool: Any) -> bool:
    return bool(pool._work_queue.qsize())


def _grow_executor(pool: Any, *, workers: int) -> None:
    pool._max_workers = workers
    with pool._shutdown_lock:  # as `submit` does: a pool that shuts down goes through its threads
        for _ in range(0 if pool._shutdown else min(workers, pool._work_queue.qsize() + 1)):
            pool._adjust_thread_count()


def _pool_waits(pool: Any) -> bool:
    return bool(pool._inqueue.qsize())


def _grow_pool(pool: Any, *, workers: int) -> None:
    pool._processes = workers
    pool._repopulate_pool()


def _ended(future: Any, timeout: float) -> None:
    """Wait until a future is done, whatever came of it."""
    event = threading.Event()
    future.add_done_callback(lambda _: event.set())
    event.wait(timeout)


def _as_given(futures: list[Any], timeout: float | None) -> Iterator[Any]:
    """As `concurrent.futures.as_completed`, but in this order."""
    end = None if timeout is None else monotonic() + timeout
    for index, future in enumerate(futures):
        left = None if end is None else end - monotonic()
        event = threading.Event()
        future.add_done_callback(lambda _, event=event: event.set())
        if not event.wait(left):
            raise TimeoutError(f"{len(futures) - index} (of {len(futures)}) futures unfinished")
        yield future


class _InOrder(set[Any]):
    """A set that keeps the order it was given in."""

    def __init__(self, elements: Iterable[Any]) -> None:
        self._order = list(elements)
        super().__init__(self._order)

    def __iter__(self) -> Iterator[Any]:
        return (each for each in self._order if each in self)

    def pop(self) -> Any:
        first = next(iter(self), None)
        if first is None:
            raise KeyError("pop from an empty set")
        self.remove(first)
        return first
