"""The interpreter that replays: reads a request, runs the process on modules imported for it, answers."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from pytest_expops.errors import CallLost, StorageTrouble, StoreError
from pytest_expops.execution.calls.inputs import Load, Outputs
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.calls.recording import innermost_step
from pytest_expops.execution.raised import is_a, trouble_in
from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.runner import Keep, ProcessRun, Runner
from pytest_expops.execution.user_code.run_environment import run_environment
from pytest_expops.execution.user_code.standard_streams import flush
from pytest_expops.replay._child_project import ReplicaProject, reader_of
from pytest_expops.replay._data_libraries import DataLibraries
from pytest_expops.replay._import_server import ImportServer
from pytest_expops.replay._shared_server import SharedServer
from pytest_expops.replay.beginning import beginning_anew
from pytest_expops.replay.messages import Lines, send
from pytest_expops.replay.nondeterminism import files
from pytest_expops.replay.nondeterminism.base import NATURAL, Mode, Watcher
from pytest_expops.replay.nondeterminism.registry import SOURCES, applied
from pytest_expops.replay.nondeterminism.session_files import Scope, files_met, forget_met, noting_writes
from pytest_expops.replay.nondeterminism.torch_alerts import noting_alerts
from pytest_expops.replay.request import Replay, Request, to_answer
from pytest_expops.replay.tracing import Tracer
from pytest_expops.replay.warning_filters import warned
from pytest_expops.wording import text_of, worded

Next = Callable[[], dict[str, Any] | None]


def main(how: str) -> None:
    """Make one replay, or one in each of its children if it ``forks``, until standard input ends.

    One that is ``shared`` is forked for each worker, and these fork. Its standard output is a socket that listens.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which then ends this process.
    requests, answers = _take_pipes()
    if how == "shared":
        SharedServer(requests, answers, lambda to: partial(_serve, to)).run()
    serve = partial(_serve, answers)
    if how == "forks":
        ImportServer(requests, answers, serve).run()
    messages: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(Lines(requests), messages), daemon=True).start()
    serve(messages.get, ReplicaProject())
    os._exit(0)


def _take_pipes() -> tuple[int, int]:
    """Keep the pipes to the worker, and give the process an empty standard input and the printed file for output."""
    requests, answers = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        # As pytest captures, whatever the locale; and line by line, so that last words are not lost.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    return requests, answers


def _read(lines: Lines, messages: queue.Queue[dict[str, Any]]) -> None:
    """Pass messages on. At the end of them leave at once, even from the middle of a replay: nobody waits for it."""
    while (message := lines.next()) is not None:
        messages.put(message)
    os._exit(0)


def _serve(answers: int, following: Next, project: ReplicaProject) -> None:
    """Import the project ahead if that is what comes first, and make the one replay that this interpreter is for."""
    libraries = DataLibraries()
    while (message := following()) is not None:
        if "request" not in message:
            project.prepare(message)
            continue
        try:
            answer = _replay(message, project, libraries)
        except (CallLost, StorageTrouble) as error:
            answer = {"error": str(error)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        flush(sys.stdout, sys.stderr)
        send(answers, {**answer, "number": message["number"]})
        return


def _replay(message: dict[str, Any], project: ReplicaProject, libraries: DataLibraries) -> dict[str, Any]:
    request = Request.from_json(message["request"])
    if request.move is not None:
        request = replace(Request.from_json(request.move.there(message["request"])), move=request.move)
    reader = reader_of(message)
    upstream = {name: RunRecord.from_json(record) for name, record in message["upstream"].items()}

    def load(name: str, partition: Partition | None = None, /) -> Outputs:
        try:
            return reader.outputs(upstream[name].outputs, partition)
        except StoreError as error:  # the first run had it: it cannot be made again here
            raise StorageTrouble(error.message, hint=error.hint) from error

    with project.opened(message, request) as runner:
        run = _run_apart if request.apart else _run
        answer = run(runner, message["process"], libraries.noting(load), request, upstream)
        refused = project.refused[:1]
    if request.move is None:
        return {**answer, "libraries": libraries.found}
    return {**request.move.back(answer), "refused": refused}


def _run_apart(
    runner: Runner, name: str, load: Load, request: Request, upstream: Mapping[str, RunRecord]
) -> dict[str, Any]:
    """Make a first run, and answer with what is known of one."""
    places = map(str, (runner.pipeline.root, runner.pipeline.working_directory))
    scope = Scope(runner.project.owns_file, places, str(runner.folder.parent))
    with warnings.catch_warnings(record=True) as caught, noting_writes(scope) as written:
        run = runner.run(name, load, keep=request.keep, record_of=upstream.__getitem__)
        record = replace(run.record, written=written())
    _raise_trouble(run)
    return to_answer(Replay(record, warned=warned(caught)))


def _run(
    runner: Runner, name: str, load: Load, request: Request, _: Mapping[str, RunRecord] | None = None
) -> dict[str, Any]:
    """Run what is asked for under its conditions, and answer."""
    # One that was made before under the same number may have left it.
    shutil.rmtree(runner.checkpoint_root(name, request.attempt), ignore_errors=True)
    watcher = Watcher(runner.project.owns_file, watching=request.watch, step=innermost_step)
    tracer: Tracer | None = None
    with ExitStack() as stack:
        stack.enter_context(applied(request.conditions, watcher))
        if request.before:
            # What a script sets on import is there for all that runs, as in the first run, and not for the first alone.
            stack.enter_context(run_environment(runner.pipeline))
            with runner.project.entered():
                for each in (*request.before, name):
                    runner.callee(runner.expanded[each].process)
        first_call: RunRecord | None = None
        for earlier in request.before:
            again = earlier == name
            run = runner.run(earlier, load, attempt=request.attempt, keep=request.keep if again else Keep(values=False))
            _raise_trouble(run)
            first_call = run.record if again else first_call
            forget_met()
        if request.watch:
            watcher.forget()
            files.forget()
        if request.watch_only:
            watcher = Watcher(runner.project.owns_file, watching=True)
            for source in request.watch_only:
                stack.enter_context(SOURCES[source].apply(NATURAL, watcher))
        stack.enter_context(beginning_anew(watcher.forget, files.forget, forget_met))
        if request.trace or request.lines:
            tracer = stack.enter_context(Tracer(runner.project.owns_file, lines=request.lines))
        alerts = stack.enter_context(noting_alerts(runner.project.owns_file)) if request.alerts else tuple
        runner.start = 0 if request.conditions.get("generators", NATURAL).mode is Mode.HELD else None
        run = runner.run(name, load, attempt=request.attempt, keep=request.keep)
        _raise_trouble(run)
        opened = files.opened() if request.watch else ()
    return to_answer(
        Replay(
            run.record,
            sites=watcher.all_sites(),
            opened=opened,
            met=files_met(),
            trace=tracer.trace if tracer else None,
            threads=watcher.threads(),
            escaped=watcher.escaped(),
            torch="torch" in sys.modules,
            alerts=alerts(),
            first_call=first_call,
        )
    )


def _raise_trouble(run: ProcessRun) -> None:
    """Refuse to answer with a run that the disk, and not the process, has ended."""
    trouble = trouble_in(run.error)
    if trouble is not None:
        raise StorageTrouble(text_of(trouble) if is_a(trouble, StorageTrouble) else worded(trouble))
