"""At the end of a session what is to be recorded is put into the lock files, by the one process that reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_expops.errors import StorageTrouble
from pytest_expops.execution.session import PipelineSession
from pytest_expops.plugin.baselines import Written
from pytest_expops.plugin.options.baseline import WRITING
from pytest_expops.plugin.state import SessionState
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.baseline.changes import is_elsewhere
from pytest_expops.verdicts.baseline.lock_file import Lock, LockEntry, lock_of, lock_text, read_lock
from pytest_expops.verdicts.baseline.lock_file_text import LockError
from pytest_expops.verdicts.baseline.lock_writing import held, write_lock
from pytest_expops.verdicts.replay import ReplayStatus, why_not_replayed
from pytest_expops.verdicts.session_verdicts import all_verdicts


class BaselineHooks:
    """Registered in the controller, or in the only process."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Record what is complete, also after `-x` and Ctrl-C."""
        if session.config.option.collectonly:
            return
        self._state.written = write_baselines(self._state)
        if any(each.error for each in self._state.written.values()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def write_baselines(state: SessionState) -> dict[Path, Written]:
    """Record what this session may record, in the lock file of each config of which anything was made ready."""
    found: dict[Path, Written] = {}
    mode = state.options.baseline.mode
    if mode not in WRITING:
        return found
    for path, baseline in state.baselines.items():
        try:
            proposals = baseline.proposals()
            if proposals:
                found[path] = _write(state, path, baseline, proposals)
        except (LockError, StorageTrouble) as error:
            found[path] = Written(error=str(error))
    return found


def _write(state: SessionState, config: Path, baseline: Baseline, proposals: Mapping[str, LockEntry]) -> Written:
    session, path, update = state.sessions[config], state.lock_paths[config], state.options.baseline.mode == "update"
    withheld = dict(_withheld(state, session, proposals))
    written = Written(withheld=withheld)
    with held(path):
        lock = read_lock(path) or Lock()  # as it is now: another session may have written meanwhile
        entries = dict(lock.entries)
        for name, entry in proposals.items():
            if name in withheld:
                continue
            before = entries.get(name)
            if before is None:
                written.added.append(name)
            elif not update:
                continue
            elif before.to_json() == entry.to_json():
                written.unchanged += 1
            else:
                written.updated[name] = what_changed(before, entry)
            entries[name] = entry
        if update:
            written.removed = [name for name in entries if _is_obsolete(session, name)]
            for name in written.removed:
                del entries[name]
        if written.added or written.updated or written.removed:
            text = lock_text(replace(lock, entries=entries), session.expanded.processes)
            lock_of(text, path)  # what could not be read again is not written
            write_lock(path, text)
    return written


def _is_obsolete(session: PipelineSession, name: str) -> bool:
    """Return whether an entry is stale, or of a process that has been declared nondeterministic."""
    each = session.expanded.processes.get(name)
    return each is None or each.process.nondeterministic is not None


def _withheld(
    state: SessionState, session: PipelineSession, names: Mapping[str, LockEntry]
) -> Iterator[tuple[str, str]]:
    """Yield the processes that must not be recorded, and why: only what is known to repeat may become a baseline."""
    verdicts = all_verdicts(session)
    # What this session chose not to replay cannot be recorded; a process under no seed layer could be, before all were.
    needed = "all" if state.options.replay == "all" else "seeded"
    shaky: dict[str, str] = {}
    for name, each in session.expanded.processes.items():
        verdict = verdicts.get(name)
        above = next((upstream for upstream in each.upstream if upstream in shaky), None)
        if each.process.nondeterministic is not None:
            shaky[name] = f"`{name}` is declared nondeterministic"
        elif verdict is not None and verdict.status is not ReplayStatus.MATCHED:
            shaky[name] = f"`{name}` gives other results when it is replayed"
        elif above is not None:
            shaky[name] = shaky[above]
        if name not in names:
            continue
        if name in shaky:
            yield name, shaky[name]
        elif verdict is None and why_not_replayed(each, needed) is None:
            yield name, f"`{name}` was not replayed"


def what_changed(before: LockEntry, after: LockEntry) -> str:
    """Return in a few words what an update changes in an entry."""
    parts = []
    metrics = [name for name in {**before.metrics, **after.metrics} if _differ(before.metrics, after.metrics, name)]
    outputs = [name for name in {**before.outputs, **after.outputs} if _differ(before.outputs, after.outputs, name)]
    if metrics:
        parts.append(f"metrics {', '.join(metrics)}")
    if outputs:
        parts.append(f"outputs {', '.join(outputs)}")
    if not parts:
        parts.append("same results")
    if set(after.covers) - set(before.covers):
        parts.append("more is recorded of it")
    if is_elsewhere(before, after.environment):
        parts.append("recorded in another environment")
    return "; ".join(parts)


def _differ(before: Mapping[str, object], after: Mapping[str, object], name: str) -> bool:
    return repr(before.get(name)) != repr(after.get(name))
