"""How many threads libraries compute with, and what runs at the same time as what."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import ClassVar

from pytest_expops.replay.nondeterminism._concurrency import Concurrency
from pytest_expops.replay.nondeterminism._native_threads import thread_ids
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism._thread_watch import ThreadWatch
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher, is_held
from pytest_expops.replay.nondeterminism.thread_knobs import VARIABLES, libraries, limit_loaded_pools

_COUNTS = ("cpu_count", "process_cpu_count")


def pool_size(number: int, environment: Mapping[str, str]) -> int:
    """The number of threads of the replays numbered `number`: 1, 2, ... without that of `environment` itself."""
    natural = _told(environment) or _processors()
    return number if number < natural else number + 1


class Threads(Source):
    """Varied, pools have another size than in the first run. Held, there is one thread and one worker at a time."""

    name: ClassVar[str] = "threads"
    title: ClassVar[str] = "the number of threads"
    brief: ClassVar[str] = "threads"
    catches: ClassVar[str] = "sums whose order depends on the number of threads, work split by the number of processors"
    remedy: ClassVar[str] = "take results in the order of the tasks, fix the number of threads, or allow a tolerance"
    holds_sites: ClassVar[bool] = True

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        if setting.mode is Mode.NATURAL:
            return {}
        size = 1 if setting.mode is Mode.HELD else pool_size(setting.number, environment)
        return dict.fromkeys(VARIABLES, str(size))

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        held = setting.mode is Mode.HELD
        threads = ThreadWatch(watcher, held=held)
        changes = Concurrency(self.name, setting, watcher, threads).libraries()
        size = _size(setting)
        with ExitStack() as stack:
            if held:
                stack.enter_context(_on_one_processor())
            if size is not None:
                limit_loaded_pools(size, stack)
                changes |= libraries(size, stack)
            if held or watcher.watching:
                stack.enter_context(threads.running())
            patches = stack.enter_context(patching(changes))
            _count_as(size, setting, watcher, patches)
            yield


def _size(setting: Setting) -> int | None:
    """The number of threads in this interpreter, which was started with it if it is varied; None if as it comes."""
    if setting.mode is Mode.NATURAL:
        return None
    if setting.mode is Mode.HELD:
        return 1
    return _told(os.environ) or pool_size(setting.number, os.environ)


def _told(environment: Mapping[str, str]) -> int | None:
    first = environment.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _count_as(size: int | None, setting: Setting, watcher: Watcher, patches: Patches) -> None:
    """Let the project find as many processors as it is to have threads."""

    def is_other(what: str) -> bool:
        site = watcher.saw(Threads.name, what)
        return size is not None and (site is not None if setting.mode is Mode.VARIED else is_held(setting, site))

    def count(original: Callable[[], int | None]) -> int | None:
        return size if is_other(f"os.{original.__name__}()") else original()

    def affinity(original: Callable[[int], set[int]], process: int) -> set[int]:
        return set(range(size or 1)) if process == 0 and is_other("os.sched_getaffinity()") else original(process)

    for name in _COUNTS:
        patches.wrap(os, name, count)
    patches.wrap(os, "sched_getaffinity", affinity)


@contextmanager
def _on_one_processor() -> Iterator[None]:
    """Let all threads of this process, and what they start, share one processor, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    _bind(thread_ids() or {0}, {min(before)})
    try:
        yield
    finally:
        _bind(thread_ids() or {0}, before)


def _bind(threads: Iterable[int], processors: Iterable[int]) -> None:
    for thread in threads:
        with suppress(OSError):  # it is gone, or a container forbids it
            os.sched_setaffinity(thread, processors)
