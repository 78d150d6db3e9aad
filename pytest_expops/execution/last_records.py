"""The records of runs that left none of their own: what of a run must be known where the rest cannot be."""

from __future__ import annotations

from pytest_expops.execution.raised import failure_of
from pytest_expops.execution.records import Failure, Outcome, RunRecord


def crashed(name: str, worker: str, how: str = "") -> RunRecord:
    """Return the record of a process whose worker has died, and `how`, if that was seen."""
    message = f"worker {worker} died while it ran `{name}`{f': it {how}' if how else ''}"
    return RunRecord(name, 0, Outcome.CRASHED, worker=worker, failure=Failure("WorkerDied", message, message))


def lost(name: str, worker: str, why: str) -> RunRecord:
    """Return the record of a process that a worker has begun to run, or was to, and of which nothing is there."""
    return RunRecord(name, 0, Outcome.FAILED, worker=worker, failure=Failure("WorkLost", why, why))


def unrecorded(name: str, worker: str) -> RunRecord:
    """Return the record of a process of which another worker could write none."""
    message = f"worker {worker} has run `{name}`, and could not write its record"
    return RunRecord(name, 0, Outcome.FAILED, worker=worker, failure=Failure("StoreError", message, message))


def failed(name: str, worker: str, error: BaseException) -> RunRecord:
    """Return a record without anything of the user's but what `error` says."""
    return RunRecord(name, 0, Outcome.FAILED, worker=worker, failure=failure_of(error))
