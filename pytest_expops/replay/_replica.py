"""An interpreter that runs processes again, each in a child of its own; this is the end that asks.

At the other end is `_child_main`. Messages are JSON, one a line, over pipes; what a process prints goes to a file.
The interpreter ends when its standard input does, and its children with it, so it cannot outlive the worker that
started it, however that one ends.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_expops.errors import (
    CopyRefused,
    ProcessMemoryError,
    ProcessTimeout,
    ReplayError,
    ReplayTimeout,
    ReplayTookTooLong,
    ReplayTookTooMuch,
    ReplicaDied,
)
from pytest_expops.execution.interpreter_end import OomKills, ended, since
from pytest_expops.execution.records import Failure, Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.user_code.scripts import common_path
from pytest_expops.pipeline.check import check_to_json
from pytest_expops.replay._import_server import CAN_FORK
from pytest_expops.replay._leading_imports import Import
from pytest_expops.replay._shared_interpreter import UNKNOWN, Forked, forked, terms_of
from pytest_expops.replay.interpreter_options import interpreter_options
from pytest_expops.replay.messages import Lines, send
from pytest_expops.replay.request import Replay, Request, from_answer
from pytest_expops.replay.telling import tell_going_on
from pytest_expops.replay.warning_filters import described_filters
from pytest_expops.unpatched import UNPATCHED

_subprocess = UNPATCHED.subprocess
POLL_SECONDS = 0.2
"""How often to look whether a silent child is still alive. (An answer is read as soon as it comes.)"""


PREPARING_SECONDS = 0.05
"""So long to wait for the end of one that has not replayed anything, and may be importing."""
AROUND = 60.0
"""So many seconds a replay may take besides the time that its process may: for imports, and to read its inputs."""


class Replica:
    """One interpreter, started with `environment` when the first replay is asked of it, or before.

    `forks` says whether it makes every replay in a child of its own, after it has imported the `libraries`. If not, or
    where there is no forking, there is a new interpreter for each replay. `unbearable` are libraries with which none of
    several replicas can be forked, as far as one of them has seen. `shared` is the session's folder, where one may be
    forked of an interpreter that all workers share.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        surroundings: Mapping[str, Any],
        libraries: tuple[Import, ...] = (),
        *,
        unbearable: set[str] | None = None,
        forks: bool = True,
        shared: Path | None = None,
    ) -> None:
        self.environment = environment
        self.libraries = libraries
        """Those that it can import: fewer once it could not be forked with one, more once data has needed others."""
        self._unbearable = set() if unbearable is None else unbearable
        self._surroundings = surroundings
        self._forks = forks and CAN_FORK
        self._shared = shared if self._forks else None
        self._child: subprocess.Popen[bytes] | Forked | None = None
        self._lines = Lines(-1)
        self._number = 0
        self._ahead = False
        """Whether it was told to import what its first replay needs."""
        self._prepared: int | None = None
        """Where in `_printed` the words begin of what was imported ahead of the first replay."""
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the replica)

    def prepare(self, session: PipelineSession, name: str | None) -> None:
        """Start it, if it is not, and have it import what a replay of `name` needs. Nobody waits for it.

        Without `name` nothing of the project is imported: it would have to be done again for a replay under conditions
        that concern the import. With it, that is done once, before the first replay.
        """
        if not self._is_alive():
            self._ahead = False
            self._prepared = self._printed.seek(0, os.SEEK_END)
        child = self._started()
        if name is not None and not self._number and not self._ahead:
            self._ahead = True
            with contextlib.suppress(OSError):  # it is dead: the replay will start another
                _tell(child, {**surroundings_of(session), "process": name})

    def replay(self, session: PipelineSession, name: str, request: Request, *, timeout: float = math.inf) -> Replay:
        """Run `name` again on the inputs of its first run, as `request` says.

        Raises:
            ReplicaDied: the interpreter ended before it answered; the next call starts another.
            ReplayTookTooLong: it ran longer than the process may.
            ReplayTimeout: there was no answer within `timeout` seconds; the interpreter is ended.
            ReplayError: the interpreter could not set up the project.
        """
        begin = self._printed.seek(0, os.SEEK_END) if self._prepared is None else self._prepared
        self._number += 1
        message = {**_message(session, name, request), "number": self._number}
        oom_kills = OomKills.now()
        limit = session.runner.limits.time(session.expanded[name], request.attempt)
        most = limit.seconds + AROUND if limit is not None and not request.apart else math.inf
        try:
            answer = self._ask(message, name, UNPATCHED.monotonic() + min(timeout, most))
        except ReplayTimeout:
            if timeout <= most:
                raise
            text = f"`{name}` was not replayed within {most:g} s, with its imports and the reading of its inputs"
            raise ReplayTookTooLong(text, process=name) from None
        self._prepared = None
        if not self._forks:
            self.close()
        if "error" in answer:
            what = "run in a child of its own" if request.apart else "replayed"
            raise ReplayError(f"`{name}` could not be {what}: {answer['error']}", process=name)
        if "ended" in answer:
            in_force = session.runner.limits.memory_in_force(session.expanded[name], request.attempt)
            how = ended(answer["ended"], in_force, since(oom_kills))
            if request.apart and (failure := _ended_for_time(session, name, request)) is not None:
                return Replay(RunRecord(name, 0, Outcome.FAILED, failure=failure), self._read_printed(begin))
            raise _over_limit(session, name, request) or self._death(answer["ended"], how, name, begin)
        if answer.get("refused"):
            raise CopyRefused(f"it writes to {answer['refused'][0]}, which is not in the copy", process=name)
        self._import_also(answer.get("libraries", ()))
        replay = from_answer(answer, self._read_printed(begin), request)
        failure = replay.record.failure if not request.apart else None
        if failure is not None and failure.kind == ProcessTimeout.__name__:
            raise _took_too_long(session, name, failure)
        if failure is not None and failure.kind == ProcessMemoryError.__name__:
            text = f"the replay of `{name}` met its memory limit, and the first run did not: {failure.message}"
            raise ReplayTookTooMuch(f"{text}\n{failure.traceback}", process=name)
        return replay

    def _import_also(self, names: Sequence[str]) -> None:
        """Have libraries that a replay has met imported once for those after it, while nobody waits."""
        known = {name for name, _ in self.libraries} | self._unbearable
        new = tuple((name, ()) for name in names if name not in known)
        if new and self._forks and self._child is not None:
            self.libraries += new
            with contextlib.suppress(OSError):  # it is dead, as whoever asks it next will find
                _tell(self._child, {**self._surroundings, "import": new})

    def close(self) -> None:
        """End the interpreter, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            assert child.stdin is not None
            assert child.stdout is not None
            with contextlib.suppress(OSError):
                child.stdin.close()
            try:
                child.wait(timeout=1 if self._prepared is None else PREPARING_SECONDS)
            except _subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.let_go() if isinstance(child, Forked) else child.stdout.close()
        self._prepared = None

    def end(self) -> None:
        """Close it for good: it can make no more replays."""
        self.close()
        self._printed.close()

    def _ask(self, message: Mapping[str, Any], name: str, deadline: float) -> dict[str, Any]:
        """Return the answer, or with which exit status the interpreter has `ended`."""
        try:
            while True:
                child = self._started()
                try:
                    _tell(child, message)
                    answer = self._answer(child, deadline)
                except (BrokenPipeError, EOFError):
                    if not (isinstance(child, Forked) and child.was_refused()):
                        return {"ended": self._exit_code()}
                    self._shared = None
                    self.close()
                    continue
                if "spoiled" not in answer:
                    return answer
                self._unbearable.add(self.libraries[answer["spoiled"]][0])
                self.libraries = self.libraries[: answer["spoiled"]]
                self.close()
        except TimeoutError:
            self.close()
            raise ReplayTimeout(f"`{name}` was not replayed in the time left for it", process=name) from None
        except BaseException:
            # Interrupted between question and answer: nobody is to work on it any longer.
            self.close()
            raise

    def _is_alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _started(self) -> subprocess.Popen[bytes] | Forked:
        if self._child is None or not self._is_alive():
            prepared = self._prepared
            self.close()
            self._prepared = prepared
            self._child = self._forked() or self._new()
            assert self._child.stdout is not None
            self._lines = Lines(self._child.stdout.fileno())
        return self._child

    def _forked(self) -> Forked | None:
        """One that has been forked for this replica, or is about to be, of that which all workers share."""
        if self._shared is None:
            return None
        terms = terms_of(self.environment, self._surroundings, self.libraries)
        return forked(self._shared, terms, self.environment, self._printed.fileno())

    def _new(self) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = _subprocess.Popen(
            command("forks" if self._forks else "once"),
            stdin=_subprocess.PIPE,
            stdout=_subprocess.PIPE,
            stderr=self._printed,
            env=dict(self.environment),
        )
        if self._forks:
            with contextlib.suppress(OSError):  # it is dead, as whoever asks it next will find
                _tell(child, {**self._surroundings, "import": self.libraries})
        return child

    def _answer(self, child: subprocess.Popen[bytes] | Forked, deadline: float) -> dict[str, Any]:
        """The answer to the present question, or that there is none. Raises TimeoutError at the deadline.

        Raises EOFError when the interpreter is dead; a grandchild may still hold the pipe open.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._lines.descriptor, selectors.EVENT_READ)
            while True:
                while self._lines.has_line:
                    message = self._lines.take()
                    if "spoiled" in message or message.get("number") == self._number:
                        return message
                dead = child.poll() is not None
                left = deadline - UNPATCHED.monotonic()
                if selector.select(0 if dead else max(0.0, min(POLL_SECONDS, left))):
                    if not self._lines.read():
                        raise EOFError
                elif dead:
                    raise EOFError
                elif left <= 0:
                    raise TimeoutError
                else:
                    tell_going_on()

    def _exit_code(self) -> int | None:
        """The exit status of the interpreter, which has ended or is about to; None if nobody knows."""
        child = self._child
        assert child is not None
        with contextlib.suppress(_subprocess.TimeoutExpired):
            child.wait(timeout=5)
        if child.poll() is None:
            child.kill()
        code = child.wait()
        self.close()
        return None if code == UNKNOWN else code

    def _death(self, code: int | None, how: str, name: str, begin: int) -> ReplicaDied:
        tail = "\n".join(self._read_printed(begin).splitlines()[-20:])
        said = f"; the last it printed:\n{tail}" if tail else ""
        text = f"the interpreter that ran `{name}` {how or 'is gone'}{said}"
        return ReplicaDied(text, process=name, exit_code=code)

    def _read_printed(self, begin: int) -> str:
        self._printed.seek(begin)
        return self._printed.read().decode(errors="replace")


# Without the current folder, which `-c` puts first: a `queue.py` in it is the user's, and not what we import.
_BOOT = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; root, how = sys.argv.pop(), sys.argv.pop(); "
    "root in sys.path or sys.path.insert(0, root); "
    "from pytest_expops.replay._child_boot import prepare; prepare(); "
    "from pytest_expops.replay._child_main import main; main(how)"
)


def command(how: str) -> list[str]:
    """Return how an interpreter is started that replays ``once``, or ``forks``, or is ``shared`` by those that do."""
    return [sys.executable, *interpreter_options(), "-c", _BOOT, how, str(Path(__file__).parents[2])]


def _over_limit(session: PipelineSession, name: str, request: Request) -> ReplayError | None:
    """Return what is raised if an interpreter was ended as it could not be interrupted; None if it has ended else."""
    failure = _ended_for_time(session, name, request)
    return _took_too_long(session, name, failure) if failure is not None else None


def _ended_for_time(session: PipelineSession, name: str, request: Request) -> Failure | None:
    return session.runner.limits.ended_for_time(session.expanded[name], request.attempt)


def _took_too_long(session: PipelineSession, name: str, failure: Failure) -> ReplayTookTooLong:
    first = session.record(name).duration
    text = f"the replay of `{name}` was ended: {failure.summary.partition(': ')[2]}; its first run took {first:.3g} s"
    return ReplayTookTooLong(f"{text}\n{failure.traceback}", process=name)


def _tell(child: subprocess.Popen[bytes] | Forked, message: Mapping[str, Any]) -> None:
    assert child.stdin is not None
    send(child.stdin.fileno(), message)


def _message(session: PipelineSession, name: str, request: Request) -> dict[str, Any]:
    names = {upstream for each in (name, *request.before) for upstream in session.expanded[each].upstream}
    return {
        **surroundings_of(session),
        "process": name,
        "upstream": {each: session.record(each).to_json() for each in sorted(names)},
        "request": request.to_json(),
        "move": request.to_json()["move"],
    }


def surroundings_of(session: PipelineSession) -> dict[str, Any]:
    """Return what matters to the import of a project, as plain data."""
    return {
        "config": str(session.expanded.pipeline.path),
        "check": check_to_json(check) if (check := session.expanded.pipeline.check) is not None else None,
        "scripts": session.runner.project.module_names,
        "folder": str(session.folder),
        "memory": session.reader.cache.most,
        "worker": session.worker,
        "watch": session.runner.onlooker.watching,
        "began": session.began,
        "move": None,
        "sys_path": common_path(),
        "warning_filters": described_filters(),
        "timeout": session.runner.limits.timeout,
        "memory_limit": session.runner.limits.memory,
    }
