"""The record of one run of an expanded process: what became of it, as small JSON that every reader shares."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_expops.errors import CHANGED, GONE, SessionFolderError, StorageTrouble
from pytest_expops.execution.calls.recording import Metric, Step
from pytest_expops.execution.seen import Seen
from pytest_expops.values.storage.store import Artifact
from pytest_expops.wording import cut_middle


class Outcome(enum.Enum):
    """How a run ended. Each is final: a process is run at most once per session."""

    PASSED = "passed"
    FAILED = "failed"
    BLOCKED = "blocked"
    """Never ran, because something upstream did not pass."""
    CRASHED = "crashed"
    """The worker died while it ran."""


@dataclass(frozen=True, slots=True)
class Output:
    """One key of what a process returned. `artifact` is None in a replay whose value equals the first run's.

    `leaves` are path and digest of its parts, if they were asked for. `what` says what it is, for a person.
    """

    digest: str
    artifact: Artifact | None
    leaves: tuple[tuple[str, str], ...] = ()
    what: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        data = {"digest": self.digest, "artifact": self.artifact.to_json() if self.artifact else None}
        if self.what:
            data["what"] = self.what
        return {**data, "leaves": [list(leaf) for leaf in self.leaves]} if self.leaves else data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Output:
        """Return what `to_json` gave."""
        artifact = Artifact.from_json(data["artifact"]) if data["artifact"] else None
        leaves = tuple((path, digest) for path, digest in data.get("leaves", ()))
        return cls(data["digest"], artifact, leaves, data.get("what", ""))


LINE = 500
"""Of the first line of a message, at most so many characters are in a summary."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not pass. `kind` is the type of what was raised; `traceback` shows the user's frames only.

    `file` and `line` are the innermost line of the user's code that led to it, where something was raised there.
    """

    kind: str
    message: str
    traceback: str
    file: str = ""
    line: int = 0

    @property
    def summary(self) -> str:
        """One line, cut in the middle where it is long."""
        first = cut_middle(self.message.partition("\n")[0], LINE)
        return f"{self.kind}: {first}" if first else self.kind


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What became of one run. `roots` names the processes whose failure blocked this one.

    `attempt` is 0 for the first run and counts replays from 1. `started` is in seconds since the epoch and
    `duration` in seconds of the call itself, without loading inputs and storing outputs. `seen` is what it was seen to
    use, if it was watched. `written` are the files that it was seen to write and that were there afterwards, with the
    time of their last change in nanoseconds. `saved` is None for a run of this session; of a result that an earlier one
    has left, the seconds of work that it saves.
    """

    process: str
    attempt: int
    outcome: Outcome
    outputs: Mapping[str, Output] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    steps: tuple[Step, ...] = ()
    started: float = 0.0
    duration: float = 0.0
    worker: str = "main"
    failure: Failure | None = None
    roots: tuple[str, ...] = ()
    seen: Seen | None = None
    written: Mapping[str, int] = field(default_factory=dict)
    saved: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        data = {
            "process": self.process,
            "attempt": self.attempt,
            "outcome": self.outcome.value,
            "outputs": {key: each.to_json() for key, each in self.outputs.items()},
            "metrics": [[each.name, each.value, each.step, each.source] for each in self.metrics],
            "steps": [[getattr(each, slot.name) for slot in _STEP_FIELDS] for each in self.steps],
            "started": self.started,
            "duration": self.duration,
            "worker": self.worker,
            "failure": list(dataclasses.astuple(self.failure)) if self.failure else None,
            "roots": list(self.roots),
            "written": dict(self.written),
        }
        seen = {} if self.seen is None else {"seen": self.seen.to_json()}
        return {**data, **seen, **({} if self.saved is None else {"saved": self.saved})}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunRecord:
        """Raises KeyError, TypeError or ValueError where `data` is not what `to_json` gives."""
        return cls(
            process=data["process"],
            attempt=data["attempt"],
            outcome=Outcome(data["outcome"]),
            outputs={key: Output.from_json(each) for key, each in data["outputs"].items()},
            metrics=tuple(Metric(*each) for each in data["metrics"]),
            steps=tuple(Step(*each) for each in data["steps"]),
            started=data["started"],
            duration=data["duration"],
            worker=data["worker"],
            failure=Failure(*data["failure"]) if data["failure"] else None,
            roots=tuple(data["roots"]),
            seen=Seen.from_json(data["seen"]) if "seen" in data else None,
            written=data["written"],
            saved=data.get("saved"),
        )


_STEP_FIELDS = dataclasses.fields(Step)


class JsonFolder:
    """One JSON file per expanded process, written atomically and read whole."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, in one that is there.

        Raises:
            StorageTrouble: it cannot be made.
        """
        with _trouble(folder, "made"):
            folder.mkdir(exist_ok=True)
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the path of the file of `name`; any name gives one that every file system takes."""
        return self.folder / f"{file_name(name)}.json"

    def read(self, name: str) -> Any | None:
        """Return what was written under `name`, or None.

        Raises:
            SessionFolderError: it is not what was written.
            StorageTrouble: it cannot be read.
        """
        path = self.path(name)
        return _read(path) if path.exists() else None

    def write(self, name: str, data: Any) -> None:
        """Write it so that readers see the whole of it or none.

        Raises:
            StorageTrouble: the disk refuses.
        """
        path = self.path(name)
        temporary = f"{path}.{os.getpid()}"
        text = json.dumps(data)
        with _trouble(path, "written"):
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)

    def all(self) -> Iterator[Any]:
        """Yield everything written so far, in no particular order; raises as `read`."""
        return map(_read, self.folder.glob("*.json"))


def _read(path: Path) -> Any:
    with _trouble(path, "read"):
        data = path.read_bytes()
    try:
        return json.loads(data)
    except ValueError:
        raise SessionFolderError(path, CHANGED) from None


@contextmanager
def _trouble(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SessionFolderError(path.parent, GONE) from None
    except OSError as error:
        raise StorageTrouble(f"{path} cannot be {what} ({error.strerror or error})") from error


def file_name(name: str) -> str:
    """Return `name` as one path component, shortened with a digest where it is long."""
    if _PLAIN(name):
        return name
    quoted = urllib.parse.quote(name, safe=" +=@")
    if not quoted.strip("."):  # which would be this folder, or the one above
        return quoted.replace(".", "%2E")
    if len(quoted) <= 150:
        return quoted
    return f"{quoted[:100]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


_PLAIN = re.compile(r"(?!\.+\Z)[A-Za-z0-9_.~-]{1,150}").fullmatch
"""What quoting leaves as it is; it takes ten times as long to find that out."""
