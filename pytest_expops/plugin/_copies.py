"""The copies of the projects of a session, for replays that vary the files: made once, before anything is run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_expops.errors import CopyRefused
from pytest_expops.execution import scratch
from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay.project_copy import LARGE, Snapshot, take_snapshot
from pytest_expops.wording import listed, short_path

MANIFEST = "before.json"


@dataclass
class Copies:
    """The snapshots by the folder of their session, and why there is none of others.

    They lie beside the session's folder, which a replay in a copy must not take for its project's.
    """

    folder: Path | None = None
    snapshots: dict[Path, Snapshot] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, sessions: Iterable[PipelineSession], folder: Path, *, make: bool) -> Copies:
        """Return the copies of a session in `folder`: those that are there, or, if `make`, made now."""
        place = folder.with_name(folder.name + scratch.COPIES)
        found = cls(place)
        scratch.hold(place)
        for session in sessions:
            copy = place / session.folder.name
            if (copy / MANIFEST).exists():
                data = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
                found.snapshots[session.folder] = Snapshot.from_json(data)
            elif make:
                found._take(session, copy, [folder, place, *folder.parent.glob("session-*")])
        return found

    def lines(self, directory: Path) -> Iterator[str]:
        """Yield what cannot be copied, and what the copies have only links to."""
        for reason in self.refused:
            yield f"replays cannot vary files here: {reason}"
        for snapshot in self.snapshots.values():
            if snapshot.linked:
                paths = [short_path(str(Path(snapshot.base) / each), directory) for each in snapshot.linked]
                yield f"not copied, as larger than {LARGE >> 20} MB: {listed(paths, 3)}"

    def remove(self) -> None:
        """Remove all copies."""
        if self.folder is not None:
            scratch.remove(self.folder)

    def _take(self, session: PipelineSession, place: Path, left_out: list[Path]) -> None:
        scratch.remove(place)  # half of one, of a process that was killed
        place.mkdir(parents=True)
        try:
            snapshot = take_snapshot(session.expanded.pipeline.working_directory, place / "before", left_out)
        except CopyRefused as refused:
            self.refused.append(str(refused))
            return
        (place / MANIFEST).write_text(json.dumps(snapshot.to_json()), encoding="utf-8")
        self.snapshots[session.folder] = snapshot
