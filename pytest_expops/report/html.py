"""A report as one page that needs no network: its style and its few lines of script are in it."""

from __future__ import annotations

from typing import Any

from pytest_expops.errors import MissingExtra
from pytest_expops.report.model import Report
from pytest_expops.report.text import headline, numbers


def to_html(report: Report) -> bytes:
    """Return the page.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    page: str = (
        _environment()
        .get_template("page.html.j2")
        .render(report=report, headline=headline(report), numbers=numbers(report))
    )
    return page.encode("utf-8", "replace")


def _environment() -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("a report as a page needs jinja2", extra="report") from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_expops.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
