"""Two sessions side by side: what changed is told, and what is as it was is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_expops.report._comparing import compare_sessions
from pytest_expops.report.html import to_comparison
from pytest_expops.report.model import AgainstBaseline, CheckResult, Judgement, OutputFacts, Report
from pytest_expops.report.page.marks import DIFFERED, MATCHED
from pytest_expops.verdicts.baseline.baseline import Agreement
from tests.report.made import CONFIG, cause, differs, planted, report, scalar, session, subject


def test_a_session_is_as_itself() -> None:
    made = compare_sessions(planted(), planted())
    assert made.sentence == "None of 7 verdicts changed"
    assert (made.verdicts, made.items, made.results, made.metrics, made.baseline, made.environment) == ((),) * 6
    assert [(each.before is None, each.after is None) for each in made.causes] == [(False, False)]
    assert made.same_metrics == 6


def test_what_no_longer_differs_has_changed_its_verdict() -> None:
    made = compare_sessions(planted(), _mended())
    assert [(each.before, each.after, len(each.names)) for each in made.verdicts] == [(DIFFERED, MATCHED, 6)]
    assert [(each.after, each.tried) for each in made.causes] == [(None, 6)]
    assert made.sentence == "6 of 7 verdicts changed; 1 cause is not seen any more"


def test_a_cause_is_not_said_to_be_gone_where_nothing_was_run_again() -> None:
    pytest.importorskip("jinja2")
    quiet = replace(_mended(), subjects=tuple(replace(each, judgement=None) for each in _mended().subjects))
    page = to_comparison(planted(), quiet).decode()
    assert "of which 0 were run again in the later session. So nothing is said of whether it is mended." in page
    assert "nothing is said of whether it is mended" not in to_comparison(planted(), _mended()).decode()


def test_a_cause_whose_line_has_moved_is_the_same_cause() -> None:
    one = subject("train", judgement=differs("cause-1"))
    moved = report(one, causes=(cause("cause-1", one, line=30),))
    made = compare_sessions(report(one, causes=(cause("cause-1", one, line=3),)), moved)
    assert [(each.before is None, each.after is None) for each in made.causes] == [(False, False)]


def test_a_new_cause_is_told_first() -> None:
    one = subject("train", judgement=differs("cause-1"))
    other = cause("cause-1", one)
    assert other.where is not None
    new = replace(other, where=replace(other.where, code="another line"))
    made = compare_sessions(report(one, causes=(other,)), report(one, causes=(new,)))
    assert [each.before is None for each in made.causes] == [True, False]


def test_results_of_one_session_alone_are_told_as_such() -> None:
    made = compare_sessions(report(subject("load")), report(subject("load"), subject("train")))
    assert [(each.before, each.after, each.names) for each in made.verdicts] == [(None, MATCHED, ("train",))]
    assert made.sentence.startswith("None of 1 verdicts")


def test_of_two_configs_each_process_is_told_with_its_own() -> None:
    other = replace(subject("load"), id="other.yaml::load", config="other.yaml")
    drifted = replace(other, outputs=(OutputFacts("model", "1" * 32, 100),))
    made = compare_sessions(report(subject("load"), other), report(subject("load"), drifted))
    assert [each.of for each in made.results] == ["other.yaml::load"]


def test_sessions_without_a_common_result_say_so() -> None:
    made = compare_sessions(report(subject("load")), report(subject("train")))
    assert made.sentence == "The sessions have no result in common"


def test_metrics_baseline_and_environment_that_changed_are_told() -> None:
    one = subject("train", metrics=(scalar("loss", 0.5), scalar("same", 1.0)), baseline=AgainstBaseline(Agreement.SAME))
    other = replace(one, metrics=(scalar("loss", 0.75), scalar("same", 1.0), scalar("new", "nan")), baseline=None)
    facts = session(versions={"Python": "CPython 3.11.7", "numpy": "2"}, commit="abc")
    made = compare_sessions(report(one), report(other, session=facts))
    assert [(each.what, each.before, each.after, each.difference) for each in made.metrics] == [
        ("loss", "0.5", "0.75", 0.25),
        ("new", "", "nan", None),
    ]
    assert [(each.of, each.before, each.after) for each in made.baseline] == [("train", "same", "")]
    assert [(each.what, each.before, each.after) for each in made.environment] == [
        ("numpy", "", "2"),
        ("commit", "", "abc"),
    ]


def test_times_of_processes_are_compared_only_where_as_many_ran() -> None:
    before = report(subject("load", seconds=1.0), subject("train", "1", seconds=2.0))
    after = report(subject("load", seconds=3.0), subject("train", "1"), subject("train", "2"))
    told = {each.what: each.difference for each in compare_sessions(before, after).times}
    assert told["work of load"] == 2.0
    assert "work of train" not in told


def test_a_check_of_a_whole_process_that_fails_now_is_told() -> None:
    check = CheckResult(f"{CONFIG}::load[split]", "load[split]", "split", "passed", ("group",))
    before = report(subject("load"), checks=(check,))
    made = compare_sessions(before, replace(before, checks=(replace(check, result="failed"),)))
    assert [(each.before and each.before.word, each.after and each.after.word) for each in made.items] == [
        ("passed", "failed")
    ]


def _mended() -> Report:
    made = planted()
    subjects = tuple(replace(each, judgement=Judgement("matched", 1)) for each in made.subjects)
    return replace(made, subjects=subjects, causes=())
