"""The interpreter that a worker of a cluster has for a session: started when there is something to do, and watched.

It is asked by messages, as replicas are: JSON, one a line. When it dies of a process, another one is started, which
finds by the claims in the session's folder what that was, and leaves a record of it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_expops.execution import scratch
from pytest_expops.execution.engines.base import OwnerLost, WorkLost, WorkRefused
from pytest_expops.execution.interpreter_end import OomKills, ended, since
from pytest_expops.execution.records import JsonFolder
from pytest_expops.plugin.cluster._description import INTERPRETER
from pytest_expops.replay.messages import Lines, send
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.urls import KEY_VARIABLE

SECONDS_TO_END = 5.0
POLL_SECONDS = 0.2
LEFT_SECONDS = 60.0
"""A session that has asked for nothing for so long has to make room for another one."""
_SESSION = "session"
"""In the folder that a worker has for a session: that of the session as its interpreters know it, beside the code."""
# Without the current folder, which `-c` puts first.
_MAIN = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; root = sys.argv.pop(); "
    "root in sys.path or sys.path.append(root); "
    "from pytest_expops.plugin.cluster._worker_main import main; main()"
)


class Agent:
    """One worker's interpreter for one session.

    Args:
        ticket: where the session is found.
        name: what the worker is called in records.
        worker: a number that is another when the worker has been started anew.
    """

    def __init__(self, ticket: Mapping[str, Any], name: str, worker: int) -> None:
        self.session: str = ticket["session"]
        self.name = name
        self._ticket = ticket
        self._worker = worker
        self._asking = threading.Lock()
        self._starting = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._lines = Lines(-1)
        self._number = 0
        self._stopped = False
        self._asked = UNPATCHED.monotonic()
        self._folder: Path | None = None

    def prepare(self) -> None:
        """Start the interpreter, so that it has opened the session when it is asked; wait for nothing."""
        if self._asking.acquire(blocking=False):
            try:
                if not self._stopped:
                    with suppress(WorkRefused):  # whoever asks is told
                        self._started()
            finally:
                self._asking.release()

    def ask(
        self,
        message: Mapping[str, Any],
        begun: Callable[[], None] = lambda: None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """Have it do one thing at a time.

        Args:
            message: what it is to do.
            begun: called when it is this one's turn.
            given_up: asked again and again whether nobody waits for it any more; then it is ended.

        Raises:
            WorkLost: it has left nothing of it.
            WorkRefused: it can do nothing for this session.
        """
        with self._asking:
            if self._stopped:
                raise WorkLost("the session has ended")
            begun()
            kills = OomKills.now()
            answer, name = self._answer(message, given_up), self._own_name()
            if answer is None and not self._stopped and given_up():
                raise WorkLost("nobody waits for it any more")
            if answer is None and not self._stopped:
                answer = self._died(message, name, kills)
            if answer is None:
                raise WorkLost("the session has ended")
            self._asked = UNPATCHED.monotonic()
            if answer:
                ((kind, text),) = answer.items()
                raise {"refused": WorkRefused, "begun": OwnerLost}.get(kind, WorkLost)(text)

    def _died(self, message: Mapping[str, Any], name: str, kills: OomKills | None) -> dict[str, Any] | None:
        """Return what is said of work that the interpreter has died of: of a run another one leaves a record."""
        assert self._child is not None
        assert self._folder is not None
        with suppress(subprocess.TimeoutExpired):  # it may have closed its pipe, and live on
            self._child.wait(SECONDS_TO_END)
        _kill(self._child, signal.SIGKILL)
        code, counted = self._child.wait(), since(kills)
        JsonFolder(self._folder / _SESSION / "ends").write(name, [code, counted])
        self._child = None
        how = ended(code, "", counted) or "has ended"
        if message["replays"]:
            return {"lost": f"the interpreter that replayed it {how}"}
        settled = self._answer({**message, "settle": True})
        return settled if settled is not None or self._stopped else {"lost": f"its interpreter {how}"}

    def stop(self) -> None:
        """End the interpreter, whatever it is at, and remove its folder."""
        with self._starting:
            self._stopped = True
        child = self._child
        if child is not None:
            self._end(child)
        if self._folder is not None:
            scratch.remove(self._folder)

    def is_left(self) -> bool:
        """Whether the session seems to have been left without being ended."""
        return not self._asking.locked() and UNPATCHED.monotonic() - self._asked > LEFT_SECONDS

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """End the interpreter with all that it has started, which nobody would look after."""
        _kill(child, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(SECONDS_TO_END)
        _kill(child, signal.SIGKILL)
        child.wait()

    def _own_name(self) -> str:
        # Not by the worker's name, which may be an address: this one is in names of files.
        return f"{INTERPRETER}.{self._worker}.{self._number}"

    def _answer(
        self, message: Mapping[str, Any], given_up: Callable[[], bool] = lambda: False
    ) -> dict[str, Any] | None:
        """Return what it answers; None if it has died, or has been stopped."""
        try:
            child = self._started()
            if child is None:
                return None
            assert child.stdin is not None
            send(child.stdin.fileno(), message)
            return self._next(child, given_up)
        except BrokenPipeError:
            return None

    def _next(self, child: subprocess.Popen[bytes], given_up: Callable[[], bool]) -> dict[str, Any] | None:
        """Wait for the next message; None if it has died. What it has started may live on, and have its pipe open."""
        pipe = select.poll()
        pipe.register(self._lines.descriptor, select.POLLIN)
        while not self._lines.has_line:
            ended = child.poll() is not None
            readable = pipe.poll(0 if ended else POLL_SECONDS * 1000)
            if (readable and not self._lines.read()) or (ended and not readable):
                return None
            if not readable and given_up():
                self._end(child)
                return None
        return self._lines.take()

    def _started(self) -> subprocess.Popen[bytes] | None:
        """Return the interpreter, which is started if there is none; None where the session has ended.

        Raises:
            WorkRefused: it cannot be started.
        """
        with self._starting:
            if self._stopped:
                return None
            if self._child is None or self._child.poll() is not None:
                try:
                    self._start()
                except OSError as error:
                    raise WorkRefused(f"worker {self.name} can start no interpreter for the session: {error}") from None
            return self._child

    def _start(self) -> None:
        if self._folder is None:
            scratch.remove_abandoned(scratch.left_behind())
            place = self._ticket["folder"]
            self._folder = scratch.new_folder("worker", None if place is None else Path(place))
            (self._folder / _SESSION / "ends").mkdir(parents=True)
        self._number += 1
        environment = dict(os.environ)
        key = environment.pop(KEY_VARIABLE, "")
        for name, value in self._ticket["variables"].items():
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        self._child = subprocess.Popen(
            [sys.executable, *self._ticket["options"], "-c", _MAIN, str(Path(__file__).parents[3])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._folder,
            env=environment,
            start_new_session=True,
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._lines = Lines(self._child.stdout.fileno())
        own = {
            "worker": self._own_name(),
            "name": self.name,
            "folder": str(self._folder),
            "session_folder": str(self._folder / _SESSION),
            "key": key.encode().hex(),
        }
        send(self._child.stdin.fileno(), {**self._ticket, **own})


def _kill(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to an interpreter and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)
