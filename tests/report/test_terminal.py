"""The lines of a terminal: a cause once with all that it explains, and the checks of splits and properties."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_expops.report.model import CheckKind, CheckResult, Judgement, Replayed, Result, SharedCause, Subject
from pytest_expops.report.terminal import MOST_CAUSES, cause_lines, check_lines, matched_though_declared

GIST = "outputs['w']: value differs"


def subject(name: str, group: str, result: Replayed = "differed", declared: str = "") -> Subject:
    judgement = Judgement(result, 1)
    return Subject(f"c.yaml::{name}", name, "process", group, judgement=judgement, declared=declared)


def lines(
    *names: str, title: str = "the clock at m.py:4", groups: Sequence[str] = ("train",), declared: bool = False
) -> list[tuple[str, str]]:
    subjects = {f"c.yaml::{name}": subject(name, groups[index % len(groups)]) for index, name in enumerate(names)}
    cause = SharedCause("cause-1", title, tuple(subjects), next(iter(subjects)), GIST, declared=declared)
    return [(each.text, each.colour) for each in cause_lines([cause], subjects)]


def test_a_cause_is_told_once_with_what_it_explains() -> None:
    assert lines("train_seed1", "train_seed2", "train_seed3") == [
        ("  3 replays of `train` differ: the clock at m.py:4", "red"),
        (f"      train_seed1: {GIST}; also train_seed2, train_seed3", "red"),
    ]


def test_of_one_replay_the_process_is_named() -> None:
    assert [text for text, _ in lines("train_seed1")] == [
        "  the replay of `train_seed1` differs: the clock at m.py:4",
        f"      train_seed1: {GIST}",
    ]


def test_two_processes_by_one_line_are_one_cause() -> None:
    (first, _) = lines("train_seed1", "fit_seed1", groups=("train", "fit"))
    assert first[0] == "  2 replays of `train` and `fit` differ: the clock at m.py:4"


def test_many_subjects_and_processes_are_cut() -> None:
    names = [f"p{number}" for number in range(9)]
    (first, second) = lines(*names, groups=names)
    assert first[0] == "  9 replays of `p0`, `p1`, `p2` and 6 more differ: the clock at m.py:4"
    assert second[0].endswith("; also p1, p2, p3, p4 and 4 more")


def test_what_is_declared_is_told_apart_and_is_no_failure() -> None:
    assert lines("train_seed1", "train_seed2", declared=True, title="the cause was not looked for") == [
        ("  2 replays of `train` differ as declared", "yellow"),
        (f"      train_seed1: {GIST}; also train_seed2", "yellow"),
    ]
    matched = subject("fit", "fit", "matched though declared", "it draws")
    (line,) = matched_though_declared([matched, subject("train", "train", "matched")])
    assert line.text == "  fit matched, though declared nondeterministic: it draws"
    assert line.colour == "red"


def test_of_many_causes_the_first_are_shown() -> None:
    each = subject("train", "train")
    causes = [SharedCause(str(number), "the clock", (each.id,), each.id, GIST) for number in range(MOST_CAUSES + 2)]
    found = [line.text for line in cause_lines(causes, {each.id: each})]
    assert len(found) == 2 * MOST_CAUSES + 1
    assert found[-1] == "  ... and 2 more causes"
    assert "more" not in [line.text for line in cause_lines(causes[:MOST_CAUSES], {each.id: each})][-1]


def check(name: str, kind: CheckKind, result: Result = "passed") -> CheckResult:
    return CheckResult(f"c.yaml::{name}", name, kind, result, gist="not its rows")


def told(*checks: CheckResult) -> list[str]:
    return [each.text for each in check_lines(checks)]


def test_splits_and_properties_that_hold_have_one_line() -> None:
    splits = [check(f"cut_seed{seed}[split]", "split") for seed in (1, 2, 3)]
    laws = [check("a[seed_invariant]", "property"), check("b[order_invariant]", "property")]
    assert told(*splits, *laws) == ["checked 3 splits and 2 properties: all hold"]
    assert told(splits[0]) == ["checked 1 split: it holds"]
    assert told(check("a[replay]", "replay", "failed")) == []


def test_those_that_fail_are_named_with_why() -> None:
    found = told(check("a[split]", "split"), check("b[split]", "split", "failed"))
    assert found == ["checked 2 splits: 1 failed", "  b[split] failed: not its rows"]


def test_those_that_could_not_be_checked_are_not_said_to_hold() -> None:
    skipped = check("b[split]", "split", "skipped")
    assert told(check("a[split]", "split"), skipped) == ["checked 1 split: it holds; 1 could not be checked"]
    assert told(skipped) == ["of 1 split none could be checked"]
