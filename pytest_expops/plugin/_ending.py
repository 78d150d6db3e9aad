"""A session that is told to end ends as Ctrl-C ends it: what was found is reported, and no files are left behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from pytest_expops.unpatched import UNPATCHED

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What a system sends that shuts down, a CI that cancels, a terminal that is closed."""
_PATIENCE = 10.0
"""So many seconds a session that ends is left alone: a second signal would cut its report short."""


class Ending:
    """To be registered in the controller. What has a handler already, or is ignored, stays so."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Callable[..., Any] | int | None] = {}
        self._ends_since: float | None = None
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                if signal.getsignal(each) is signal.SIG_DFL:
                    self._before[each] = UNPATCHED.signal(each, self._end)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """The session was interrupted, by a signal or by Ctrl-C."""
        self._ends_since = UNPATCHED.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Everything has run."""
        self._ends_since = UNPATCHED.monotonic()

    @pytest.hookimpl(trylast=True)  # once the session's folder is removed
    def pytest_unconfigure(self) -> None:
        """The session is over."""
        for each, before in self._before.items():
            if signal.getsignal(each) == self._end:
                UNPATCHED.signal(each, before)

    def _end(self, number: int, _: FrameType | None) -> None:
        if self._ends_since is None or UNPATCHED.monotonic() - self._ends_since > _PATIENCE:
            raise KeyboardInterrupt(f"ended by {signal.Signals(number).name}")
