"""The page says what the report says, and nothing that is not so."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pytest_expops.execution.records import Outcome
from pytest_expops.report.html import to_html
from pytest_expops.report.model import AgainstBaseline, CheckResult, Judgement, NotChecked, Report
from pytest_expops.verdicts.baseline.baseline import Agreement
from tests.report.made import cause, differs, planted, report, session, subject

pytest.importorskip("jinja2")
VOID = {"meta", "br", "input", "link", "img"}


class Reader(HTMLParser):
    """The text of a page, its ids and links, and whether each element that begins has an end."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.outside: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page.decode())
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.ids += [given["id"] or ""] if "id" in given else []
        link = given.get("href") or given.get("src") or ""
        if link.startswith("#"):
            self.links.add(link[1:])
        elif link:
            self.outside.append(link)
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(name, attributes)
        if name not in VOID:
            self.open.pop()

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.words.append(data)


def read(made: Report) -> Reader:
    return Reader(to_html(made))


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere() -> None:
    page = read(planted())
    assert page.open == []
    assert page.outside == []
    assert not re.search(rb"url\(|@import|https?://(?!www\.w3\.org)", to_html(planted()))


def test_every_link_leads_somewhere_and_no_place_has_two_names() -> None:
    page = read(planted())
    assert page.links <= {*page.ids}
    assert len(page.ids) == len({*page.ids})


def test_six_seeds_with_one_mistake_are_one_finding() -> None:
    page = read(planted())
    assert page.text.count("the clock at models/model.py:3") == 1
    assert "Explains 6 results" in page.text
    assert "Fix: make(1) in place of make()" in page.text


def test_only_the_first_differences_are_shown_at_once_and_those_not_kept_are_counted() -> None:
    page = read(report(subject("train", judgement=differs("", 40))))
    assert "15 more differences" in page.text
    assert "These are 20 of 40 differences; the others are not kept in the report." in page.text


def test_few_differences_are_shown_without_a_word_of_more() -> None:
    page = read(report(subject("train", judgement=differs("", 3))))
    assert "more differences" not in page.text


def test_without_replays_nothing_is_said_to_be_reproducible() -> None:
    one = subject("train", judgement=None, not_replayed="--expops-replay=none")
    told = NotChecked("not replayed", "--expops-replay=none", ("train",), 1)
    page = read(report(one, not_checked=(told,)))
    assert "Nothing was run again, so nothing is said of whether the results can be reproduced." in page.text
    assert "? 1 not run again" in page.text
    assert "1 = " not in page.text
    assert "All processes" not in page.text


def test_what_was_run_again_and_was_the_same_is_said_to_be() -> None:
    page = read(report(subject("train")))
    assert "= 1 the same again" in page.text
    assert "Nothing was run again" not in page.text
    assert "All processes of the config ran, and the 1 result was run again." in page.text


def test_what_earlier_sessions_have_found_is_said_to_be_theirs() -> None:
    here = subject("train")
    assert here.judgement is not None
    one = replace(here, judgement=replace(here.judgement, earlier=True))
    told = NotChecked("reused", "an earlier session has replayed it", ("train",), 1)
    page = read(report(one, not_checked=(told,)))
    assert "1 result gave the same again in earlier sessions." in page.text
    assert "= 1 the same again in an earlier session" in page.text
    assert "Nothing was run again" not in page.text
    both = read(report(one, subject("score"), not_checked=(told,)))
    assert "1 result gave the same again; 1 was reused of an earlier session." in both.text


def test_what_failed_is_among_what_was_not_checked() -> None:
    page = read(report(subject("train", outcome=Outcome.FAILED, failure="ValueError: no", judgement=None)))
    assert "did not pass, so there is nothing to compare with" in page.text
    assert "All processes" not in page.text


def test_why_something_was_not_checked_is_told() -> None:
    skipped = CheckResult("x[split]", "x[split]", "split", "skipped", gist="no partitions")
    made = report(subject("train"), not_checked=(NotChecked("not run", "no item needs it", ("score",), 3),))
    page = read(replace(made, checks=(*made.checks, skipped)))
    assert "not run 3 no item needs it score" in page.text
    assert "item skipped 1 no partitions x[split]" in page.text


def test_a_page_of_a_running_session_says_so_and_is_loaded_anew() -> None:
    waiting = subject("score", judgement=None, not_replayed="its `[replay]` item gave no verdict")
    running = replace(planted(), session=session("running"), subjects=(*planted().subjects, waiting))
    page = read(running)
    assert "1 not run again so far" in page.text
    assert "The session is still running." in page.text
    assert "So far: 6 of 7 results are not reproducible" in page.text
    assert b'http-equiv="refresh"' in to_html(running)


def test_the_page_of_a_session_that_is_over_is_not_loaded_anew() -> None:
    assert b'http-equiv="refresh"' not in to_html(planted())
    assert "running" not in read(planted()).text


def test_a_session_that_was_interrupted_says_so_and_why() -> None:
    made = replace(planted(), session=session("interrupted", why="KeyboardInterrupt"))
    assert "The session was interrupted: KeyboardInterrupt." in read(made).text


def test_failures_with_one_message_are_told_once() -> None:
    one = subject("train", outcome=Outcome.FAILED, failure="ValueError: no", traceback="Traceback", judgement=None)
    failed = [replace(one, id=str(number)) for number in range(3)]
    page = read(report(*failed))
    assert "failed: 3 items ValueError: no" in page.text


def test_what_left_the_baseline_is_told_unless_a_cause_explains_it() -> None:
    drifted = AgainstBaseline(Agreement.DIFFERS, "metrics['loss'][1]: expected 1, obtained 2; NumPy 1 -> 2")
    page = read(report(subject("train", baseline=drifted)))
    assert "not what the baseline records: 1 item metrics['loss'][1]" in page.text
    unsteady = subject("train", baseline=drifted, judgement=differs("cause-1"))
    assert (
        "not what the baseline records: 1 item" not in read(report(unsteady, causes=(cause("cause-1", unsteady),))).text
    )


def test_what_was_the_same_again_is_counted_so_though_the_baseline_records_another() -> None:
    drifted = AgainstBaseline(Agreement.DIFFERS, "metrics['loss'][1]: expected 1, obtained 2")
    page = read(report(subject("load"), subject("train", baseline=drifted)))
    assert "= 2 the same again" in page.text
    assert "1 the same again, but not what the baseline records" in page.text


def test_a_failed_check_of_a_whole_process_is_a_failure_of_its_own() -> None:
    failed = CheckResult(
        "train[stability:loss]",
        "train[stability:loss]",
        "stability",
        "failed",
        ("group",),
        "max_mean 1: 2",
        "long text",
    )
    page = read(report(subject("train"), checks=(failed,)))
    assert "stability failed: 1 item max_mean 1: 2" in page.text


def test_what_is_declared_is_not_told_as_a_failure() -> None:
    declared = subject(
        "train", declared="uses threads", judgement=Judgement("differed as declared", 1, cause="cause-1")
    )
    page = read(report(declared, causes=(cause("cause-1", declared, declared=True),)))
    assert "declared Explains 1 result" in page.text
    assert "differs when run again 1" not in page.text


def test_a_report_of_nothing_is_a_page() -> None:
    page = read(Report(session("nothing ran")))
    assert "Nothing was checked." in page.text
    assert "No item ran." in page.text
    assert "All processes" not in page.text
