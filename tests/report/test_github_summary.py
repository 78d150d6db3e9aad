"""The summary of a job: what matters first, no text of the user's read as markup, and never more than GitHub takes."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_expops.errors import ReportError
from pytest_expops.report.github_summary import LIMIT, step_summary
from pytest_expops.report.model import ClaimedGroup, ClaimedMetric, MetricSeries, Report, ShownClaim, Subject
from pytest_expops.verdicts.stability.claims import ClaimStatus
from tests.report.samples import HOSTILE, cause, check, facts, subject, with_text

REPO = Path("/repo")


def summary(report: Report, most: int = LIMIT) -> str:
    return step_summary(report, REPO, most).decode()


def without_code(text: str) -> str:
    """What Markdown reads as such: no blocks of code."""
    return re.sub(r"^(`{3,})(?:sh)?\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)


def test_it_begins_with_the_sentence_and_tells_causes_with_their_source() -> None:
    text = summary(with_text("clock"))
    assert text.startswith("## 1 of 1 results is not reproducible, for 1 cause; 1 failed and 1 was not replayed.\n")
    order = ("| not reproducible | 1 |", "### 1 result not", "**fix:**", "### Not checked")
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "  6 before\n> 7 clock\n" in text
    assert "```sh\npytest clock\n```" in text
    assert "### 1 process failed&#58; clock" in text


def test_a_session_that_was_interrupted_says_so() -> None:
    stopped = replace(facts(), state="interrupted", why="KeyboardInterrupt")
    assert "The session was interrupted: <code>KeyboardInterrupt</code>." in summary(Report(stopped))
    assert "The session" not in summary(Report(facts()))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_markup(text: str) -> None:
    whole = summary(with_text(text))
    lines = without_code(whole).splitlines()
    for line in lines:
        assert "<" not in re.sub(r"</?code>", "", line)
        assert line.startswith("|") or "|" not in line
        assert not re.search(r"[@`\[\]$~]|(?<!\*)\*(?!\*)", line)
    headings = [line for line in lines if line.startswith("#")]
    assert [line.partition(" ")[0] for line in headings] == ["##", *["###"] * 4]
    assert not {"\x1b", "\x00", "\u202e", "\u2028"} & set(whole)
    assert len(whole.encode()) < 100_000


def test_a_name_is_readable_again() -> None:
    assert "a_b|c" in html.unescape(summary(Report(facts(), causes=(cause(1, "x", "a_b|c"),))))


def test_too_much_is_cut_by_whole_sections_and_said() -> None:
    causes = tuple(cause(number, f"cause {number} {'y' * 1000}") for number in range(2000))
    report = Report(facts(), causes=causes, not_checked=with_text("x").not_checked)
    text = summary(report)
    assert LIMIT - 20_000 < len(text.encode()) <= LIMIT
    told = len(re.findall(r"^### 1 result not reproducible", text, re.MULTILINE))
    assert f"*{2000 - told} sections are left out here: GitHub takes 1,048,576 bytes of one step." in text
    assert text.count("**fix:**") == told
    assert "### Not checked" in text
    assert "sections are left out" not in summary(replace(report, causes=causes[:3]))


@pytest.mark.parametrize("most", range(-300, 12_000, 300))
def test_it_is_never_more_than_there_is_room_for(most: int) -> None:
    report = with_text("z" * 300)
    if most < 1_200:
        with pytest.raises(ReportError, match="leaves no room for a summary"):
            step_summary(report, REPO, most)
    else:
        assert len(step_summary(report, REPO, most)) <= most


def test_seeds_have_a_strip_with_and_without_a_claim() -> None:
    def logged(seed: int, value: float | str) -> Subject:
        return subject(f"train_seed{seed}", seed=str(seed), metrics=(MetricSeries("acc", (1,), (value,), 1),))

    subjects = (logged(1, 0.1), logged(2, 0.9), logged(3, 0.9), logged(4, "nan"))
    strip = "| 4 | 0&#46;6333 | ▅▁▁▁▁▁▁█ | 1 not finite, or no number |"
    assert strip in summary(Report(facts(), subjects=subjects))
    group = ClaimedGroup(
        "", ("1", "2"), (0.1, 0.9), 0.5, 0.4, (0.0, "inf"), (ShownClaim("max_std", 0.2, 0.4, ClaimStatus.FAIL),)
    )
    claimed = ClaimedMetric("train", "acc", 0.95, ClaimStatus.FAIL, (group,), "configs/p.yaml")
    text = summary(Report(facts(), subjects=subjects, claims=(claimed,)))
    assert "| 2 | 0&#46;5 (0 to infinity) | █▁▁▁▁▁▁█ | max&#95;std 0&#46;2&#58; FAIL |" in text
    assert text.count("<code>acc</code>") == 1
    assert "Metrics over seeds" not in summary(Report(facts(), subjects=subjects[:1]))


def test_a_check_that_failed_is_told_and_one_that_passed_is_not() -> None:
    failed = check("p[property:x]", "property", gist="rows matter")
    assert "### 1 property check failed&#58; rows matter" in summary(Report(facts(), checks=(failed,)))
    assert "###" not in summary(Report(facts(), checks=(replace(failed, result="passed"),)))


def test_a_report_without_anything_to_leave_out_is_refused_where_there_is_no_room() -> None:
    with pytest.raises(ReportError, match="leaves no room"):
        step_summary(Report(facts()), REPO, 10)
