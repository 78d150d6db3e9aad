"""A real pseudo-terminal for a pytest run, and an emulator that says what is on its screen."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pyte = pytest.importorskip("pyte", reason="the terminal emulator of the extra `test`")

DRAWING = re.compile(r"\x1b\[J\x1bD\x1b\[A\x1b7\x1b\[B\r\x1b\[\?7l(?P<text>.*?)\x1b\[\?7h\x1b8")
ERASING = re.compile(r"\x1b\[J(?!\x1bD)")


class Screen:
    """What a terminal shows, and what has been scrolled off its top."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.Stream(self._screen)
        self.columns = columns

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    @property
    def lines(self) -> list[str]:
        """Every row since the beginning, without what is blank at their ends, and without blank ones at the end."""
        # Not by the emulator's `display`, which cannot bear half of a wide character that was written over.
        rows = [*self._screen.history.top, *(self._screen.buffer[y] for y in range(self._screen.lines))]
        lines = ["".join(row[x].data for x in range(self.columns)).rstrip() for row in rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def above(self, row: int) -> list[str]:
        """The rows before this one, blank or not."""
        return (self.lines + [""] * row)[:row]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def row(self) -> int:
        """The cursor's, counted from the first of `lines`."""
        return len(self._screen.history.top) + self._screen.cursor.y

    @property
    def column(self) -> int:
        """The cursor's; equal to `columns` where the next character will go to the next row."""
        return self._screen.cursor.x


class Watched:
    """A pytest run on a terminal, as it was written: `written` is everything, `drawn` the texts of the live line."""

    def __init__(self, written: str, returned: int, columns: int, rows: int) -> None:
        self.written = written
        self.returned = returned
        self.drawn = [each["text"] for each in DRAWING.finditer(written)]
        self.final = Screen(columns, rows)
        self.final.feed(written)
        self._size = columns, rows

    def assert_never_garbled(self) -> None:
        """At every moment at which the line stands it is a row of its own below what would be there without it."""
        with_line, without = Screen(*self._size), Screen(*self._size)
        place = 0
        for each in DRAWING.finditer(self.written):
            between = self.written[place : each.start()]
            with_line.feed(between)
            without.feed(ERASING.sub("", between))
            assert with_line.column < with_line.columns, "the cursor was about to wrap"
            with_line.feed(each[0])
            row = without.row
            assert (with_line.row, with_line.column) == (row, without.column)
            assert with_line.above(row + 1) == without.above(row + 1)
            assert with_line.lines[row + 1 :] == [each["text"].rstrip()]
            place = each.end()
        with_line.feed(self.written[place:])
        without.feed(ERASING.sub("", self.written[place:]))
        assert with_line.lines == without.lines, "something of it was left"


def run_in_terminal(
    *arguments: str,
    folder: Path,
    columns: int = 80,
    rows: int = 24,
    react: Callable[[Screen], str | None] = lambda screen: None,
    seconds: float = 60,
) -> Watched:
    """Run `python -m pytest` with these arguments on a terminal of its own.

    `react` is asked what is typed, given what the screen shows, after every read.
    """
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    unset = {"CI", "BUILD_NUMBER", "COLUMNS", "LINES", "NO_COLOR"}
    variables = {name: value for name, value in os.environ.items() if name not in unset}
    # A shell that leads a session makes the terminal that it opens the session's own, so that Ctrl-C is a signal.
    shell = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(slave)]
    process = subprocess.Popen(
        [*shell, sys.executable, "-m", "pytest", *arguments],
        cwd=folder,
        env={**variables, "TERM": "xterm", "PY_COLORS": "1"},
        start_new_session=True,
    )
    screen, written, deadline = Screen(columns, rows), b"", time.monotonic() + seconds
    waiting = select.poll()  # `select.select` knows no descriptor above 1024, and pytest's plugins leave many open
    waiting.register(master, select.POLLIN)
    try:
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            if waiting.poll(0 if ended else 50):
                more = os.read(master, 65536)
                written += more
                screen.feed(more.decode(errors="replace"))
            elif ended:
                break
            typed = react(screen)
            if typed is not None:
                os.write(master, typed.encode())
        else:
            raise AssertionError(f"not over after {seconds} s:\n{screen.text}")
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)
    return Watched(written.decode(), process.returncode, columns, rows)
