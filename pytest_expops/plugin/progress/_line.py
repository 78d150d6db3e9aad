"""A line below pytest's own output, which is gone before anybody writes there.

It is drawn beneath the row in which pytest writes, and the cursor is put back. So dots go on in their row while the
line stands; before a text that leaves the row, the line is erased. To know of every text, `write` of the stream itself
is wrapped, for as long as the line is in use: pytest's reporter, other plugins, live logs, pdb and `print` all meet in
that object, while each has a writer of its own.

What reaches the terminal past the streams (a subprocess, a C library) may leave a part of the line standing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TextIO

from pytest_expops.plugin.progress._cells import Cursor, clipped

NARROWEST = 20
"""Columns below which no line is drawn."""

_ERASE = "\x1b[J"
_ROOM = "\x1bD\x1b[A"
"""Down, which scrolls at the bottom of the screen, and up again: now there is a row below, and the column is the same.
(A newline would be made a carriage return as well by the terminal's driver.)"""
_SAVE, _BELOW, _RESTORE = "\x1b7", "\x1b[B\r", "\x1b8"
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""Whether what is too long is cut off. It never is too long, unless the window has just become smaller."""


class LiveLine:
    """To be entered as a context: within it, `show` draws. Whoever writes holds `lock` meanwhile.

    `streams` are the terminal's: the first is drawn on, and all are watched. None is drawn on while it is redirected,
    as pytest's capture does during a test.
    """

    def __init__(self, *streams: TextIO, lock: threading.RLock) -> None:
        self.visible = False
        self._lock = lock
        self._streams = streams
        self._cursor = Cursor()
        self._shown: tuple[str, int] | None = None
        self._width = 80
        self._originals: list[Callable[[str], int]] = []

    def __enter__(self) -> LiveLine:
        """Raises TypeError, with nothing changed, for a stream that takes no attributes and so cannot be watched."""
        spaces = [vars(stream) for stream in self._streams]
        self._width = self._columns()
        self._originals = [stream.write for stream in self._streams]
        for stream, space, original in zip(self._streams, spaces, self._originals, strict=True):
            space["write"] = _Watched(partial(self._write, stream, original), space.get("write"))
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.hide()
            for stream in self._streams:
                space = vars(stream)
                watched = space.get("write")
                # If somebody has wrapped it since, theirs stays: it ends up in ours, which goes on passing on.
                if isinstance(watched, _Watched):
                    del space["write"]
                    if watched.before is not None:
                        space["write"] = watched.before

    def show(self, text: str) -> None:
        """Draw a printable text, or as much of it as fits, in place of what stood there.

        Nothing is drawn where the cursor is at the edge of the screen, or within a text; what stood there stays.
        """
        with self._lock:
            stream, columns = self._streams[0], self._columns()
            self._width = columns
            at_edge = self._cursor.column is None or self._cursor.column >= columns
            if at_edge or not self._cursor.at_end or columns < NARROWEST or not stream.isatty():
                return
            if self.visible and self._shown == (text, columns):
                return
            encoding = stream.encoding or "ascii"
            shown = clipped(text, columns - 1).encode(encoding, "replace").decode(encoding)
            self._originals[0](f"{_ERASE}{_ROOM}{_SAVE}{_BELOW}{_CUT}{shown}{_WRAP}{_RESTORE}")
            stream.flush()
            self.visible, self._shown = True, (text, columns)

    def hide(self) -> None:
        """Erase the line, if there is one."""
        with self._lock:
            if self.visible and self._streams[0].isatty():
                self._originals[0](_ERASE)
                self._streams[0].flush()
                self.visible = False

    def _write(self, stream: TextIO, write: Callable[[str], int], text: str) -> int:
        with self._lock:
            if isinstance(text, str) and stream.isatty() and not self._cursor.feed(text, self._width):
                self.hide()
            return write(text)

    def _columns(self) -> int:
        """Return how wide the terminal is now; `COLUMNS`, which pytest uses, may say something else."""
        try:
            return os.get_terminal_size(self._streams[0].fileno()).columns or 80
        except OSError:
            return 80


class _Watched:
    """A stream's `write` while it is watched; `before` is the attribute in whose place it stands, if there was one."""

    def __init__(self, write: Callable[[str], int], before: Callable[[str], int] | None) -> None:
        self._write = write
        self.before = before

    def __call__(self, text: str) -> int:
        return self._write(text)


def watchable(stream: object) -> bool:
    """Return whether a stream is a terminal that a line can be drawn on."""
    isatty: Any = getattr(stream, "isatty", None)
    return isinstance(getattr(stream, "__dict__", None), Mapping) and bool(isatty and isatty())
