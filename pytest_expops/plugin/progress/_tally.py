"""How many items of each kind are done, running, waiting and failed, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pytest_expops.plugin.progress._cells import printable
from pytest_expops.plugin.progress._plan import Planned
from pytest_expops.plugin.progress._time_left import TimeLeft, in_words
from pytest_expops.wording import listed

MOST_NAMED = 4


class Tally:
    """Counts what starts, fails and ends, by node id, in any order and as often as it may be."""

    def __init__(self, planned: Mapping[str, Planned], time_left: TimeLeft) -> None:
        self.time_left = time_left
        self._planned = planned
        self._total = Counter(_noun(each) for each in planned.values() if each.process is not None)
        self._done: Counter[str] = Counter()
        self._over: set[str] = set()
        self._failed: set[str] = set()
        self._running: dict[str, None] = {}

    def __bool__(self) -> bool:
        """Return whether any item is of a pipeline."""
        return bool(self._total)

    def started(self, node_id: str) -> None:
        """An item has started, for the first time or again."""
        if node_id in self._planned and node_id not in self._over:
            self._running[node_id] = None
            self.time_left.started(node_id)

    def failed(self, node_id: str) -> None:
        """A phase of an item has failed."""
        if self._of_pipeline(node_id):
            self._failed.add(node_id)

    def over(self, node_id: str) -> None:
        """An item will not be run any more."""
        self._running.pop(node_id, None)
        self.time_left.over(node_id)
        if self._of_pipeline(node_id) and node_id not in self._over:
            self._over.add(node_id)
            self._done[_noun(self._planned[node_id])] += 1

    def line(self, workers: int) -> str:
        """Return the text of the line for so many workers, most important first: the end may be cut off."""
        parts = []
        for noun in (each for each in _NOUNS if self._total[each]):
            total = self._total[noun]
            ending = "" if total == 1 else "es" if noun == _PROCESS else "s"
            part = f"{self._done[noun]} of {total} {noun}{ending}"
            if noun == _PROCESS:
                part += self._underway(total)
            parts.append(part)
        if self._failed:
            parts.append(f"{len(self._failed)} failed")
        left = self.time_left.seconds(workers)
        if left is not None:
            parts.append(f"{in_words(left)} left")
        if self._running:
            parts.append(f"now {self._named()}")
        return "expops: " + "; ".join(parts)

    def _underway(self, total: int) -> str:
        planned = [self._planned[each] for each in self._running]
        running = sum(each.process is not None and each.check is None for each in planned)
        waiting = total - self._done[_PROCESS] - running
        words = [f"{count} {word}" for count, word in ((running, "running"), (waiting, "waiting")) if count]
        return "".join(f", {each}" for each in words)

    def _named(self) -> str:
        names = [printable(self._planned[each].name) for each in self._running]
        return listed(names, MOST_NAMED)

    def _of_pipeline(self, node_id: str) -> bool:
        planned = self._planned.get(node_id)
        return planned is not None and planned.process is not None


_PROCESS = "process"
_NOUNS = (_PROCESS, "replay", "check")


def _noun(planned: Planned) -> str:
    """Return the word for it in the line."""
    if planned.check is None:
        return _PROCESS
    return "replay" if planned.check == "replay" else "check"
