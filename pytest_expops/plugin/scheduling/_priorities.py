"""Which item should go first: the one with the longest path still before it."""

from __future__ import annotations

from pytest_expops.plugin.scheduling._graph_view import GraphView
from pytest_expops.plugin.scheduling.estimates import Estimates
from pytest_expops.plugin.scheduling.parts import Part
from pytest_expops.unpatched import UNPATCHED

SHARE = 20
"""Priorities are computed anew only when so many times as long has passed as that took."""


class Priorities:
    """`rank[node]` is the estimated time from a node's start to the end of the longest path through it, in seconds.

    That is the upward rank of list scheduling (Topcuoglu, Hariri and Wu 2002, "HEFT"), without costs of communication.
    `seconds[node]` is its own estimate; both 0 beyond the end of a path and for virtual nodes themselves.
    """

    def __init__(self, view: GraphView, estimates: Estimates) -> None:
        self._view = view
        self._estimates = estimates
        self.seconds = [0.0] * len(view.parents)
        self.rank = [0.0] * len(view.parents)
        self.stale = False
        self._cost = 0.0
        self._computed = 0.0
        self.compute()

    def compute(self) -> None:
        """Estimate and rank every node."""
        begin = UNPATCHED.perf_counter()
        view, history, of_kind = self._view, self._estimates.history, self._estimates.of_kind
        seconds, rank, kinds, parts = self.seconds, self.rank, view.kinds, view.parts
        alike: dict[tuple[str | None, Part | None], float] = {}
        for node, node_id in enumerate(view.ids):
            known = history.get(node_id) if history else None
            if known is None:
                key = kinds[node], parts[node]
                known = alike.get(key)
                if known is None:
                    known = alike[key] = of_kind(*key)
            seconds[node] = known
        for node in reversed(view.order):
            longest = 0.0
            for child in view.children[node]:
                if rank[child] > longest:
                    longest = rank[child]
            rank[node] = seconds[node] + longest
        self.stale = False
        self._computed = UNPATCHED.perf_counter()
        self._cost = self._computed - begin

    def compute_if_due(self) -> bool:
        """Compute anew if the estimates have moved and it does not cost too much; whether it was done."""
        if not self.stale or UNPATCHED.perf_counter() - self._computed < SHARE * self._cost:
            return False
        self.compute()
        return True
