"""Results of earlier sessions in this one: what stands in for runs, what is kept, and what is told of it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import ReplayError, StorageTrouble
from pytest_expops.execution.records import JsonFolder, RunRecord
from pytest_expops.execution.remote_files import RemoteRefused
from pytest_expops.execution.reuse.entry import Entry, KeptVerdict
from pytest_expops.execution.reuse.remote import RemoteStore
from pytest_expops.execution.reuse.reuse import Reuse, ReusePlan, ReuseTerms
from pytest_expops.execution.reuse.store import FOLDER, CacheRefused, ResultStore
from pytest_expops.execution.session import PipelineSession
from pytest_expops.plugin.options.cache import CacheOptions
from pytest_expops.plugin.options.options import Options
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.urls import KEY_VARIABLE
from pytest_expops.values.differences import Difference
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.replay import Verdict, differences_between, gives_the_same_under
from pytest_expops.wording import did_you_mean, listed

REUSED = "expops_reused"
"""The property of an item whose work an earlier session has done."""
UNKEYED = ("clock", "host")
"""Sources that no key knows of: a result that is drawn from one is kept only if varying it changes nothing."""


_MOST_SHOWN = 10


@dataclass
class SessionReuse:
    """Of all pipelines of a session, as seen by one of its processes. `problems` say why one has no store."""

    reuses: dict[Path, Reuse] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    remote: RemoteStore | None = None

    @classmethod
    def of(cls, options: Options, sessions: Mapping[Path, PipelineSession]) -> SessionReuse:
        """Open the stores of some pipelines, by config.

        Raises:
            pytest.UsageError: the folder that the user named cannot be used.
        """
        found = cls()
        if not options.cache.enabled:
            return found
        stores: dict[Path, ResultStore] = {}
        wanted = _wanted(options)
        try:
            remote = _remote(options.cache, sessions)
        except RemoteRefused as error:
            raise pytest.UsageError(f"--expops-cache: {error}") from None
        found.remote = remote
        for path, session in sessions.items():
            folder = options.cache.folder or path.parent / FOLDER
            try:
                if folder not in stores:
                    stores[folder] = ResultStore(folder, os.environ.get(KEY_VARIABLE, "").encode(), remote)
            except CacheRefused as error:
                if options.cache.folder is not None:
                    raise pytest.UsageError(f"--expops-cache: {error}") from None
                found.problems.append(f"no results are kept or reused: {error}")
                continue
            found.reuses[session.folder] = Reuse(session, stores[folder], wanted, dict(os.environ))
        return found

    def plan(self) -> dict[Path, ReusePlan]:
        """Find out, once for all workers, what can be reused; by the folder of each pipeline."""
        return {folder: reuse.plan() for folder, reuse in self.reuses.items()}

    def kept(self, session: PipelineSession) -> Container[str]:
        """Return the processes of a pipeline whose results are kept, by the plan; some of them are audited."""
        reuse = self.reuses.get(session.folder)
        return reuse.planned().reusable if reuse is not None else ()

    def take(self, session: PipelineSession, name: str) -> RunRecord | None:
        """Return the record of an earlier session that stands in for a run of `name`; None where it is to run."""
        reuse = self.reuses.get(session.folder)
        try:
            return reuse.take(name) if reuse is not None else None
        except (StorageTrouble, OSError):  # what cannot be read or linked is made again
            return None

    def verdict(self, session: PipelineSession, name: str) -> Verdict | None:
        """Return the verdict of an earlier session on `name`, if its result is of that session, or was found to be."""
        reuse = self.reuses.get(session.folder)
        if reuse is None:
            return None
        taken = reuse.taken(name)
        evidence = taken.evidence if taken is not None else None
        if evidence is None and (entry := reuse.audited(name)) is not None:
            differs = differences_between(session, name, entry.record, session.record(name))
            evidence = None if differs else entry.evidence
        return replace(Verdict.from_json(evidence.verdict), earlier=True) if evidence is not None else None

    def sketches(self, session: PipelineSession, name: str) -> Mapping[str, Any]:
        """Return what was kept of the outputs of `name`, if its result is of an earlier session; else nothing."""
        reuse = self.reuses.get(session.folder)
        taken = reuse.taken(name) if reuse is not None else None
        return taken.sketches if taken is not None else {}

    def keeps(self, session: PipelineSession, name: str) -> bool:
        """Return whether the result of `name` is to be kept, if it repeats; from now on, what is opened is watched."""
        reuse = self.reuses.get(session.folder)
        if reuse is None or session.expanded[name].process.nondeterministic is not None:
            return False
        if session.record(name).saved is not None or reuse.audited(name) is not None:
            return False
        reuse.watch()
        return True

    def keep(
        self,
        session: PipelineSession,
        verdict: Verdict,
        vary: tuple[str, ...],
        seconds: float,
        pool: ReplicaPool,
        baseline: Baseline | None,
    ) -> None:
        """Keep a result that replays have given again, or note why it is not kept."""
        reuse, name = self.reuses[session.folder], verdict.process
        with suppress(ReplayError, StorageTrouble):  # it is only not kept
            if verdict.found:
                reuse.refuse(name, f"its replay read what this session had written: {verdict.found[0].path}")
            elif verdict.drew and not gives_the_same_under(session, name, pool, verdict.drew):
                reuse.refuse(name, f"it gives something else when varied: {' and '.join(verdict.drew)}")
            else:
                plain = replace(verdict, seen=None, printed="").to_json()
                evidence = KeptVerdict(verdict.replays, vary, plain)
                sketches = baseline.sketches(name) if baseline is not None else {}
                reuse.keep(name, evidence, verdict.seen, session.record(name).duration + seconds, sketches)

    def audit(self, session: PipelineSession, name: str) -> Audited | None:
        """Return what came of running `name` all the same; None where it was not to be."""
        reuse = self.reuses.get(session.folder)
        entry = reuse.audited(name) if reuse is not None else None
        if reuse is None or entry is None:
            return None
        differences = differences_between(session, name, entry.record, session.record(name))
        if differences:
            beside = tuple(reuse.beside(entry))
            reuse.forget(name)
            left = self.remote.url if self.remote and (self.remote.read_only or self.remote.problem) else ""
            return Audited(entry, differences, beside, left)
        return Audited(entry)

    def shrink(self, most: int) -> None:
        """Remove least recently used results until no store takes more than `most` bytes."""
        for store in {id(reuse.store): reuse.store for reuse in self.reuses.values()}.values():
            with suppress(OSError):
                store.shrink(most)

    def why(self, asked: str, sessions: Iterable[PipelineSession]) -> Iterator[str]:
        """Yield why the processes of that name, expanded or as in the config, are not reused, or that they are.

        Raises:
            pytest.UsageError: there is none, or no results are kept.
        """
        if not self.reuses:
            why = "; ".join(self.problems) or "no results are kept (--expops-cache=off)"
            raise pytest.UsageError(f"--expops-why: {why}")
        self.plan()
        known: dict[str, None] = {}
        found = False
        for session in sessions:
            for name, each in session.expanded.processes.items():
                known |= {each.process.name: None, name: None}
                if asked in (name, each.process.name) and session.folder in self.reuses:
                    found = True
                    reasons = list(self.reuses[session.folder].why(name))
                    yield f"{name}: {'; '.join(reasons) if reasons else 'is reused'}"
        if not found:
            near = did_you_mean(asked, known)
            raise pytest.UsageError(
                f"--expops-why: `{asked}` is no process of the pipeline{f'; {near}' if near else ''}"
            )

    def close(self) -> None:
        """Watch nothing any longer."""
        for reuse in self.reuses.values():
            reuse.close()

    def header(self) -> Iterator[str]:
        """Yield what is said of the stores before anything runs."""
        yield from self.problems
        if self.remote is not None:
            how = ", which is only read" if self.remote.read_only else ""
            yield f"results are shared at {self.remote.url}{how}"

    def lines(self, session: PipelineSession, records: Mapping[str, RunRecord]) -> Iterator[str]:
        """Yield what the summary says of one pipeline."""
        reuse = self.reuses.get(session.folder)
        if reuse is None:
            return
        saved = [record.saved for record in records.values() if record.saved is not None]
        if saved:
            yield f"reused {len(saved)} of {len(session.expanded)}; {in_words(sum(saved))} saved"
        audited = [name for name in records if reuse.audited(name) is not None]
        if audited:
            yield f"run again, to check what was kept: {listed(audited, 4)}"
        reasons: dict[str, list[str]] = {}
        for name, reason in reuse.unkept():
            reasons.setdefault(reason, []).append(name)
        if reasons:
            parts = [f"{listed(names, 4)} ({reason})" for reason, names in reasons.items()]
            yield f"not kept {sum(map(len, reasons.values()))}: {'; '.join(parts)}"
        if self.remote is not None and session.folder == next(iter(self.reuses)):  # once, not for each pipeline
            yield from self.remote.told()
        for each in reuse.store.damaged:
            yield f"a kept result was damaged, and was removed: {each}"


@dataclass(frozen=True, slots=True)
class Audited:
    """A process that was run although a kept result could have stood in, and where the two differ.

    `beside` says what of that which was there besides has changed since, so far as it is known. `left` is the URL of a
    store from which it could not be removed.
    """

    entry: Entry
    differences: tuple[Difference, ...] = ()
    beside: tuple[str, ...] = ()
    left: str = ""


def _remote(cache: CacheOptions, sessions: Mapping[Path, PipelineSession]) -> RemoteStore | None:
    if not cache.remote or not sessions:
        return None
    notes = JsonFolder(next(iter(sessions.values())).folder / "remote")
    return RemoteStore(cache.remote, read_only=cache.read_only, notes=notes)


def _wanted(options: Options) -> ReuseTerms:
    cache: CacheOptions = options.cache
    replays = 0 if options.replay == "none" else options.replays
    vary = tuple(name for name in options.vary if SOURCES[name].unavailable() is None)
    return ReuseTerms(replays, vary, cache.refresh, cache.audit, dict(cache.besides))


class ReuseHooks:
    """Gives items whose work an earlier session has done a letter of their own; they have passed all the same."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Return category, letter and word."""
        if report.when == "call" and report.passed and (REUSED, True) in report.user_properties:
            return "passed", "u", "REUSED"
        return None


def audited_text(name: str, audited: Audited) -> str:
    """Return what is told of a kept result that was another than what a run gives; first in one line."""
    kept = datetime.datetime.fromtimestamp(audited.entry.kept, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"what was kept of `{name}` on {kept} is not what it gives now: {_differing(audited.differences)}",
        "  It was run again to check what was kept (--expops-cache-audit). All that its result is known to depend "
        "on is as it was: its code, inputs, parameters and seeds, the files and variables that it was seen to use, the "
        "libraries and the machine.",
    ]
    if audited.beside:
        lines.append("  So it depends on something else. Since then, but perhaps for no reason:")
        lines += [f"    {each}" for each in audited.beside]
    else:
        lines.append(
            "  So it depends on something else, or on chance. Nothing else is known to have changed since then."
        )
    if audited.left:
        lines.append(f"  What was kept is removed here, but not at {audited.left}, where it may be, too.")
    else:
        lines.append("  What was kept is removed: later sessions run it again.")
    lines += [f"    {each}" for each in audited.differences[1:_MOST_SHOWN]]
    lines.append(
        "  fix: if it reads a file where that is not seen (a library in C opens it, outside of the project), name the "
        "file in its parameters; if it is left to chance, `--expops-replays=5` finds out more"
    )
    return "\n".join(lines)


def _differing(differences: Sequence[Difference]) -> str:
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    return f"{differences[0]}{more}"


def in_words(seconds: float) -> str:
    """Return a time as a person would write it: ``2 min 14 s``, ``0.8 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", f"{rest} s" if rest else ""]
    return " ".join(each for each in parts if each)
