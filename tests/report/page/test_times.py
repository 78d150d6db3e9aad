"""Where the time went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_expops.execution.records import Outcome
from pytest_expops.report.model import CheckResult, Judgement
from pytest_expops.report.page.times import longest_path, spent
from tests.report.made import report, session, subject


def test_the_longest_path_is_the_chain_with_the_most_work() -> None:
    load = subject("load", seconds=1.0)
    short = subject("short", seconds=5.0, upstream=(load.id,))
    long = subject("long", seconds=9.0, upstream=(load.id,))
    end = subject("end", seconds=1.0, upstream=(short.id, long.id, "of another session"))
    # What depends on something need not come after it.
    chain, seconds = longest_path([end, long, short, load])
    assert ([each.name for each in chain], seconds) == (["load", "long", "end"], 11.0)


def test_nothing_has_no_path() -> None:
    assert longest_path([]) == ((), 0.0)


def test_time_is_told_once() -> None:
    trained = subject("train", seconds=2.0, judgement=Judgement("differed", 1, diagnosis_runs=3, diagnosis_seconds=4.0))
    function = replace(subject("f", seconds=1.0), id="t::f", config="", kind="function")
    checks = (
        CheckResult("a", "a", "process", "passed", started=1_800_000_003.0, seconds=2.5),
        CheckResult("a[replay]", "a[replay]", "replay", "failed", started=1_800_000_006.0, seconds=7.0),
        CheckResult("t", "t", "test", "passed", started=1_800_000_004.0, seconds=1.5),
    )
    told = spent(report(trained, function, checks=checks, session=session()))
    assert {each.what: each.seconds for each in told} == pytest.approx(
        {"work": 3.0, "around it": 0.5, "replays": 3.0, "diagnosis": 4.0, "other checks": 0.5, "starting": 3.0}
    )


def test_what_never_ran_took_no_time() -> None:
    blocked = subject("train", seconds=0.0, outcome=Outcome.BLOCKED, judgement=None)
    assert spent(report(blocked, checks=())) == ()
