"""What the line of a check says, and when."""

from __future__ import annotations

from pytest_expops.plugin.progress._cells import printable

SOON = 1.0
"""Seconds from the first replay in a test on before anything is drawn."""


def line_of(test: str, text: str) -> str:
    """Return what is drawn of a check in a test: what it is at."""
    return f"expops: {printable(test)}: {printable(text)}"
