"""Run what is asked for and whatever it needs, each expanded process at most once over all workers.

Nobody holds the lock of one process while waiting for another's, so workers cannot wait for each other in a circle; and
a lock is given up by the operating system when its owner dies, so nobody waits for the dead.

A worker that runs a process takes its lock, enters itself as the owner, runs it, appends the record to its journal,
marks it as recorded, and gives the lock up. So whoever gets the lock finds no owner, or the owner's record, or that the
owner has died. A process that was begun is never run again, whatever comes between: where its record cannot be made or
written there is a smaller one that says so, and where the session's folder is not as it was left there is an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from pytest_expops.errors import CallLost, ExpopsError, SessionFolderError, StoreError
from pytest_expops.execution._claims import Claims, Mark, owner_name
from pytest_expops.execution._journal import SUFFIX, Journal, JournalReader
from pytest_expops.execution.artifact_cache import DEFAULT_MEMORY, ArtifactReader, PartCache
from pytest_expops.execution.calls.inputs import Outputs
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.interpreter_end import ended
from pytest_expops.execution.last_records import crashed, failed, unrecorded
from pytest_expops.execution.raised import is_a
from pytest_expops.execution.records import Outcome, Output, RunRecord, file_name
from pytest_expops.execution.runner import Runner
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.store import ArtifactStore

CLAIMS = "claims"
"""In the folder of a session of several workers: the file that says what has been run."""
WAIT_SECONDS = 0.5
"""How long to wait for one busy process before looking whether another has become free to run."""


Watching = Callable[[Runner], AbstractContextManager[Callable[[], Mapping[str, int]]]]
"""Watches a first run; what it gives says which files that has written (see `RunRecord.written`)."""


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

    `folder` is common to all workers if `shared`; records, locks and artifacts stand in it. `cache` keeps partitions
    for all sessions of this worker. With `watch`, the records of runs have what they were seen to use. `watching` notes
    which files a first run writes.
    """

    def __init__(
        self,
        expanded: ExpandedPipeline,
        folder: Path,
        *,
        shared: bool = False,
        worker: str = "main",
        cache: PartCache | None = None,
        watch: bool = False,
        watching: Watching = lambda _: nullcontext(dict),
    ) -> None:
        self.expanded = expanded
        self.folder = folder
        self._claims = Claims(folder / CLAIMS, expanded.processes, worker) if shared else None
        self.shared = shared
        self.store = ArtifactStore(folder / "artifacts")
        self.reader = ArtifactReader(self.store, PartCache(DEFAULT_MEMORY) if cache is None else cache)
        self.runner = Runner(expanded, self.store, folder, worker, watch=watch)
        self.errors: dict[str, BaseException] = {}
        self.began = UNPATCHED.time()
        self.end_of: Callable[[str], tuple[int | None, str]] = lambda _: (None, "")
        """Returns with which exit status a worker has ended, and what the kernel has counted meanwhile."""
        self.apart: Callable[[str], RunRecord | None] = lambda _: None
        """Makes the first run of a process in another interpreter, and returns its record; None if it is for here."""
        self.earlier: Callable[[str], RunRecord | None] = lambda _: None
        """Returns the record of an earlier session that stands in for a run of a process; None if it is to run."""
        self._watching = watching
        self._locks = folder / "locks"
        self._records = folder / "records"
        self._records.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(self._records / f"{owner_name(worker)}{SUFFIX}")
        self._others: dict[str, JournalReader] = {}
        self._known: dict[str, RunRecord] = {}
        # A worker's locks keep out other workers, not its own threads, and there is one working directory for all.
        self._running = threading.RLock()

    @property
    def worker(self) -> str:
        """The name of the pytest process that this session is of: ``main``, or pytest-xdist's id of a worker."""
        return self.runner.worker

    def running(self) -> AbstractContextManager[object]:
        """Keep other threads of this worker from running processes of this pipeline meanwhile."""
        return self._running

    def known(self, name: str) -> RunRecord | None:
        """Return the record of `name`, if its run has ended; runs nothing."""
        record = self._known.get(name)
        if record is None and self._claims is not None:
            owner = self._claims.owner(name)
            if owner is not None:
                self._read_on(owner[0])
                record = self._known.get(name)
        return record

    def record(self, name: str) -> RunRecord:
        """Return the record of `name`, after running whatever of it and its upstream nobody has run yet.

        Processes that nobody is running are run here, in topological order; for one that another worker is running,
        this worker waits only when there is nothing else left to do.
        """
        with self._running:
            return self.known(name) or self._recorded(name)

    def _recorded(self, name: str) -> RunRecord:
        pending = self._pending(name)
        while pending:
            busy = None
            for each in list(pending):
                if self._try(each, wait=0) is not None:
                    pending.remove(each)
                elif busy is None and self._ready(each):
                    busy = each
            if busy is not None and self._try(busy, wait=WAIT_SECONDS) is not None:
                pending.remove(busy)
        return self._known[name]

    def given(self, name: str, outputs: Outputs, *, started: float | None = None, duration: float = 0.0) -> RunRecord:
        """Record outputs that are there without a run of `name`, as if that had passed.

        Raises:
            FingerprintError, StoreError: a value cannot be fingerprinted or stored.
        """
        kept = {}
        for key, value in outputs.items():
            digest = fingerprint(value, key).digest
            kept[key] = Output(digest, self.store.put(value, key))
        began = UNPATCHED.time() if started is None else started
        return self.adopt(RunRecord(name, 0, Outcome.PASSED, kept, started=began, duration=duration))

    def adopt(self, record: RunRecord) -> RunRecord:
        """Take a record that was made elsewhere for the first run of its process."""
        with self._running:
            return self._finish(record)

    def outputs(self, name: str) -> Outputs:
        """Return the outputs of `name` as the caller's own copy, running what is needed.

        Raises:
            NotPassed: the process, or one upstream of it, did not pass.
        """
        record = self.record(name)
        if record.outcome is not Outcome.PASSED:
            raise NotPassed(self.expanded.pipeline.path, record, self.roots(record))
        return self.load(record)

    def load(self, record: RunRecord, partition: Partition | None = None) -> Outputs:
        """Return a copy of the stored outputs of a run that passed; of a split one partition."""
        with self.runner.project.entered():
            return self.reader.outputs(record.outputs, partition)

    def verify(self, name: str) -> None:
        """See that what is stored of `name`, and of its upstream, is as it was stored: before it is said to differ.

        Raises:
            StorageTrouble: it is not.
        """
        for each in (name, *self.expanded[name].upstream):
            record = self.known(each)
            for output in record.outputs.values() if record is not None else ():
                if output.artifact is not None:
                    self.store.data(output.artifact, verify=True)

    def roots(self, record: RunRecord) -> tuple[RunRecord, ...]:
        """Return the records of the processes whose failure is the reason for this one's; itself, if it did run."""
        if record.outcome is not Outcome.BLOCKED:
            return (record,)
        return tuple(self.record(root) for root in record.roots)

    def all_records(self) -> Mapping[str, RunRecord]:
        """Return the records of every process that was run in this session by any worker, in topological order.

        What a dead worker was running gets its record here.
        """
        if self._claims is not None:
            owners = self._claims.owners()
            for owner in dict.fromkeys(owners.values()):
                self._read_on(owner)
            for name in owners:
                if name not in self._known:
                    with self._claims.held(name) as held:
                        if held:
                            self._left(self._claims, name)
        return {name: self._known[name] for name in self.expanded.processes if name in self._known}

    def lock(self, name: str, *, wait: float = -1) -> AbstractContextManager[object]:
        """Keep other workers from `name`, waiting `wait` seconds for it (-1: as long as it takes).

        Raises:
            filelock.Timeout: another worker still has it.
        """
        if not self.shared:
            return nullcontext()
        self._locks.mkdir(exist_ok=True)
        return FileLock(self._locks / f"{file_name(name)}.lock").acquire(timeout=wait, poll_interval=0.01)

    def _pending(self, name: str) -> list[str]:
        """Return the processes without a record that `name` needs, itself the last, in topological order."""
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
        if self._claims is None:
            return self._run(name)
        with self._claims.held(name, wait=wait) as held:
            return (self._left(self._claims, name) or self._run(name)) if held else None

    def _left(self, claims: Claims, name: str) -> RunRecord | None:
        """Return the record of `name`, whose lock is held, if anybody has begun to run it.

        One who has begun and left no record is dead. To run it again might kill this worker too.
        """
        record = self._known.get(name)
        found = claims.owner(name) if record is None else None
        if found is not None:
            owner, mark = found
            self._read_on(owner)
            record = self._known.get(name)
            if record is None and mark is Mark.RECORDED:
                raise SessionFolderError(self._records, f"has no record of `{name}`, which {owner} has run")
            if record is None:
                record = self._settle(self._died(name, owner) if mark is Mark.BEGUN else unrecorded(name, owner))
        return record

    def _died(self, name: str, worker: str) -> RunRecord:
        """Return the record of a process whose worker was ended for its time, or has died."""
        failure = self.runner.limits.ended_for_time(self.expanded[name], 0)
        if failure is not None:
            return RunRecord(name, 0, Outcome.FAILED, worker=worker, failure=failure)
        code, oom_kills = self.end_of(worker)
        return crashed(name, worker, ended(code, self.runner.limits.memory_in_force(self.expanded[name], 0), oom_kills))

    def _run(self, name: str) -> RunRecord:
        each = self.expanded[name]
        roots = self._failed_upstream(each)
        if roots:
            return self._finish(RunRecord(name, 0, Outcome.BLOCKED, roots=roots, worker=self.worker))
        if self._claims is not None:
            self._claims.take(name)
        error: BaseException | None = None
        try:
            record = self.earlier(name) or self.apart(name)
            if record is None:
                record, error = self._run_here(name)
        except CallLost:
            raise
        except BaseException as raised:  # interrupted, or trouble of ours: it may have run all the same
            record, error = failed(name, self.worker, raised), raised
        record = self._settle(record)
        if error is not None:
            self.errors[name] = error
        if error is not None and is_a(error, KeyboardInterrupt):
            raise error
        return record

    def _run_here(self, name: str) -> tuple[RunRecord, BaseException | None]:
        with self._watching(self.runner) as written:
            run = self.runner.run(
                name,
                lambda upstream, part=None: self.load(self._known[upstream], part),
                record_of=self._known.__getitem__,
            )
            return replace(run.record, written=written()), run.error

    def _failed_upstream(self, each: ExpandedProcess) -> tuple[str, ...]:
        """Return the names of the processes because of which `each` cannot run, without repetition."""
        roots: dict[str, None] = {}
        for upstream in each.upstream:
            record = self._known[upstream]
            if record.outcome is Outcome.BLOCKED:
                roots.update(dict.fromkeys(record.roots))
            elif record.outcome is not Outcome.PASSED:
                roots[upstream] = None
        return tuple(roots)

    def _settle(self, record: RunRecord) -> RunRecord:
        """Leave a record of a process that was begun: if this one cannot be written, another that says why."""
        try:
            return self._finish(record)
        except StoreError as error:  # which another record would meet as well
            self.errors[record.process] = error
            record = failed(record.process, self.worker, error)
            self._mark(record.process, Mark.UNRECORDED)
            self._known[record.process] = record
            return record
        except Exception as error:  # what is in it is not what a record can hold
            return self._settle(failed(record.process, self.worker, error))
        except BaseException as error:
            self._settle(failed(record.process, self.worker, error))
            raise

    def _finish(self, record: RunRecord) -> RunRecord:
        self._journal.append(record.to_json())
        self._known[record.process] = record
        self._mark(record.process, Mark.RECORDED)
        return record

    def _mark(self, name: str, mark: Mark) -> None:
        """Note what has become of a process that is this worker's from now on; if it cannot be noted, it has begun."""
        if self._claims is not None:
            with suppress(StoreError):
                self._claims.take(name, mark)

    def _read_on(self, owner: str) -> None:
        """Take in what another worker has recorded since the last time."""
        reader = self._others.get(owner)
        if reader is None:
            reader = self._others[owner] = JournalReader(self._records / f"{owner}{SUFFIX}")
        for data in reader.new():
            if data["process"] not in self._known:
                self._known[data["process"]] = RunRecord.from_json(data)
