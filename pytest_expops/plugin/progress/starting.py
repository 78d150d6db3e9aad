"""Whether there is anybody to watch: what is decided before anything of the live line is loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_expops.plugin.stash import CHECK_NOTES

if TYPE_CHECKING:
    from pytest_expops.plugin.durations import Durations
    from pytest_expops.plugin.state import SessionState


LIVE = "expops-live-progress"
"""The name under which the live line is registered, where there is one."""


def register_progress(config: pytest.Config, state: SessionState, durations: Durations) -> None:
    """Have a live line drawn, if it is wanted; to be called in the process that reports, when it is configured."""
    choice = state.options.progress
    if not _is_wanted(config, choice):
        return
    from pytest_expops.plugin.progress._live import LiveProgress

    live = LiveProgress(config, state, durations, any_reporter=choice == "on")
    config.pluginmanager.register(live, LIVE)


def register_check_progress(config: pytest.Config, choice: str) -> None:
    """Have it shown what a check in a test is at, if that is wanted; to be called in a session without a pipeline."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        if CHECK_NOTES in worker:
            from pytest_expops.plugin.progress._worker_checks import NotedChecks

            noted = NotedChecks(Path(worker[CHECK_NOTES]), worker["workerid"])
            config.pluginmanager.register(noted, "expops-noted-checks")
    elif _is_wanted(config, choice):
        from pytest_expops.plugin.progress._checks import CheckProgress
        from pytest_expops.plugin.progress._worker_checks import CheckProgressOfWorkers

        distributes = config.getoption("dist", "no") != "no"
        progress = (CheckProgressOfWorkers if distributes else CheckProgress)(config, any_reporter=choice == "on")
        config.pluginmanager.register(progress, "expops-check-progress")


def register_worker_times(config: pytest.Config) -> None:
    """Have it told which worker did what, if xdist distributes; to be called in the controller."""
    if config.getoption("dist", "no") == "no" or config.option.verbose < 0:
        return
    from pytest_expops.plugin.progress.workers import NAME, WhoRan, WorkerTimes

    config.pluginmanager.register(WorkerTimes(), NAME)
    if config.option.verbose > 0:
        config.pluginmanager.register(WhoRan(), "expops-who-ran")


def _is_wanted(config: pytest.Config, choice: str) -> bool:
    if choice == "off" or config.option.collectonly or not _on_a_terminal():
        return False
    return choice == "on" or _somebody_watches(config)


def _on_a_terminal() -> bool:
    """Return whether stdout is a terminal that understands commands to the cursor."""
    return os.environ.get("TERM", "") not in ("", "dumb", "unknown") and sys.stdout is not None and sys.stdout.isatty()


def _somebody_watches(config: pytest.Config) -> bool:
    """Return whether a person watches, who has asked for neither less output (`-q`) nor that of the tests (`-s`).

    What tests write to the terminal themselves would be written into the line, unless pytest captures all of it.
    """
    in_ci = bool(os.environ.get("CI") or os.environ.get("BUILD_NUMBER"))
    capture = getattr(config.option, "capture", "no")
    return not in_ci and config.option.verbose >= 0 and capture == "fd"
