"""Where a terminal's cursor is after a text: how many cells characters take, and whether they change the row."""

from __future__ import annotations

import re
import unicodedata

_UNMOVING = re.compile(r"\x1b\[[\d;:]*[mK]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Colours, erasing within the row, and commands to the window (title, progress in the task bar)."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MARK = "..."


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: two for an East Asian wide character, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """Return the text with a question mark for each character that would not show as one, such as an escape."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def clipped(text: str, most: int) -> str:
    """As much of a printable text as fits into so many cells; three dots in place of the rest."""
    if cells(text) <= most:
        return text
    mark = _MARK[: max(most, 0)]
    room, kept = most - len(mark), []
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + mark


class Cursor:
    """Follows what is written, to know where the cursor is in its row.

    `column` counts the cells to its left, so that it equals the number of columns where the next character will go to
    the next row; None after a character that is not understood, until the next line, and for good once a command may
    have moved the cursor to where there is text below it.
    """

    def __init__(self) -> None:
        self.column: int | None = 0
        self._end = 0
        self._lost = False

    @property
    def at_end(self) -> bool:
        """Whether there is nothing on its row to the right of it, as far as can be told."""
        return self.column is not None and self.column >= self._end

    def feed(self, text: str, columns: int) -> bool:
        """Take in what is written to a terminal of so many columns; whether the cursor stays in its row for sure."""
        if not (text.isascii() and text.isprintable()):
            text = _UNMOVING.sub("", text)
            self._lost = self._lost or "\x1b" in text
        if self._lost:
            self.column = None
            return False
        _, newline, text = text.rpartition("\n")
        if newline:
            self.column = self._end = 0
        *overwritten, text = text.split("\r")
        for each in overwritten:
            self._advance(each, columns)
            self.column = None if self.column is None else 0
        stays = self._advance(text, columns)
        return stays and not newline and not overwritten

    def _advance(self, text: str, columns: int) -> bool:
        if not text:
            return True
        if self.column is None or _CONTROL.search(text):
            self.column = None
            return False
        column, rows = self.column, 0
        if text.isascii():
            rows, column = divmod(column + len(text) - 1, columns)
            column += 1
        else:
            for each in map(_cells, text):
                if column + each == columns + 1 and each == 2:  # half of it would fit, and terminals differ
                    self.column = None
                    return False
                if column + each > columns:
                    column, rows = 0, rows + 1
                column += each
        self.column = column
        self._end = column if rows else max(self._end, column)
        return not rows
