"""The interpreter that imports libraries for all workers of a machine, and is forked for each that asks for one.

What is forked goes on as the import server of that worker, as if the worker had started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from pytest_expops.replay._import_server import ImportServer, Serve, fork_quietly
from pytest_expops.replay._shared_interpreter import XDIST
from pytest_expops.replay.messages import Lines, send

_POLL_SECONDS = 0.2
_ASKED_FOR = 3
"""The descriptors that a worker passes: where its requests come from, where answers go, and where prints go."""


class SharedServer:
    """Forks import servers for those who connect to `listening`, until the messages that it gets itself end."""

    def __init__(self, requests: int, listening: int, serve_to: Callable[[int], Serve]) -> None:
        self._requests = Lines(requests)
        self._listening = socket.socket(fileno=listening)
        self._serve_to = serve_to
        self._born: dict[int, socket.socket] = {}
        """By process: the connection by which its end is told."""

    def run(self) -> NoReturn:
        """Import what the first message says, and serve."""
        message = self._requests.next()
        if message is None:
            os._exit(0)
        for name in [each for each in os.environ if each.startswith(XDIST)]:
            del os.environ[name]  # of a session that this one runs in; each worker has its own
        libraries = ImportServer(-1, -1, self._serve_to(-1))
        with _noting_variables() as asked_for:
            able = libraries.imports(message)
        able = able and not any(name.startswith(XDIST) for name in asked_for)  # to each worker it is another
        self._listening.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests.descriptor, selectors.EVENT_READ)
            selector.register(self._listening, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(_POLL_SECONDS if self._born else None):
                    if key.fd == self._requests.descriptor:
                        os._exit(0)  # nothing else is ever said: it is the end
                    self._accept(libraries, able=able)
                self._tell_ends()

    def _accept(self, libraries: ImportServer, *, able: bool) -> None:
        with contextlib.suppress(OSError, ValueError):  # of one who has gone meanwhile
            connection, _ = self._listening.accept()
            connection.setblocking(True)
            data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, _ASKED_FOR)
            try:
                for each in descriptors:
                    os.set_inheritable(each, False)  # programs that replays start have no business with them
                if able and len(descriptors) == _ASKED_FOR:
                    self._fork(libraries, connection, descriptors, json.loads(data))
            finally:
                for each in descriptors:
                    os.close(each)
                if connection not in self._born.values():
                    connection.close()  # by which the worker knows that it has to start its own

    def _fork(
        self, libraries: ImportServer, connection: socket.socket, descriptors: list[int], variables: Mapping[str, str]
    ) -> None:
        process = fork_quietly()
        if process == 0:
            self._become(libraries, connection, descriptors, variables)
        self._born[process] = connection

    def _become(
        self, libraries: ImportServer, connection: socket.socket, descriptors: list[int], variables: Mapping[str, str]
    ) -> NoReturn:
        """In the forked process: be the import server of one worker."""
        try:
            requests, answers, printed = descriptors
            for stream in (1, 2):
                os.dup2(printed, stream)
            os.close(printed)
            os.close(self._requests.descriptor)
            self._listening.close()
            send(connection.fileno(), {"process": os.getpid()})
            for each in (connection, *self._born.values()):
                each.close()
            os.environ.update(variables)
            libraries.taken_over(requests, answers, self._serve_to(answers)).run()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _tell_ends(self) -> None:
        for process, connection in [*self._born.items()]:
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                del self._born[process]
                with contextlib.suppress(OSError):  # the worker has ended before
                    send(connection.fileno(), {"ended": os.waitstatus_to_exitcode(status)})
                connection.close()


@contextlib.contextmanager
def _noting_variables() -> Iterator[set[str]]:
    """Yield the names of variables of the environment that are asked for meanwhile, whether or not they are set."""
    environment: Any = os.environ
    names: set[str] = set()
    encoded = environment.encodekey

    def noted(name: str) -> Any:
        names.add(str(name))
        return encoded(name)

    environment.encodekey = noted
    try:
        yield names
    finally:
        environment.encodekey = encoded
