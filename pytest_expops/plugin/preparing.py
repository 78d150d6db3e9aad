"""The interpreter for replays starts as soon as a worker knows that it will need one, and not when it does.

It takes a while to start and to import what the scripts import. Until the first replay there are processes to run, and
before them a worker often waits: for the other workers to collect, for the source of the data to be run by another.
"""

from __future__ import annotations

import pytest

from pytest_expops.plugin.items.base import ReplayItem
from pytest_expops.plugin.state import Run


class PreparingHooks:
    """For a process that runs items itself: a worker, or a session without workers."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start it, unless there are more workers than replays, and this one may well get none."""
        replays = [item for item in session.items if isinstance(item, ReplayItem)]
        workers = getattr(session.config, "workerinput", {}).get("workercount", 1)
        if replays and len(replays) >= workers and not session.config.option.collectonly:
            self._run.prepare_replays(replays[0].pipeline_session, replays[0].expanded.name)
