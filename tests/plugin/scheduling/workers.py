"""The workers of the model: what the controller has of one, and the process itself."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.plugin.scheduling.scenario import Moment

if TYPE_CHECKING:
    from tests.plugin.scheduling.model import Model

SHUTDOWN = -1
"""In a worker's queue, behind the last index."""
EXIT = 0.005
"""Seconds from the end of a worker's loop until it says so."""


class Node:
    """What the controller has of a worker: `WorkerController` in xdist's workermanage.py."""

    def __init__(self, model: Model, number: int) -> None:
        self.number = number
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.down = False
        self.shutdown_sent = False
        self._model = model
        self._last = 0.0
        self.process = Process(model, self)

    def __repr__(self) -> str:
        return str(self.gateway.id)

    @property
    def shutting_down(self) -> bool:
        return self.down or self.shutdown_sent

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self._send(lambda: self.process.receive(indices))
        self._model.sends += 1
        self._model.watcher.sent(self, indices)

    def send_steal(self, indices: Sequence[int]) -> None:
        self._send(lambda: self.process.steal(indices))
        self._model.steals += 1
        self._model.watcher.asked(self, indices)

    def shutdown(self) -> None:
        if not self.down:
            with contextlib.suppress(OSError):
                self._send(lambda: self.process.receive([SHUTDOWN]))
            self.shutdown_sent = True

    def _send(self, action: Callable[[], None]) -> None:
        """Messages arrive in order, or not at all. Writing to a dead process may fail before its death is known."""
        if self.down or self.process.pipe_broken:
            self._model.watcher.unreachable(self)
            raise OSError("cannot send (already closed?)")
        self._last = self._model.deliver(self._last, action)


class Process:
    """A worker: `WorkerInteractor` and `TestQueue` in xdist's remote.py."""

    def __init__(self, model: Model, node: Node) -> None:
        self.dead = self.finished = self.pipe_broken = False
        self._model = model
        self._node = node
        self._queue: deque[int] = deque()
        self._held: int | None = None
        """`nextitem_index`: taken off the queue, cannot be stolen any more."""
        self._busy = True
        self._failures = 0
        self._last = 0.0
        boot = model.scenario.boot[node.number % len(model.scenario.boot)]
        model.at(boot * 0.7, self._alive(lambda: self._emit("workerready")))
        model.at(boot, self._alive(self._collect))

    @property
    def gone(self) -> bool:
        return self.dead or self.finished

    def receive(self, indices: Sequence[int]) -> None:
        if not self.dead:
            self._queue.extend(indices)
            self._step()

    def steal(self, indices: Sequence[int]) -> None:
        """By the receiving thread, so also while an item runs, and for a moment after the last.

        All or none as from xdist 3.7 on, or what is there.
        """
        if self.dead:
            return
        stolen = [each for each in self._queue if each in indices]
        if len(stolen) < len(indices) and not self._model.scenario.gives_some:
            stolen = []
        self._queue = deque(each for each in self._queue if each not in stolen)
        self._emit("unscheduled", stolen)

    def kill(self) -> None:
        """What it has sent arrives; then, maybe not at once, that it is dead."""
        if not self.gone:
            self.dead = True
            self.pipe_broken = self._model.random.random() < 0.5
            self._last = max(self._last, self._model.now + self._model.random.choice((0.0, 0.0, 0.3)))
            self._emit("errordown")

    def _collect(self) -> None:
        scenario = self._model.scenario
        ids = scenario.collects.get(self._node.number, scenario.ids)
        self._emit("collectionfinish", ids)
        if scenario.ids and not ids:  # an error of usage: pytest sends its ids all the same, and ends
            self._finish(failed=False)
            return
        self._busy = False
        self._step()

    def _step(self) -> None:
        """`pytest_runtestloop` and `run_one_test`: an item starts only when the next one, or the end, is known."""
        if self._busy or self.gone:
            return
        if self._held is None:
            if not self._queue:
                return
            self._held = self._queue.popleft()
        if self._held == SHUTDOWN:
            self._finish(failed=False)
        elif self._queue:
            index, self._held = self._held, self._queue.popleft()
            self._busy = True
            self._run(index)

    def _run(self, index: int) -> None:
        model = self._model
        if index == len(model.scenario.ids):
            model.at(model.filler_seconds, self._alive(lambda: self._complete(index)))
            return
        moment, runs = model.scenario.deadly.get(index, (None, 0))
        if model.starts[index] >= runs:
            moment = None
        if moment is Moment.BEFORE_LOGSTART and not model.unborn[index]:
            model.unborn[index] = True
            self.kill()
            return
        model.starts[index] += 1
        model.first_start = min(model.first_start, model.now)
        model.watcher.started(self._node, index)
        self._emit("logstart", index)
        if moment is Moment.AFTER_LOGSTART:
            self.kill()
            return
        seconds = model.scenario.seconds[index]
        if moment is Moment.MIDWAY:
            model.at(seconds / 2, self._alive(self.kill))
        else:
            model.at(seconds, self._alive(lambda: self._report(index, moment)))

    def _report(self, index: int, moment: Moment | None) -> None:
        failed = index in self._model.scenario.failing
        self._failures += failed
        self._emit("testreport", (index, failed))
        if moment is Moment.BEFORE_LOGFINISH:
            self.kill()
            return
        self._model.watcher.ended(self._node, index)
        self._model.last_end = self._model.now
        self._emit("logfinish", index)
        if moment is Moment.BEFORE_COMPLETE:
            self.kill()
            return
        self._complete(index)

    def _complete(self, index: int) -> None:
        self._emit("runtest_protocol_complete", index)
        self._busy = False
        maxfail = self._model.scenario.maxfail
        if maxfail and self._failures >= maxfail:  # pytest's own `shouldfail`, in the worker
            self._finish(failed=True)
        else:
            self._step()

    def _finish(self, *, failed: bool) -> None:
        self._busy = True

        def say_so() -> None:
            self.finished = True
            self._emit("workerfinished", failed)

        self._model.at(EXIT, self._alive(say_so))

    def _emit(self, name: str, value: Any = None) -> None:
        self._last = self._model.deliver(self._last, lambda: self._model.arrive(name, self._node, value))

    def _alive(self, action: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self.gone else action()
