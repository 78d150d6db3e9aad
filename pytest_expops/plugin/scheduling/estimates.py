"""How long an item will take: what it took last time, else what its like have taken in this session."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from pytest_expops.plugin.scheduling.parts import Part

UNMEASURED = 1.0
"""Seconds, for a process before any has been measured: only their proportions matter."""
UNMEASURED_TEST = 0.05
SURE_AFTER = 2
"""So many measurements of a kind make its mean something to build upon."""
FORGETS = 0.9
"""What is left, at each measurement, of the longest before it: one item that a busy machine held up should not rule for
the rest of the session."""
NEWS = 0.1
"""A mean that has moved by so much of itself may change who goes first."""


class Estimates:
    """Seconds by item. Durations of one kind are taken for a mean times a factor of the part of the data.

    The factor begins with the rows that the config lists for the part, and is a running mean like the other, so that
    the estimate of a large partition grows with every process that has seen it.
    """

    def __init__(self, history: Mapping[str, float] | None = None) -> None:
        self.history: Mapping[str, float] = history or {}
        self._mean: dict[str | None, float] = {}
        self._count: dict[str | None, int] = {}
        self._factor: dict[Part, float] = {}
        self._factor_count: dict[Part, int] = {}
        self._longest: dict[str | None, float] = {}
        self._told: dict[Hashable, float] = {}

    def seconds(self, node_id: str, kind: str | None, part: Part | None = None) -> float:
        """Return the estimate for one item; of its kind only, if `node_id` has no history."""
        known = self.history.get(node_id)
        return self.of_kind(kind, part) if known is None else known

    def of_kind(self, kind: str | None, part: Part | None = None) -> float:
        """Return the estimate for an item without history.

        A check of which none is measured is taken to be as long as what it checks, whose kind is its own without the
        brackets; another unknown kind, to be like the mean of all known ones.
        """
        mean = self._mean.get(kind)
        if mean is None:
            if kind is None:
                return UNMEASURED_TEST
            mean = self._mean.get(kind.rpartition("[")[0])
        if mean is None:
            means = [each for name, each in self._mean.items() if name is not None]
            mean = sum(means) / len(means) if means else UNMEASURED
        return mean * self._factor_of(part)

    def sure(self, node_id: str, kind: str | None, part: Part | None = None) -> float | None:
        """Return an upper estimate that may be built upon, or None where too little is known.

        Of a kind it is the longest of late: the mean of many short ones says nothing of the first long one.
        """
        known = self.history.get(node_id)
        if known is not None:
            return known
        if self._count.get(kind, 0) < SURE_AFTER:
            return None
        return max(self._longest[kind], self.of_kind(kind, part)) if kind is not None else self._mean[kind]

    def known(self, node_id: str, kind: str | None) -> bool:
        """Return whether the estimate comes of any measurement of this item or its kind."""
        return node_id in self.history or kind in self._mean

    def learn(self, kind: str | None, part: Part | None, seconds: float) -> bool:
        """Take in one measurement; true if the estimates may have moved enough for priorities to change."""
        count = self._count[kind] = self._count.get(kind, 0) + 1
        factor = self._factor_of(part)
        mean = self._mean.get(kind)
        scaled = seconds / max(factor, 1e-3)
        mean = self._mean[kind] = scaled if mean is None else mean + (scaled - mean) / count
        self._longest[kind] = max(self._longest.get(kind, 0.0) * FORGETS, seconds)
        news = _is_power_of_two(count) and self._moved(kind, mean)
        if part is not None and mean > 0:
            known = self._factor_count[part] = self._factor_count.get(part, 0) + 1
            factor = self._factor[part] = factor + (seconds / mean - factor) / (known + 1)
            news = (_is_power_of_two(known) and self._moved(part, factor)) or news
        return news

    def _factor_of(self, part: Part | None) -> float:
        return 1.0 if part is None else self._factor.get(part, part.share)

    def _moved(self, what: Hashable, value: float) -> bool:
        """Return whether the mean of a kind, or the factor of a part, is another than when it was news last."""
        told = self._told.get(what)
        if told is not None and abs(value - told) <= NEWS * told:
            return False
        self._told[what] = value
        return True


def _is_power_of_two(count: int) -> bool:
    return count & (count - 1) == 0
