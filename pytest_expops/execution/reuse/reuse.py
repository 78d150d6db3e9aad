"""Which results of earlier sessions stand in for a run, and which of this session are kept for later ones.

A result is kept once replays have given it again, and reused where all that it was made from, and all that it was seen
to use, is as it was. Some of what could be reused is run all the same, and compared: the audit.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pytest_expops.execution.records import JsonFolder, RunRecord
from pytest_expops.execution.reuse._made_from import MadeFrom, Parts, digest_of, key_of
from pytest_expops.execution.reuse._opened_files import OpenedFiles
from pytest_expops.execution.reuse._used import Surroundings, Used, is_volatile
from pytest_expops.execution.reuse.entry import Entry, KeptVerdict
from pytest_expops.execution.reuse.store import ResultStore
from pytest_expops.execution.seen import CODE, MOST, Seen
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import Kind
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.wording import listed

PLAN = "plan"
"""The name, in the folder `reuse` of a session, of what its controller has found out before anything ran."""
CHILDREN = "starts other processes"
"""As `Seen.beyond` says it: what they read, the kernel tells of."""


@dataclass(frozen=True, slots=True)
class ReuseTerms:
    """What a kept result must have to be reused, and how many of these are run all the same.

    `replays` is 0 where nothing is replayed: any result that is kept will do. `refresh` reuses none. `audit` is a share
    between 0 and 1; unless it is 0, at least one is audited. `besides` is what all results depend on besides.
    """

    replays: int = 1
    vary: tuple[str, ...] = ()
    refresh: bool = False
    audit: float = 0.02
    besides: Parts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReusePlan:
    """What could be reused as things stood when the session began, and which of that is to be run all the same."""

    reusable: Collection[str] = ()
    audited: Collection[str] = ()


class Reuse:
    """Of one pipeline, as seen by one process of a session.

    `variables` are the environment variables before any script was imported.
    """

    def __init__(
        self, session: PipelineSession, store: ResultStore, wanted: ReuseTerms, variables: Mapping[str, str]
    ) -> None:
        self.store = store
        self.wanted = wanted
        self._session = session
        self._record_of: Callable[[str], RunRecord | None] = session.known
        self._made_from = MadeFrom(session, wanted.besides, variables, lambda name: self._record_of(name))
        pipeline = session.expanded.pipeline
        left_out = (session.folder.parent, store.folder)
        self._roots = tuple(dict.fromkeys((pipeline.root, pipeline.working_directory)))
        self._surroundings = Surroundings(pipeline.document, variables, left_out)
        self._pipeline = os.path.relpath(pipeline.path, store.folder.parent)
        self._folder = JsonFolder(session.folder / "reuse")
        self._unkept = JsonFolder(session.folder / "unkept")
        self._audits = JsonFolder(session.folder / "audits")
        self._variables = variables
        self._opened: OpenedFiles | None = None
        self._plan: ReusePlan | None = None
        self._found: dict[str, tuple[str, Entry | None]] = {}

    def plan(self) -> ReusePlan:
        """Find out what can be reused before anything has run, and write it down for the other workers."""
        records: dict[str, RunRecord] = {}
        self._record_of = lambda name: records.get(name) or self._session.known(name)
        keys: dict[str, str] = {}
        try:
            for name in self._session.expanded.processes:
                key, entry = self._look_up(name)
                if entry is not None:
                    records[name], keys[name] = entry.record, key
        finally:
            self._record_of = lambda name: self._session.known(name) or records.get(name)
        chosen = sorted(keys, key=lambda name: _rank(keys[name]))[: math.ceil(self.wanted.audit * len(keys))]
        found = ReusePlan(tuple(keys), tuple(chosen))
        self._folder.write(PLAN, [list(found.reusable), list(found.audited)])
        self._plan = found
        return found

    def planned(self) -> ReusePlan:
        """Return what was planned by whichever process began the session."""
        if self._plan is None:
            data = self._folder.read(PLAN)
            self._plan = ReusePlan(*map(frozenset, data)) if data is not None else ReusePlan()
        return self._plan

    def take(self, name: str) -> RunRecord | None:
        """Return the record of an earlier session that stands in for a run of `name`; None where it is to run."""
        entry = self._standing_in(name)
        if entry is None:
            return None
        if self._is_chosen(name):
            self._audits.write(name, name)
            return None
        if not self._take_artifacts(name, entry):
            return None
        record = entry.record
        return replace(record, worker=self._session.worker, started=UNPATCHED.time(), duration=0.0, saved=entry.seconds)

    def taken(self, name: str) -> Entry | None:
        """Return what stands in for a run of `name`, if its result is one of an earlier session."""
        record, entry = self._session.known(name), self._standing_in(name)
        return entry if record is not None and record.saved is not None else None

    def audited(self, name: str) -> Entry | None:
        """Return what could have stood in for `name`, which has been run all the same, with its artifacts at hand."""
        record = self._session.known(name)
        if record is None or record.saved is not None:
            return None
        if self._audits.read(name) is None:
            return None
        entry = self._standing_in(name)
        return entry if entry is not None and self._take_artifacts(name, entry) else None

    def watch(self) -> None:
        """Have the kernel tell from now on which files of the project are opened: replays begin."""
        if self._opened is None:
            self._opened = OpenedFiles(self._roots, (self._session.folder.parent, self.store.folder))
        self._opened.take()

    def keep(
        self, name: str, evidence: KeptVerdict, seen: Seen | None, seconds: float, sketches: Mapping[str, Any]
    ) -> str:
        """Keep the result of a process that has passed, and that replays gave again.

        Args:
            name: the process.
            evidence: what was found.
            seen: what its replays were seen to use.
            seconds: how long its run and its replays took.
            sketches: what is known of its outputs, as plain data.

        Returns:
            Why it cannot be kept; empty if it is.
        """
        parts, record = self._made_from.parts(name), self._session.record(name)
        assert parts is not None  # its upstream has passed
        key = key_of(parts)
        all_seen = (record.seen or Seen()) | (seen or Seen())
        used = self._used(name, key, all_seen)
        refusal = self._refusal(name, all_seen, used)
        if refusal:
            self.refuse(name, refusal)
            return refusal
        kept = replace(record, written={}, seen=all_seen)
        beside = {"versions": _versions(), "variables": self._salted(key)}
        entry = Entry(self._pipeline, parts, kept, used, evidence, UNPATCHED.time(), seconds, beside, sketches=sketches)
        self.store.put(key, entry, self._session.store)
        self.store.note(self._pipeline, name, {"kept": entry.kept, "key": key, "parts": dict(parts)})
        return ""

    def refuse(self, name: str, reason: str) -> None:
        """Note why the result of `name` is not kept."""
        self._unkept.write(name, [name, reason])
        self.store.note(self._pipeline, name, {"not kept": reason, "at": UNPATCHED.time()})

    def unkept(self) -> Iterator[tuple[str, str]]:
        """Yield the processes of this session whose results are not kept, and why."""
        yield from (tuple(each) for each in self._unkept.all())

    def beside(self, entry: Entry) -> Iterator[str]:
        """Yield what changed since a result was kept, of what it is not known to be made from; as far as is known."""
        key = key_of(entry.parts)
        files = self._surroundings.written_since(self._roots, entry.kept, entry.used.files)
        if files:
            yield f"files of the project were written: {listed(files, 5)}"
        for what, now in (("versions", _versions()), ("variables", self._salted(key))):
            before = entry.beside.get(what, {})
            names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
            others = [name for name in names if name not in entry.used.variables]
            if others:
                what = "the versions of libraries" if what == "versions" else "environment variables"
                yield f"{what} changed: {listed(others, 5)}"

    def _salted(self, key: str) -> dict[str, str]:
        """Return digests of all variables that tell nobody their values."""
        salt = self.store.salt(key)
        return {name: digest_of([salt, value])[:8] for name, value in self._variables.items() if not is_volatile(name)}

    def forget(self, name: str) -> None:
        """Remove what is kept of `name` as it is now: it is not what a run gives."""
        key, _ = self._look_up(name)
        self.store.forget(key)
        self._found.pop(name, None)

    def why(self, name: str) -> Iterator[str]:
        """Yield, in words, why `name` is not reused: what is not as it was when it was last kept; nothing if it is."""
        key, entry = self._look_up(name)
        last = self.store.latest(self._pipeline, name)
        parts = self._made_from.parts(name)
        process = self._session.expanded[name].process
        if entry is not None:
            return
        if process.kind is Kind.CHART:
            yield "charts are drawn in each session"
        elif process.nondeterministic is not None:
            yield "it is declared nondeterministic"
        elif process.not_replayed is not None:
            yield "it is not replayed (`replay: false`)"
        elif last is None:
            yield "no earlier session has left a result of it"
        elif "not kept" in last:
            yield f"its result was not kept: {last['not kept']}"
        elif parts is None:
            yield "its inputs are not known before what is upstream of it has run"
        elif last["parts"] != parts:
            yield from _differing(last["parts"], parts)
        else:
            yield from self._why_not(key)

    def _why_not(self, key: str) -> Iterator[str]:
        """Yield what keeps the last result under a key from being reused."""
        last = next(self.store.entries(key), None)
        if last is None:
            yield "what was kept of it is not there any more"
        elif not self._covers(last):
            vary = f" under {', '.join(last.evidence.vary)}" if last.evidence.vary else ""
            yield f"what was kept of it was replayed {last.evidence.replays} times{vary}; more is asked for now"
        else:
            yield from self._changed(key, last)

    def close(self) -> None:
        """Watch nothing any longer."""
        if self._opened is not None:
            self._opened.close()

    def _standing_in(self, name: str) -> Entry | None:
        """Return what can stand in for a run of `name`."""
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name][1]

    def _is_chosen(self, name: str) -> bool:
        """Return whether `name` is to be run although a kept result can stand in.

        What can be reused only after something else has run is not in the plan; if nothing is, the first is chosen.
        """
        planned = self.planned()
        if name in planned.reusable:
            return name in planned.audited
        by_chance = _rank(self._found[name][0]) < self.wanted.audit
        return by_chance or (self.wanted.audit > 0 and not planned.audited and not any(self._audits.all()))

    def _look_up(self, name: str) -> tuple[str, Entry | None]:
        each = self._session.expanded[name].process
        if each.kind not in (Kind.FUNCTION, Kind.PASS_THROUGH) or each.nondeterministic is not None:
            return "", None
        parts = self._made_from.parts(name)
        if parts is None:
            return "", None
        key = key_of(parts)
        if self.wanted.refresh:
            return key, None
        for entry in self.store.entries(key):
            if self._covers(entry) and not any(self._changed(key, entry)):
                return key, entry
        return key, None

    def _covers(self, entry: Entry) -> bool:
        return not self.wanted.replays or entry.evidence.covers(self.wanted.replays, self.wanted.vary)

    def _changed(self, key: str, entry: Entry) -> Iterator[str]:
        yield from self._surroundings.changed(entry.used, self.store.salt(key))
        if entry.used.modules:
            process = self._session.expanded[entry.record.process].process
            now = self._made_from.code_of(process, entry.used.modules)
            for place in entry.used.code.keys() | now.keys():
                if entry.used.code.get(place) != now.get(place):
                    yield f"the code of {place} changed"

    def _take_artifacts(self, name: str, entry: Entry) -> bool:
        key, _ = self._found[name]
        if self.store.take(key, entry, self._session.store):
            return True
        self._found[name] = self._look_up(name)
        return False

    def _used(self, name: str, key: str, seen: Seen) -> Used:
        each = self._session.expanded[name]
        opened = [path for path in self._opened.take() if not path.endswith(CODE)] if self._opened is not None else []
        own = os.path.realpath(self._session.expanded.pipeline.path)  # read by us, for each replay
        named = self._made_from.files_named(name)
        used = self._surroundings.used(seen, [*(path for path in opened if path != own), *named], self.store.salt(key))
        return replace(used, code=dict(self._made_from.code_of(each.process, used.modules)) if used.modules else {})

    def _refusal(self, name: str, seen: Seen, used: Used) -> str:
        """Return why a result is not to be kept."""
        if self._opened is None:
            return "it was not watched from its beginning"
        if self._opened.lost:
            return f"not all files that it may have read are known: {self._opened.lost}"
        others = [each for each in seen.beyond if each != CHILDREN]
        if others:
            return f"it {others[0]}"
        if max(len(seen.read), len(seen.looked), len(seen.listed)) >= MOST:
            return f"it uses more files than are remembered ({MOST:,})"
        records = self._session.all_records().values()
        written = [path for each in records for path in (each.written, *(each.seen.written if each.seen else ()))]
        changed = next(self._surroundings.changed_since(used, self._session.began, map(str, written)), None)
        if changed is not None:
            return f"{changed} was changed while the session ran"
        return ""


_LONGEST = 100
_DAY = 86_400
_DIGESTS = ("the code", "the parameter", "the input", "partition ", "its `", "the variable")


def _differing(before: Parts, now: Parts) -> Iterator[str]:
    for part in dict.fromkeys([*before, *now]):
        if part not in now:
            yield f"{part} is no part of it any more"
        elif part not in before:
            yield f"{part} is new"
        elif now[part] != before[part]:
            told = max(len(now[part]), len(before[part])) < _LONGEST and not part.startswith(_DIGESTS)
            yield f"{part} changed" + (f" from {before[part]} to {now[part]}" if told else "")


@cache
def _versions() -> dict[str, str]:
    """Return the versions of all that is installed, by the names of its folders: reading each takes a while."""
    found = (path.stem.partition("-") for place in sys.path for path in Path(place).glob("*.dist-info"))
    return {name: version for name, _, version in found}


def _rank(key: str) -> float:
    """Return a number from 0 to 1 for a key, another each day: those with the lowest are audited."""
    today = int(UNPATCHED.time() // _DAY)
    return int(hashlib.sha256(f"{today} {key}".encode()).hexdigest()[:12], 16) / 16**12
