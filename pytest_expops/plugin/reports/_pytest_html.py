"""The extras of items in a page of pytest-html: a table of what differed, and the same as data.

Loaded where a session writes such a page.
"""

from __future__ import annotations

from collections.abc import Generator
from html import escape

import pytest
from pytest_html import extras

from pytest_expops.plugin.reports.found import FoundByReplays, noted
from pytest_expops.wording import and_more


class PytestHtmlHooks:
    """To be registered where items are run: extras come to the page with the reports."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report of an item what differed."""
        report = yield
        differed = [each for each in noted(item) if each.differed]
        if call.when == "call" and differed:
            added = [extras.html(_table(each)) for each in differed]
            data = extras.json([each.plain() for each in differed], name="differences")
            report.extras = [*getattr(report, "extras", []), *added, data]  # type: ignore[attr-defined]
        return report


def _table(found: FoundByReplays) -> str:
    rows = [(each.path, each.expected, each.obtained, each.detail) for each in found.differences]
    cells = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    heads = "".join(f"<th>{each}</th>" for each in ("where", "first run", "replay", "how"))
    because = f": {found.cause}{f' at {found.place}' if found.place else ''}" if found.cause else ""
    more = and_more(found.count, len(rows), "differences")
    caption = escape(f"{found.subject} {found.verdict}{because}")
    return f"<table><caption>{caption}</caption><tr>{heads}</tr>{cells}</table>{f'<p>{more}</p>' if more else ''}"
