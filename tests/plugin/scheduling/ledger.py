"""The laws of a scheduler, checked from the outside after every event, from the model's own idea of the graph."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from tests.plugin.scheduling.scenario import Outcome, Scenario, Watcher
from tests.plugin.scheduling.workers import Node


class Broken(AssertionError):
    """A law is broken. The message begins with the law's name."""


class Ledger(Watcher):
    """Keeps what the controller may know (what was sent, and what has come back) beside what really happens."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.count = len(scenario.ids)
        self.waits = nearest_collected(scenario)
        self.queues: dict[Node, deque[int]] = {}
        """What was sent to a worker and has not come back."""
        self.over: set[int] = set()
        """What the controller knows to be over."""
        self.open: set[int] = set(range(self.count))
        """What is still to be run, if only once more."""
        self.ended_really: set[int] = set()
        self.starts: Counter[int] = Counter()
        self.granted: Counter[int] = Counter()
        """How many more starts than one were asked for."""
        self._logstart: set[int] = set()
        self._logfinish: set[int] = set()
        self._unsent: set[int] = set(range(self.count))
        self._crashed: set[int] = set()
        self._unreachable: set[Node] = set()
        self._collected: dict[Node, tuple[str, ...]] = {}
        self._scheduled = False
        self._alike = True
        self._expected_blame: str | None = None
        self.requeued = 0

    # What the scheduler does.

    def sent(self, node: Node, indices: Sequence[int]) -> None:
        *items, last = indices
        if last != self.count or self.count in items or not items:
            raise Broken(f"filler: {indices} should be items, then {self.count}")
        if len(set(items)) < len(items) or not self._unsent.issuperset(items):
            raise Broken(f"once: {indices} were sent while {sorted(set(items) - self._unsent)} were elsewhere")
        if node not in self._collected or self._collected[node] != self.scenario.ids:
            raise Broken(f"collection: {indices} were sent to {node}, which has collected {self._collected.get(node)}")
        queue = self.queues.setdefault(node, deque())
        for item in items:
            early = [each for each in self.waits[item] if each not in self.over and each not in queue]
            if early:
                raise Broken(f"order: {item} was sent to {node} before {early}")
            queue.append(item)
            self._unsent.discard(item)

    def asked(self, node: Node, indices: Sequence[int]) -> None:
        if not indices or not set(indices) <= set(self.queues.get(node, ())):
            raise Broken(f"steal: {indices} are not all in the queue of {node}")

    def unreachable(self, node: Node) -> None:
        self._unreachable.add(node)

    # What really happens.

    def started(self, node: Node, index: int) -> None:
        self.starts[index] += 1
        early = [each for each in self.waits[index] if each not in self.ended_really]
        if early:
            raise Broken(f"order: {index} started on {node} before {early} ended")
        if self.starts[index] > 1 + self.granted[index]:
            raise Broken(f"once: {index} started {self.starts[index]} times, on {node} at last")

    def ended(self, node: Node, index: int) -> None:
        self.ended_really.add(index)

    # What the controller learns.

    def before(self, name: str, node: Node, value: Any) -> None:
        queue = self.queues.get(node, deque())
        if name == "logstart":
            self._logstart.add(value)
        elif name == "logfinish":
            self._logfinish.add(value)
        elif name == "runtest_protocol_complete" and value < self.count:
            if not queue or queue.popleft() != value:
                raise Broken(f"model: {node} has run {value}, which was not the first in its queue")
            self._settle(value)
        elif name == "unscheduled":
            for each in value:
                queue.remove(each)
            self._unsent.update(value)
            self.requeued += len(value)
        elif name in ("errordown", "workerfinished"):
            self._lose(queue, failed=name == "workerfinished" and value)

    def blamed(self, node: Node, node_id: str | None) -> None:
        if node_id != self._expected_blame:
            raise Broken(f"blame: {node} died of {self._expected_blame}, but {node_id} was blamed")

    def wanted_again(self, index: int) -> None:
        self.granted[index] += 1
        self._crashed.discard(index)
        self._unsent.add(index)
        self.open.add(index)

    def given_up(self, index: int) -> None:
        self._crashed.discard(index)
        self.ended_really.add(index)
        self._settle(index)

    def collected(self, node: Node, ids: tuple[str, ...]) -> None:
        self._collected[node] = ids

    def scheduled(self) -> None:
        """If those that collected first do not agree, nothing is to be run."""
        if not self._scheduled:
            self._scheduled = True
            self._alike = all(ids == self.scenario.ids for ids in self._collected.values())

    def after(self, name: str, node: Node, scheduler: Any) -> None:
        """The laws that hold between events."""
        finished = self._scheduled and (not self.open or not self._alike)
        if scheduler.tests_finished != finished:
            raise Broken(f"finished: tests_finished is {scheduler.tests_finished} while open are {sorted(self.open)}")
        ready = next((item for item in self._unsent if self.over.issuperset(self.waits[item])), None)
        if ready is None or not self._scheduled or not self._alike:
            return
        for each in scheduler.nodes:
            usable = self._collected.get(each) == self.scenario.ids and each not in self._unreachable
            if usable and not each.shutting_down and not self.queues.get(each):
                raise Broken(f"idle: {each} is empty after {name} of {node} while {ready} is ready")

    def check(self, outcome: Outcome) -> None:
        """The laws of a whole run."""
        if outcome.ended == "hang":
            raise Broken(f"hang: open are {sorted(self.open)}, queues are {self.queues}")
        if outcome.ended == "no workers" and not self.scenario.collects:
            raise Broken("workers: none is left, though all collected alike")
        if outcome.ended == "finished" and self._alike and self.open:
            raise Broken(f"lost: {sorted(self.open)}")
        most = 2 * (sum(self.starts.values()) + self.requeued) + self.scenario.workers + outcome.deaths
        if outcome.sends + outcome.steals > most:
            raise Broken(f"messages: {outcome.sends} sent, {outcome.steals} asked back; at most {most} expected")

    def _settle(self, index: int) -> None:
        self.over.add(index)
        self.open.discard(index)
        self._forget(index)

    def _forget(self, index: int) -> None:
        self._logstart.discard(index)
        self._logfinish.discard(index)

    def _lose(self, queue: deque[int], *, failed: bool) -> None:
        """A worker is gone. xdist does not say so if it ended by `-x`: what it was sent is then lost, by intention."""
        self._expected_blame = None
        if failed:
            return
        first = queue[0] if queue else None
        if first in self._logfinish:
            queue.popleft()
            self._settle(first)
        elif first in self._logstart:
            queue.popleft()
            self._forget(first)
            self._crashed.add(first)
            self._expected_blame = self.scenario.ids[first]
        self.requeued += len(queue)
        self._unsent.update(queue)
        queue.clear()


def nearest_collected(scenario: Scenario) -> list[frozenset[int]]:
    """Of each item, the nearest collected ancestors, by walking up from each."""
    number = {node_id: index for index, node_id in enumerate(scenario.ids)}
    found = []
    for node_id in scenario.ids:
        nearest, seen = set(), {node_id}
        stack = [*scenario.graph[node_id].upstream] if node_id in scenario.graph else []
        while stack:
            each = stack.pop()
            if each in seen:
                continue
            seen.add(each)
            if each in number:
                nearest.add(number[each])
            elif each in scenario.graph:
                stack.extend(scenario.graph[each].upstream)
        found.append(frozenset(nearest))
    return found
