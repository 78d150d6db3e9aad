"""What is told to a reviewer: each cause once, at a line of the repository, under a name that outlives the session."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_expops.execution.records import Outcome
from pytest_expops.report.github import MOST, annotation_lines
from pytest_expops.report.gitlab import to_code_quality
from pytest_expops.report.model import Report, ShownLine
from pytest_expops.report.review import remarks, repository
from tests.report.samples import CONFIG, HOSTILE, cause, check, facts, subject, with_text

REPO = Path("/repo")


def test_a_cause_is_told_once_at_its_line() -> None:
    checks = tuple(check(f"train_seed{seed}[replay]") for seed in (1, 2))
    report = Report(facts(), checks=checks, causes=(cause(1, "the clock", "train_seed1", "train_seed2"),))
    (line,) = annotation_lines(report, REPO)
    assert line.startswith("::error file=models/m.py,line=7,title=2 results are not reproducible%3A the clock::")
    assert "train_seed1, train_seed2%0Atrain_seed1: the clock%0A" in line


def test_what_no_item_failed_for_is_a_warning_and_what_is_declared_is_nothing() -> None:
    xfailed = check("train_seed1[replay]", result="xfailed")
    (line,) = annotation_lines(Report(facts(), checks=(xfailed,), causes=(cause(),)), REPO)
    assert line.startswith("::warning file=")
    report = Report(facts(), checks=(xfailed,), causes=(cause(),))
    assert json.loads(to_code_quality(report, REPO))[0]["severity"] == "minor"
    assert remarks(Report(facts(), causes=(cause(declared=True),)), REPO) == []


def test_failures_at_one_line_are_told_once_and_others_apart() -> None:
    at = ShownLine("models/m.py", 9, code="1 / 0")
    failed = [
        subject(f"bad_seed{seed}", "bad", f"ValueError: x{seed}", outcome=Outcome.FAILED, failed_at=at)
        for seed in (1, 2)
    ]
    died = subject("dead", "dead", "WorkerDied: gone", outcome=Outcome.CRASHED)
    passed = subject("fine")
    item = check("dead", "process", line=12)
    found = remarks(Report(facts(), subjects=(*failed, died, passed), checks=(item,)), REPO)
    assert [(each.file, each.line, each.title) for each in found] == [
        ("models/m.py", 9, "2 processes failed; the first: ValueError: x1"),
        (CONFIG, 12, "1 process failed: WorkerDied: gone"),
    ]


def test_other_checks_that_failed_are_told_for_each_place() -> None:
    checks = (
        check("train_seed1[baseline]", "baseline", gist="baseline differs: a"),
        check("train_seed2[baseline]", "baseline", gist="baseline differs: b"),
        check("train[stability:acc]", "stability", result="skipped"),
        check("train_seed1", "process"),
    )
    (found,) = remarks(Report(facts(), checks=checks), REPO)
    assert found.title == "2 baseline checks failed; the first: baseline differs: a"
    assert (found.file, found.line) == (CONFIG, 5)


def test_more_than_github_shows_are_counted() -> None:
    causes = tuple(cause(number, f"cause {number}") for number in range(MOST + 2))
    lines = list(annotation_lines(Report(facts(), causes=causes), REPO))
    assert len(lines) == MOST + 1
    assert lines[-1].startswith("::notice title=pytest-expops::2 more findings are")
    assert len(list(annotation_lines(Report(facts(), causes=causes[:MOST]), REPO))) == MOST


def test_a_line_outside_of_the_repository_gives_way_to_that_of_the_item() -> None:
    outside = cause(where=ShownLine("/elsewhere/m.py", 7))
    (found,) = remarks(Report(facts(), checks=(check("train_seed1[replay]"),), causes=(outside,)), REPO)
    assert (found.file, found.line) == (CONFIG, 5)
    (nowhere,) = remarks(Report(facts(), causes=(outside,)), REPO)
    assert (nowhere.file, nowhere.line) == ("", 0)
    (line,) = annotation_lines(Report(facts(), causes=(outside,)), REPO)
    assert line.startswith("::error title=")


def test_paths_are_relative_to_the_repository_by_whatever_name_it_goes(tmp_path: Path) -> None:
    (tmp_path / "real/sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    report = Report(facts(str(tmp_path / "link/sub")), causes=(cause(),))
    for root in ("real", "link"):
        assert [each.file for each in remarks(report, tmp_path / root)] == ["sub/models/m.py"]


def test_the_repository_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "work/repo/sub/project"
    deep.mkdir(parents=True)
    assert repository(deep, "") == deep
    assert repository(deep, str(tmp_path / "work")) == tmp_path / "work"
    (tmp_path / "work/repo/.git").mkdir()
    assert repository(deep, "") == tmp_path / "work/repo"
    assert repository(deep, str(tmp_path / "work")) == tmp_path / "work/repo"  # checked out to a folder of it
    (tmp_path / ".git").mkdir()
    assert repository(deep, str(tmp_path / "work")) == tmp_path / "work/repo"
    (tmp_path / "work/repo/sub/.git").touch()  # a submodule
    assert repository(deep, str(tmp_path / "work/repo")) == tmp_path / "work/repo"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_ends_a_command_or_begins_one(text: str) -> None:
    lines = list(annotation_lines(with_text(text), REPO))
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("::error title=" if "1 process failed" in line else "::error file=")
        assert len(line.splitlines()) == 1
        assert line.isprintable() or "\u200d" in line
        assert len(line) < 20_000
        properties, _, message = line.removeprefix("::error ").partition("::")
        assert [each.partition("=")[0] for each in properties.split(",")][-1] == "title"
        assert ":" not in properties
        assert message


def test_escapes_are_those_of_the_runner() -> None:
    (line,) = annotation_lines(Report(facts(), causes=(cause(1, "100%: a, b\r\nc"),)), REPO)
    assert "title=1 result is not reproducible%3A 100%25%3A a%2C b c::" in line
    assert "%0A100%25: a, b%0Ac%0A" in line


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_gitlab_is_given_what_it_reads(text: str) -> None:
    entries = json.loads(to_code_quality(with_text(text), REPO))
    assert [each["check_name"] for each in entries] == [
        "pytest-expops-not-reproducible",
        "pytest-expops-process-failed",
        "pytest-expops-baseline",
    ]
    for each in entries:
        assert set(each) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["severity"] == "major"
        assert each["location"]["lines"]["begin"] >= 1
        assert "\u202e" not in each["description"]


def test_a_fingerprint_outlives_lines_above_and_other_seeds_but_not_another_cause() -> None:
    def prints(*causes: object) -> list[str]:
        entries = json.loads(to_code_quality(Report(facts(), causes=causes), REPO))  # type: ignore[arg-type]
        return [each["fingerprint"] for each in entries]

    first = cause(1, "the clock", "train_seed1")
    assert first.where is not None
    moved = replace(first, where=replace(first.where, line=70), subjects=(f"{CONFIG}::train_seed2",), title="at 70")
    (before,) = prints(first)
    assert prints(moved) == [before]
    assert prints(cause(1, "another")) != [before]
    assert prints(replace(first, where=replace(first.where, file="models/other.py"))) != [before]
    assert len(set(prints(first, first))) == 2
