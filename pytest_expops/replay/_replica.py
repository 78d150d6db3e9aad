"""A fresh interpreter, kept and reused, that runs a process again; this is the end that asks.

The child is `_child_main`. Messages are JSON, one a line, over pipes; whatever the process prints goes to a file. The
child ends when its standard input does, so it cannot outlive the worker that started it, however that one ends.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_expops.errors import CopyRefused, ReplayError, ReplayTimeout, ReplicaDied
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.user_code.scripts import common_path
from pytest_expops.replay._warning_filters import described_filters
from pytest_expops.replay.request import Replay, Request, from_answer

POLL_SECONDS = 0.2
"""How often to look whether a silent child is still alive. (An answer is read as soon as it comes.)"""


class Replica:
    """One child interpreter, started with `environment` when the first replay is asked of it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.replayed: list[str] = []
        """What this interpreter has replayed so far."""
        self._child: subprocess.Popen[bytes] | None = None
        self._prepared: int | None = None
        """Where in `_printed` the words begin of what was imported ahead of the first replay."""
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the replica)
        self._received = b""

    def prepare(self, session: PipelineSession, name: str | None) -> None:
        """Start the child, if it is not, and have it import what a replay of `name` needs. Nobody waits for it.

        Without `name` nothing of the project is imported: it would have to be done again for a replay under conditions
        that concern the import.
        """
        if self._is_alive():
            return
        child = self._started()
        if name is not None:
            assert child.stdin is not None
            self._prepared = self._printed.seek(0, os.SEEK_END)
            with contextlib.suppress(OSError):  # it is dead: the replay will start another
                child.stdin.write(json.dumps({**_surroundings(session), "process": name}).encode() + b"\n")
                child.stdin.flush()

    def replay(self, session: PipelineSession, name: str, request: Request, *, timeout: float = math.inf) -> Replay:
        """Run `name` again on the inputs of its first run, as `request` says.

        Raises:
            ReplicaDied: the child ended before it answered; the next call starts another.
            ReplayTimeout: there was no answer within `timeout` seconds; the child is ended.
            ReplayError: the child could not set up the project.
        """
        begin = self._printed.seek(0, os.SEEK_END) if self._prepared is None else self._prepared
        message = _message(session, name, request)
        reused = self._is_alive()
        deadline = time.monotonic() + timeout
        answer = self._ask(message, name, deadline)
        if reused and _script_failed(answer):
            # Some modules bear to be imported only once by an interpreter: they register something in a library, say.
            self.close()
            answer = self._ask(message, name, deadline)
        if "error" in answer:
            raise ReplayError(f"`{name}` could not be replayed: {answer['error']}", process=name)
        if answer.get("refused"):
            raise CopyRefused(f"it writes to {answer['refused'][0]}, which is not in the copy", process=name)
        self.replayed.append(name)
        self._prepared = None
        return from_answer(answer, self._read_printed(begin), request)

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            assert child.stdin is not None
            assert child.stdout is not None
            with contextlib.suppress(OSError):
                child.stdin.close()
            try:
                child.wait(timeout=1)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()
        self._received = b""
        self._prepared = None
        self.replayed.clear()

    def _ask(self, message: Mapping[str, Any], name: str, deadline: float) -> dict[str, Any]:
        begin = self._printed.seek(0, os.SEEK_END)
        child = self._started()
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(message).encode() + b"\n")
            child.stdin.flush()
            line = self._line(child, deadline)
        except (BrokenPipeError, EOFError):
            raise self._death(child, name, begin) from None
        except TimeoutError:
            child.kill()
            self.close()
            raise ReplayTimeout(f"`{name}` was not replayed in the time left for it", process=name) from None
        except BaseException:
            # Interrupted between question and answer: the answer must not be taken for that to the next question.
            child.kill()
            self.close()
            raise
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _is_alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or not self._is_alive():
            self.close()
            self._child = subprocess.Popen(
                [sys.executable, *_interpreter_options(), "-c", _BOOT, str(Path(__file__).parents[2])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                env=dict(self.environment),
            )
        return self._child

    def _line(self, child: subprocess.Popen[bytes], deadline: float) -> bytes:
        """The next line from the child. Raises TimeoutError at the deadline.

        Raises EOFError when the child is dead; a grandchild may still hold the pipe open.
        """
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._received:
                dead = child.poll() is not None
                left = deadline - time.monotonic()
                if selector.select(0 if dead else max(0.0, min(POLL_SECONDS, left))):
                    chunk = os.read(pipe, 1 << 16)
                    if not chunk:
                        raise EOFError
                    self._received += chunk
                elif dead:
                    raise EOFError
                elif left <= 0:
                    raise TimeoutError
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _death(self, child: subprocess.Popen[bytes], name: str, begin: int) -> ReplicaDied:
        deadline = time.monotonic() + 5
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if child.poll() is None:
            child.kill()
        code = child.wait()
        self.close()
        printed = self._read_printed(begin)
        tail = "\n".join(printed.splitlines()[-20:])
        said = f"; the last it printed:\n{tail}" if tail else "; it printed nothing"
        return ReplicaDied(
            f"the interpreter that replayed `{name}` {_ending(code)}{said}", process=name, exit_code=code
        )

    def _read_printed(self, begin: int) -> str:
        self._printed.seek(begin)
        return self._printed.read().decode(errors="replace")


# Without the current folder, which `-c` puts first: a `queue.py` in it is the user's, and not what we import.
_BOOT = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; root = sys.argv.pop(); "
    "root in sys.path or sys.path.insert(0, root); "
    "from pytest_expops.replay._child_boot import prepare; prepare(); "
    "from pytest_expops.replay._child_main import main; main()"
)


def _interpreter_options() -> list[str]:
    """The options that this interpreter was given, such as ``-O`` and ``-X utf8``; multiprocessing asks the same."""
    options: list[str] = getattr(subprocess, "_args_from_interpreter_flags", list)()
    return options


def _message(session: PipelineSession, name: str, request: Request) -> dict[str, Any]:
    names = {upstream for each in (name, *request.before) for upstream in session.expanded[each].upstream}
    return {
        **_surroundings(session),
        "process": name,
        "upstream": {each: session.record(each).to_json() for each in sorted(names)},
        "request": request.to_json(),
        "move": request.to_json()["move"],
    }


def _surroundings(session: PipelineSession) -> dict[str, Any]:
    return {
        "config": str(session.expanded.pipeline.path),
        "scripts": session.runner.project.module_names,
        "folder": str(session.folder),
        "memory": session.reader.cache.most,
        "worker": session.worker,
        "began": session.began,
        "move": None,
        "sys_path": common_path(),
        "warning_filters": described_filters(),
    }


def _script_failed(answer: Mapping[str, Any]) -> bool:
    failure = answer["record"]["failure"] if "record" in answer else None
    return failure is not None and failure[0] == "ScriptError"


def _ending(code: int) -> str:
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with exit status {code}"
