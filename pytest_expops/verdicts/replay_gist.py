"""What one line says of a replay that differed: what differs, for which cause, at which line."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.findings import Diagnosis, ReadBack, Writer
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.wording import first_of, joined, short_path, short_place

NOT_ATTRIBUTED = "not attributed"
NOT_LOOKED_FOR = "the cause was not looked for"

ORDER_OF_TESTS = "tests"
LEFT_BY_TESTS = "tests before"
_NO_SOURCE = {
    "state": ("what an earlier process left behind", "an earlier process"),
    "calls": ("what an earlier call left behind", "an earlier call"),
    ORDER_OF_TESTS: ("the order of tests", "order of tests"),
    LEFT_BY_TESTS: ("the order of tests", "order of tests"),
}
"""What causes are called that are no sources of variation, in a sentence and in brief: what is left by processes, calls
of one function, tests that replays were made after, and tests that the first run was made after."""


def title(source: str) -> str:
    """Return what a cause is called in a sentence."""
    return _NO_SOURCE[source][0] if source in _NO_SOURCE else SOURCES[source].title


def brief(source: str) -> str:
    """Return what a cause is called where only the first characters may be seen."""
    if source in _NO_SOURCE:
        return _NO_SOURCE[source][1]
    return SOURCES[source].brief or SOURCES[source].title.removeprefix("the ")


def first_line(verdict: Verdict, directory: Path) -> str:
    """Return what a failure begins with: its cause, or without one what differs.

    pytest's short summary shows a line of it, cut at the width of the terminal: of a long node id it shows 12
    characters. For example ``clock at models/model.py:16: outputs['w']: value differs; not deterministic``.
    """
    diagnosis = verdict.diagnosis
    if diagnosis is None or not (diagnosis.causes or diagnosis.read_back):
        return f"{gist(verdict)}; not deterministic"
    if not diagnosis.causes:
        return f"{gist(verdict)}; likely cause: {reads(diagnosis.read_back[0])}; not deterministic"
    where = line_of(diagnosis, directory)
    causes = joined(dict.fromkeys(brief(cause.source) for cause in diagnosis.causes))
    return f"{causes}{f' at {where}' if where else ''}: {gist(verdict)}; not deterministic"


def gist(verdict: Verdict) -> str:
    """Return the first difference and how many more there are: ``outputs['w']: 3 of 4 elements differ``."""
    first = verdict.differences[0]
    how = first.detail or f"expected {first.expected}, obtained {first.obtained}"
    names = [f"`{os.path.basename(path)}`" for path in verdict.without]
    without = f"; only without {first_of(names[0], len(names))}" if names else ""
    return f"{first_of(f'{short_place(first.path)}: {how}', verdict.count)}{without}"


def headline(diagnosis: Diagnosis | None, directory: Path) -> str:
    """Return the causes and the line in a few words: ``the clock at models/model.py:16``."""
    found, where = cause_of(diagnosis), line_of(diagnosis, directory)
    if not where or diagnosis is None:
        return found
    return f"{found} at {where}" if diagnosis.causes else f"{found}; the runs part at {where}"


def cause_of(diagnosis: Diagnosis | None) -> str:
    """Return the causes as they are called in a sentence, or what is known in place of one."""
    if diagnosis is None:
        return NOT_LOOKED_FOR
    causes = joined(dict.fromkeys(title(cause.source) for cause in diagnosis.causes))
    if causes or not diagnosis.read_back:
        return causes or NOT_ATTRIBUTED
    return f"likely: {reads(diagnosis.read_back[0])}"


def line_of(diagnosis: Diagnosis | None, directory: Path) -> str:
    """Return ``FILE:LINE`` of the line that drew from the cause, if there is one such line; else where the runs part.

    Empty where neither is known.
    """
    if diagnosis is None:
        return ""
    drew = {(site.file, site.line) for cause in diagnosis.causes for site in cause.sites}
    if len(drew) == 1:
        ((file, line),) = drew
    elif diagnosis.place is not None:
        file, line = diagnosis.place.file, diagnosis.place.line
    else:
        return ""
    return f"{short_path(file, directory)}:{line}"


def reads(file: ReadBack, directory: Path | None = None) -> str:
    """``reads `cache.json`, which the first run wrote``; less is said where less is known."""
    shown = os.path.basename(file.path) if directory is None else short_path(file.path, directory)
    return f"{'reads' if file.read else 'finds'} `{shown}`, {_WRITTEN[file.writer]}"


_WRITTEN: dict[Writer, str] = {
    "first run": "which the first run wrote",
    "process": "which another process wrote",
    "call": "which another call wrote",
    "session": "which was written in this session",
    "replay": "which it writes too",
    "": "which was written after the first run began",
}
