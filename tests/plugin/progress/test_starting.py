"""Where there is a live line, and where it would be in the way."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from pytest_expops.plugin.durations import Durations
from pytest_expops.plugin.progress import starting
from pytest_expops.plugin.progress._live import LiveProgress
from pytest_expops.plugin.stash import STATE
from tests.conftest import Project

CONFIG = "configs/project_config.yaml"
QUIET = ["-q", "-s", "--capture=sys", "--collect-only", "--expops-progress=off"]


def registered(pytester: pytest.Pytester, *arguments: str) -> bool:
    config = pytester.parseconfigure("--expops-config", CONFIG, *arguments)
    found = config.pluginmanager.has_plugin("expops-live-progress")
    config._ensure_unconfigure()
    return found


@pytest.fixture
def on_a_terminal(fan: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(starting, "_on_a_terminal", lambda: True)
    return fan


@pytest.mark.parametrize("arguments", [["--capture=fd"], ["-v", "--capture=fd"], ["-s", "-q", "--expops-progress=on"]])
def test_there_is_a_line_where_somebody_watches(on_a_terminal: Project, arguments: list[str]) -> None:
    assert registered(on_a_terminal.pytester, *arguments)


@pytest.mark.parametrize("argument", QUIET)
def test_there_is_none_where_it_would_be_in_the_way(on_a_terminal: Project, argument: str) -> None:
    assert not registered(on_a_terminal.pytester, argument)


def test_there_is_none_in_ci_unless_asked_for(on_a_terminal: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert not registered(on_a_terminal.pytester)
    assert registered(on_a_terminal.pytester, "--expops-progress=on")
    on_a_terminal.pytester.makeini("[pytest]\nexpops_progress = on\n")
    assert registered(on_a_terminal.pytester)


@pytest.mark.parametrize(
    ("terminal", "kind", "live"),
    [(True, "xterm", True), (True, "dumb", False), (True, "", False), (False, "xterm", False)],
)
def test_a_line_needs_a_terminal_that_understands_commands(
    fan: Project, monkeypatch: pytest.MonkeyPatch, terminal: bool, kind: str, live: bool
) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", kind)
    assert registered(fan.pytester, "--expops-progress=on") is live


class OnTerminal(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    def isatty(self) -> bool:
        return True


class Reporter:
    """As of another plugin."""


@pytest.mark.parametrize(
    ("reporter", "any_reporter", "live"),
    [(Reporter, False, False), (Reporter, True, True), (type(None), True, False), ("pytest's own", False, True)],
)
def test_the_reporter_of_another_plugin_is_left_alone(
    fan: Project, monkeypatch: pytest.MonkeyPatch, reporter: Any, any_reporter: bool, live: bool
) -> None:
    config = fan.pytester.parseconfigure("--expops-config", CONFIG)
    plugins = config.pluginmanager
    if reporter != "pytest's own":
        plugins.unregister(name="terminalreporter")
    if reporter is Reporter:
        plugins.register(Reporter(), "terminalreporter")
    monkeypatch.setattr(sys, "stdout", OnTerminal())
    progress = LiveProgress(config, config.stash[STATE], Durations(config), any_reporter=any_reporter)
    plugins.register(progress, "live")
    loop = progress.pytest_runtestloop()
    next(loop)
    assert (plugins.has_plugin("live"), "write" in vars(sys.stdout)) == (live, live)
    with pytest.raises(StopIteration):
        loop.send(True)
    assert "write" not in vars(sys.stdout)
    config._ensure_unconfigure()
