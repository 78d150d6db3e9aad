"""Who waits for whom among the collected items, as integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.plugin.scheduling.parts import Part


@dataclass(frozen=True, slots=True)
class Need:
    """What must be over before an item may start. `upstream` are node ids, or names of virtual nodes.

    Items of one `kind` take alike long, but for what their `part` of the data makes of it; None where nothing is alike.
    """

    upstream: tuple[str, ...]
    kind: str | None = None
    part: Part | None = None


class CircularNeeds(ValueError):
    """Items wait for each other in a circle; `among` are the node ids of those that could never start."""

    def __init__(self, among: Sequence[str]) -> None:
        super().__init__(f"these items wait for each other in a circle: {', '.join(among[:8])}")
        self.among = tuple(among)


class GraphView:
    """The graph by number: node `i` below `count` is the collected item ``ids[i]``.

    The other nodes are virtual: in the graph, but not collected. They take no time, and are over when their upstream
    is. So an item waits for its nearest collected ancestors, and the graph stays as small as it was.
    `in_graph[i]` says whether an item is of the graph at all; the others are ordinary tests. `order` is topological.
    """

    def __init__(self, ids: Sequence[str], graph: Mapping[str, Need]) -> None:
        """Raises CircularNeeds."""
        self.ids = ids
        self.count = len(ids)
        self.in_graph = [each in graph for each in ids]
        self.kinds: list[str | None] = []
        self.parts: list[Part | None] = []
        self.parents: list[tuple[int, ...]] = []
        self._connect(graph)
        self.children: list[list[int]] = [[] for _ in self.parents]
        for node, parents in enumerate(self.parents):
            for parent in parents:
                self.children[parent].append(node)
        self.order = self._topological()

    @classmethod
    def build(cls, ids: Sequence[str], graph: Mapping[str, Need]) -> GraphView:
        """Return the view of `ids` in collection order; of what is not collected, only what they need."""
        return cls(ids, graph)

    def _connect(self, graph: Mapping[str, Need]) -> None:
        number: dict[str, int] = {}
        for node, each in enumerate(self.ids):
            number.setdefault(each, node)
        keys = list(self.ids)
        for key in keys:  # grows by the virtual nodes as they are met
            need = graph.get(key, _FREE)
            for upstream in need.upstream:
                if upstream not in number and upstream in graph:
                    number[upstream] = len(keys)
                    keys.append(upstream)
            self.kinds.append(need.kind)
            self.parts.append(need.part)
            self.parents.append(_distinct(number[each] for each in need.upstream if each in number))

    def _topological(self) -> list[int]:
        waiting = [len(parents) for parents in self.parents]
        order = [node for node, count in enumerate(waiting) if not count]
        for node in order:
            for child in self.children[node]:
                waiting[child] -= 1
                if not waiting[child]:
                    order.append(child)
        if len(order) < len(waiting):
            raise CircularNeeds([self.ids[node] for node in range(self.count) if waiting[node]])
        return order


_FREE = Need(())


def _distinct(nodes: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(nodes))
