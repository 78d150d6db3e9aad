"""What a worker has been sent and has not done yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

HELD = 2
"""Of its queue a worker runs the first item and may hold the second already, so that neither can be taken back."""


class WorkerQueue:
    """The queue of one worker, in the order in which it runs. `node` is xdist's object for the worker."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.items: deque[int] = deque()
        self.usable = False
        """Whether it has collected what the others have, and can be sent to."""
        self.asked_back = False
        """Whether it was asked to give items back, and has not answered yet."""
        self._estimates: dict[int, float | None] = {}
        self._seconds = 0.0
        self._unsure = 0

    @property
    def live(self) -> bool:
        """Whether it takes items."""
        return self.usable and not self.node.shutting_down

    @property
    def seconds(self) -> float:
        """The work in the queue; infinite if that of any item is not known well."""
        return float("inf") if self._unsure else self._seconds

    def add(self, item: int, estimate: float | None) -> None:
        """Append an item; `estimate` is in seconds, None if not known well."""
        self.items.append(item)
        self._estimates[item] = estimate
        if estimate is None:
            self._unsure += 1
        else:
            self._seconds += estimate

    def remove(self, item: int) -> None:
        """It is done, or was given back.

        Raises:
            ValueError: it is not in the queue.
        """
        if self.items and self.items[0] == item:
            self.items.popleft()
        else:
            self.items.remove(item)
        estimate = self._estimates.pop(item)
        if estimate is None:
            self._unsure -= 1
        # Set anew where it can be, as sums of floats drift.
        self._seconds = self._seconds - (estimate or 0.0) if self.items else 0.0

    def give_back(self, items: Iterable[int]) -> list[int]:
        """Remove those of `items` that are in the queue, and return them."""
        found = [item for item in items if item in self._estimates]
        for item in found:
            self.remove(item)
        return found

    def spare(self) -> list[int]:
        """Return the later half of what may still be asked back."""
        waiting = list(self.items)[HELD:]
        return waiting[len(waiting) // 2 :]
