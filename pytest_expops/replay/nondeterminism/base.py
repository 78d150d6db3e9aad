"""What every source of variation answers to: how it is varied, held fixed, and watched in a replica."""

from __future__ import annotations

import abc
import enum
import json
import linecache
import os
import threading
from collections.abc import Callable, Container, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from os import getpid  # the true one, whatever becomes of `os.getpid`
from types import FrameType
from typing import Any, ClassVar

from pytest_expops.replay.nondeterminism._call_sites import Asked, Askers


class Mode(enum.Enum):
    """What is done with a source while a process is replayed."""

    NATURAL = "natural"
    """Nothing: as it comes."""
    VARIED = "varied"
    """Made different from what the first run found."""
    HELD = "held"
    """The same in every replay that holds it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The mode of one source in one replay.

    `number` says which variation (1, 2, ...): one number is the same variation in every session. `only` narrows what
    is held: to draws made at these lines of the project (``FILE:LINE``), or to these files; empty means all.
    """

    mode: Mode = Mode.NATURAL
    number: int = 0
    only: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        """Plain data; the inverse of `from_json`."""
        return [self.mode.value, self.number, list(self.only)]

    @classmethod
    def from_json(cls, data: Any) -> Setting:
        """What `to_json` gave."""
        mode, number, only = data
        return cls(Mode(mode), number, tuple(only))


NATURAL = Setting()
HELD = Setting(Mode.HELD)

Conditions = Mapping[str, Setting]
"""The settings of one replay by the name of the source; a source that is not named is natural."""


@dataclass(frozen=True, slots=True)
class Site:
    """A line of the project that drew from a source. `what` names what it called, such as ``time.time()``.

    `step` is the innermost step around it (S2.1) when it first did.
    """

    file: str
    line: int
    function: str
    what: str
    step: str | None = field(default=None, compare=False)

    @property
    def place(self) -> str:
        """As `Setting.only` takes it."""
        return f"{self.file}:{self.line}"

    @property
    def code(self) -> str:
        """The source line, stripped; empty if it cannot be read."""
        return linecache.getline(self.file, self.line).strip()


@dataclass(slots=True)
class _Seen:
    """A line that drew from a source, and so many times."""

    site: Site
    times: int = 1


class Watcher:
    """Remembers which lines of the project drew from which source; `watching` says whether anybody will ask.

    It is called by the functions that stand in for the originals, in any thread, and in child processes, which note
    what they see in the folder `notes`. `step` tells which step is running.
    """

    def __init__(
        self,
        owns_file: Callable[[str], bool],
        *,
        watching: bool = False,
        most: int = 200,
        step: Callable[[], str | None] | None = None,
    ) -> None:
        self.watching = watching
        self._step = step
        self._askers = Askers(owns_file)
        self.may_ask = self._askers.may_ask
        self.owns = self._askers.owns
        # By its fields: a dataclass's own hash is made by `hash`, which may be stood in for.
        self._sites: dict[str, dict[tuple[str, int, str, str], _Seen]] = {}
        self._most = most
        self.notes: str | None = None
        self.programs = 0
        """So many programs in child processes have said that they hold or watch what this process does."""
        self._escaped: dict[str, dict[str, int]] = {}
        self._threads: dict[str, int] = {}
        self._process = getpid()
        # One may be interrupted, by a collection of garbage, with a draw made in a `__del__`.
        self._lock = threading.RLock()

    def saw(
        self,
        source: str,
        what: str,
        *,
        direct: bool = False,
        unless: Container[str] = (),
        outermost: bool = False,
        remember: bool = True,
    ) -> Site | None:
        """Return the innermost line of the project on the caller's stack, and remember it if anybody watches.

        Args:
            source: the name of the source that is drawn from.
            what: how reports name the call.
            direct: whether a library that asked on the project's behalf does not count.
            unless: top-level names of modules that do not count either.
            outermost: whether the library's function that the project called is named, rather than `what`.
            remember: whether the line is remembered.

        Returns:
            None where nothing of the project asked: a library's own thread, say, or the plugin. What is held for the
            project must then be left as it is.
        """
        asked = self._askers.find(direct=direct, unless=unless)
        if asked is None:
            return None
        called = asked.called_name if outermost else ""
        key = (self._askers.real_path(asked.file), asked.line, asked.function, called or what)
        site = Site(*key)
        if remember and not asked.aside:
            self.note(source, site)
        return site

    def note(self, source: str, site: Site) -> None:
        """Remember that a line drew from a source, if anybody watches."""
        if not self.watching:
            return
        key = (site.file, site.line, site.function, site.what)
        with self._lock:
            sites = self._sites.setdefault(source, {})
            if key in sites:
                sites[key].times += 1
            elif len(sites) < self._most:
                sites[key] = _Seen(replace(site, step=self._step()) if self._step is not None else site)
                self._tell("site", source, *key)

    def saw_at(self, source: str, what: str, frame: FrameType) -> None:
        """Remember the line of the project that another thread is at."""
        asked = self._askers.find(frame=frame)
        if asked is not None and not asked.aside:
            self.note(source, Site(self._askers.real_path(asked.file), asked.line, asked.function, what))

    def started(self, package: str, count: int) -> None:
        """Remember that `count` threads, started by `package`, ran at one time."""
        with self._lock:
            self._threads[package] = max(count, self._threads.get(package, 0))

    def threads(self) -> dict[str, int]:
        """How many threads ran at one time, by the package that started them."""
        with self._lock:
            return dict(self._threads)

    def escape(self, source: str, who: str, count: int = 1) -> None:
        """Remember that `count` threads or processes, started by `who`, draw from a source as if it were not held."""
        with self._lock:
            escaped = self._escaped.setdefault(source, {})
            if count > escaped.get(who, 0):
                escaped[who] = count
                self._tell("escaped", source, who, count)

    def escaped(self) -> dict[str, dict[str, int]]:
        """What could not be held, by source: by whom it was started, and how many there were."""
        with self._lock:
            return {source: dict(who) for source, who in self._escaped.items()}

    def note_child(self, *, is_program: bool) -> None:
        """In a child process that was started anew: say, if it is a program of its own, that it knows what to do."""
        self._process = 0
        if is_program:
            self._tell("program")

    def _tell(self, *note: Any) -> None:
        """Note it in a child process, whose own memory nobody reads."""
        if self.notes is not None and getpid() != self._process:
            # One that starts late, or outlives the replay, finds the folder gone.
            with suppress(OSError), open(f"{self.notes}/{getpid()}.notes", "a", encoding="utf-8") as file:
                file.write(f"{json.dumps(note)}\n")

    def read_notes(self) -> None:
        """Remember what child processes have noted, once."""
        if self.notes is None or getpid() != self._process:
            return
        for name in sorted(each for each in os.listdir(self.notes) if each.endswith(".notes")):
            with open(f"{self.notes}/{name}", encoding="utf-8") as file:
                lines = file.read().splitlines()
            os.remove(f"{self.notes}/{name}")
            for kind, *rest in map(json.loads, lines):
                if kind == "site":
                    self.note(rest[0], Site(*rest[1:]))
                elif kind == "escaped":
                    self.escape(*rest)
                else:
                    self.programs += 1

    def asked(self) -> Asked | None:
        """The line of the project that is behind the caller, if any; nothing is remembered."""
        return self._askers.find()

    def unsee(self, source: str, site: Site) -> None:
        """Take back that it was seen once: the draw turned out to be of no consequence."""
        key = (site.file, site.line, site.function, site.what)
        with self._lock:
            sites = self._sites.get(source, {})
            if key in sites:
                sites[key].times -= 1
                if not sites[key].times:
                    del sites[key]

    def all_sites(self) -> dict[str, tuple[Site, ...]]:
        """The sites of each source, in the order in which they were first met."""
        with self._lock:
            return {source: tuple(seen.site for seen in sites.values()) for source, sites in self._sites.items()}

    def forget(self) -> None:
        """Begin anew."""
        self.read_notes()
        with self._lock:
            self._sites.clear()
            self._escaped.clear()
            self._threads.clear()


class Source(abc.ABC):
    """Something that may make two runs of one process differ. One small class each; an instance holds no state."""

    name: ClassVar[str]
    """As ``--expops-vary`` takes it and reports name it."""
    title: ClassVar[str]
    """In a sentence: "with TITLE held fixed, 5 of 5 replays agree"."""
    brief: ClassVar[str] = ""
    """Where 12 characters may be all that is seen, its first ones; empty where the title without its article does."""
    catches: ClassVar[str]
    """What varying it brings to light, in one line for the manual."""
    remedy: ClassVar[str]
    """What the author of a process that depends on it can do, in one line."""
    can_vary: ClassVar[bool] = True
    can_hold: ClassVar[bool] = True
    """Whether it can be held in every run."""
    holds_unseeded: ClassVar[bool] = False
    """Whether it can be held in runs that nothing seeds, and only in these."""
    holds_sites: ClassVar[bool] = False
    """Whether `Setting.only` may name lines whose draws alone are held."""

    def unavailable(self) -> str | None:
        """Why it cannot be varied on this machine; None if it can."""
        return None

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        """Return the variables that an interpreter must be started with; None means without. Empty if none matter.

        Args:
            setting: how the source is varied or held.
            environment: what the interpreter would be started with otherwise.
        """
        return {}

    @abc.abstractmethod
    def apply(self, setting: Setting, watcher: Watcher) -> AbstractContextManager[object]:
        """In the replica, around the import of the project and the run of the process.

        With a natural setting nothing may change but that `watcher` learns of draws, if it is watching.
        """


def is_held(setting: Setting, site: Site | None) -> bool:
    """Whether a draw made at `site` is one that `setting` holds fixed."""
    return setting.mode is Mode.HELD and site is not None and (not setting.only or site.place in setting.only)
