"""Who asked: the line of the project that is behind a call, and whether it is the project that wants to know."""

from __future__ import annotations

import enum
import logging
import os
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass
from types import FrameType

_STAND_INS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PLUGIN = os.path.dirname(os.path.dirname(os.path.dirname(_STAND_INS))) + os.sep


class _Part(enum.Enum):
    """Whose code a frame runs."""

    PROJECT = enum.auto()
    PLUGIN = enum.auto()
    STAND_IN = enum.auto()
    ASIDE = enum.auto()
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """The project's frame that made a call, and the frame of the library's function that it called, if any."""

    frame: FrameType
    called: FrameType | None
    aside: bool

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

    :param owns_file: whether a file, as a code object names it, is one of the project's own.
    """

    def __init__(self, owns_file: Callable[[str], bool]) -> None:
        self._owns_file = owns_file
        # By file name: code objects of two files are equal if they do the same on the same line.
        self._parts: dict[str, _Part] = {}
        self._real: dict[str, str] = {}

    def find(self, *, direct: bool = False, unless: Container[str] = ()) -> Asked | None:
        """The innermost frame of the project above the stand-in.

        None if there is none, if the plugin asked, or a module whose top-level name is in `unless`; with `direct` if
        anything but the project's own line called the stand-in.
        """
        frame: FrameType | None = sys._getframe(1)
        called: FrameType | None = None
        aside = False
        while frame is not None:
            part = self._part(frame.f_code.co_filename)
            if part is _Part.PROJECT:
                return Asked(frame, called, aside)
            if part is _Part.PLUGIN:
                break
            if part is not _Part.STAND_IN:
                if direct or (unless and str(frame.f_globals.get("__name__")).partition(".")[0] in unless):
                    break
                aside = aside or part is _Part.ASIDE
                called = frame
            frame = frame.f_back
        return None

    def real_path(self, file: str) -> str:
        """As `os.path.realpath`, asked once for each file."""
        if file not in self._real:
            self._real[file] = os.path.realpath(file)
        return self._real[file]

    def _part(self, file: str) -> _Part:
        part = self._parts.get(file)
        if part is None:
            part = self._parts[file] = self._judge(file)
        return part

    def _judge(self, file: str) -> _Part:
        if file.startswith(_STAND_INS):
            return _Part.STAND_IN
        if file.startswith(_PLUGIN):
            return _Part.PLUGIN
        if self._owns_file(file):
            return _Part.PROJECT
        return _Part.ASIDE if file in ("<frozen importlib._bootstrap>", logging.__file__) else _Part.OTHER
