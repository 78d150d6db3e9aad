"""The verdicts of a session, by process, and whether a result is one that repeats, as far as they show.

Only such a result may become a baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_expops.execution.records import JsonFolder
from pytest_expops.execution.session import PipelineSession
from pytest_expops.verdicts.replay import ReplayStatus, Verdict, why_not_replayed


@dataclass(frozen=True, slots=True)
class Repeating:
    """What the replays of this session say of one process.

    `differs` is the first process, itself or one upstream, of which a replay gave something else, and `declared` the
    first that is declared nondeterministic; empty where there is none. `not_replayed` says why there was no replay of
    the process itself; empty where there was. `earlier` is whether an earlier session made it, whose result was reused.
    """

    process: str
    differs: str = ""
    declared: str = ""
    not_replayed: str = ""
    earlier: bool = False

    @property
    def repeats(self) -> bool:
        """Return whether nothing is known that keeps the result from repeating."""
        return not (self.differs or self.declared)


def repeating_of(session: PipelineSession, name: str, mode: str) -> Repeating:
    """Return what the replays that this session has made so far under ``--expops-replay=MODE`` say of `name`."""
    processes, above = session.expanded.processes, session.expanded.ancestors(name)
    differs = declared = ""
    for each in (*(each for each in processes if each in above), name):
        if processes[each].process.nondeterministic is not None:
            declared = declared or each
            continue
        verdict = verdict_on(session, each)
        if verdict is not None and verdict.status is not ReplayStatus.MATCHED:
            differs = differs or each
    own, not_replayed = verdict_on(session, name), ""
    if own is None:
        not_replayed = why_not_replayed(processes[name], mode) or NO_ITEM
    return Repeating(name, differs, declared, not_replayed, own is not None and own.earlier)


NO_ITEM = "its `[replay]` item gave no verdict"


def verdicts_of(session: PipelineSession) -> JsonFolder:
    """Return where the verdicts on the processes of one pipeline are kept."""
    return JsonFolder(session.folder / "verdicts")


def all_verdicts(session: PipelineSession) -> dict[str, Verdict]:
    """Return the verdicts that there are, by process, in topological order."""
    found = {data["process"]: Verdict.from_json(data) for data in verdicts_of(session).all()}
    return {name: found[name] for name in session.expanded.processes if name in found}


def verdict_on(session: PipelineSession, name: str) -> Verdict | None:
    """Return the verdict on a process, if there is one already; replays nothing."""
    data = verdicts_of(session).read(name)
    return None if data is None else Verdict.from_json(data)
