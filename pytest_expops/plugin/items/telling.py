"""Which item tells a finding in full: the first that has it, in whatever worker; the others lead to it in one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_expops.execution.records import JsonFolder
from pytest_expops.execution.session import PipelineSession
from pytest_expops.plugin.state import SessionState
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.verdicts.session_verdicts import verdict_on

EVERYTHING = 2
"""From ``-vv`` on each item tells in full what was found."""
TOLD = "told"
"""The folder in which the first pipeline of a session notes, for each finding, which process tells it."""


@dataclass(frozen=True, slots=True)
class Teller:
    """The item `name` tells a finding in full, of which `verdict` is the one on its process."""

    name: str
    verdict: Verdict


def teller_of(state: SessionState, session: PipelineSession, verdict: Verdict) -> Teller | None:
    """Return who tells what was found of a process; None where its own item does.

    What was found at one line is one finding in whatever processes; without a line, in the duplicates of one process.
    """
    diagnosis = verdict.diagnosis
    if diagnosis is None or not diagnosis.finding:
        return None
    path, process = session.expanded.pipeline.path, verdict.process
    group = "" if diagnosis.place is not None else f"{path}::{session.expanded[process].process.name}"
    key = f"{group} {diagnosis.finding}"
    first = next(iter(state.sessions.values()))
    folder = JsonFolder(first.folder / TOLD)
    with first.lock("[told]"):  # workers may come to two of them at once
        told = folder.read(key)
        if told is None:
            folder.write(key, [str(path), process])
            return None
    other_path, other = Path(told[0]), told[1]
    if (other_path, other) == (path, process):
        return None
    found = verdict_on(state.sessions[other_path], other)
    assert found is not None, "it was written before it was told"
    return Teller(f"{other}[replay]" if other_path == path else f"{other_path.name}::{other}[replay]", found)
