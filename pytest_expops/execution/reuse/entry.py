"""One kept result: the record and the verdict of a process, what they were made from, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.reuse._made_from import Parts, digest_of
from pytest_expops.execution.reuse._used import Used
from pytest_expops.values.storage.store import Artifact


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """By what a result was found reproducible: so many `replays` that also varied these sources, and the `verdict`.

    The verdict is plain data: what it means is not known here.
    """

    replays: int
    vary: tuple[str, ...]
    verdict: Mapping[str, Any]

    def covers(self, replays: int, vary: tuple[str, ...]) -> bool:
        """Return whether there were as many replays as are asked for now, under as many variations."""
        return self.replays >= replays and set(vary) <= set(self.vary)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one process. `kept` is in seconds since the epoch, and `seconds` what it saves: run and replays.

    `pipeline` is the config's path from the root of the project.
    """

    pipeline: str
    parts: Parts
    record: RunRecord
    used: Used
    evidence: KeptVerdict
    kept: float
    seconds: float
    beside: Mapping[str, Any] = field(default_factory=dict)
    """What was there besides, of which no part of the result is known to be made: for what an audit finds."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """By digest of an artifact, the SHA-256 of its bytes; of an entry that is signed."""
    sketches: Mapping[str, Any] = field(default_factory=dict)
    """What was known of the outputs, so that they need not be read: plain data whose meaning is not known here."""

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Return what lies in files of its own."""
        found = (output.artifact for output in self.record.outputs.values())
        return tuple(each for each in found if each is not None and each.inline is None)

    @property
    def variant(self) -> str:
        """Return what tells it from other results of the same parts: what it was seen to use."""
        return digest_of(self.used.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        return {
            "pipeline": self.pipeline,
            "parts": dict(self.parts),
            "record": self.record.to_json(),
            "used": self.used.to_json(),
            "evidence": [self.evidence.replays, list(self.evidence.vary), dict(self.evidence.verdict)],
            "kept": self.kept,
            "seconds": self.seconds,
            "beside": dict(self.beside),
            "contents": dict(self.contents),
            "sketches": dict(self.sketches),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """Return what `to_json` was called on.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: `data` is not what it gives.
            StoreError: an artifact in it is none.
        """
        replays, vary, verdict = data["evidence"]
        return cls(
            data["pipeline"],
            dict(data["parts"]),
            replace(RunRecord.from_json(data["record"]), saved=float(data["seconds"])),
            Used.from_json(data["used"]),
            KeptVerdict(replays, tuple(vary), verdict),
            data["kept"],
            data["seconds"],
            data["beside"],
            data["contents"],
            data.get("sketches", {}),
        )
