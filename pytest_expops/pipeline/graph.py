"""Graphs of names: an order in which every name follows what it depends on, and cycles where there is none."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping

Upstream = Mapping[str, Collection[str]]
"""What each name depends on; every name that is depended on must be a key too."""


def downstream_of(upstream: Upstream) -> dict[str, list[str]]:
    """Return the same edges the other way round; each list in the order of `upstream`'s keys."""
    downstream: dict[str, list[str]] = {name: [] for name in upstream}
    for name, sources in upstream.items():
        for source in sources:
            downstream[source].append(name)
    return downstream


def topological_order(upstream: Upstream) -> list[str]:
    """Return the names so that each follows its upstream; of those free to come next, the smallest comes first (Kahn).

    Depends on the edges alone, not on the order in which they are given (S5.5). Names on a cycle, and those
    downstream of one, are left out.
    """
    downstream = downstream_of(upstream)
    waiting = {name: len(set(sources)) for name, sources in upstream.items()}
    ready = [name for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for target in set(downstream[name]):
            waiting[target] -= 1
            if waiting[target] == 0:
                heapq.heappush(ready, target)
    return order


def find_cycles(upstream: Upstream) -> list[tuple[str, ...]]:
    """Return a shortest cycle of every knot of the graph, from its smallest name on, in the order of the flow.

    `("a", "b")` means that b depends on a and a on b. There is no cycle if and only if the list is empty.
    """
    left = _core(upstream)
    downstream = downstream_of({name: [each for each in upstream[name] if each in left] for name in left})
    cycles = []
    covered: set[str] = set()
    for name in sorted(left):
        if name not in covered:
            cycle = _shortest_cycle(name, downstream)
            if cycle:
                cycles.append(cycle)
                covered.update(_reachable(cycle, downstream))
    return cycles


def _core(upstream: Upstream) -> set[str]:
    """Return the names left when those without upstream, then those without downstream, are taken away repeatedly."""
    left = set(upstream) - set(topological_order(upstream))
    backwards = downstream_of({name: [each for each in upstream[name] if each in left] for name in left})
    return left - set(topological_order(backwards))


def _shortest_cycle(start: str, downstream: Mapping[str, Iterable[str]]) -> tuple[str, ...] | None:
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for target in sorted(downstream[name]):
            if target == start:
                path = [name]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return tuple(reversed(path))
            if target not in came_from:
                came_from[target] = name
                queue.append(target)
    return None


def _reachable(cycle: tuple[str, ...], downstream: Upstream) -> set[str]:
    """Return every name on some cycle with these: reachable from them and leading back to them."""
    forward = _closure(cycle, downstream)
    return forward & _closure(cycle, downstream_of(downstream))


def _closure(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    seen = set(start)
    queue = deque(seen)
    while queue:
        for target in edges[queue.popleft()]:
            if target not in seen:
                seen.add(target)
                queue.append(target)
    return seen
