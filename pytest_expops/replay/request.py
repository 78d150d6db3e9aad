"""What is asked of a replica, and what it answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.runner import Keep
from pytest_expops.replay.nondeterminism.base import Conditions, Setting, Site
from pytest_expops.replay.nondeterminism.files import OpenedFile
from pytest_expops.replay.nondeterminism.registry import FIRST_RUN, SOURCES, own_hash_seed
from pytest_expops.replay.project_copy import Move
from pytest_expops.replay.tracing import Target, Trace

TRIAL = 1000
"""The attempts of a diagnosis are numbered from here: none finds the `checkpoint_dir` of another."""
SHARED = -1
"""The attempt of all replays in one `checkpoint_dir`, which each finds empty."""


@dataclass(frozen=True, slots=True)
class Request:
    """How one replay is to be made.

    `attempt` numbers it, and names its `checkpoint_dir`. `before` are processes that are run first in the same
    interpreter, on the same modules. `watch` asks for the sites, `trace` for every call of a project function, and
    `lines` for the lines of one call as well, and `alerts` for operations of PyTorch without a fixed order, which makes
    it run other kernels. `watch_only` asks for the sites that draw from these sources, and from no others. `move` is to
    the copy of the project in which it is made, if it is. `apart` makes it the first run, with what its record has.
    """

    attempt: int
    conditions: Conditions = field(default_factory=dict)
    keep: Keep = field(default_factory=Keep)
    before: tuple[str, ...] = ()
    watch: bool = False
    trace: bool = False
    lines: Target | None = None
    move: Move | None = None
    alerts: bool = False
    watch_only: tuple[str, ...] = ()
    apart: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        return {
            "attempt": self.attempt,
            "conditions": {name: setting.to_json() for name, setting in self.conditions.items()},
            "keep": [self.keep.values, dict(self.keep.equal), self.keep.leaves],
            "before": list(self.before),
            "watch": self.watch,
            "trace": self.trace,
            "lines": self.lines.to_json() if self.lines else None,
            "alerts": self.alerts,
            "move": [self.move.base, self.move.place] if self.move else None,
            "watch_only": list(self.watch_only),
            "apart": self.apart,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Request:
        """What `to_json` gave."""
        return cls(
            data["attempt"],
            {name: Setting.from_json(each) for name, each in data["conditions"].items()},
            Keep(*data["keep"]),
            tuple(data["before"]),
            data["watch"],
            data["trace"],
            Target.from_json(data["lines"]) if data["lines"] else None,
            Move(*data["move"]) if data["move"] else None,
            data["alerts"],
            tuple(data["watch_only"]),
            data["apart"],
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """What one replay gave: its record, and whatever else was asked for.

    `printed` is what the process printed, `hash_seed` its interpreter's `PYTHONHASHSEED` where it was given one.
    `sites` are the lines that drew from each source, and `opened` the files that it opened, if that was asked for.
    `met` are files written since the session began that it read or looked at, and did not write itself before;
    `without` those that the copy of the project was without. `torch` is whether PyTorch was loaded at the end, and
    `alerts` are its operations that were asked for. `threads` counts
    those that ran at one time by the package that started them; `first_call` is the record of a run of the same process
    before, if there was to be one; `escaped`, by source, those threads and processes that
    drew from it as if it were not held. `warned` are the warnings of a first run, as plain data.
    """

    record: RunRecord
    printed: str = ""
    hash_seed: int = 0
    sites: Mapping[str, tuple[Site, ...]] = field(default_factory=dict)
    opened: tuple[OpenedFile, ...] = ()
    met: tuple[OpenedFile, ...] = ()
    trace: Trace | None = None
    threads: Mapping[str, int] = field(default_factory=dict)
    escaped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    torch: bool = False
    alerts: tuple[Site, ...] = ()
    first_call: RunRecord | None = None
    warned: Sequence[Sequence[Any]] = ()


def to_answer(replay: Replay) -> dict[str, Any]:
    """What a replica answers; plain data. What was printed goes another way."""
    return {
        "record": replay.record.to_json(),
        "first_call": replay.first_call.to_json() if replay.first_call else None,
        "warned": replay.warned,
        "sites": {source: [dataclasses.astuple(site) for site in found] for source, found in replay.sites.items()},
        "opened": [each.to_json() for each in replay.opened],
        "met": [each.to_json() for each in replay.met],
        "trace": replay.trace.to_json() if replay.trace else None,
        "torch": replay.torch,
        "alerts": [dataclasses.astuple(site) for site in replay.alerts],
        "threads": dict(replay.threads),
        "escaped": {source: dict(found) for source, found in replay.escaped.items()},
    }


def from_answer(answer: Mapping[str, Any], printed: str, request: Request) -> Replay:
    """The replay of which `to_answer` told."""
    return Replay(
        RunRecord.from_json(answer["record"]),
        printed,
        hash_seed(request.conditions),
        {source: tuple(Site(*each) for each in found) for source, found in answer["sites"].items()},
        tuple(OpenedFile.from_json(each) for each in answer["opened"]),
        tuple(OpenedFile.from_json(each) for each in answer["met"]),
        Trace.from_json(answer["trace"]) if answer["trace"] else None,
        threads=answer["threads"],
        escaped=answer["escaped"],
        torch=answer["torch"],
        alerts=tuple(Site(*each) for each in answer["alerts"]),
        first_call=RunRecord.from_json(answer["first_call"]) if answer["first_call"] else None,
        warned=answer["warned"],
    )


def hash_seed_number(interpreter: int) -> int:
    """The number of the hash seed of one of several interpreters (0, 1, ...) in which a process is run to compare.

    The first has that of replay 1, the second the first run's own where that is known, so that what the two runs
    differed in shows again.
    """
    return FIRST_RUN if interpreter == 1 and own_hash_seed() is not None else interpreter + 1


def hash_seed(conditions: Conditions) -> int:
    """The `PYTHONHASHSEED` of an interpreter under `conditions`; 0 if they do not set it."""
    setting = conditions.get("hashseed")
    given = SOURCES["hashseed"].environment(setting, {}) if setting else {}
    return int(given.get("PYTHONHASHSEED") or 0)
