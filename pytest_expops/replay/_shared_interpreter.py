"""One interpreter that has imported libraries, for all workers of a machine: who starts it, and who asks it for a fork.

Each worker would start its own else, and import the same. The controller starts it before the workers, and says in a
file beside its socket what it stands for. A worker that needs another one (other variables of the environment, another
import path) starts that itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_expops.replay._leading_imports import Import
from pytest_expops.replay.interpreter_options import interpreter_options
from pytest_expops.replay.messages import Lines, send
from pytest_expops.unpatched import UNPATCHED

UNKNOWN = 1 << 16
"""An exit status that nobody knows: whoever could have told is dead."""
XDIST = "PYTEST_XDIST_"
"""How the names of variables begin that pytest-xdist sets for each worker."""
_OWN_VARIABLES = ("LINES", "COLUMNS")
"""Variables of the environment that may be a worker's own, besides those of pytest-xdist: readline sets them."""
_OWN_SURROUNDINGS = ("began", "check", "worker", "warning_filters")
"""What of the surroundings matters to a replay, and not to the import of libraries."""
_SOCKET, _TERMS = "interpreter", "interpreter.terms"
_SECONDS_TO_END = 5
_socket, _subprocess = socket.socket, UNPATCHED.subprocess

Command = Callable[[str], Sequence[str]]
"""Return how an interpreter is started that works in the way of this name."""


def terms_of(environment: Mapping[str, str], surroundings: Mapping[str, Any], libraries: Sequence[Import]) -> str:
    """Return what an interpreter must be started with and have imported: a digest, as variables may be secret."""
    variables = {name: value for name, value in environment.items() if not _is_own(name)}
    common = {name: value for name, value in surroundings.items() if name not in _OWN_SURROUNDINGS}
    # Others change what is printed; a library that warns where that is an error cannot be imported.
    errors = [each for each in surroundings["warning_filters"] if each[0] == "error"]
    started = [sys.executable, *interpreter_options()]  # pytest-xdist passes no options on to its workers
    text = json.dumps([started, variables, common, errors, libraries], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_own(variable: str) -> bool:
    return variable in _OWN_VARIABLES or variable.startswith(XDIST)


class SharedInterpreter:
    """That interpreter, as the process that started it has it.

    Args:
        folder: the session's folder.
        command: how it is started.
        environment: its variables.
        surroundings: what matters to the import of the project.
        libraries: what it imports.

    Raises:
        OSError: it cannot be started, or not be reached by others.
    """

    def __init__(
        self,
        folder: Path,
        command: Command,
        environment: Mapping[str, str],
        surroundings: Mapping[str, Any],
        libraries: Sequence[Import],
    ) -> None:
        os.close(os.pidfd_open(os.getpid()))  # old kernels and some containers have no such thing
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed with it)
        self._folder = folder
        with _socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening, _short(folder) as short:
            listening.bind(f"{short}/{_SOCKET}")
            os.chmod(folder / _SOCKET, 0o600)
            listening.listen(socket.SOMAXCONN)
            self._child = _subprocess.Popen(
                command("shared"),
                stdin=_subprocess.PIPE,
                stdout=listening.fileno(),
                stderr=self._printed,
                env=dict(environment),
            )
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is dead, and nobody will reach it
            send(self._child.stdin.fileno(), {**surroundings, "import": libraries})
        (folder / _TERMS).write_text(terms_of(environment, surroundings, libraries), encoding="ascii")

    def close(self) -> None:
        """End it; those that it was forked to go on. Nothing of it stays in the folder, which may be kept."""
        self._child.kill()
        self._child.wait()
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):
            self._child.stdin.close()
        self._printed.close()
        for name in (_SOCKET, _TERMS):
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()


class Forked:
    """An interpreter that was forked for this worker, with what Replica needs of a `subprocess.Popen`.

    It is asked for at once, and there as soon as the shared one has imported its libraries. What is said to it before
    waits in the pipe.
    """

    def __init__(self, connection: socket.socket, requests: int, answers: int) -> None:
        self.stdin = os.fdopen(requests, "wb", buffering=0)
        self.stdout = os.fdopen(answers, "rb", buffering=0)
        self._connection = connection
        self._lines = Lines(connection.fileno())
        self._process: int | None = None
        """A descriptor of the process, once it is there."""
        self._code: int | None = None
        self._is_alone = False
        """Whether the shared interpreter is dead, or has refused."""

    def was_refused(self) -> bool:
        """Return, where no answer comes any more, whether there was no interpreter; waits until it is known."""
        with contextlib.suppress(_subprocess.TimeoutExpired):
            self.wait(timeout=_SECONDS_TO_END)
        return self._code is not None and self._process is None

    def poll(self) -> int | None:
        """Return the exit status once it has ended, negative for a signal, or `UNKNOWN`; None while it lives."""
        while self._code is None and self._hears(0):
            pass
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit status as `poll` does.

        Raises:
            subprocess.TimeoutExpired: it has not ended within `timeout` seconds.
        """
        deadline = None if timeout is None else UNPATCHED.monotonic() + timeout
        while self._code is None:
            if not self._hears(None if deadline is None else max(0.0, deadline - UNPATCHED.monotonic())):
                assert timeout is not None
                raise _subprocess.TimeoutExpired("a forked interpreter", timeout)
        return self._code

    def kill(self) -> None:
        """End it, if it lives; if it is not there yet, it ends as soon as it is."""
        if self.poll() is None:
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._process, signal.SIGKILL)
                _is_ready(self._process, _SECONDS_TO_END)  # whether or not its parent can say so
                self._code = -signal.SIGKILL
            else:
                self._code = UNKNOWN

    def let_go(self) -> None:
        """Close what it is heard by; to be called at the end."""
        self._connection.close()
        self.stdout.close()
        if self._process is not None:
            os.close(self._process)

    def _hears(self, seconds: float | None) -> bool:
        """Wait for news of it, and return whether there was any."""
        if not self._is_alone:
            if not _is_ready(self._connection.fileno(), seconds):
                return False
            with contextlib.suppress(ConnectionResetError):
                if self._lines.read():
                    while self._lines.has_line:
                        self._take(self._lines.take())
                    return True
            self._is_alone = True
        if self._process is not None and not _is_ready(self._process, seconds):
            return False
        self._code = UNKNOWN
        return True

    def _take(self, message: Mapping[str, int]) -> None:
        if "process" in message:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and been waited for
                self._process = os.pidfd_open(message["process"])
        self._code = message.get("ended", self._code)


def forked(folder: Path, terms: str, environment: Mapping[str, str], printed: int) -> Forked | None:
    """Ask for an interpreter on these terms; None where there is none to share on them.

    Args:
        folder: the session's folder.
        terms: see `terms_of`.
        environment: its variables.
        printed: the descriptor of what it and its children print to.
    """
    try:
        if (folder / _TERMS).read_text(encoding="ascii") != terms:
            return None
        connection = _socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            with _short(folder) as short:
                connection.connect(f"{short}/{_SOCKET}")
            (theirs, requests), (answers, theirs_too) = os.pipe(), os.pipe()
            stack.callback(_close, requests, answers)
            with contextlib.ExitStack() as passed:
                passed.callback(_close, theirs, theirs_too)
                own = {name: value for name, value in environment.items() if _is_own(name)}
                socket.send_fds(connection, [json.dumps(own).encode()], [theirs, theirs_too, printed])
            stack.pop_all()
    except OSError:
        return None
    return Forked(connection, requests, answers)


def _is_ready(descriptor: int, seconds: float | None) -> bool:
    """Wait for something to read, or for the end of a process; of many open files, `select` knows but the first."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _close(*descriptors: int) -> None:
    for each in descriptors:
        os.close(each)


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Give another path to a folder: that of a socket may have about 100 bytes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
