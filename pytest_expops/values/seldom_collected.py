"""The garbage collector runs seldom while many containers are made that stay.

By default it looks over the youngest containers whenever there are 700 more of them, which takes as long as to make
them. It is not switched off: code of users may run meanwhile, and what that leaves is to be collected.
"""

from __future__ import annotations

import gc
from types import TracebackType

CONTAINERS = 1_000_000
"""So many more containers come before the collector runs."""


class SeldomCollected:
    """A block in which the collector runs seldom; whoever set another threshold within finds that kept.

    The outermost block, of whichever thread, puts back what was before; the others find nothing to do.
    """

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        before = gc.get_threshold()
        self._before = before if 0 < before[0] < CONTAINERS else None
        if self._before is not None:
            gc.set_threshold(CONTAINERS, *before[1:])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None and gc.get_threshold()[0] == CONTAINERS:
            gc.set_threshold(*self._before)
