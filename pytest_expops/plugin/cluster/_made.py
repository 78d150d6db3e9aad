"""What the workers of a cluster have made, as the store has it, in the terms of the session that asks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pytest_expops.execution.declared.charts import chart_folder
from pytest_expops.execution.engines.base import Work
from pytest_expops.execution.engines.shared_store import SharedStore
from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.plugin.cluster._description import RECORDS, VERDICTS, key_of
from pytest_expops.replay.first_run import warn_again
from pytest_expops.values.storage.store import Artifact


class MadeThere:
    """Records and verdicts by their work; artifacts are brought when somebody reads them."""

    def __init__(
        self, store: SharedStore, sessions: Mapping[Path, PipelineSession], numbers: Mapping[Path, int]
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._numbers = numbers
        self._files: dict[str, str] = {}
        self._records: dict[Work, RunRecord] = {}
        self._said: dict[Work, tuple[str, list[Any]]] = {}
        for session in sessions.values():
            session.store.bring = partial(self._bring, session)

    def record(self, work: Work) -> RunRecord | None:
        """Return the record of a run; None if there is none."""
        known = self._records.get(work)
        if known is not None:
            return known
        data = self._store.read(RECORDS, self._key(work))
        if data is None:
            return None
        record = self._records[work] = RunRecord.from_json(data["record"])
        self._said[work] = data["printed"], data["warned"]
        self._files |= data["files"]
        self._bring_images(work, data["images"])
        return record

    def tell(self, work: Work) -> None:
        """Print what a process has printed, and warn of what it warned of; once."""
        printed, warned = self._said.pop(work, ("", []))
        sys.stdout.write(printed)
        for each in warned:
            warn_again(*each)

    def verdict(self, work: Work) -> Mapping[str, Any] | None:
        """Return a verdict; None if there is none."""
        found: dict[str, Any] | None = self._store.read(VERDICTS, self._key(work))
        return found

    def owner(self, work: Work) -> str | None:
        """Return the worker that has begun with it; None if none has."""
        found = self._store.claimed(self._key(work))
        return None if found is None else str(found["worker"])

    def settle(self, record: RunRecord, work: Work) -> None:
        """Have workers know the record of a run that has left none."""
        self._records[work] = record
        rest = {"files": {}, "images": {}, "printed": "", "warned": [], "machine": ["", ""]}
        data = {"record": record.to_json(), **rest}
        self._store.write(RECORDS, self._key(work), data)

    def _key(self, work: Work) -> str:
        return key_of(self._numbers[work.config], work.name, replays=work.replays)

    def _bring(self, session: PipelineSession, artifact: Artifact) -> None:
        if artifact.digest in self._files:
            self._store.get_artifact(artifact.digest, self._files[artifact.digest], session.store.path_of(artifact))

    def _bring_images(self, work: Work, images: Mapping[str, Any]) -> None:
        folder = chart_folder(self._sessions[work.config].folder, work.name)
        for name, (digest, sha256) in images.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._store.get_artifact(digest, sha256, path)
