"""How long a session will still take: the work that is left over the workers, and no less than the longest path."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pytest_expops.plugin.progress._plan import Planned
from pytest_expops.plugin.scheduling.estimates import Estimates
from pytest_expops.plugin.scheduling.parts import Part
from pytest_expops.unpatched import UNPATCHED

UNKNOWN_SHARE = 0.2
"""If more of the items that are left are of kinds of which none has been measured, nothing is said."""
OVERTIME = 0.1
"""An item that takes longer than estimated is taken to need so much more of the time that it has taken."""
SHARE = 100
"""The estimate is made anew only when so many times as long has passed as that took; in between it counts down."""
SOONEST = 0.5


class TimeLeft:
    """Told what starts, ends and is measured; `seconds` is the answer. `clock` gives seconds since some moment.

    `planned` has what is upstream before what waits for it.
    """

    def __init__(
        self, planned: dict[str, Planned], history: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._planned = planned
        self._clock = clock
        self._left: dict[str, float | None] = dict.fromkeys(planned)
        """The time at which an item that is not over has started, if it has."""
        self._estimates = Estimates(history)
        self._answer: float | None = None
        self._made, self._cost = float("-inf"), 0.0

    def started(self, node_id: str) -> None:
        """An item has started, for the first time or again."""
        self._left[node_id] = self._clock()

    def over(self, node_id: str) -> None:
        """An item will not be run any more."""
        self._left.pop(node_id, None)

    def measured(self, node_id: str, seconds: float) -> None:
        """An item has done its work, all of it, in so many seconds."""
        planned = self._planned.get(node_id)
        if planned is not None:
            self._estimates.learn(planned.kind, planned.part, seconds)

    def short(self, node_id: str, seconds: float) -> bool:
        """Return whether an item surely takes less than that."""
        planned = self._planned.get(node_id)
        sure = None if planned is None else self._estimates.sure(node_id, planned.kind, planned.part)
        return sure is not None and sure < seconds

    def seconds(self, workers: int) -> float | None:
        """Until the session's last item is over, or None while too little is known."""
        now = self._clock()
        if now - self._made >= max(SOONEST, SHARE * self._cost):
            begin = UNPATCHED.perf_counter()
            self._answer, self._made = self._estimate(now, max(workers, 1)), now
            self._cost = UNPATCHED.perf_counter() - begin
        return None if self._answer is None else max(self._answer - (now - self._made), 0.0)

    def _estimate(self, now: float, workers: int) -> float | None:
        of_kind, history = self._estimates.of_kind, self._estimates.history
        alike: dict[tuple[str | None, Part | None], tuple[float, bool]] = {}
        work, longest, unknown = 0.0, 0.0, 0
        after: dict[str, float] = {}
        for node_id, planned in reversed(self._planned.items()):
            seconds = 0.0
            if node_id in self._left:
                started = self._left[node_id]
                known = history.get(node_id)
                if known is None:
                    key = planned.kind, planned.part
                    if key not in alike:
                        alike[key] = of_kind(*key), self._estimates.known(node_id, planned.kind)
                    known, measured = alike[key]
                    unknown += not measured
                ran = 0.0 if started is None else now - started
                seconds = max(known - ran, OVERTIME * ran)
                work += seconds
            path = seconds + after.get(node_id, 0.0)
            longest = max(longest, path)
            for above in planned.upstream:
                if path > after.get(above, 0.0):
                    after[above] = path
        return None if unknown > UNKNOWN_SHARE * len(self._left) else max(work / workers, longest)


def in_words(seconds: float) -> str:
    """Return the time as a person would say it: `about 1 min 20 s`."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 57.5:
        return f"about {5 * round(seconds / 5)} s"
    if seconds < 175:
        minutes, rest = divmod(10 * round(seconds / 10), 60)
        return f"about {minutes} min {rest} s" if rest else f"about {minutes} min"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min"
    if minutes >= 600:
        return f"about {round(minutes / 60)} h"
    hours, rest = divmod(5 * round(minutes / 5), 60)
    return f"about {hours} h {rest} min" if rest else f"about {hours} h"
