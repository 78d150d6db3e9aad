"""Files that a replay found because an earlier run of this session had written them: what they gave was not made again.

For example a cache: its first run computes and writes, and the replay reads.
"""

from __future__ import annotations

from pytest_expops.execution.file_times import file_time_resolution
from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay.request import Replay
from pytest_expops.verdicts.findings import CodeLine, ReadBack, Writer


def files_found(session: PipelineSession, name: str, replay: Replay) -> tuple[ReadBack, ...]:
    """Return the files that a replay of `name` read or looked at, and that were written before it in this session.

    Who wrote a file is said where a first run was seen to. Of others only the time is known: that of a file may be
    some milliseconds early, so what seems to be written just before the replay may be its own, and is left out.
    """
    if not replay.met:
        return ()
    own = session.record(name)
    records = {name: own, **session.all_records()}
    began = (replay.record.started - file_time_resolution()) * 1e9
    found = []
    for file in replay.met:
        wrote = [other for other, record in records.items() if record.written.get(file.path) == file.mtime_ns]
        if file.mtime_ns is None or not (wrote or session.began * 1e9 <= file.mtime_ns < began):
            continue
        writer: Writer = "session" if not wrote else "first run" if wrote[0] == name else "process"
        process = wrote[0] if writer == "process" else ""
        found.append(ReadBack(file.path, writer, CodeLine.at(file.site), process, file.read))
    return tuple(sorted(found, key=lambda each: not each.read))
