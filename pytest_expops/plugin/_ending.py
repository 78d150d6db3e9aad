"""A session that is told to end ends as Ctrl-C ends it: what was found is reported, and no files are left behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from pytest_expops.unpatched import UNPATCHED

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What a system sends that shuts down, a CI that cancels, a terminal that is closed."""


class Ending:
    """To be registered in the controller. What has a handler already, or is ignored, stays so."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Callable[..., Any] | int | None] = {}
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                if signal.getsignal(each) is signal.SIG_DFL:
                    self._before[each] = UNPATCHED.signal(each, _end)

    def pytest_unconfigure(self) -> None:
        """The session is over."""
        for each, before in self._before.items():
            if signal.getsignal(each) is _end:
                UNPATCHED.signal(each, before)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(f"ended by {signal.Signals(number).name}")
