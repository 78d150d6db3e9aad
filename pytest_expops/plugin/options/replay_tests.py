"""The option that has every selected test run again."""

from __future__ import annotations

import pytest

from pytest_expops.plugin.options.given import switched_on


def add_replay_tests_option(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add ``--expops-replay-tests`` and its ini twin."""
    group.addoption(
        "--expops-replay-tests",
        action="store_true",
        help="run every selected test again, whole, in a fresh interpreter with another PYTHONHASHSEED, and compare "
        "its outcome and what it recorded with record_result, as the marker reproducible does for one test",
    )
    parser.addini("expops_replay_tests", "like --expops-replay-tests", type="bool", default=False)


def replays_tests(config: pytest.Config) -> bool:
    """Return whether every test is to be run again.

    Raises:
        pytest.UsageError: The ini file has something else than a truth value there.
    """
    return switched_on(config, "expops_replay_tests")
