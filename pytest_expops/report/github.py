"""A report for GitHub Actions: a remark at each line at fault, as commands that its runner reads from the output."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_expops.report._showing import visible
from pytest_expops.report.model import Report
from pytest_expops.report.review import Remark, remarks

MOST = 10
"""GitHub shows no more of one step."""


def annotation_lines(report: Report, root: Path) -> Iterator[str]:
    """Yield the commands, each a line.

    Args:
        report: the session.
        root: the folder of the repository, to which GitHub's paths are relative.
    """
    found = remarks(report, root)
    yield from map(_command, found[:MOST])
    more = len(found) - MOST
    if more > 0:
        what = "1 more finding is" if more == 1 else f"{more} more findings are"
        yield f"::notice title=pytest-expops::{what} in the summary of this job and in the output of pytest"


def _command(remark: Remark) -> str:
    """Return the command; what no item failed for is a warning."""
    properties = {"title": remark.title}
    if remark.file:
        properties = {"file": remark.file, **({"line": str(remark.line)} if remark.line else {}), **properties}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{'error' if remark.failed else 'warning'} {told}::{_data(remark.message)}"


def _data(text: str) -> str:
    """Return a text as the runner reads it: a new line would end the command, and might begin another."""
    shown = "\n".join(map(visible, text.replace("\r\n", "\n").split("\n")))
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
