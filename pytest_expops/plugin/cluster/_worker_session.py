"""The session of a worker of a cluster: the pipelines of the controller, opened here, and what is made of them."""

from __future__ import annotations

import os
import platform
import re
import sys
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.declared.charts import chart_folder, images_in
from pytest_expops.execution.engines.code_archive import unpack
from pytest_expops.execution.engines.environment_check import described, machine, refusal
from pytest_expops.execution.engines.shared_store import SharedStore
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.session import CLAIMS, PipelineSession
from pytest_expops.pipeline.model import Kind
from pytest_expops.plugin.cluster._description import (
    DESCRIPTION,
    INTERPRETER,
    RECORDS,
    VERDICTS,
    key_of,
    options_from_json,
    put_on_path,
)
from pytest_expops.plugin.state import Seat, SessionState, start
from pytest_expops.replay.project_copy import Move
from pytest_expops.replay.warning_filters import filtering, warned
from pytest_expops.urls import KEY_VARIABLE
from pytest_expops.values.storage.store import Artifact

_OWN = re.compile(rf"\b{INTERPRETER}\.\d+\.\d+\b")


class WorkerSession:
    """What one interpreter of a worker knows of a session."""

    def __init__(
        self, ticket: Mapping[str, Any], store: SharedStore, state: SessionState, moves: list[Move], printed: Any
    ) -> None:
        self._name: str = ticket["name"]
        self._filters: list[list[Any]] = ticket["filters"]
        self._store = store
        self._state = state
        self._sessions = list(state.sessions.values())
        self._moves = moves
        self._files: dict[str, str] = {}
        """The SHA-256 of artifacts in the store, by their digest."""
        self._machine = machine(described(()))
        self._machines: dict[str, tuple[str, str]] = {}
        """On which machine each process was run of which this interpreter has run or read the record, by its key."""
        self._printed = printed
        for session in self._sessions:
            session.store.bring = partial(self._bring, session)

    @classmethod
    def opened(cls, ticket: Mapping[str, Any], printed: Any) -> WorkerSession:
        """Bring the project here, unless it is, and set its pipelines up.

        Raises:
            ExpopsError: the store cannot be used, or this worker is not like the controller.
        """
        if not ticket["key"]:
            raise ExpopsError(
                f"the environment of the worker has no {KEY_VARIABLE}, by which what is in the store is signed",
                hint="fix: start the workers with the secret that this session has",
            )
        store = SharedStore(ticket["store"], ticket["session"], bytes.fromhex(ticket["key"]))
        data = store.read(DESCRIPTION, DESCRIPTION)
        if data is None:
            raise ExpopsError(
                f"{store.url} has nothing of session {ticket['session']} on {platform.node() or 'this machine'}",
                hint="fix: see that it is the same folder or bucket there as for the session: a file system may not be "
                "mounted; or what was in it has been removed",
            )
        if data["check"]:
            here = described(data["modules"])
            text = refusal(data["environment"], {ticket["name"]: here})
            if text:
                raise ExpopsError(text)
        folder = Path(ticket["folder"])
        moves, configs = [], []
        for each in data["pipelines"]:
            place = each["base"] if each["code"] is None else _unpacked(store, each["code"], folder)
            move = Move(each["base"], os.path.realpath(place))
            moves.append(move)
            configs.append(Path(move.there(each["config"])))
            put_on_path(each["path"], move.place)
        os.chdir(moves[0].place)
        options = options_from_json(data["options"], tuple(configs))
        own = Path(ticket["session_folder"])
        for number, path in enumerate(configs, start=1):
            (own / f"{number}-{path.stem}").mkdir(exist_ok=True)
            (own / f"{number}-{path.stem}" / CLAIMS).touch()
        state = start(options, Seat(ticket["worker"], own, shared=True, copies=True))
        state.remember_environment()
        return cls({**ticket, "filters": data["filters"]}, store, state, moves, printed)

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked for, unless it has been done."""
        number, name = message["number"], message["name"]
        do = self._replay if message["replays"] else self._run
        with filtering(self._filters):  # anew each time, as for each item of pytest
            return do(number, name, settle=message.get("settle", False))

    def close(self) -> None:
        """End what was started for it."""
        self._state.close()

    def _run(self, number: int, name: str, *, settle: bool) -> dict[str, Any]:
        key, session = key_of(number, name), self._sessions[number]
        missing = self._take_upstream(number, name)
        if missing:
            return {"lost": f"`{missing}` has left no record"}
        if not settle and (owner := self._store.claim(key, {"worker": self._name})) is not None:
            return {} if self._store.read(RECORDS, key) is not None else _lost(owner)
        begin = self._printed.seek(0, os.SEEK_END)
        with warnings.catch_warnings(record=True) as caught:
            record = session.record(name)
        sys.stdout.flush()
        sys.stderr.flush()
        self._printed.seek(begin)
        said = self._printed.read().decode(errors="replace")
        move, files = self._moves[number], self._stored(session, record)
        self._store.write(
            RECORDS,
            key,
            {
                "record": self._named(move.back({**record.to_json(), "worker": self._name})),
                "files": files,
                "images": self._images(number, name),
                "printed": said,
                "warned": move.back(warned(caught)),
                "machine": list(self._machine),
            },
        )
        self._know(key, files, self._machine)
        return {}

    def _replay(self, number: int, name: str, *, settle: bool) -> dict[str, Any]:
        key, session = key_of(number, name, replays=True), self._sessions[number]
        if (owner := self._store.claim(key, {"worker": self._name})) is not None:
            return {} if self._store.read(VERDICTS, key) is not None else _lost(owner)
        missing = self._take_upstream(number, name) or self._take(number, name, fetch=False)
        record = session.known(name)
        if missing or record is None:
            return {"lost": f"`{missing or name}` has left no record"}
        if record.outcome is not Outcome.PASSED:
            return {}
        verdict = self._state.verdict(session, name).to_json()
        ran_on = self._machines[key_of(number, name)]
        if ran_on[0] != self._machine[0]:
            verdict["machines"] = [ran_on[1], self._machine[1]]
        self._store.write(VERDICTS, key, self._moves[number].back(verdict))
        return {}

    def _named(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record in which this worker has its name: each interpreter of it has one of its own."""
        if record["failure"]:
            record["failure"] = [
                _OWN.sub(lambda _: self._name, each) if isinstance(each, str) else each for each in record["failure"]
            ]
        return record

    def _take_upstream(self, number: int, name: str) -> str:
        """Have the results that a process needs here; return the name of one that is not in the store, or nothing."""
        for each in self._sessions[number].expanded[name].upstream:
            if self._take(number, each):
                return each
        return ""

    def _take(self, number: int, name: str, *, fetch: bool = True) -> str:
        """Have the record of a process here, and its outputs; what is not fetched now, is when it is read.

        Replicas read the outputs of what is upstream of a process from the folder alone.
        """
        session, key = self._sessions[number], key_of(number, name)
        record = session.known(name)
        if key not in self._machines:  # the record may be here all the same, by an interpreter before this one
            data = self._store.read(RECORDS, key)
            if data is None:
                return name
            self._know(key, data["files"], tuple(data["machine"]))
            record = record or session.adopt(RunRecord.from_json(self._moves[number].there(data["record"])))
        assert record is not None
        for output in record.outputs.values() if fetch else ():
            if output.artifact is not None and not session.store.path_of(output.artifact).exists():
                self._bring(session, output.artifact)
        return ""

    def _know(self, key: str, files: Mapping[str, str], machine: tuple[str, str]) -> None:
        """Remember of a process which of its outputs are files in the store, and on which machine it was run."""
        self._files |= files
        self._machines[key] = machine

    def _bring(self, session: PipelineSession, artifact: Artifact) -> None:
        sha256 = self._files.get(artifact.digest)
        if sha256 is not None:
            self._store.get_artifact(artifact.digest, sha256, session.store.path_of(artifact))

    def _stored(self, session: PipelineSession, record: RunRecord) -> dict[str, str]:
        """Put the outputs of a run into the store; return the SHA-256 of each that is too large for a record."""
        found = {}
        for output in record.outputs.values():
            artifact = output.artifact
            if artifact is not None and artifact.inline is None:
                found[artifact.digest] = self._store.put_artifact(artifact.digest, session.store.path_of(artifact))
        return found

    def _images(self, number: int, name: str) -> dict[str, list[str]]:
        """Put the images of a chart into the store; return under which digest each is there."""
        session = self._sessions[number]
        if session.expanded[name].process.kind is not Kind.CHART:
            return {}
        folder = chart_folder(session.folder, name)
        found: dict[str, list[str]] = {}
        for path in images_in(folder):
            digest = f"image-{key_of(number, name)}-{len(found)}"
            found[str(path.relative_to(folder))] = [digest, self._store.put_artifact(digest, path)]
        return found


def _lost(owner: Mapping[str, Any]) -> dict[str, str]:
    return {"begun": f"worker {owner['worker']} had begun with it, and was lost"}


def _unpacked(store: SharedStore, digest: str, folder: Path) -> str:
    """Return where the code of a project is, after bringing it here if it is not."""
    place = folder / "code" / digest
    if not place.is_dir():
        place.parent.mkdir(exist_ok=True)
        archive = folder / f"{digest}.tar.gz"
        store.get_code(digest, archive)
        try:
            unpack(archive, place)
        finally:
            archive.unlink(missing_ok=True)
    return str(place)
