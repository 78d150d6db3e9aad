"""Who asked: the line of the project that is behind a call, and whether it is the project that wants to know."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass
from types import FrameType

from pytest_expops.replay.nondeterminism._origins import BOUNDARY, Origin, current

_STAND_INS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(_STAND_INS))) + os.sep


# Whose code a frame runs. Plain numbers: the members of an enumeration take long to look up, and frames are many.
_PROJECT, _PLUGIN, _STAND_IN, _ASIDE, _OTHER = range(1, 6)


@dataclass(frozen=True, slots=True)
class Asked:
    """The project's line that made a call, and the frame of the library's function that it called, if any."""

    file: str
    line: int
    function: str
    called: FrameType | None
    aside: bool

    @classmethod
    def at(cls, frame: FrameType, called: FrameType | None, aside: bool) -> Asked:
        """The line that a frame of the project is at."""
        return cls(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname, called, aside)

    @classmethod
    def behind(cls, origin: Origin, called: FrameType | None, aside: bool) -> Asked:
        """The line that started a thread, or submitted a task, in which nothing of the project stands."""
        return cls(origin.file, origin.line, origin.function, called, aside)

    @property
    def called_name(self) -> str:
        """``MODULE.FUNCTION()`` of the library's function; empty if there is none that one would know by its name."""
        if self.called is None:
            return ""
        name = self.called.f_code.co_qualname
        if "<" in name or any(part.startswith("_") for part in name.split(".")):
            return ""
        module = str(self.called.f_globals.get("__name__")).removesuffix("._local")
        return f"{module}.{name}()"


class Askers:
    """Finds the project's frame that made a call, directly or by way of libraries.

    What the plugin asks for amid the project's frames, while it fingerprints or traces, is not the project's affair.
    What a library asks for while it is imported, or for a log record, is, but hardly what one looks for: such frames
    are *aside*.

    Args:
        owns_file: whether a file, as a code object names it, is one of the project's own.
    """

    def __init__(self, owns_file: Callable[[str], bool]) -> None:
        self._owns_file = owns_file
        # By file name: code objects of two files are equal if they do the same on the same line.
        self._parts: dict[str, int] = {}
        self._real: dict[str, str] = {}

    def find(
        self, *, direct: bool = False, unless: Container[str] = (), frame: FrameType | None = None
    ) -> Asked | None:
        """The innermost line of the project above the stand-in; else that which the thread or task is due to.

        None if there is none either, if the plugin asked, or a module whose top-level name is in `unless`; with
        `direct` if anything but the project's own line called the stand-in. `frame` is that of another thread.
        """
        own, frame = frame is None, frame or sys._getframe(1)
        called: FrameType | None = None
        aside = False
        parts = self._parts
        while frame is not None:
            if frame.f_code is BOUNDARY:
                break
            file = frame.f_code.co_filename
            part = parts.get(file) or self._part(file)
            if part == _PROJECT:
                return Asked.at(frame, called, aside)
            if part == _PLUGIN:
                return None
            if part != _STAND_IN:
                if direct or (unless and str(frame.f_globals.get("__name__")).partition(".")[0] in unless):
                    return None
                aside = aside or part == _ASIDE
                called = frame
            frame = frame.f_back
        origin = current() if own else None
        return Asked.behind(origin, called, aside) if origin is not None else None

    def owns(self, file: str) -> bool:
        """Whether a file is one of the project's own, asked once for each file."""
        return (self._parts.get(file) or self._part(file)) == _PROJECT

    def may_ask(self, frame: FrameType) -> bool:
        """Whether `find` could find the project directly, told from the frame that called the stand-in alone."""
        file = frame.f_code.co_filename
        return (self._parts.get(file) or self._part(file)) in (_PROJECT, _STAND_IN)

    def real_path(self, file: str) -> str:
        """As `os.path.realpath`, asked once for each file."""
        if file not in self._real:
            self._real[file] = os.path.realpath(file)
        return self._real[file]

    def _part(self, file: str) -> int:
        part = self._parts[file] = self._judge(file)
        return part

    def _judge(self, file: str) -> int:
        if file.startswith(_STAND_INS):
            return _STAND_IN
        if file.startswith(_PACKAGE):
            return _PLUGIN
        if self._owns_file(file):
            return _PROJECT
        return _ASIDE if file in ("<frozen importlib._bootstrap>", logging.__file__) else _OTHER
