"""The words for a function, test or program that gave something else: once in full, and by the names its user knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.checks.text import changed_arguments, changed_in_place, shown_path, tell
from pytest_expops.verdicts.findings import Cause, CodeLine, Count, Diagnosis, Place, ReadBack
from pytest_expops.verdicts.replay import ReplayStatus, Verdict

HERE = Path("/p")
SITE = CodeLine("/p/m.py", 4, "train", "time.time()", "t = time.time()")
CLOCK = Cause("clock", ("outputs['returned']",), Count(5, 5), Count(0, 5), (SITE,), "make the date a parameter")
PLACE = Place("/p/m.py", 4, "train", None, "variable t", "t = time.time()")


def differed(name: str = "train", path: str = "outputs['returned'][0]", **also: Any) -> Verdict:
    found = Difference(path, "1", "2", "value differs")
    return Verdict(name, ReplayStatus.DIFFERED, 1, (found,), 1, 1, 7, **also)


def head(*verdicts: Verdict) -> str:
    return tell(verdicts, "pytest test_m.py", HERE).partition("\n")[0]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("outputs['returned'][0]", "returned[0]"),
        ("outputs['argument x'].a", "argument x.a"),
        ("outputs['files']['a.json']['auc']", "files['a.json']['auc']"),
        (r"outputs['it\'s']", r"it\'s"),
        ("not attributed: `outputs['returned']`, `outputs['self']`", "not attributed: `returned`, `self`"),
        ("results['mean']", "results['mean']"),
    ],
)
def test_places_begin_with_what_the_user_knows(path: str, shown: str) -> None:
    assert shown_path(path) == shown


def test_a_difference_is_told_with_its_place_both_values_and_the_command() -> None:
    text = tell([differed()], "pytest test_m.py", HERE, " with the same arguments")
    assert text.splitlines() == [
        "returned[0]: value differs; not deterministic",
        "",
        "train was run again with the same arguments, in a fresh interpreter",
        "with PYTHONHASHSEED=7, and the second run differs from the first:",
        "",
        "  returned[0]: value differs",
        "      first run: 1",
        "      replay:    2",
        "",
        "to see just this again: pytest test_m.py",
    ]


def test_without_a_command_none_is_told() -> None:
    assert "again:" not in tell([differed()], "", HERE)
    assert "again:" not in tell([differed(diagnosis=Diagnosis(hash_seed=3))], "", HERE)


def test_a_difference_that_depends_on_the_hash_seed_is_reproduced_under_one() -> None:
    text = tell([differed(diagnosis=Diagnosis(hash_seed=3))], "pytest test_m.py", HERE)
    assert text.endswith("\nto see just this again: PYTHONHASHSEED=3 pytest test_m.py")


def test_seeds_that_differ_alike_are_told_in_full_once() -> None:
    found = Diagnosis(PLACE, (CLOCK,))
    text = tell([differed("train_seed1", diagnosis=found), differed("train_seed2", diagnosis=found)], "", HERE)
    assert text.count("fix: make the date a parameter") == 1
    line = "clock at m.py:4: returned[0]: value differs; not deterministic"
    assert text.splitlines()[0] == line
    assert text.splitlines()[-1] == f"train_seed2: {line}; `train_seed1` tells why"


def test_seeds_that_differ_for_two_reasons_or_for_none_that_is_known_are_each_told_in_full() -> None:
    one = differed("train_seed1", diagnosis=Diagnosis(PLACE, (CLOCK,)))
    other = differed("train_seed2", diagnosis=Diagnosis(replace(PLACE, line=9), (CLOCK,)))
    assert "tells why" not in tell([one, other], "", HERE)
    both = tell([differed("train_seed1"), differed("train_seed2")], "", HERE)
    assert both.count("the second run differs from the first") == 2


def test_a_seed_that_gave_the_same_is_not_told() -> None:
    same = Verdict("train_seed1", ReplayStatus.MATCHED, 1)
    assert tell([same, differed("train_seed2")], "", HERE) == tell([differed("train_seed2")], "", HERE)


@pytest.mark.parametrize(
    ("paths", "note"),
    [
        (["outputs['argument x'][0]"], "`x` is changed in place"),
        (["outputs['argument x'][0]", "outputs['argument x'][1]"], "`x` is changed in place"),
        (["outputs['argument x']", "outputs['argument other']"], "`x` and `other` are changed in place"),
        (["outputs['returned']"], ""),
    ],
)
def test_an_argument_that_differs_is_said_to_be_changed(paths: list[str], note: str) -> None:
    verdicts = [differed(path=path) for path in paths]
    assert tell(verdicts, "", HERE).endswith(f"\n\n{note}" if note else "replay:    2")
    assert bool(changed_arguments(verdicts)) == bool(note)


def test_what_first_calls_change_in_place_is_named_once_and_without_the_object_itself() -> None:
    outputs = {"f_seed1": ["returned", "argument x", "argument self"], "f_seed2": ["returned", "argument x"]}
    session: Any = SimpleNamespace(record=lambda name: SimpleNamespace(outputs=outputs[name]))
    check = FunctionCheck("f", "f", "/p/m.py", ("/p",), "/p", seeds=(1, 2))
    assert changed_in_place(session, check) == ["x"]


@pytest.mark.parametrize("source", ["state", "order"])
def test_what_ran_before_is_a_call_of_the_same_function(source: str) -> None:
    cause = replace(CLOCK, source=source, sites=())
    text = tell([differed(diagnosis=Diagnosis(causes=(cause,)), varied=("order",))], "", HERE)
    assert text.startswith("an earlier call: returned[0]: ")
    assert "with PYTHONHASHSEED=7, after a first call there, " in text
    assert "process" not in text


def test_a_file_of_another_seed_was_written_by_another_call() -> None:
    files = (ReadBack("/p/c.txt", "process", SITE, process="train_seed2"),)
    text = tell([differed(diagnosis=Diagnosis(read_back=files, file_remedy="write elsewhere"))], "", HERE)
    assert "; likely cause: reads `c.txt`, which another call wrote; not deterministic\n" in text
    assert "        fix: write elsewhere\n" in text


def test_two_exit_statuses_are_told_and_not_how_far_they_are_apart() -> None:
    status = Difference("outputs['exit status']", "3", "10", "value differs; |delta| = 7.0")
    verdict = replace(differed(), differences=(status,))
    assert head(verdict) == "exit status: 3 in the first run, 10 in the replay; not deterministic"
    inner = replace(verdict, differences=(replace(status, path="outputs['returned']['exit status']"),))
    assert head(inner).endswith("value differs; |delta| = 7.0; not deterministic")


def test_of_a_long_place_the_beginning_and_the_end_are_told() -> None:
    text = tell([differed(path="outputs['returned']" + "[0]" * 4_000 + "[3]")], "", HERE)
    assert len(text) < 700
    assert text.startswith("returned[0][0]")
    assert "[0]...[0]" in text.partition("\n")[0]
    assert "[0][3]: value differs\n" in text
