"""The time of day, and the clocks that measure how long something took."""

from __future__ import annotations

import datetime
import functools
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Site, Source, Watcher, is_held

SECOND = 10**9
"""In nanoseconds, as all times here."""
SHIFT = 86_400 * SECOND + 3_723 * SECOND + 456_789_000
"""A variation is so much later for each of its number: a day, and a little, so that the hour is another too."""
START = 1_715_774_400 * SECOND
"""Where a held clock starts: noon of 15 May 2024, UTC, which is that day from Hawaii to New Zealand's winter."""
TICK = SECOND // 1000
"""How far a held clock goes at each of its first readings, so that whoever waits for a time sees it come."""
STEADY = 16
"""So many readings are these."""
LONGEST_TICK = SECOND
"""Each later reading goes a fifth further than the one before, up to this: a minute has passed after 109 readings."""

WAITING = frozenset(
    {
        *("threading", "queue", "selectors", "socket", "signal", "sched", "subprocess"),
        *("asyncio", "concurrent", "multiprocessing", "loky", "tqdm"),
    }
)
"""Modules that read a clock to wait, or to show how far something is, and must do so by the true one."""

_WALL = "wall"
_MEASURING = ("monotonic", "perf_counter", "process_time", "thread_time")

_DEPRECATED = (
    "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. "
    "Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
)


class Clock(Source):
    """Varied, the project's clocks are ahead and go faster; held, they start at one instant and go on at each reading.

    The time of day is steered wherever the project is behind a call; clocks that only measure, where its own line
    reads them: libraries wait by those. NumPy's `datetime64("now")` and file times are out of reach.
    """

    name: ClassVar[str] = "clock"
    title: ClassVar[str] = "the clock"
    catches: ClassVar[str] = (
        "dates, time stamps, durations, ids and seeds made from the time; work that ends when its time is up"
    )
    remedy: ClassVar[str] = (
        "make the date a parameter; leave time stamps and durations out of the output; end loops by a count, not a time"
    )
    holds_sites: ClassVar[bool] = True

    def unavailable(self) -> str | None:
        return None if sys.implementation.name == "cpython" else "the clock can be shifted in CPython only"

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        clocks = _Clocks(setting, watcher)
        with patching({"timeit": clocks.patch_timeit}) as patches:
            clocks.patch_time(patches)
            clocks.patch_datetime(patches)
            yield


class _Clocks:
    """The stand-ins of one replay, and what its held clock shows."""

    def __init__(self, setting: Setting, watcher: Watcher) -> None:
        self._setting = setting
        self._watcher = watcher
        self._shift = SHIFT * setting.number if setting.mode is Mode.VARIED else 0
        self._faster = setting.number if setting.mode is Mode.VARIED else 0
        self._held = START
        self._tick = TICK
        self._readings = 0
        self._lock = threading.RLock()
        self._true_time = time.time_ns
        self._true_local = time.localtime
        self._begins: dict[str, int] = {_WALL: time.time_ns()} | {
            name: getattr(time, f"{name}_ns")() for name in _MEASURING
        }
        """What each clock showed at the beginning, or when it was first read."""

    def patch_time(self, patches: Patches) -> None:
        for name in ("time", "time_ns"):
            patches.wrap(time, name, functools.partial(self._time, name))
        for name in _MEASURING:
            for each in (name, f"{name}_ns"):
                patches.wrap(time, each, functools.partial(self._measure, each))
        for name in ("clock_gettime", "clock_gettime_ns"):
            patches.wrap(time, name, functools.partial(self._clock, name))
        for name in ("localtime", "gmtime", "ctime"):
            patches.wrap(time, name, functools.partial(self._broken_down, name))
        patches.wrap(time, "asctime", self._asctime)
        patches.wrap(time, "strftime", self._strftime)
        patches.wrap(time, "sleep", self._sleep)

    def patch_datetime(self, patches: Patches) -> None:
        """In the classes themselves, so that pandas and whoever else has imported them asks the same clock."""
        patches.wrap(datetime.datetime, "now", self._now)
        patches.wrap(datetime.datetime, "utcnow", self._utcnow)
        patches.wrap(datetime.date, "today", self._today)

    def patch_timeit(self, patches: Patches, module: ModuleType) -> None:
        patches.wrap(module, "default_timer", functools.partial(self._measure, "perf_counter"))

    def _read(self, what: str, true: Callable[[], int], clock: str = _WALL, *, direct: bool = False) -> int | None:
        """What the clock shows to the project, in nanoseconds; None if it is to be left as it is."""
        site = self._watcher.saw(Clock.name, what, direct=direct, unless=WAITING)
        if self._holds(site):
            with self._lock:
                self._held += self._tick
                self._readings += 1
                if self._readings >= STEADY:
                    self._tick = min(LONGEST_TICK, self._tick * 6 // 5)
                return self._held
        if site is None or not self._shift:
            return None
        found = true()
        return found + self._shift + self._faster * (found - self._begins.setdefault(clock, found))

    def _holds(self, site: Site | None) -> bool:
        return is_held(self._setting, site)

    def _time(self, name: str, original: Callable[[], Any]) -> Any:
        found = self._read(f"time.{name}()", self._true_time)
        return original() if found is None else _as(name, found)

    def _measure(self, name: str, original: Callable[[], Any]) -> Any:
        clock = name.removesuffix("_ns")
        found = self._read(f"time.{name}()", lambda: _nanoseconds(original()), clock, direct=True)
        if found is None:
            return original()
        return _as(name, found - (0 if self._shift else START))

    def _clock(self, name: str, original: Callable[[int], Any], clock: int) -> Any:
        if clock == time.CLOCK_REALTIME:
            found = self._read(f"time.{name}()", self._true_time)
        else:
            found = self._read(f"time.{name}()", lambda: _nanoseconds(original(clock)), f"clock {clock}", direct=True)
        return original(clock) if found is None else _as(name, found)

    def _broken_down(self, name: str, original: Callable[..., Any], seconds: float | None = None) -> Any:
        found = self._read(f"time.{name}()", self._true_time) if seconds is None else None
        return original(seconds if found is None else found / SECOND)

    def _asctime(self, original: Callable[..., str], *given: Any) -> str:
        found = None if given else self._read("time.asctime()", self._true_time)
        return original(*given) if found is None else original(self._true_local(found / SECOND))

    def _strftime(self, original: Callable[..., str], form: str, *given: Any) -> str:
        found = None if given else self._read("time.strftime()", self._true_time)
        return original(form, *given) if found is None else original(form, self._true_local(found / SECOND))

    def _sleep(self, original: Callable[[float], None], seconds: float) -> None:
        original(seconds)
        if self._holds(self._watcher.saw(Clock.name, "time.sleep()", unless=WAITING, remember=False)):
            with self._lock:
                self._held += int(seconds * SECOND)

    def _now(self, original: Any, tz: datetime.tzinfo | None = None) -> Any:
        found = self._read("datetime.datetime.now()", self._true_time)
        return original(tz) if found is None else _moment(original.__self__, found, tz)

    def _utcnow(self, original: Any) -> Any:
        found = self._read("datetime.datetime.utcnow()", self._true_time)
        if sys.version_info >= (3, 12):
            # On the caller's line, where the original would say so too.
            warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=3)
        now = self._true_time() if found is None else found
        return _moment(original.__self__, now, datetime.UTC).replace(tzinfo=None)

    def _today(self, original: Any) -> Any:
        cls = original.__self__
        found = self._read(f"datetime.{cls.__name__}.today()", self._true_time)
        # As the original does, which asks `time.time` in its turn.
        return cls.fromtimestamp((self._true_time() if found is None else found) / SECOND)


def _moment(cls: Any, nanoseconds: int, tz: datetime.tzinfo | None) -> Any:
    """Exact to the microsecond, which a float of seconds since 1970 is not for ever."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return cls.fromtimestamp(seconds, tz).replace(microsecond=rest // 1000)


def _as(name: str, nanoseconds: int) -> float | int:
    return nanoseconds if name.endswith("_ns") else nanoseconds / SECOND


def _nanoseconds(value: float) -> int:
    return value if isinstance(value, int) else int(value * SECOND)
