"""The interpreter of which replays are forked: it has imported libraries, and never runs the user's code.

Each replay runs in a child of its own, so that nothing which a process leaves in a module or a library reaches another
one. Only libraries that a script imports before anything else are imported here, and only while that leaves nothing
behind that a child could not have: a thread, an open device or connection, a child process.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import stat
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from pytest_expops.execution.seeding.task_seeds import preserved, warm_up
from pytest_expops.execution.user_code.run_environment import run_environment
from pytest_expops.replay._child_project import ReplicaProject
from pytest_expops.replay._scattering import scatter_addresses
from pytest_expops.replay.messages import Lines, send

CAN_FORK = sys.platform == "linux"
"""Elsewhere system libraries do not bear it (macOS), or there is no such thing (Windows)."""

_POLL_SECONDS = 0.05
_DIE_WITH_PARENT = 1
"""``PR_SET_PDEATHSIG`` of Linux, see prctl(2)."""
_RENEWED = frozenset({"jemalloc_bg_thd"})
"""Threads that a child starts anew by itself: jemalloc says so of its own."""

_WITHOUT_STATE = frozenset({"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"})

Serve = Callable[[Callable[[], dict[str, Any] | None], ReplicaProject], object]


class ImportServer:
    """Answers the messages of one worker, each replay in a child that `serve` is called in."""

    def __init__(self, requests: int, answers: int, serve: Serve) -> None:
        self._requests = Lines(requests)
        self._answers = answers
        self._serve = serve
        self._project = ReplicaProject()
        self._child: _Child | None = None
        self._ahead: _Child | None = None
        """A child that has imported the project for the next replay, and has not been asked for it."""
        self._spoiled = False
        self._imported = 0

    def run(self) -> NoReturn:
        """Serve until the requests end, and leave no child then."""
        while True:
            message = self._next()
            if message is None:
                self._end_children()
                os._exit(0)
            elif self._spoiled:
                continue
            elif "import" in message:
                if not self.imports(message):
                    send(self._answers, {"spoiled": self._imported})
            elif "request" not in message:
                assert self._ahead is None
                self._ahead = self._fork(message)
            else:
                self._replay(message)

    def _next(self) -> Mapping[str, Any] | None:
        """Wait for the next message, and meanwhile for the end of the child."""
        while not self._requests.has_line:
            ready, _, _ = select.select([self._requests.descriptor], [], [], _POLL_SECONDS if self._child else None)
            if ready and not self._requests.read():
                return None
            self._look_after_child()
        self._look_after_child()
        return self._requests.take()

    def _replay(self, message: Mapping[str, Any]) -> None:
        if self._child is not None:
            self._child.kill()  # it has answered: nobody waits for it
            self._child = None
        child, self._ahead = self._ahead, None
        if child is None or not child.tell(message):
            child = self._fork(message)
        child.number = message["number"]
        self._child = child

    def _fork(self, message: Mapping[str, Any]) -> _Child:
        reading, writing = os.pipe()
        process = fork_quietly()
        if process == 0:
            os.close(writing)
            self._begin_child(reading)
        os.close(reading)
        child = _Child(process, writing)
        child.tell(message)
        return child

    def _begin_child(self, reading: int) -> NoReturn:
        try:
            os.setsid()  # its children are known by it
            _die_with_parent()
            os.close(self._requests.descriptor)
            for other in (self._child, self._ahead):
                if other is not None:
                    os.close(other.pipe)
            scatter_addresses()
            self._serve(Lines(reading).next, self._project)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _look_after_child(self) -> None:
        if self._child is not None:
            code = self._child.poll()
            if code is not None:
                # What it may have been saying when it was killed ends here.
                os.write(self._answers, b"\n")
                send(self._answers, {"number": self._child.number, "ended": code})
                self._child = None

    def _end_children(self) -> None:
        for child in (self._child, self._ahead):
            if child is not None:
                child.kill()
        self._child = self._ahead = None

    def imports(self, message: Mapping[str, Any]) -> bool:
        """Import libraries one by one, up to the first that cannot be there when a child is forked."""
        self._end_children()  # those that have answered; what is imported may start others
        before = _open_descriptors()
        begin = self._imported
        with contextlib.ExitStack() as after, contextlib.suppress(BaseException), contextlib.ExitStack() as stack:
            runner = self._project.runner(message, stack)
            stack.enter_context(run_environment(runner.pipeline))
            stack.enter_context(runner.project.entered())
            stack.enter_context(preserved())
            stack.enter_context(_variables_kept(after))
            for name, names in message["import"]:
                __import__(name, {}, {}, names)
                warm_up()
                if not _can_be_forked(before):
                    break
                self._imported += 1
        self._spoiled = self._imported - begin < len(message["import"])
        return not self._spoiled

    def taken_over(self, requests: int, answers: int, serve: Serve) -> ImportServer:
        """Return one that answers another worker, and has imported the same; to be called in a process of its own."""
        found = ImportServer(requests, answers, serve)
        found._project, found._imported = self._project, self._imported
        return found


class _Child:
    """One child, and the pipe by which it is told what to do."""

    def __init__(self, process: int, pipe: int) -> None:
        self.process = process
        self.pipe = pipe
        self.number = -1
        self._code: int | None = None

    def tell(self, message: Mapping[str, Any]) -> bool:
        """Pass a message on, unless the child is dead."""
        if self.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                send(self.pipe, message)
                return True
        return False

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, once it has ended; what it has started ends with it."""
        if self._code is None:
            found, status = os.waitpid(self.process, os.WNOHANG)
            if found:
                self._ended(status)
        return self._code

    def kill(self) -> None:
        """End it, and what it has started."""
        if self._code is None:
            os.kill(self.process, signal.SIGKILL)
            self._ended(os.waitpid(self.process, 0)[1])

    def _ended(self, status: int) -> None:
        self._code = os.waitstatus_to_exitcode(status)
        os.close(self.pipe)
        self._kill_all()

    def _kill_all(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process, signal.SIGKILL)  # there is no such group before the child has begun


@contextlib.contextmanager
def _variables_kept(after: contextlib.ExitStack) -> Iterator[None]:
    """Set at the end of `after`, too, what libraries set in the environment meanwhile: a first run finds it."""
    before = dict(os.environ)
    yield
    for name in before.keys() | os.environ.keys():
        if (value := os.environ.get(name)) != before.get(name):
            after.callback(_set, name, value)


def _set(variable: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value


def fork_quietly() -> int:
    """Fork, without the warnings of libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that warn of every fork; what is unsafe is looked for
        return os.fork()


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _can_be_forked(before: Mapping[str, str]) -> bool:
    """Return whether a child would have all that this process has.

    Some libraries end their threads before a fork, and start them again when they are needed (OpenBLAS): whether they
    do shows after one.
    """
    if _threads():
        process = fork_quietly()
        if process == 0:
            os._exit(0)
        os.waitpid(process, 0)
    return not _threads() and not _children() and _open_descriptors().items() <= before.items()


def _threads() -> list[str]:
    """Return the names of the threads besides this one that a child would lack."""
    own = str(os.getpid())
    names = []
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/comm", encoding="utf-8") as file:
            name = file.read().strip()
            if thread != own and name not in _RENEWED:
                names.append(name)
    return names


def _children() -> bool:
    """Return whether there is a child process, ended or not."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _open_descriptors() -> dict[str, str]:
    """Return what is open besides plain files that are only read, by descriptor."""
    found = {}
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            number = int(descriptor)
            target = os.readlink(f"/proc/self/fd/{descriptor}")
            reads_only = os.O_ACCMODE & fcntl.fcntl(number, fcntl.F_GETFL) == os.O_RDONLY
            if not (stat.S_ISREG(os.fstat(number).st_mode) and reads_only) and target not in _WITHOUT_STATE:
                found[descriptor] = target
    return found
