"""The time zone of the machine, which naive local times are in."""

from __future__ import annotations

import datetime
import os
import time
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism._variables import variables
from pytest_expops.replay.nondeterminism._watching import watch
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher

ZONES = (
    ("Pacific/Chatham", "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45"),
    ("Pacific/Marquesas", "<-0930>9:30"),
    ("Asia/Kolkata", "IST-5:30"),
    ("America/St_Johns", "NST3:30NDT,M3.2.0,M11.1.0"),
)
"""Name and POSIX rule. None is a whole number of hours from UTC; the first has another date than UTC, Europe and
America for most of the day, and summer time."""


def zone_of(number: int) -> str:
    """The zone of the replays numbered `number`: by name if the machine has the zone's file, else by rule.

    Without the file the C library would take a name for UTC; without the name, libraries that look for one fail.
    """
    name, rule = ZONES[(number - 1) % len(ZONES)]
    return name if any(os.path.isfile(os.path.join(folder, name)) for folder in zoneinfo.TZPATH) else rule


class Timezone(Source):
    """Varied and held by `TZ`, for the interpreter's start and for what it has read of it since."""

    name: ClassVar[str] = "timezone"
    title: ClassVar[str] = "the time zone"
    catches: ClassVar[str] = "naive local times: `datetime.fromtimestamp()`, `time.mktime()`, `time.localtime()`"
    remedy: ClassVar[str] = "use aware times in UTC: `datetime.fromtimestamp(seconds, tz=UTC)`, `calendar.timegm(...)`"

    def unavailable(self) -> str | None:
        return None if hasattr(time, "tzset") else "Python cannot change the time zone here (`time.tzset` is missing)"

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        if setting.mode is Mode.NATURAL:
            return {}
        return {"TZ": "UTC" if setting.mode is Mode.HELD else zone_of(setting.number)}

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        with patching() as patches, _zone(self.environment(setting, os.environ)):
            watch(patches, watcher, self.name, time, ("localtime", "mktime", "ctime", "strftime"))
            if watcher.watching:
                _watch_datetime(patches, watcher)
            yield


def _watch_datetime(patches: Patches, watcher: Watcher) -> None:
    """Where a moment is made local, or a local one a moment, for want of a zone."""

    def made(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if result.tzinfo is None:
            watcher.saw(Timezone.name, f"datetime.datetime.{original.__name__}()")
        return result

    def taken(original: Callable[..., Any], moment: datetime.datetime, *args: Any, **kwargs: Any) -> Any:
        if moment.tzinfo is None or (original.__name__ == "astimezone" and not args and not kwargs):
            watcher.saw(Timezone.name, f"datetime.datetime.{original.__name__}()")
        return original(moment, *args, **kwargs)

    for name in ("fromtimestamp", "now"):
        patches.wrap(datetime.datetime, name, made)
    for name in ("astimezone", "timestamp"):
        patches.wrap(datetime.datetime, name, taken)


@contextmanager
def _zone(environment: Mapping[str, str | None]) -> Iterator[None]:
    """Let the C library read `TZ` again, where it is set, and once more when it is put back."""
    if not environment or not hasattr(time, "tzset"):
        yield
        return
    try:
        with variables(environment):
            time.tzset()
            yield
    finally:
        time.tzset()
