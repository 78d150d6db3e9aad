"""Which part of the data an item works on, and how much that is beside the other parts, as far as the config says."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess

LEAST_SHARE = 0.1
"""However few its rows: a call takes time even without any."""


class Part(NamedTuple):
    """`where` tells one from another. `share` is its rows over the mean of the parts; 1 where the config lists none."""

    where: Hashable
    share: float = 1.0


class PartitionShares:
    """The parts of one pipeline; `prefix` comes before the names of its items in node ids."""

    def __init__(self, prefix: str, expanded: ExpandedPipeline) -> None:
        self._prefix = prefix
        self._expanded = expanded
        self._found: dict[tuple[tuple[str, ...], tuple[int, ...]], Part] = {}

    def of(self, each: ExpandedProcess) -> Part | None:
        """Return the part that a process works on, the same for all seeds; None where the data is whole."""
        if not each.partitions:
            return None
        key = self._expanded.layers[each.process.name].data, each.partitions
        part = self._found.get(key)
        if part is None:
            part = self._found[key] = Part((self._prefix, *key), self._share(*key))
        return part

    def _share(self, splits: tuple[str, ...], partitions: tuple[int, ...]) -> float:
        share = 1.0
        for name, number in zip(splits, partitions, strict=True):
            split = self._expanded.pipeline.processes[name].split_data
            if split is not None and not isinstance(split.size, int) and any(split.size):
                share *= split.size[number - 1] * split.count / sum(split.size)
        return max(share, LEAST_SHARE)
