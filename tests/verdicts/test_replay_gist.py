"""The first line of a failure: of it the short summary may show no more than 12 characters."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.findings import Cause, CodeLine, Count, Diagnosis, Place, ReadBack
from pytest_expops.verdicts.replay import ReplayStatus, Verdict
from pytest_expops.verdicts.replay_gist import brief, cause_of, first_line, headline, line_of, title
from pytest_expops.verdicts.replay_text import refer

HERE = Path("/p")
SEEN = 12
OTHERS = ("state", "calls", "tests")
PLACE = Place("/p/m.py", 4, "train", None, "return", "return now()")
SITE = CodeLine("/p/m.py", 9, "now", "time.time()", "time.time()")


def cause(source: str = "clock", sites: tuple[CodeLine, ...] = (SITE,)) -> Cause:
    return Cause(source, (), Count(3, 3), Count(0, 3), sites, "fix it")


def verdict(diagnosis: Diagnosis | None = None, traceback: str = "", without: tuple[str, ...] = ()) -> Verdict:
    difference = Difference("outputs['w']", "1", "2", "value differs")
    status = ReplayStatus.DIFFERED
    return Verdict("a", status, 1, (difference,), 1, diagnosis=diagnosis, traceback=traceback, without=without)


def test_what_is_seen_of_a_cause_tells_it_from_all_others() -> None:
    names = [brief(source) for source in (*SOURCES, *OTHERS)]
    assert len({name[:SEEN] for name in names}) == len(names)
    assert not [name for name in names if name.startswith("the ")]


@pytest.mark.parametrize("source", [*SOURCES, *OTHERS])
def test_a_failure_begins_with_its_cause_and_line(source: str) -> None:
    found = verdict(Diagnosis(PLACE, (cause(source),)))
    line = first_line(found, HERE)
    assert line == f"{brief(source)} at m.py:9: outputs['w']: value differs; not deterministic"
    assert headline(found.diagnosis, HERE) == f"{title(source)} at m.py:9"


def test_without_a_cause_it_begins_with_what_differs() -> None:
    for diagnosis in (None, Diagnosis(), Diagnosis(PLACE)):
        assert first_line(verdict(diagnosis), HERE) == "outputs['w']: value differs; not deterministic"
    read = Diagnosis(PLACE, read_back=(ReadBack("/p/c.json", "first run", SITE),))
    assert first_line(verdict(read), HERE) == (
        "outputs['w']: value differs; likely cause: reads `c.json`, which the first run wrote; not deterministic"
    )


def test_what_was_not_proved_is_no_cause() -> None:
    assert cause_of(None) == "the cause was not looked for"
    assert headline(Diagnosis(), HERE) == "not attributed"
    assert headline(Diagnosis(PLACE), HERE) == "not attributed; the runs part at m.py:4"
    read = Diagnosis(read_back=(ReadBack("/p/c.json", "first run", SITE),))
    assert cause_of(read) == "likely: reads `c.json`, which the first run wrote"


def test_of_several_lines_that_drew_none_is_named_but_the_first_that_differs() -> None:
    other = CodeLine("/p/m.py", 30, "g", "time.time()", "")
    assert line_of(Diagnosis(PLACE, (cause(sites=(SITE, other)),)), HERE) == "m.py:4"
    assert line_of(Diagnosis(None, (cause(sites=(SITE, other)),)), HERE) == ""
    assert line_of(None, HERE) == ""


def test_one_line_leads_to_what_tells_the_finding() -> None:
    found = Diagnosis(PLACE, (cause(),))
    line = f"{first_line(verdict(found), HERE)}; `b[replay]` tells why"
    assert refer(verdict(found), verdict(found), "b[replay]", HERE) == line


def test_what_the_other_does_not_explain_follows_it() -> None:
    found, noted = Diagnosis(PLACE, (cause(),)), Diagnosis(PLACE, (cause(),), note="not attributed: `outputs['b']`")
    first, *rest = refer(verdict(noted), verdict(found), "b[replay]", HERE).splitlines()
    assert first.endswith("tells why")
    assert rest == ["", "not attributed: `outputs['b']`"]
    assert "\n" not in refer(verdict(noted), verdict(noted), "b[replay]", HERE)
    raised = verdict(found, traceback="Traceback: x")
    assert refer(raised, verdict(found), "b[replay]", HERE).endswith("Traceback: x")
    assert "\n" not in refer(raised, raised, "b[replay]", HERE)
    missing = verdict(found, without=("/p/c.json",))
    assert "c.json since the session began" in refer(missing, verdict(found), "b[replay]", HERE)
    assert "\n" not in refer(missing, missing, "b[replay]", HERE)
