"""The line of checks under pytest-xdist: each worker notes what its check is at, and the controller draws it.

A note is a file of the worker's in a folder of the session's, which is there as long as the check takes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic  # taken now: a test may replace the clocks
from typing import Any

import pytest

from pytest_expops.execution import scratch
from pytest_expops.plugin.progress._line import LiveLine, watchable
from pytest_expops.plugin.progress._reporter import may_draw
from pytest_expops.plugin.progress._text import SOON, line_of
from pytest_expops.plugin.stash import CHECK_NOTES
from pytest_expops.replay.telling import listen

INTERVAL = 0.2
"""Seconds between two drawings."""


class NotedChecks:
    """To be registered in a worker: notes what the check in a test is at."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._path = folder / worker
        self._test = ""
        self._began: float | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Checks are noted as long as the loop lasts."""
        listen(self)
        try:
            return (yield)
        finally:
            listen(None)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A test is run; what was noted goes with it."""
        self._test, self._began = item.nodeid.partition("::")[2], None
        try:
            return (yield)
        finally:
            self._path.unlink(missing_ok=True)

    def begun(self, text: str) -> None:
        """A replay begins."""
        self._began = monotonic() if self._began is None else self._began
        beside = self._path.with_suffix(".new")
        with suppress(OSError):  # nobody watches any more
            beside.write_text(json.dumps([self._began, self._test, text]), encoding="utf-8")
            os.replace(beside, self._path)

    def goes_on(self) -> None:
        """It is drawn elsewhere."""


class CheckProgressOfWorkers:
    """To be registered in the controller, where no pipeline's line is drawn."""

    def __init__(self, config: pytest.Config, *, any_reporter: bool) -> None:
        """`any_reporter`: also where another plugin has replaced pytest's reporter."""
        self._config = config
        self._any_reporter = any_reporter
        self._folder = scratch.new_folder("progress")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker is about to start."""
        node.workerinput[CHECK_NOTES] = str(self._folder)

    def pytest_unconfigure(self) -> None:
        """The session is over."""
        scratch.remove(self._folder)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """The line can be drawn as long as the loop lasts."""
        if not may_draw(self._config, any_reporter=self._any_reporter):
            return (yield)
        streams = dict.fromkeys(each for each in (sys.stdout, sys.stderr) if watchable(each))
        end = threading.Event()
        with LiveLine(*streams, lock=threading.RLock()) as line:
            drawer = threading.Thread(target=self._draw, args=(line, end), name="expops-checks", daemon=True)
            drawer.start()
            try:
                return (yield)
            finally:
                end.set()
                drawer.join(timeout=1)

    def _draw(self, line: LiveLine, end: threading.Event) -> None:
        while not end.wait(INTERVAL):
            try:
                oldest = min(self._notes(), default=None)
                if oldest is None or monotonic() - oldest[0] < SOON:
                    line.hide()
                else:
                    line.show(line_of(*oldest[1:]))
            except (OSError, ValueError):  # the terminal is gone
                return

    def _notes(self) -> Iterator[tuple[float, str, str]]:
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # that check has just ended
                if path.suffix != ".new":
                    began, test, text = json.loads(path.read_text(encoding="utf-8"))
                    yield began, f"{test} ({path.name})", text
