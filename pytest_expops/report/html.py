"""A report as one page that needs no network: its style and its few lines of script are in it."""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import Any

from pytest_expops.errors import MissingExtra
from pytest_expops.report._comparing import MOST_ROWS, compare_sessions
from pytest_expops.report.model import Report
from pytest_expops.report.page.building import FIRST_DIFFERENCES, page_of
from pytest_expops.report.page.marks import DRIFTED, LEGEND, mark_of_check
from pytest_expops.report.page.showing import shown_number, shown_seconds, shown_size, shown_text, shown_time

SECONDS_UNTIL_REFRESH = 5
"""While the session runs, so often the page is loaded anew by whoever looks at it."""


def to_html(report: Report) -> bytes:
    """Return the page.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    return _rendered("page.html.j2", page=page_of(report))


def to_comparison(before: Report, after: Report) -> bytes:
    """Return a page of what changed from one session to another.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    return _rendered("comparison.html.j2", compared=compare_sessions(before, after), most_rows=MOST_ROWS)


def _rendered(template: str, **values: Any) -> bytes:
    text: str = _environment().get_template(template).render(**values)
    return text.encode("utf-8", "replace")


@functools.cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("a report as a page needs jinja2", extra="report") from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_expops.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    loader: Any = environment.loader
    script, _, _ = loader.get_source(environment, "script.js")
    style, _, _ = loader.get_source(environment, "style.css")
    environment.filters |= {
        "coded": _coded,
        "cut": shown_text,
        "number": shown_number,
        "seconds": shown_seconds,
        "size": shown_size,
        "time": shown_time,
    }
    environment.globals |= {
        "script": script,
        "style": style,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "refresh": SECONDS_UNTIL_REFRESH,
        "drifted": DRIFTED,
        "marks": LEGEND,
        "mark_of_check": mark_of_check,
        "first_differences": FIRST_DIFFERENCES,
    }
    return environment


def _coded(text: str, most: int) -> Any:
    """Return a text of ours, what stands in backticks in it as code."""
    import markupsafe

    parts = shown_text(text, most).split("`")
    if len(parts) % 2 == 0:  # one is without a partner
        return markupsafe.escape("`".join(parts))
    pieces = [
        markupsafe.Markup("<code>{}</code>" if number % 2 else "{}").format(each) for number, each in enumerate(parts)
    ]
    return markupsafe.Markup("").join(pieces)


def _finalized(value: Any) -> Any:
    """Return what is put into the page for a value: of every text of the report only what can be seen, and cut."""
    return shown_text(value) if type(value) is str else value
