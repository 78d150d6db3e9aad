"""The interpreter that replays: reads a request, runs the process on modules imported anew, answers with its record."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
import traceback
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, BinaryIO

from pytest_expops.execution.calls.inputs import Load, Outputs
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.runner import Keep, Runner
from pytest_expops.replay._child_project import ReplicaProject, reader_of
from pytest_expops.replay.nondeterminism import files
from pytest_expops.replay.nondeterminism.base import Watcher
from pytest_expops.replay.nondeterminism.registry import applied
from pytest_expops.replay.nondeterminism.session_files import files_met, forget_met
from pytest_expops.replay.nondeterminism.torch_alerts import noting_alerts
from pytest_expops.replay.request import SHARED, Replay, Request, to_answer
from pytest_expops.replay.tracing import Tracer


def main() -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which then ends this process.
    requests, answers = _take_pipes()
    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    project = ReplicaProject()
    answer: dict[str, Any]
    while True:
        message = json.loads(lines.get())
        if "request" not in message:
            project.prepare(message)
            continue
        try:
            answer = _replay(message, project)
        except Exception:
            answer = {"error": traceback.format_exc()}
        sys.stdout.flush()
        sys.stderr.flush()
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes to the worker, and give the process an empty standard input and the printed file for output."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        # As pytest captures, whatever the locale; and line by line, so that last words are not lost.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    return requests, answers


def _read(requests: BinaryIO, lines: queue.Queue[bytes]) -> None:
    """Pass requests on. At the end of them leave at once, even from the middle of a replay: nobody waits for it."""
    for line in requests:
        lines.put(line)
    os._exit(0)


def _replay(message: dict[str, Any], project: ReplicaProject) -> dict[str, Any]:
    request = Request.from_json(message["request"])
    if request.move is not None:
        request = replace(Request.from_json(request.move.there(message["request"])), move=request.move)
    # What is traced must not hang on what this interpreter has read before.
    reader = reader_of(message, cached=not (request.trace or request.lines))
    upstream = {name: RunRecord.from_json(record) for name, record in message["upstream"].items()}

    def load(name: str, partition: Partition | None = None, /) -> Outputs:
        return reader.outputs(upstream[name].outputs, partition)

    with project.opened(message, request) as runner:
        answer = _run(runner, message["process"], load, request)
        refused = project.refused[:1]
    if request.move is None:
        return answer
    return {**request.move.back(answer), "refused": refused}


def _run(runner: Runner, name: str, load: Load, request: Request) -> dict[str, Any]:
    """Run what is asked for under its conditions, and answer."""
    if request.attempt == SHARED:
        shutil.rmtree(runner.checkpoint_root(name, SHARED), ignore_errors=True)
    watcher = Watcher(runner.project.owns_file, watching=request.watch)
    tracer: Tracer | None = None
    with ExitStack() as stack:
        stack.enter_context(applied(request.conditions, watcher))
        for earlier in request.before:
            runner.run(earlier, load, attempt=request.attempt, keep=Keep(values=False))
            forget_met()
        if request.watch:
            watcher.forget()
            files.forget()
        if request.trace or request.lines:
            tracer = stack.enter_context(Tracer(runner.project.owns_file, lines=request.lines))
        alerts = stack.enter_context(noting_alerts(runner.project.owns_file)) if request.alerts else tuple
        record = runner.run(name, load, attempt=request.attempt, keep=request.keep).record
        opened = files.opened() if request.watch else ()
    return to_answer(
        Replay(
            record,
            sites=watcher.all_sites(),
            opened=opened,
            met=files_met(),
            trace=tracer.trace if tracer else None,
            torch="torch" in sys.modules,
            alerts=alerts(),
        )
    )
