"""The interpreter that replays: reads a request, runs the process on modules imported anew, answers with its record."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.runner import Runner
from pytest_expops.execution.scripts import reserve_names
from pytest_expops.execution.warning_filters import filtering
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.loader import load_config
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.values.store import ArtifactStore


def main() -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which then ends this process.
    requests, answers = _take_pipes()
    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    pipelines: dict[str, ExpandedPipeline] = {}
    environment = dict(os.environ)
    while True:
        request = json.loads(lines.get())
        _reset(environment)
        try:
            answer: dict[str, Any] = {"record": _replay(request, pipelines).to_json()}
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


def _reset(environment: dict[str, str]) -> None:
    """Undo what the scripts and processes of earlier replays did to the environment variables."""
    if dict(os.environ) != environment:
        os.environ.clear()
        os.environ.update(environment)


def _replay(request: dict[str, Any], pipelines: dict[str, ExpandedPipeline]) -> RunRecord:
    sys.path[:] = request["sys_path"]
    config = request["config"]
    if config not in pipelines:
        pipelines[config] = expand(load_config(Path(config)))
    expanded = pipelines[config]
    reserve_names(request["scripts"], expanded.pipeline)
    folder = Path(request["folder"])
    store = ArtifactStore(folder / "artifacts")
    runner = Runner(expanded, store, folder, f"replica of {request['worker']}")
    upstream = {name: RunRecord.from_json(record) for name, record in request["upstream"].items()}

    def load(name: str) -> dict[str, Any]:
        outputs = upstream[name].outputs.items()
        return {key: store.get(each.artifact) for key, each in outputs if each.artifact is not None}

    try:
        with filtering(request["warning_filters"]):
            return runner.run(request["process"], load, attempt=request["attempt"], equal=request["equal"]).record
    finally:
        # Whatever the process left in its modules must not reach the next replay.
        with contextlib.suppress(KeyError):
            runner.forget()
