"""A discrete-event model of xdist's controller and workers, which drives a real scheduler without any process.

It follows xdist 3.6 to 3.8 rule by rule; what it takes from where is said at each class, and `test_xdist_contract.py`
holds the rules that matter against the real xdist. Only the workers' nodes are fakes. Time is the model's own, so a run
of minutes takes milliseconds and is the same every time.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

from pytest_expops.plugin.scheduling import _priorities as priorities
from pytest_expops.plugin.scheduling.scheduler import GraphScheduling
from tests.plugin.scheduling.scenario import Outcome, Scenario, Watcher
from tests.plugin.scheduling.workers import Node


class Model:
    """The events in time, and the controller: `DSession` in xdist's dsession.py."""

    def __init__(
        self,
        scenario: Scenario,
        watcher: Watcher | None = None,
        make: Callable[..., Any] = GraphScheduling,
        filler_seconds: float = 0.0002,
    ) -> None:
        self.scenario = scenario
        self.watcher = watcher or Watcher()
        self.filler_seconds = filler_seconds
        self.random = random.Random(scenario.seed)
        self.now = 0.0
        self.starts: Counter[int] = Counter()
        self.unborn: Counter[int] = Counter()
        self.sends = self.steals = self._deaths = 0
        self.first_start, self.last_end = float("inf"), 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()
        self._numbers = itertools.count()
        self._inbox: deque[tuple[str, Node, Any]] = deque()
        self._busy_until = 0.0
        self._active: list[Node] = []
        self._shutting_down = self._should_stop = False
        self._failures = 0
        self._again: Counter[int] = Counter()
        self._over: set[int] = set()
        self._crashed: set[int] = set()
        self._ended = ""
        self.differences: list[tuple[Any, Any]] = []
        self.scheduler = make(
            None,
            None,
            graph=lambda ids: scenario.graph,
            workers=scenario.workers,
            history=scenario.history,
            report_difference=lambda first, _, other, __: self.differences.append((first, other)),
        )

    # Time.

    def at(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._serial), action))

    def deliver(self, last: float, action: Callable[[], None]) -> float:
        """Do it when a message arrives that is sent now, and not before `last`; return when that is."""
        scenario = self.scenario
        delay = scenario.latency
        if scenario.jitter:
            delay *= 1 + self.random.expovariate(1 / scenario.jitter)
        arrival = max(last, self.now + delay)
        heapq.heappush(self._events, (arrival, next(self._serial), action))
        return arrival

    def run(self, most_events: int = 0) -> Outcome:
        """Until the session ends, or nothing is left to happen (or too much has happened): a hang."""
        scenario = self.scenario
        most_events = most_events or 400 * (len(scenario.ids) + 20)
        # Priorities are computed anew after a share of real time, which would make runs differ.
        with mock.patch.object(priorities, "UNPATCHED", SimpleNamespace(perf_counter=lambda: self.now)):
            for _ in range(scenario.workers):
                self._new_node()
            for time, number in scenario.kills:
                self.at(time, lambda number=number: self._kill(number))  # type: ignore[misc]
            while self._events and not self._ended and most_events:
                self.now, _, action = heapq.heappop(self._events)
                action()
                most_events -= 1
        return Outcome(
            self._ended or "hang",
            self.starts,
            self._crashed,
            self._over,
            self.sends,
            self.steals,
            self._deaths,
            self.first_start,
            self.last_end,
        )

    def _kill(self, number: int) -> None:
        alive = [node for node in self._active if not node.process.gone]
        if alive:
            alive[number % len(alive)].process.kill()

    def _new_node(self) -> None:
        self._active.append(Node(self, next(self._numbers)))

    # The controller.

    def arrive(self, name: str, node: Node, value: Any) -> None:
        """By the receiving thread, which marks the node as down before the main thread comes to what was sent."""
        if name in ("workerfinished", "errordown"):
            node.down = True
        self._inbox.append((name, node, value))
        if len(self._inbox) == 1:
            self.at(max(0.0, self._busy_until - self.now), self._loop_once)

    def _loop_once(self) -> None:
        name, node, value = self._inbox.popleft()
        self.watcher.before(name, node, value)
        getattr(self, f"_worker_{name}")(node, value)
        if self.scheduler.tests_finished or self._should_stop:
            self._trigger_shutdown()
        self.watcher.after(name, node, self.scheduler)
        self._busy_until = self.now + self.scenario.controller
        if not self._active:
            self._ended = self._how() if self._shutting_down else "no workers"
        elif self._inbox:
            self.at(self.scenario.controller, self._loop_once)

    def _how(self) -> str:
        if self._should_stop:
            return "stopped"
        return "restarts" if self._too_many() and not self.scheduler.tests_finished else "finished"

    def _too_many(self) -> bool:
        return self.scenario.max_restart is not None and self._deaths > self.scenario.max_restart

    def _trigger_shutdown(self) -> None:
        if not self._shutting_down:
            self._shutting_down = True
            for node in self.scheduler.nodes:
                node.shutdown()

    def _worker_workerready(self, node: Node, _: Any) -> None:
        if self._shutting_down:
            node.shutdown()
        else:
            self.scheduler.add_node(node)

    def _worker_collectionfinish(self, node: Node, ids: tuple[str, ...]) -> None:
        if self._shutting_down:
            return
        self.watcher.collected(node, ids)
        self.scheduler.add_node_collection(node, list(ids))
        if self.scheduler.collection_is_completed:
            self.watcher.scheduled()
            self.scheduler.schedule()

    def _worker_logstart(self, _: Node, index: int) -> None:
        self.scheduler.started(self.scenario.ids[index])

    def _worker_testreport(self, _: Node, value: tuple[int, bool]) -> None:
        index, failed = value
        if failed:
            self._count_failure()
        else:
            self.scheduler.measured(self.scenario.ids[index], self.scenario.seconds[index])

    def _worker_logfinish(self, _: Node, index: int) -> None:
        self.scheduler.ended(self.scenario.ids[index])

    def _worker_runtest_protocol_complete(self, node: Node, index: int) -> None:
        if index < len(self.scenario.ids):
            self._over.add(index)
        self.scheduler.mark_test_complete(node, index, 0.0)

    def _worker_unscheduled(self, node: Node, indices: list[int]) -> None:
        self.scheduler.remove_pending_tests_from_node(node, indices)

    def _worker_workerfinished(self, node: Node, failed: bool) -> None:
        if failed:  # and the scheduler is not told
            self._should_stop = True
        elif node in self.scheduler.nodes:
            self.watcher.blamed(node, self.scheduler.remove_node(node))
        self._active.remove(node)

    def _worker_errordown(self, node: Node, _: Any) -> None:
        try:
            crashed = self.scheduler.remove_node(node)
        except KeyError:
            pass
        else:
            self.watcher.blamed(node, crashed)
            if crashed:
                self._handle_crash(self.scenario.ids.index(crashed))
        self._deaths += 1
        if self._too_many():
            self._trigger_shutdown()
        else:
            self._shutting_down = False
            self._new_node()
        self._active.remove(node)

    def _handle_crash(self, index: int) -> None:
        """`pytest_handlecrashitem`, in which a plugin may ask for the item again, and our own wrapper around it.

        A crash does not count towards `maxfail`.
        """
        node_id = self.scenario.ids[index]
        again = self._again[index] < self.scenario.reruns
        if again and not self.scenario.late_reruns:
            self._again[index] += 1
            self.watcher.wanted_again(index)
            self.scheduler.mark_test_pending(node_id)
            return
        self._crashed.add(index)
        self.watcher.given_up(index)
        self.scheduler.release_crashed()
        if again:
            self._again[index] += 1
            self.watcher.wanted_again(index)
            self.scheduler.mark_test_pending(node_id)

    def _count_failure(self) -> None:
        self._failures += 1
        if self.scenario.maxfail and self._failures >= self.scenario.maxfail:
            self._should_stop = True
