"""``python -m pytest_expops report A.json [B.json] -o out.html``: the page of a report, or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_expops.errors import ReportError
from pytest_expops.report.html import to_comparison, to_html
from pytest_expops.report.json_ import read_report
from pytest_expops.report.writing import write_whole


def render_reports(reports: Sequence[Path], out: Path) -> None:
    """Write the page of one report, or what changed from the first to the second.

    Args:
        reports: one or two files that ``--expops-report=PATH.json`` wrote.
        out: the page, which ends in ``.html``.

    Raises:
        ReportError: there are more than two reports, a file is none, or the page cannot be written.
        MissingExtra: jinja2 or msgspec is not installed.
    """
    if out.suffix != ".html":
        raise ReportError(f"{out} does not end in .html", hint="expected the path of a page, as in `-o report.html`")
    if len(reports) not in (1, 2):
        raise ReportError(f"{len(reports)} reports are given", hint="expected one, or two to compare: before and after")
    read = [read_report(each) for each in reports]
    write_whole(out, to_html(read[0]) if len(read) == 1 else to_comparison(read[0], read[1]))
