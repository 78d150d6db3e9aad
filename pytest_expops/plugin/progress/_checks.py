"""A line below pytest's own output that says what a check in a test is at, where that takes longer than a second.

It is drawn by the process that runs the tests, while it waits for a replay: pytest's capture is suspended meanwhile.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator

import pytest

from pytest_expops.plugin.progress._line import LiveLine, watchable
from pytest_expops.plugin.progress._reporter import may_draw
from pytest_expops.plugin.progress._text import SOON, line_of
from pytest_expops.replay.telling import listen
from pytest_expops.unpatched import UNPATCHED

_CHECKS = "pytest_expops.reproducible"


def _may_check(session: pytest.Session) -> bool:
    """Return whether a test may check something: who calls `assert_reproducible` has loaded its module."""
    uses = (getattr(each, "fixturenames", ()) for each in session.items)
    return _CHECKS in sys.modules or any("reproducible" in each for each in uses)


class CheckProgress:
    """To be registered where tests are run in the process that reports, and no pipeline's line is drawn."""

    def __init__(self, config: pytest.Config, *, any_reporter: bool) -> None:
        """`any_reporter`: also where another plugin has replaced pytest's reporter."""
        self._config = config
        self._any_reporter = any_reporter
        self._line: LiveLine | None = None
        self._test = ""
        self._began: float | None = None
        self._text = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """The line can be drawn as long as the loop lasts."""
        if not may_draw(self._config, any_reporter=self._any_reporter) or not _may_check(session):
            return (yield)
        streams = dict.fromkeys(each for each in (sys.stdout, sys.stderr) if watchable(each))
        with LiveLine(*streams, lock=threading.RLock()) as self._line:
            listen(self)
            try:
                return (yield)
            finally:
                listen(None)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test is run; its line goes with it."""
        self._test, self._began = item.nodeid.partition("::")[2], None
        try:
            return (yield)
        finally:
            self._began = None
            if self._line is not None:
                self._line.hide()

    def begun(self, text: str) -> None:
        """A replay begins."""
        self._began = UNPATCHED.monotonic() if self._began is None else self._began
        self._text = text
        self.goes_on()

    def goes_on(self) -> None:
        """Draw, if it has taken long."""
        if self._line is None or self._began is None or UNPATCHED.monotonic() - self._began < SOON:
            return
        text = line_of(self._test, self._text)
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        if capture is None:
            self._line.show(text)
            return
        with capture.global_and_fixture_disabled():
            self._line.show(text)
