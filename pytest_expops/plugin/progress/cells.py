"""Where a terminal's cursor is after a text: how many cells characters take, and whether they change the row."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = re.compile(r"\x1b\[[\d;:]*m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Colours, and commands to the window (title, progress in the task bar): they move nothing."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MARK = "..."


def cells(text: str) -> int:
    """How many cells a terminal gives to a printable text: two to an East Asian wide character, none to an accent."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """The text with a question mark for each character that would not show as one, such as an escape."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def clipped(text: str, most: int) -> str:
    """As much of a printable text as fits into so many cells; three dots in place of the rest."""
    if cells(text) <= most:
        return text
    room, kept = most - len(_MARK), []
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        kept.append(character)
    return ("".join(kept) + _MARK)[: max(most, 0)]


class Cursor:
    """Follows what is written, to know where the cursor is in its row.

    `column` counts the cells to its left, so that it equals the number of columns where the next character will go to
    the next row; None after something that is not understood, until the next line.
    """

    def __init__(self) -> None:
        self.column: int | None = 0
        self._end = 0

    @property
    def at_end(self) -> bool:
        """Whether there is nothing on its row to the right of it, as far as can be told."""
        return self.column is not None and self.column >= self._end

    def feed(self, text: str, columns: int) -> bool:
        """Take in what is written to a terminal of so many columns; whether the cursor stays in its row for sure."""
        if not (text.isascii() and text.isprintable()):
            text = _UNSEEN.sub("", text)
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
                if column + each > columns:
                    column, rows = 0, rows + 1
                column += each
        self.column = column
        self._end = column if rows else max(self._end, column)
        return not rows
