"""The items of a session in the order in which what they wait for ends."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

import pytest

from pytest_expops.execution.engines.base import Work
from pytest_expops.pipeline.model import ExpandedProcess
from pytest_expops.plugin.items.base import ExpopsItem, OwnItem
from pytest_expops.plugin.items.replay import ReplayItem


class WaitingItems:
    """Items whose work has not ended yet; of those whose work has, the first in their order comes first."""

    def __init__(self, items: Sequence[OwnItem]) -> None:
        self._items = items
        self._needs = [set(_needs_of(item)) for item in items]
        self._waiting: dict[Work, list[int]] = {}
        for number, needs in enumerate(self._needs):
            for work in needs:
                self._waiting.setdefault(work, []).append(number)
        self._ready = [number for number, needs in enumerate(self._needs) if not needs]
        self._left = dict.fromkeys(range(len(items)))

    def __bool__(self) -> bool:
        return bool(self._left)

    def note(self, ended: Iterable[Work]) -> None:
        """Some work has ended."""
        for work in ended:
            for number in self._waiting.pop(work, ()):
                self._needs[number].discard(work)
                if not self._needs[number]:
                    heapq.heappush(self._ready, number)

    def take(self) -> OwnItem | None:
        """Return the next item that can be run without waiting; None if there is none yet."""
        if not self._ready:
            return None
        number = heapq.heappop(self._ready)
        del self._left[number]
        return self._items[number]

    def any(self) -> OwnItem | None:
        """Return one that has not been taken."""
        return self._items[next(iter(self._left))] if self._left else None


def _is_dynamic(each: ExpandedProcess) -> bool:
    """Return whether it is a chart that only a browser draws, for which there is nothing to do."""
    return each.process.chart is not None and each.process.chart.dynamic


def work_of(item: pytest.Item) -> Iterator[Work]:
    """Yield the work that an item is there for."""
    if isinstance(item, ExpopsItem) and item.expops_kind in ("process", "chart", "replay"):
        yield Work(item.path, item.expanded.name, replays=item.expops_kind == "replay")


def _needs_of(item: OwnItem) -> Iterator[Work]:
    """Yield what has to have ended for an item to be run without waiting."""
    if not isinstance(item, ExpopsItem) or _is_dynamic(item.expanded):
        return
    expanded, path = item.pipeline_session.expanded, item.path
    names = [item.expanded.name]
    if item.expops_kind in ("stability", "property"):
        names = [each.name for each in expanded.of(item.expanded.process.name)]
    yield from (Work(path, name) for name in names)
    if isinstance(item, ReplayItem):
        yield Work(path, item.expanded.name, replays=True)


def all_work(items: Iterable[OwnItem]) -> Iterator[Work]:
    """Yield all that items need, upstream first, and then what nothing waits for."""
    wanted = {work: None for item in items for work in _needs_of(item)}
    pipelines = {item.path: item.pipeline_session.expanded for item in items if isinstance(item, ExpopsItem)}
    for path, expanded in pipelines.items():
        needed = {work.name for work in wanted if work.config == path and not work.replays}
        for each in reversed([*expanded.processes.values()]):
            if each.name in needed:
                needed.update(each.upstream)
        yield from (Work(path, name) for name in expanded.processes if name in needed)
    yield from (work for work in wanted if work.replays)
