"""The option that leaves out what does not differ from a revision."""

from __future__ import annotations

import pytest

from pytest_expops.plugin.options.given import Given, given

LATEST = "HEAD"


def add_changed_option(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add ``--expops-changed`` and its ini twin."""
    group.addoption(
        "--expops-changed",
        nargs="?",
        const=LATEST,
        metavar="REVISION",
        help="run only the processes that may give something else than at a git revision, and those downstream of "
        "them; of a branch, the commit where it and HEAD parted (default: HEAD, so what is not committed yet)",
    )
    parser.addini("expops_changed", "like --expops-changed; empty for all processes", default="")


def asked_revision(config: pytest.Config) -> Given | None:
    """Return the revision that is to be compared with; None if all processes are to run.

    Raises:
        pytest.UsageError: The ini file has something else than text there.
    """
    asked = given(config, "expops_changed")
    return asked if asked.value else None
