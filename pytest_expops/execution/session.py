"""Run what is asked for and whatever it needs, each expanded process at most once over all workers.

Nobody holds the lock of one process while waiting for another's, so workers cannot wait for each other in a circle; and
a lock is given up by the operating system when its owner dies, so nobody waits for the dead.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.inputs import Outputs
from pytest_expops.execution.records import Failure, JsonFolder, Outcome, RunRecord, file_name
from pytest_expops.execution.runner import Runner
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess
from pytest_expops.values.store import ArtifactStore

WAIT_SECONDS = 0.5
"""How long to wait for one busy process before looking whether another has become free to run."""


class NotPassed(ExpopsError):
    """Outputs were asked for of a process, of the config `path`, that has none; `record` says why."""

    def __init__(self, path: Path, record: RunRecord, roots: tuple[RunRecord, ...]) -> None:
        self.path = path
        self.record = record
        self.roots = roots
        causes = "; ".join(f"{root.process} {root.outcome.value} ({_reason(root)})" for root in roots)
        super().__init__(f"`{record.process}` has no outputs: {causes}", process=record.process)


def _reason(record: RunRecord) -> str:
    return record.failure.summary if record.failure else record.outcome.value


class PipelineSession:
    """One pipeline in one pytest session, as seen by one worker.

    `folder` is common to all workers if `shared`; records, locks and artifacts stand in it.
    """

    def __init__(self, expanded: ExpandedPipeline, folder: Path, *, shared: bool = False, worker: str = "main") -> None:
        self.expanded = expanded
        self.folder = folder
        self.shared = shared
        self.store = ArtifactStore(folder / "artifacts")
        self.runner = Runner(expanded, self.store, folder, worker)
        self.errors: dict[str, BaseException] = {}
        self._records = JsonFolder(folder / "records")
        self._running = JsonFolder(folder / "running")
        self._locks = folder / "locks"
        self._locks.mkdir(exist_ok=True)
        self._known: dict[str, RunRecord] = {}

    @property
    def worker(self) -> str:
        return self.runner.worker

    def known(self, name: str) -> RunRecord | None:
        """The record of `name`, if its run has ended; runs nothing."""
        record = self._known.get(name)
        if record is None and self.shared:
            data = self._records.read(name)
            if data is not None:
                record = self._known[name] = RunRecord.from_json(data)
        return record

    def record(self, name: str) -> RunRecord:
        """The record of `name`, after running whatever of it and its upstream nobody has run yet.

        Processes that nobody is running are run here, in topological order; for one that another worker is running,
        this worker waits only when there is nothing else left to do.
        """
        record = self.known(name)
        if record is not None:
            return record
        pending = self._pending(name)
        while pending:
            busy = None
            for each in list(pending):
                if self.known(each) is not None or self._try(each, wait=0) is not None:
                    pending.remove(each)
                elif busy is None and self._ready(each):
                    busy = each
            if busy is not None and self._try(busy, wait=WAIT_SECONDS) is not None:
                pending.remove(busy)
        return self._known[name]

    def outputs(self, name: str) -> Outputs:
        """The outputs of `name` as the caller's own copy, running what is needed.

        Raises:
            NotPassed: the process, or one upstream of it, did not pass.
        """
        record = self.record(name)
        if record.outcome is not Outcome.PASSED:
            raise NotPassed(self.expanded.pipeline.path, record, self.roots(record))
        return self.load(record)

    def load(self, record: RunRecord) -> Outputs:
        """The stored outputs of a run that passed, each call giving a copy of its own."""
        with self.runner.project.entered():
            return {
                key: self.store.get(each.artifact) for key, each in record.outputs.items() if each.artifact is not None
            }

    def roots(self, record: RunRecord) -> tuple[RunRecord, ...]:
        """The records of the processes whose failure is the reason for this one's; itself, if it did run."""
        if record.outcome is not Outcome.BLOCKED:
            return (record,)
        return tuple(self.record(root) for root in record.roots)

    def all_records(self) -> Mapping[str, RunRecord]:
        """The records of every process that was run in this session by any worker, in topological order.

        What a dead worker was running gets its record here.
        """
        for data in list(self._running.all()):
            if self.known(data["process"]) is None:
                self._finish(self._crashed(data))
        return {name: record for name in self.expanded.processes if (record := self.known(name)) is not None}

    def lock(self, name: str, *, wait: float = -1) -> AbstractContextManager[object]:
        """Keep other workers from what `name` stands for, waiting `wait` seconds for it (-1: as long as it takes).

        Raises:
            filelock.Timeout: another worker still has it.
        """
        if not self.shared:
            return nullcontext()
        return FileLock(self._locks / f"{file_name(name)}.lock").acquire(timeout=wait, poll_interval=0.01)

    def _pending(self, name: str) -> list[str]:
        """The processes without a record that `name` needs, itself the last, in topological order."""
        found: dict[str, None] = {}
        stack = [(name, False)]
        while stack:
            each, done = stack.pop()
            if done:
                found[each] = None
            elif each not in found and self.known(each) is None:
                stack.append((each, True))
                stack.extend((upstream, False) for upstream in self.expanded[each].upstream)
        return list(found)

    def _ready(self, name: str) -> bool:
        return all(upstream in self._known for upstream in self.expanded[name].upstream)

    def _try(self, name: str, *, wait: float) -> RunRecord | None:
        """Run `name` if its upstream is done and no other worker is at it; None if not."""
        if not self._ready(name):
            return None
        if not self.shared:
            return self._run(name)
        try:
            with self.lock(name, wait=wait):
                record = self.known(name)
                if record is not None:
                    return record
                left = self._running.read(name)
                # The lock was free and yet the process is marked as running: whoever ran it is dead. To run it again
                # might kill this worker too.
                return self._finish(self._crashed(left)) if left is not None else self._run(name)
        except Timeout:
            return None

    def _run(self, name: str) -> RunRecord:
        each = self.expanded[name]
        roots = self._failed_upstream(each)
        if roots:
            return self._finish(RunRecord(name, 0, Outcome.BLOCKED, roots=roots, worker=self.worker))
        if self.shared:
            self._running.write(name, {"process": name, "worker": self.worker})
        try:
            run = self.runner.run(name, lambda upstream: self.load(self._known[upstream]))
            if run.error is not None:
                self.errors[name] = run.error
            return self._finish(run.record)
        finally:
            if self.shared:
                self._running.path(name).unlink(missing_ok=True)

    def _failed_upstream(self, each: ExpandedProcess) -> tuple[str, ...]:
        """The names of the processes because of which `each` cannot run, without repetition."""
        roots: dict[str, None] = {}
        for upstream in each.upstream:
            record = self._known[upstream]
            if record.outcome is Outcome.BLOCKED:
                roots.update(dict.fromkeys(record.roots))
            elif record.outcome is not Outcome.PASSED:
                roots[upstream] = None
        return tuple(roots)

    def _crashed(self, left: Mapping[str, Any]) -> RunRecord:
        message = f"worker {left['worker']} died while it ran `{left['process']}`"
        return RunRecord(
            process=left["process"],
            attempt=0,
            outcome=Outcome.CRASHED,
            worker=left["worker"],
            failure=Failure("WorkerDied", message, message),
        )

    def _finish(self, record: RunRecord) -> RunRecord:
        self._records.write(record.process, record.to_json())
        self._known[record.process] = record
        return record
