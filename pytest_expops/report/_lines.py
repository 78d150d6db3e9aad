"""Lines of the project's files, with what stands around them."""

from __future__ import annotations

import linecache
from pathlib import Path

from pytest_expops.report.model import ShownLine
from pytest_expops.verdicts.findings import CodeLine, Place
from pytest_expops.wording import cut_middle, short_path, short_place

AROUND = 3
"""So many lines before and after are shown."""
WIDEST = 300
"""Of a line with more characters the middle is left out."""


def shown_line(found: Place | CodeLine, directory: Path) -> ShownLine:
    """Return a line with its neighbours, as its file has them now; without these where it does not have the line."""
    what = short_place(found.path) if isinstance(found, Place) else found.what
    around: tuple[tuple[int, str], ...] = ()
    lines = linecache.getlines(found.file)
    if 0 < found.line <= len(lines) and lines[found.line - 1].strip() == found.code:
        first = max(1, found.line - AROUND)
        near = enumerate(lines[first - 1 : found.line + AROUND], start=first)
        around = tuple((number, cut_middle(text.rstrip(), WIDEST)) for number, text in near)
    code = cut_middle(found.code, WIDEST)
    return ShownLine(short_path(found.file, directory), found.line, found.function, what, code, around)


def line_of_file(file: str, line: int, directory: Path) -> ShownLine:
    """Return a line of which nothing is known but its number, as its file has it now."""
    return shown_line(CodeLine(file, line, "", "", linecache.getline(file, line).strip()), directory)
