"""The items that may start now: those of the graph by priority, ordinary tests in collection order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable

from pytest_expops.plugin.scheduling._graph_view import GraphView

Heap = list[tuple[float, int]]


class ReadyItems:
    """Items of the graph by rank, and again by the worker that made their inputs. What was taken is dropped lazily."""

    def __init__(self, rank: list[float]) -> None:
        self._rank = rank
        self._ready: set[int] = set()
        self._all: Heap = []
        self._near: dict[Hashable, Heap] = {}

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, node: int, maker: Hashable | None) -> None:
        """`maker` is the worker that made most of what the item needs."""
        self._ready.add(node)
        entry = (-self._rank[node], node)
        heapq.heappush(self._all, entry)
        if maker is not None:
            heapq.heappush(self._near.setdefault(maker, []), entry)

    def take(self, node: int) -> None:
        """It is ready no longer."""
        self._ready.discard(node)

    def best(self) -> int | None:
        """Return the item of the highest rank, the first collected among equals."""
        return self._head(self._all)

    def best_near(self, worker: Hashable) -> int | None:
        """Return the same among those whose inputs `worker` made."""
        heap = self._near.get(worker)
        return self._head(heap) if heap else None

    def best_few(self, count: int) -> list[int]:
        """Return the `count` items of the highest ranks."""
        found: Heap = []
        while len(found) < count and self.best() is not None:
            found.append(heapq.heappop(self._all))
        for entry in found:
            heapq.heappush(self._all, entry)
        # An item that was given back is twice in the heap.
        return list(dict.fromkeys(node for _, node in found))

    def ranks_changed(self) -> None:
        """Put everything in order again."""
        self._all = self._sorted(self._ready)
        self._near = {worker: self._sorted({node for _, node in heap}) for worker, heap in self._near.items()}

    def _sorted(self, nodes: set[int]) -> Heap:
        return sorted((-self._rank[node], node) for node in nodes if node in self._ready)

    def _head(self, heap: Heap) -> int | None:
        while heap and heap[0][1] not in self._ready:
            heapq.heappop(heap)
        return heap[0][1] if heap else None


class ReadyTests:
    """Ordinary tests by file: a worker stays with a file as long as it can, so that module fixtures are made once."""

    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._files: dict[str, deque[int]] = {}
        self._untouched: dict[str, None] = {}
        self._at: dict[Hashable, str] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, node: int, *, first: bool = False) -> None:
        """`first` puts it before the others of its file: one that was given back."""
        name = self._view.ids[node].partition("::")[0]
        if name not in self._files:
            self._files[name] = deque()
            self._untouched[name] = None
        if first:
            self._files[name].appendleft(node)
        else:
            self._files[name].append(node)
        self._count += 1

    def peek(self, worker: Hashable) -> int | None:
        """Return the test that `worker` should run next: of its file, of one that nobody has begun, of the longest."""
        tests = self._files.get(self._at.get(worker, ""))
        if tests:
            return tests[0]
        if not self._files:
            return None
        name = next(iter(self._untouched), None)
        return self._files[name or self._longest()][0]

    def take(self, worker: Hashable, node: int) -> None:
        """`worker` runs what it has peeked at."""
        name = self._view.ids[node].partition("::")[0]
        self._at[worker] = name
        self._untouched.pop(name, None)
        tests = self._files[name]
        tests.remove(node)
        self._count -= 1
        if not tests:
            del self._files[name]

    def _longest(self) -> str:
        return max(self._files, key=lambda name: len(self._files[name]))
