"""What has become of every item, and what may start now."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from enum import IntEnum

from pytest_expops.plugin.scheduling._graph_view import GraphView
from pytest_expops.plugin.scheduling._priorities import Priorities
from pytest_expops.plugin.scheduling._ready import ReadyItems, ReadyTests
from pytest_expops.plugin.scheduling.estimates import Estimates

LONG_TEST = 0.25
"""Seconds; an ordinary test known to take longer is placed by its rank, as it may decide when the run ends."""


class State(IntEnum):
    """Of one node. It is OVER when its protocol has ended, whatever came of it, or its worker has died of it."""

    WAITING = 0
    READY = 1
    SENT = 2
    OVER = 3
    CRASHED = 4
    """Its worker died; who waits for it is not released yet, as it may be asked for once more."""


WAITING, READY, SENT, OVER, CRASHED = State


class Board:
    """The items of one session. Workers are known by any hashable object."""

    def __init__(self, view: GraphView, estimates: Estimates, priorities: Priorities) -> None:
        self.view = view
        self.estimates = estimates
        self.priorities = priorities
        self.items = ReadyItems(self.priorities.rank)
        """Those that something waits for, if only a check."""
        self.leaves = ReadyItems(self.priorities.rank)
        """Those that nothing waits for: checks, above all."""
        self.tests = ReadyTests(view)
        self.unfinished = view.count
        self.state = [WAITING] * len(view.parents)
        self.worker: list[Hashable | None] = [None] * len(view.parents)
        """To which it was sent, or which ran it."""
        self._open = [len(parents) for parents in view.parents]
        """How many of its parents are not over."""
        self._crashed: list[int] = []
        self._again: set[int] = set()
        self._seconds_left = sum(self.priorities.seconds)
        for node in view.order:
            if not self._open[node] and self.state[node] == WAITING:
                self._start_or_pass(node)

    @property
    def seconds_left(self) -> float:
        """The estimated work in all items that are not over."""
        return max(self._seconds_left, 0.0)

    @property
    def ready(self) -> int:
        """How many items may start now."""
        return len(self.items) + len(self.leaves) + len(self.tests)

    def is_ranked(self, node: int) -> bool:
        """Return whether it is placed by its rank; else it is an ordinary test, which fills gaps."""
        if self.view.kinds[node] is not None:
            return True
        return self.estimates.history.get(self.view.ids[node], 0.0) > LONG_TEST

    def sent(self, node: int, worker: Hashable) -> None:
        """It is in the queue of `worker`."""
        if self.state[node] == READY:
            if self.is_ranked(node):
                self._pool(node).take(node)
            else:
                self.tests.take(worker, node)
        self.state[node] = SENT
        self.worker[node] = worker

    def given_back(self, nodes: Iterable[int]) -> None:
        """They were sent, and never started."""
        for node in reversed(list(nodes)):
            self.state[node] = WAITING
            self.worker[node] = None
            if not self._open[node]:
                self._make_ready(node, first=True)

    def over(self, node: int, worker: Hashable | None) -> None:
        """Its protocol has ended; what waited for it alone is ready now."""
        self.state[node] = OVER
        self.worker[node] = worker
        self.unfinished -= 1
        self._seconds_left -= self.priorities.seconds[node]
        if node in self._again:
            self._again.discard(node)
        else:
            self._release(node)

    def crashed(self, node: int) -> None:
        """Its worker died of it. It is over when `release_crashed` is called, unless it is wanted again before."""
        self.state[node] = CRASHED
        self._crashed.append(node)

    def release_crashed(self) -> bool:
        """Whoever waits for items that crashed waits no longer; whether there were any."""
        found = bool(self._crashed)
        while self._crashed:
            self.over(self._crashed.pop(), None)
        return found

    def wanted_again(self, node: int) -> None:
        """Run it once more; what waited for it is not held back again."""
        if self.state[node] == CRASHED:
            self._crashed.remove(node)
        elif self.state[node] == OVER:
            self._again.add(node)
            self.unfinished += 1
            self._seconds_left += self.priorities.seconds[node]
        else:
            return
        self._make_ready(node, first=True)

    def may_follow(self, node: int, worker: Hashable) -> bool:
        """Return whether all that it waits for is over, or ahead of it in the queue of `worker`."""
        state, sent_to = self.state, self.worker
        return state[node] == WAITING and all(
            state[parent] == OVER or (state[parent] == SENT and sent_to[parent] == worker)
            for parent in self.view.parents[node]
        )

    def refresh(self) -> None:
        """Rank anew, if there is news and it is time."""
        if self.priorities.compute_if_due():
            self.ranks_changed()
            seconds, state = self.priorities.seconds, self.state
            self._seconds_left = sum(seconds[node] for node in range(self.view.count) if state[node] != OVER)

    def ranks_changed(self) -> None:
        """Put what is ready in order again."""
        self.items.ranks_changed()
        self.leaves.ranks_changed()

    def maker(self, node: int) -> Hashable | None:
        """Return the worker that spent most time on what the item needs: what it made may be at hand there."""
        spent: dict[Hashable, float] = {}
        for parent in self.view.parents[node]:
            worker = self.worker[parent]
            if worker is not None:
                spent[worker] = spent.get(worker, 0.0) + self.priorities.seconds[parent]
        return max(spent, key=spent.__getitem__) if spent else None

    def _release(self, node: int) -> None:
        for child in self.view.children[node]:
            self._open[child] -= 1
            if not self._open[child] and self.state[child] == WAITING:
                self._start_or_pass(child)

    def _start_or_pass(self, node: int) -> None:
        """Ready, if it is an item; if it is virtual it is over, and so are virtual nodes that waited for it alone."""
        if node < self.view.count:
            self._make_ready(node)
            return
        passed = [node]
        while passed:
            each = passed.pop()
            self.state[each] = OVER
            for child in self.view.children[each]:
                self._open[child] -= 1
                if self._open[child] or self.state[child] != WAITING:
                    continue
                if child < self.view.count:
                    self._make_ready(child)
                else:
                    passed.append(child)

    def _pool(self, node: int) -> ReadyItems:
        return self.items if self.view.children[node] else self.leaves

    def _make_ready(self, node: int, *, first: bool = False) -> None:
        self.state[node] = READY
        if self.is_ranked(node):
            self._pool(node).add(node, self.maker(node))
        else:
            self.tests.add(node, first=first)
