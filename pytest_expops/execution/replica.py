"""A fresh interpreter, kept and reused, that runs a process again; this is the end that asks.

The child is `replica_main`. Messages are JSON, one a line, over pipes; whatever the process prints goes to a file. The
child ends when its standard input does, so it cannot outlive the worker that started it, however that one ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_expops.errors import ReplayError, ReplicaDied
from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.scripts import common_path
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.warning_filters import described_filters

POLL_SECONDS = 0.2
"""How often to look whether a silent child is still alive. (An answer is read as soon as it comes.)"""


@dataclass(frozen=True, slots=True)
class Replay:
    """What one replay gave: its record, and what the process printed meanwhile."""

    record: RunRecord
    printed: str
    hash_seed: int


def hash_seed_of(attempt: int) -> int:
    """The `PYTHONHASHSEED` of the replays numbered `attempt`: the same in every session, and never this process's.

    Drawn from SHA-256 of the number, so that the seeds of successive replays have nothing in common.
    """
    own = os.environ.get("PYTHONHASHSEED", "")
    for salt in range(2):
        digest = hashlib.sha256(f"expops replay {attempt} {salt}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
        if own != str(seed):
            break
    return seed


class Replica:
    """One child interpreter with a hash seed of its own. It starts with the first replay asked of it.

    `environment` is what the first runs found, before any script changed it.
    """

    def __init__(self, attempt: int, environment: Mapping[str, str]) -> None:
        self.attempt = attempt
        self.environment = environment
        self.hash_seed = hash_seed_of(attempt)
        self._child: subprocess.Popen[bytes] | None = None
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the replica)
        self._received = b""

    def replay(self, session: PipelineSession, name: str) -> Replay:
        """Run `name` again on the inputs of its first run.

        Raises:
            ReplicaDied: the child ended before it answered; the next call starts another.
            ReplayError: the child could not set up the project.
        """
        first = session.record(name)
        each = session.expanded[name]
        upstream = {upstream: session.record(upstream).to_json() for upstream in each.upstream}
        begin = self._printed.seek(0, os.SEEK_END)
        message = {
            "config": str(session.expanded.pipeline.path),
            "scripts": session.runner.project.module_names,
            "folder": str(session.folder),
            "process": name,
            "attempt": self.attempt,
            "worker": session.worker,
            "upstream": upstream,
            "equal": {key: output.digest for key, output in first.outputs.items()},
            "sys_path": common_path(),
            "warning_filters": described_filters(),
        }
        reused = self._is_alive()
        answer = self._ask(message, name)
        if reused and _script_failed(answer):
            # Some modules bear to be imported only once by an interpreter: they register something in a library, say.
            self.close()
            answer = self._ask(message, name)
        if "error" in answer:
            raise ReplayError(f"`{name}` could not be replayed: {answer['error']}", process=name)
        return Replay(RunRecord.from_json(answer["record"]), self._read_printed(begin), self.hash_seed)

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

    def _ask(self, message: Mapping[str, Any], name: str) -> dict[str, Any]:
        begin = self._printed.seek(0, os.SEEK_END)
        child = self._started()
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(message).encode() + b"\n")
            child.stdin.flush()
            line = self._line(child)
        except (BrokenPipeError, EOFError):
            raise self._death(child, name, begin) from None
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
                env={**self.environment, "PYTHONHASHSEED": str(self.hash_seed)},
            )
        return self._child

    def _line(self, child: subprocess.Popen[bytes]) -> bytes:
        """The next line from the child. Raises EOFError when it is dead; a grandchild may still hold the pipe open."""
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._received:
                dead = child.poll() is not None
                if selector.select(0 if dead else POLL_SECONDS):
                    chunk = os.read(pipe, 1 << 16)
                    if not chunk:
                        raise EOFError
                    self._received += chunk
                elif dead:
                    raise EOFError
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
    "from pytest_expops.execution.replica_main import main; main()"
)


def _interpreter_options() -> list[str]:
    """The options that this interpreter was given, such as ``-O`` and ``-X utf8``; multiprocessing asks the same."""
    options: list[str] = getattr(subprocess, "_args_from_interpreter_flags", list)()
    return options


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
