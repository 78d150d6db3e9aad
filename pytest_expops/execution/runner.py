"""Run one expanded process, once: enter its project, bind its inputs, seed, call, check, fingerprint, store, record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pytest_expops.errors import CallLost, ExpopsError, OutputError, StoreError
from pytest_expops.execution._forked import ending_forked_children
from pytest_expops.execution._limits import Limits
from pytest_expops.execution.calls.arguments import arrange, configured_parameters, hyperparameters, merged
from pytest_expops.execution.calls.checked_call import CheckedCall
from pytest_expops.execution.calls.context import ProcessContext
from pytest_expops.execution.calls.functions import Callee, CallStyle, find_function, settle
from pytest_expops.execution.calls.inputs import Load, Outputs, Received, receive
from pytest_expops.execution.calls.partitioning import as_splittable
from pytest_expops.execution.calls.recording import Recorder, recording_to
from pytest_expops.execution.declared.calling import RecordOf, chart_call, component_call, finished
from pytest_expops.execution.declared.component import ChartComponent, Component
from pytest_expops.execution.declared.components import find_component
from pytest_expops.execution.declared.renames import renamed_inputs
from pytest_expops.execution.raised import failure_of, looking
from pytest_expops.execution.records import Outcome, Output, RunRecord, file_name
from pytest_expops.execution.seeding.task_seeds import seeded, task_seed
from pytest_expops.execution.seen import Onlooker, ReadConfig, watching
from pytest_expops.execution.user_code.importable import project_code
from pytest_expops.execution.user_code.interpreter_state import KeptInterpreter
from pytest_expops.execution.user_code.requirements import advise
from pytest_expops.execution.user_code.run_environment import run_environment
from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.execution.user_code.standard_streams import own_streams
from pytest_expops.pipeline.check import CALL
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Kind, Process
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.describing import describe
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.showing import show
from pytest_expops.values.storage.store import ArtifactStore

RUN_ID = "pytest-expops"
"""The same in every session: a run id that changes would make a result that holds it impossible to reproduce."""

CHILD_MODULES = "child_modules"
"""Beside the folders of all pipelines of a session: child processes that joblib keeps may serve several of them."""


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """The record of a run, and what it raised while that is still at hand."""

    record: RunRecord
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept of the outputs of a run besides their digests.

    `values` are stored, but for an output whose digest is the one that `equal` gives for its key. `leaves` are the
    digests of the parts of each output.
    """

    values: bool = True
    equal: Mapping[str, str] = field(default_factory=dict)
    leaves: bool = False


class _Timer:
    """Measures the seconds of a block, also of one that raises; 0 where it was not reached."""

    seconds = 0.0

    def __enter__(self) -> None:
        self._begin = UNPATCHED.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds = UNPATCHED.perf_counter() - self._begin


class Runner:
    """Runs the expanded processes of one pipeline in this interpreter, one at a time."""

    def __init__(
        self,
        expanded: ExpandedPipeline,
        store: ArtifactStore,
        folder: Path,
        worker: str = "main",
        *,
        code_of: Runner | None = None,
        watch: bool = False,
        child_modules: Path | None = None,
    ) -> None:
        """`code_of` is a runner of the same scripts, whose project and functions are to serve this one too.

        With `watch`, what runs are seen to use is in their records. `child_modules` takes another folder than all runs
        of the session have in common (`CHILD_MODULES`).
        """
        self.expanded = expanded
        self.pipeline = expanded.pipeline
        self.project: ProjectCode = (
            code_of.project
            if code_of
            else project_code(expanded.pipeline, (child_modules or folder.parent) / CHILD_MODULES)
        )
        self.store = store
        self.folder = folder
        self.worker = worker
        self.onlooker = Onlooker(watching=watch)
        self.limits = Limits(folder)
        self.start: int | None = None
        """Where the streams start in a run that is not seeded; None for somewhere else each time."""
        self._callees: dict[str, Callee | None] = code_of._callees if code_of else {}
        self._components: dict[str, Component | ChartComponent] = code_of._components if code_of else {}
        self._styles: dict[str, CallStyle] = {}

    def callee(self, process: Process) -> Callee | None:
        """Return the function of a process, looked up once; None for a component, a call, and a split without function.

        Raises:
            ScriptError: As `find_function` and `find_component`.
        """
        if process.component is not None:
            self.component(process)
            return None
        if process.kind is Kind.CALL:
            return None
        if process.name not in self._callees:
            with self.onlooker.importing(process.code.script):
                self._callees[process.name] = find_function(self.project, process)
        return self._callees[process.name]

    def component(self, process: Process) -> Component | ChartComponent:
        """Return the component of a process that has one, looked up once; raises as `find_component`."""
        if process.name not in self._components:
            self._components[process.name] = find_component(process, self.pipeline)
        return self._components[process.name]

    def forget(self) -> None:
        """Import the project's modules anew at the next run, and settle everything about its functions again."""
        self.project.forget()
        self._callees.clear()
        self.onlooker.forget()
        self._styles.clear()

    def checkpoint_root(self, name: str, attempt: int) -> str:
        """Return the path at which `checkpoint_dir` of one run is made, if the run uses it."""
        return f"{self.folder}/checkpoints/{file_name(name)}-{attempt}"

    def run(
        self,
        name: str,
        load: Load,
        *,
        attempt: int = 0,
        keep: Keep | None = None,
        record_of: RecordOf | None = None,
    ) -> ProcessRun:
        """Run the expanded process `name` on what `load` gives of its upstream, and keep of its outputs what is asked.

        A chart reads the records of its upstream instead; without `record_of` it is not drawn.
        Whatever the process raises is in the result, KeyboardInterrupt too: it has run, and is not to run again.
        """
        if not self.onlooker.watching:
            return self._run(name, load, attempt, keep or Keep(), record_of)
        with watching() as watch:
            run = self._run(name, load, attempt, keep or Keep(), record_of)
            # A replay is alone with the modules that were imported for it; a first run is not.
            seen = watch.seen(modules=attempt != 0) | self.onlooker.on_import(self.expanded[name].process.code.script)
        return replace(run, record=replace(run.record, seen=seen))

    def _run(self, name: str, load: Load, attempt: int, keep: Keep, record_of: RecordOf | None) -> ProcessRun:
        each = self.expanded[name]
        seed, start = self._seeds(each)
        recorder = Recorder(name, seed)
        started = UNPATCHED.time()
        timer = _Timer()
        outputs: Mapping[str, Output] = {}
        error: BaseException | None = None
        try:
            with own_streams(), self.project.entered(), self._environment(each.process, attempt):
                if each.process.kind is Kind.CHART:
                    call = self._chart(each, record_of)
                else:
                    call = self._prepare(each, load, recorder, attempt)
                with seeded(start):
                    limits = self.limits.kept(each, attempt)
                    with limits, timer, recording_to(recorder), ending_forked_children(), KeptInterpreter():
                        returned = call()
                    # Still seeded: an output may hold a global generator (an estimator of scikit-learn does), whose
                    # state is the process's own until what the session had is put back.
                    outputs = self._keep(each.process, returned, keep)
        except CallLost:
            raise
        except BaseException as raised:
            # SystemExit, and what test tools raise through a process (a timeout, say), are failures of it too.
            error = raised
            looking(partial(self._add_advice, error))
        failure = failure_of(error) if error is not None else None
        record = RunRecord(
            process=name,
            attempt=attempt,
            outcome=Outcome.FAILED if failure else Outcome.PASSED,
            outputs=outputs,
            metrics=recorder.metrics,
            steps=recorder.steps,
            started=started,
            duration=timer.seconds,
            worker=self.worker,
            failure=failure,
        )
        return ProcessRun(record, error)

    def _environment(self, process: Process, attempt: int) -> AbstractContextManager[None]:
        """Return the environment of a run. Before a first run the script is there: what it sets on import outlasts it.

        For most it was imported when the tests were collected, and not where all results that need it are kept.
        """
        if attempt == 0 and process.kind is not Kind.CHART:
            self.callee(process)
        return run_environment(self.pipeline)

    def _seeds(self, each: ExpandedProcess) -> tuple[int, int]:
        """Return the seed of a process, and what the global streams are seeded with."""
        check = self.pipeline.check
        if each.seeds or check is None or check.seed is not None:
            seed = each.seeds[-1] if each.seeds else self.pipeline.base_seed
            return seed, task_seed(seed, each.name)
        start = int.from_bytes(os.urandom(8), "big") if self.start is None else self.start
        return start, start

    def _add_advice(self, error: BaseException) -> None:
        """Note on an exception what the user can do about it, if that is known, and once."""
        advice = advise(error, self.pipeline)
        if advice is not None and advice not in getattr(error, "__notes__", ()):
            error.add_note(advice)

    def _chart(self, each: ExpandedProcess, record_of: RecordOf | None) -> Callable[[], object]:
        """Return a function without arguments that draws a chart; one that does nothing if a browser draws it."""
        process = each.process
        if record_of is None or (process.chart is not None and process.chart.dynamic):
            return dict
        made_by = self.callee(process) or self.component(process)
        assert not isinstance(made_by, Component)
        return chart_call(made_by, each, self.expanded, self.folder, RUN_ID, record_of)

    def _prepare(self, each: ExpandedProcess, load: Load, recorder: Recorder, attempt: int) -> Callable[[], object]:
        """Do everything up to the call, and return the call as a function without arguments."""
        process = each.process
        self.callee(process)  # the script first: inputs may be of classes from where it has put on the import path
        received = self._received(each, load)
        call = self._call(each, renamed_inputs(process, received), recorder, attempt)
        if not process.renames.outputs and not process.metrics:
            return call
        return lambda: finished(process, self.project, recorder, call(), received)

    def _received(self, each: ExpandedProcess, load: Load) -> list[Received]:
        if each.process.kind is not Kind.CALL:
            return receive(each, self.expanded, load)
        try:
            found = receive(each, self.expanded, load)
            found[0].whole()
        except StoreError as error:
            raise CallLost(error.message, process=each.name, hint=error.hint) from error
        return found

    def _call(
        self, each: ExpandedProcess, received: list[Received], recorder: Recorder, attempt: int
    ) -> Callable[[], object]:
        """Return the call on what was received and renamed, as a function without arguments."""
        if each.process.kind is Kind.CALL:
            handed_over: CheckedCall = received[0].whole()[CALL]
            return handed_over.prepared(recorder.seed, each.name)
        callee = self.callee(each.process)
        if each.process.component is not None:
            component = self.component(each.process)
            assert isinstance(component, Component)
            return component_call(component, each.process, self.pipeline, received, recorder)
        if callee is None:
            return lambda: merged(each.process, received)
        configured = configured_parameters(each, self.expanded)
        context = ProcessContext(
            project_id=self.pipeline.project_id,
            run_id=RUN_ID,
            process_name=each.name,
            hyperparameters=hyperparameters(each, configured),
            upstream={part.upstream: part.whole() for part in received},
            document=ReadConfig(self.pipeline.document) if self.onlooker.watching else self.pipeline.document,
            config_path=self.pipeline.path,
            checkpoint_root=self.checkpoint_root(each.name, attempt),
        )
        recorder.context = context
        style = self._style(each.process, callee, received, configured)
        call = arrange(callee, each.process, received, context, configured, self.pipeline.base_seed, style)
        return lambda: callee.function(*call.args, **call.kwargs)

    def _style(
        self, process: Process, callee: Callee, received: list[Received], parameters: Mapping[str, Any]
    ) -> CallStyle:
        if process.name not in self._styles:
            keys = {key for each in received for outputs in each.parts.values() for key in outputs}
            self._styles[process.name] = settle(callee, keys | parameters.keys())
        return self._styles[process.name]

    def _keep(self, process: Process, returned: object, keep: Keep) -> dict[str, Output]:
        """Check what was returned, and fingerprint and store it key by key."""
        outputs = checked(process, returned)
        kept = {}
        for key, value in outputs.items():
            path = f"outputs[{key!r}]"
            try:
                found = fingerprint(value, path)
                stored = keep.values and keep.equal.get(key) != found.digest
                artifact = self.store.put(value, path) if stored else None
            except ExpopsError as error:
                error.process = error.process or process.name
                error.key = error.key or key
                raise
            leaves = tuple((leaf.path, leaf.digest) for leaf in found.leaves) if keep.leaves else ()
            kept[key] = Output(found.digest, artifact, leaves, describe(value) if stored else "")
        return kept


def checked(process: Process, returned: object) -> Outputs:
    """Return the outputs of a process (S2.3), with the rows to split in a form that can be split (S3.2).

    Raises:
        OutputError: What it returned is no dict of outputs, or lacks the rows to split.
        PartitionError: The rows cannot be split as the process says.
    """
    split = process.split_data
    if split is not None and issubclass(type(returned), list):  # whatever it says of itself
        returned = {split.data_name: returned}
    if not issubclass(type(returned), dict) or not isinstance(returned, dict):
        raise OutputError(
            f"process `{process.name}` returned {_kind(returned)}; a process returns a dict of its outputs",
            process=process.name,
            hint=f"return it under a name: `return {{'result': ...}}` in `{process.code.function}`",
        )
    odd = [key for key in returned if not issubclass(type(key), str)]  # whatever it says of itself
    if odd:
        raise OutputError(
            f"process `{process.name}` returned a dict with the key {show(odd[0])}; output keys are text",
            process=process.name,
            hint=f"put it inside an output: `return {{'result': ...}}` in `{process.code.function}`",
        )
    outputs = {str.__str__(key): value for key, value in dict(returned).items()}
    if split is None:
        return outputs
    if split.data_name not in outputs:
        keys = ", ".join(f"`{key}`" for key in outputs) or "no keys at all"
        raise OutputError(
            f"process `{process.name}` splits `{split.data_name}`, but it returned {keys}",
            process=process.name,
            key=split.data_name,
            hint="set `data_name` under `data_parallelism` to the key whose rows are to be split",
        )
    outputs[split.data_name] = as_splittable(outputs[split.data_name], split, process=process.name)
    return outputs


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__qualname__}"
