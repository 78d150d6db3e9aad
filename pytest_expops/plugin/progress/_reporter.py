"""Whether a line can be drawn beside what reports."""

from __future__ import annotations

import sys

import pytest

from pytest_expops.plugin.progress._line import watchable

PYTESTS_OWN = "_pytest.terminal"
"""The module of pytest's own reporter; its class has a public name only since pytest 8.4."""


def may_draw(config: pytest.Config, *, any_reporter: bool) -> bool:
    """Return whether the terminal is still there, and pytest's reporter, or `any_reporter`, writes on it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    own = any_reporter or type(reporter).__module__ == PYTESTS_OWN
    return reporter is not None and own and watchable(sys.stdout)
