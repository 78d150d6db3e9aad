"""Whatever texts a report holds, the page shows them as text, and not too much of them."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from pytest_expops.report.html import to_comparison, to_html
from pytest_expops.report.model import CheckResult, Report
from pytest_expops.report.page.showing import shown_number, shown_seconds, shown_size, shown_text
from tests.report.made import planted, report, subject

pytest.importorskip("jinja2")

EVIL = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>`&amp;"
_KEPT = {
    "id",
    "state",
    "kind",
    "result",
    "outcome",
    "what",
    "agreement",
    "status",
    "version",
    "sign",
    "cause",
    "example",
}


def with_text(value: Any, text: str) -> Any:
    """A report of which every text of the user's is another."""
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(with_text(each, text) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        kept = _KEPT if isinstance(value, Report) else {*_KEPT, "subjects"}  # of a cause they are names of subjects
        found = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in kept}
        return replace(value, **{name: with_text(each, text) for name, each in found.items()})
    return value


def test_markup_in_any_text_is_shown_as_text() -> None:
    page = to_html(with_text(planted(), EVIL)).decode()
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_markup_in_a_comparison_is_shown_as_text() -> None:
    one = with_text(planted(), EVIL)
    page = to_comparison(one, with_text(planted(), EVIL + "2")).decode()
    assert page.count("<script>") == 1
    assert "<img" not in page


def test_a_value_of_ten_megabytes_is_cut() -> None:
    huge = planted()
    long = CheckResult(
        "x::test", "test", "test", "failed", text="y" * 10_000_000, printed="z" * 10_000_000, gist="g" * 10_000_000
    )
    page = to_html(replace(with_text(huge, "v" * 10_000_000), checks=(long,)))
    assert len(page) < 3_000_000
    assert b"characters are left out here" in page


def test_a_short_text_is_shown_whole() -> None:
    page = to_html(with_text(planted(), "v" * 60)).decode()
    assert "left out here" not in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a<U+202E>b"),
        ("\x00\x1b[31m", "<U+0000><U+001B>[31m"),
        ("half \ud83d", "half <U+D83D>"),
        ("tab\tline\nend\r\nnext", "tab\tline\nend\nnext"),
        ("\u05e9\u05dc\u05d5\u05dd \U0001f600", "\u05e9\u05dc\u05d5\u05dd \U0001f600"),
    ],
)
def test_hidden_characters_are_shown_by_number_and_others_as_they_are(text: str, shown: str) -> None:
    assert shown_text(text) == shown


def test_every_text_can_be_written() -> None:
    page = to_html(with_text(planted(), "\ud83d\x00\u202e\U0001f600\u05e9"))
    assert not re.search("[\x00\u202e]", page.decode())
    assert "\U0001f600" in page.decode()


def test_a_name_with_markup_leads_to_its_item_all_the_same() -> None:
    odd = subject("train", judgement=None, not_replayed=EVIL)
    page = to_html(report(replace(odd, name=EVIL, id=EVIL, group=EVIL))).decode()
    assert 'href="#s0"' in page
    assert 'id="s0"' in page


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (shown_seconds(0.0042), "4.2 ms"),
        (shown_seconds(0.9999), "1 s"),
        (shown_seconds(99.97), "1 min 40 s"),
        (shown_seconds(3661), "1 h 1 min"),
        (shown_size(999), "999 B"),
        (shown_size(999_600), "1 MB"),
        (shown_size(12_500), "12.5 kB"),
        (shown_number(0.1 + 0.2), "0.3"),
        (shown_number(12_345_678), "12345678"),
        (shown_number("nan"), "nan"),
        (shown_number(None), "None"),
    ],
)
def test_amounts_are_shown_in_units_that_fit(shown: str, expected: str) -> None:
    assert shown == expected
