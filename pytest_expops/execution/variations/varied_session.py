"""A variation of a pipeline, run in this interpreter and in memory; what it does not touch is the session's own.

A process is the session's own if it, its parameters, its seed and all that it receives are as configured. Its record
is then asked of the session, which runs it once. Everything else runs here, as the session would run it: isolated,
seeded and checked alike (S2.3, S2.4, S4.3). Nothing is written to the session's folder.
"""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import shutil
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from pytest_expops.errors import EmptyPartitionWarning, ExpopsError, StoreError
from pytest_expops.execution import scratch
from pytest_expops.execution.artifact_cache import ArtifactReader
from pytest_expops.execution.calls.inputs import Outputs
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.raised import first_user_frame, is_a, looking
from pytest_expops.execution.records import Outcome, Output, RunRecord
from pytest_expops.execution.runner import Keep, Runner, checked
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.variations.variation import EVERY, Variation, by_expanded_name, unknown_process
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Kind, Process
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.memory_store import MemoryStore
from pytest_expops.wording import joined

MOST_EXPANSIONS = 64
"""So many varied pipelines are kept expanded, for each session."""


class VariedSession:
    """One variation of the pipeline of `base`; runs what is asked for, each process once."""

    def __init__(self, base: PipelineSession, variation: Variation) -> None:
        self.base = base
        self.variation = variation
        self.expanded = _expanded(base, variation)
        self._folder = _Folder()
        self._runner = _Runner(self.expanded, self._folder.path, base.runner)
        self._reader = ArtifactReader(self._runner.store, base.reader.cache)
        self._records: dict[str, RunRecord] = {}
        self._errors: dict[str, BaseException] = {}
        with base.runner.project.entered():
            for name, given in by_expanded_name(variation.outputs, self._names).items():
                outputs = self._runner.kept(self.expanded[name].process, given)
                self._records[name] = RunRecord(name, 0, Outcome.PASSED, outputs, worker=base.worker)
        self._untouched: dict[str, bool] = {}
        for each in self.expanded.processes.values():  # upstream first
            self._untouched[each.name] = self._as_configured(each)

    @property
    def touched(self) -> list[str]:
        """The processes that are to be run here, in topological order."""
        processes = self.expanded.processes.values()
        return [each.name for each in processes if not self._untouched[each.name] and each.process.kind != Kind.CHART]

    def outputs(self, name: str) -> Outputs:
        """Return the outputs of `name` as the caller's own copy, after running what is needed.

        Raises:
            NotPassed: an upstream process that the variation leaves alone did not pass in the session.
            Exception: whatever a process of the variation raises.
        """
        __tracebackhide__ = True
        self.record(name)
        with self.base.running():
            return self._load(name)

    def record(self, name: str) -> RunRecord:
        """Return the record of `name`, after running what is needed; raises as `outputs`."""
        __tracebackhide__ = True
        with self.base.running(), self.base.runner.project.entered():
            for each in self._pending(name):
                if each not in self._records:
                    self._records[each] = self._recorded(each)
        return self._records[name]

    def _recorded(self, name: str) -> RunRecord:
        __tracebackhide__ = True
        if self._untouched[name]:
            record = self.base.record(name)
            if record.outcome is not Outcome.PASSED:
                self.base.outputs(name)  # raises, and says why
            return record
        if name not in self._errors:
            run = self._runner.run(name, self._load)
            if run.error is None:
                return run.record
            if is_a(run.error, KeyboardInterrupt):
                raise run.error
            if not is_a(run.error, ExpopsError):
                looking(partial(run.error.add_note, f"raised by `{name}` in {self._call()}"))
            self._errors[name] = run.error.with_traceback(first_user_frame(run.error.__traceback__))
        raise self._errors[name]

    def _call(self) -> str:
        """Return the call that made this session, and whose outputs were given in it: their values are the caller's."""
        given = joined(f"`{name}`" for name in self.variation.outputs)
        call = self.variation.call(outputs="outputs" if given else "")
        return f"{call}, `outputs` being what is given of {given}" if given else call

    def _load(self, name: str, partition: Partition | None = None, /) -> Outputs:
        if self._untouched[name]:
            return self.base.load(self._records[name], partition)
        with self.base.runner.project.entered():
            return self._reader.outputs(self._records[name].outputs, partition)

    def _pending(self, name: str) -> Iterable[str]:
        """Return what must have a record for `name` to have one, itself the last, in topological order.

        Of a process that is the session's own, the session knows what it needs.
        """
        found: dict[str, None] = {}
        stack = [(name, False)]
        while stack:
            each, done = stack.pop()
            if done:
                found[each] = None
            elif each not in found and each not in self._records:
                stack.append((each, True))
                if not self._untouched[each]:
                    stack.extend((upstream, False) for upstream in reversed(self.expanded[each].upstream))
        return [*found, name]

    def _names(self, name: str) -> list[str]:
        """Return the expanded names that a name given in `outputs` stands for."""
        if name in self.expanded.processes:
            return [name]
        duplicates = [each.name for each in self.expanded.of(name)]
        if not duplicates:
            raise unknown_process(name, [*self.expanded.pipeline.processes, *self.expanded.processes], "outputs")
        return duplicates

    def _as_configured(self, each: ExpandedProcess) -> bool:
        """Return whether a process is given, seeded and fed as in the session; its upstream is settled already."""
        first = self.base.expanded.processes.get(each.name)
        if each.name in self._records or first is None:
            return False
        if (first.partitions, first.seeds, first.upstream) != (each.partitions, each.seeds, each.upstream):
            return False
        if not each.seeds and self.expanded.pipeline.base_seed != self.base.expanded.pipeline.base_seed:
            return False
        if EVERY in self.variation.parameters or not self._same_process(first.process, each.process):
            return False
        processes = self.expanded.pipeline.processes
        return all(self._untouched[upstream] for upstream in each.upstream) and not any(
            upstream in self.variation.partitions and processes[upstream].split_data != self._split(upstream)
            for upstream in each.process.upstream
        )

    def _split(self, name: str) -> Any:
        return self.base.expanded.pipeline.processes[name].split_data

    def _same_process(self, first: Process, other: Process) -> bool:
        """Return whether a process itself is unchanged; what it opens matters to those downstream of it alone."""
        if first.name != other.name or first.name in self.variation.parameters:
            return False
        if first.split_seeds != other.split_seeds:
            callee = self._runner.callee(other)
            return callee is not None and all(each.name != "seeds" for each in callee.parameters)
        return True


class _Runner(Runner):
    """A runner that keeps outputs in memory, and takes no fingerprints: nothing here is compared by them."""

    def __init__(self, expanded: ExpandedPipeline, folder: Path, base: Runner) -> None:
        super().__init__(expanded, MemoryStore(), folder, base.worker, code_of=base)
        own, others = self.limits, base.limits
        own.timeout, own.memory, own.terminal = others.timeout, others.memory, others.terminal

    def kept(self, process: Process, returned: object) -> dict[str, Output]:
        """Return what a process returned, or is said to have returned, as its outputs; raises as the session would."""
        with warnings.catch_warnings():
            # In a config an empty partition is most likely a mistake; here somebody asked for it.
            warnings.simplefilter("ignore", EmptyPartitionWarning)
            outputs = checked(process, returned)
        kept = {}
        for key, value in outputs.items():
            path = f"outputs[{key!r}]"
            try:
                kept[key] = Output("", self._put(value, path))
            except ExpopsError as error:
                error.process = error.process or process.name
                error.key = error.key or key
                raise
        return kept

    def _put(self, value: object, path: str) -> Any:
        try:
            return self.store.put(value, path)
        except StoreError:
            fingerprint(value, path)  # in a session it goes first, and so its error
            raise

    def _keep(self, process: Process, returned: object, keep: Keep) -> dict[str, Output]:
        return self.kept(process, returned)


class _Folder:
    """Where `checkpoint_dir` of varied processes is made, if one asks for it; gone when the variation is."""

    def __init__(self) -> None:
        self.path = _place(os.getpid()) / secrets.token_hex(8)
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@functools.cache
def _place(process: int) -> Path:
    """Return where this process makes them."""
    place = scratch.new_folder("varied")
    atexit.register(lambda: scratch.remove(place) if os.getpid() == process else None)
    return place


_expansions: weakref.WeakKeyDictionary[PipelineSession, OrderedDict[Any, ExpandedPipeline]] = (
    weakref.WeakKeyDictionary()
)


def _expanded(base: PipelineSession, variation: Variation) -> ExpandedPipeline:
    """Return the varied pipeline, expanded anew only where partitions or seeds are not as the last few times."""
    pipeline = variation.applied_to(base.expanded.pipeline)
    if variation.parameters or variation.base_seed is not None:
        return expand(pipeline)
    known = _expansions.setdefault(base, OrderedDict())
    key = (tuple(sorted(variation.partitions.items())), tuple(sorted(variation.seeds.items())))
    found = known.get(key)
    if found is None:
        found = known[key] = expand(pipeline)
        if len(known) > MOST_EXPANSIONS:
            known.popitem(last=False)
    known.move_to_end(key)
    return found
