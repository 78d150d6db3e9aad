"""`PROCESS[stability:METRIC]`: items that judge what a config claims over seeds, and their table in the summary."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import scipy.special  # noqa: F401 - which bears to be imported only once, see conftest.py

from pytest_expops.plugin.summary._stability_table import levels
from pytest_expops.verdicts.stability.distribution import ASCII, BLOCKS, distribution
from tests.conftest import Outcome, Project

EDGES = "load split\nsplit start\nstart evaluate\nevaluate report"
SCRIPT = """
    import os
    from pytest_expops.core import log_metric, step

    def load(data): return {"rows": [1, 2]}
    def split(data): return {"rows": data["load"]["rows"]}
    def start(data): return {"part": data["split"]["rows"][0]}

    @step()
    def score(accuracy): log_metric("accuracy", accuracy)

    def evaluate(data, hyperparameters):
        part, seed = data["start"]["part"], hyperparameters["random_seed"]
        if os.path.exists(f"fail-{part}-{seed}"):
            raise ValueError("no result")
        accuracy = 0.90 + part / 100 + seed / 1000
        score(accuracy)
        return {"constant": 0.5, "test": {"f1": accuracy}, "text": "good"}

    def report(data): return {}
"""
PROCESSES: dict[str, dict[str, Any]] = {
    "split": {"data_parallelism": {"size": 2, "data_name": "rows"}},
    "start": {"seed_parallelism": {"seeds": [1, 2, 3, 4]}},
}
EVALUATED = [f"evaluate_{part}_seed{seed}" for part in (1, 2) for seed in (1, 2, 3, 4)]
CHECK = "evaluate[stability:score/accuracy]"


def write(project: Project, claims: dict[str, Any], **seeds: Any) -> None:
    processes = {**PROCESSES, "start": {"seed_parallelism": {"seeds": seeds.get("seeds", [1, 2, 3, 4])}}}
    project.write(EDGES, SCRIPT, processes, reproducibility={"stability": {"evaluate": claims}})


def test_claims_pass_fail_and_stay_open(project: Project, workers: Callable[[], list[str]]) -> None:
    write(
        project,
        {
            "score/accuracy": {"min_mean": 0.8, "max_range": 0.01},
            "test.f1": {"max_value": 0.91},
            "constant": {"max_std": 0.0, "min_mean": 0.4},
            "test": {"min_mean": 0.8},
        },
    )
    outcome = project.run("--expops-replay=none", *workers())
    checks = {name: each for name, each in outcome.items.items() if "[stability" in name}
    assert checks == {
        CHECK: "passed",
        "evaluate[stability:test.f1]": "failed",
        "evaluate[stability:constant]": "passed",
        "evaluate[stability:test]": "failed",
    }
    assert outcome.where("passed") >= {"load", "split", *EVALUATED}
    assert "is no number, but of type dict; expected a scalar" in outcome.message("evaluate[stability:test]")
    told = outcome.message("evaluate[stability:test.f1]")
    assert told.splitlines()[0] == "FAIL: test.f1 (partition 1): max_value 0.91: obtained 0.914 (and 1 more)"
    assert re.search(r"\n  seed  partition 1  partition 2\n     1        0.911        0.921\n", told)
    assert outcome.properties(CHECK)["expops_stability"] == "PASS"


def test_what_is_open_is_skipped_failed_or_passed_as_asked(project: Project) -> None:
    write(project, {"score/accuracy": {"min_mean": 0.912}})
    reason = (
        "UNDECIDED: score/accuracy (partition 1): min_mean 0.912: obtained 0.9125, with 4 seeds the interval is "
        "0.9098 to 0.9152; 37 seeds would decide at this spread"
    )
    skipped = project.run("--expops-replay=none")
    assert skipped.items[CHECK] == "skipped"
    assert skipped.message(CHECK).splitlines()[0] == reason
    failed = project.run("--expops-replay=none", "--expops-undecided=fail")
    assert failed.items[CHECK] == "failed"
    assert failed.message(CHECK).splitlines()[0] == reason
    assert project.run("--expops-replay=none", "--expops-undecided=pass").items[CHECK] == "passed"
    (project.root / "pytest.ini").write_text("[pytest]\nexpops_undecided = fail\n")
    assert project.run("--expops-replay=none").items[CHECK] == "failed"
    (project.root / "pytest.ini").write_text("[pytest]\nexpops_undecided = perhaps\n")
    refused = project.run("--expops-replay=none")
    assert "--expops-undecided: 'perhaps' is not one of skip, fail, pass" in refused.text
    assert refused.ret == pytest.ExitCode.USAGE_ERROR


def test_a_claim_that_fails_is_no_matter_of_options(project: Project) -> None:
    write(project, {"score/accuracy": {"min_mean": 0.99}})
    assert project.run("--expops-replay=none", "--expops-undecided=pass").items[CHECK] == "failed"


def test_checks_are_collected_after_the_last_duplicate_and_selected_with_it(project: Project) -> None:
    """S6.1: by marker, by the process's name, and by their own."""
    write(project, {"score/accuracy": {"max_range": 0.1}, "constant": {"max_range": 0.1}})
    constant = "evaluate[stability:constant]"
    whole = project.run("--expops-replay=none")
    order = list(whole.items)
    assert order.index(CHECK) == order.index("evaluate_2_seed4") + 1
    assert order.index(constant) == order.index(CHECK) + 1
    marked = project.run("--expops-replay=none", "-m", "expops_stability")
    assert marked.items == {CHECK: "passed", constant: "passed"}
    for argument in (f"{project.config}::evaluate", f"{project.config}::{CHECK}"):
        outcome = project.pytest(argument, "--expops-config", project.config, "--expops-replay=none")
        assert set(outcome.items) == ({CHECK, constant} if argument.endswith("::evaluate") else {CHECK})
        assert set(outcome.items.values()) == {"passed"}


def test_last_failed_knows_the_check_again(project: Project) -> None:
    write(project, {"score/accuracy": {"min_mean": 0.99}})
    project.run("--expops-replay=none")
    assert project.run("--expops-replay=none", "--lf").items == {CHECK: "failed"}


def test_a_duplicate_that_failed_leaves_nothing_to_judge(project: Project) -> None:
    """S6.3: skipped where the root is in the session, else failed; each names it."""
    write(project, {"score/accuracy": {"max_range": 0.1}})
    (project.root / "fail-2-3").touch()
    outcome = project.run("--expops-replay=none")
    assert outcome.where("failed") == {"evaluate_2_seed3"}
    assert outcome.items[CHECK] == "skipped"
    told = "no spread to judge: `evaluate_2_seed3` failed (ValueError: no result)"
    assert outcome.message(CHECK).splitlines()[0] == told
    alone = project.run("--expops-replay=none", "-m", "expops_stability")
    assert alone.items == {CHECK: "failed"}
    assert told in alone.message(CHECK)


def test_an_unknown_metric_fails_and_lists_what_there_is(project: Project) -> None:
    write(project, {"score/acuracy": {"max_range": 0.1}})
    outcome = project.run("--expops-replay=none")
    told = outcome.message("evaluate[stability:score/acuracy]")
    assert "is not there; did you mean `score/accuracy`?\n" in told
    assert "    logged: `score/accuracy`\n    scalar outputs: `constant`, `test.f1`" in told
    assert "Traceback" not in told


def test_the_summary_has_a_row_per_metric_and_partition(project: Project) -> None:
    write(
        project,
        {
            "score/accuracy": {"min_mean": 0.915, "max_range": 0.01},
            "constant": {"max_std": 0.1, "over": "all"},
        },
    )
    outcome = project.run("--expops-replay=none")
    lines = outcome.text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("stability over seeds"))
    table = [re.sub(r" {2,}", "  ", line.strip()) for line in lines[start : start + 5]]
    bars = distribution([0.911, 0.912, 0.913, 0.914], 0.911, 0.924)
    assert bars == "██▁▁▁▁▁▁"
    if bars not in outcome.text:  # the terminal of this run knows no blocks
        bars = bars.translate(str.maketrans(BLOCKS, ASCII))
    assert table[0] == "stability over seeds  n  mean  std  interval of the mean  seeds  verdict"
    assert table[1].split("  ")[:5] == [
        "evaluate score/accuracy, partition 1", "4", "0.9125", "0.001291", "0.9094 to 0.9156",
    ]  # fmt: skip
    assert table[1].split("  ")[5:] == [bars, "UNDECIDED min_mean; 5 seeds would decide"]
    assert table[2].split("  ")[0] == "evaluate score/accuracy, partition 2"
    assert table[2].split("  ")[-1] == "PASS"
    assert table[3].split("  ")[:4] == ["evaluate constant", "4", "0.5", "0"]
    assert table[3].split("  ")[-1] == "PASS; the seed shows no effect"
    told = "intervals of 98.33 %: the 3 that claims take hold at once with 95 %"
    assert table[4] == f"({told}; min, max and range are of the seeds that ran)"


def test_without_claims_there_are_neither_checks_nor_a_table(project: Project) -> None:
    project.write(EDGES, SCRIPT, PROCESSES)
    outcome = project.run("--expops-replay=none")
    assert "stability" not in outcome.text
    assert not any("[stability" in name for name in outcome.items)


def test_few_seeds_are_warned_of_at_the_claim(project: Project) -> None:
    write(project, {"score/accuracy": {"min_mean": 0.5, "max_range": 1.0}}, seeds=[1, 2])
    outcome = project.run("--expops-replay=none")
    line = 1 + next(
        index
        for index, text in enumerate((project.root / project.config).read_text().splitlines())
        if text.strip() == "score/accuracy:"
    )
    assert re.search(
        rf"project_config\.yaml:{line}: ConfigWarning: `{re.escape(CHECK)}` has wide intervals, and a bound",
        outcome.text,
    )
    assert "`min_mean`: with 2 seeds its interval reaches 18 standard deviations to either side" in outcome.text
    write(project, {"score/accuracy": {"min_mean": 0.5}}, seeds=list(range(8)))
    assert "ConfigWarning" not in project.run("--expops-replay=none").text


def test_of_a_claim_that_few_seeds_decide_nothing_else_is_said(project: Project) -> None:
    """Two seeds have a wide interval, and a bound that is far enough from the mean is decided all the same."""
    write(project, {"score/accuracy": {"min_mean": -1000.0}}, seeds=[1, 2])
    outcome = project.run("--expops-replay=none")
    assert _outcomes(outcome, CHECK) == ["passed"]
    assert "has wide intervals" in outcome.text
    assert not re.search("probably|hardly|stay", outcome.text)


def test_without_scipy_collection_fails_and_names_the_extra(project: Project) -> None:
    write(project, {"score/accuracy": {"min_mean": 0.5}})
    project.pytester.makeconftest("import sys\nsys.modules['scipy.special'] = None\n")
    outcome = project.run("--expops-replay=none")
    assert "install it with: pip install 'pytest-expops[stability]'" in outcome.text
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    project.write(EDGES, SCRIPT, PROCESSES)
    assert project.run("--expops-replay=none").ret == pytest.ExitCode.OK


def test_workers_that_all_judge_judge_alike(project: Project) -> None:
    """S6.4: under `--dist each` the same check is made twice, and the summary has its rows once."""
    write(project, {"score/accuracy": {"min_mean": 0.99}, "constant": {"max_range": 0.0}})
    outcome = project.run("--expops-replay=none", "-n2", "--dist=each")
    found = sorted(_outcomes(outcome, CHECK) + _outcomes(outcome, "evaluate[stability:constant]"))
    assert found == ["failed", "failed", "passed", "passed"]
    rows = [line for line in outcome.text.splitlines() if re.match(r"  evaluate \S+, partition \d  ", line)]
    assert [row.split("  ")[-1] for row in rows] == [
        "FAIL min_mean",
        "FAIL min_mean",
        *["PASS; the seed shows no effect"] * 2,
    ]


def _outcomes(outcome: Outcome, name: str) -> list[str]:
    cases = [case for case in outcome.cases if case.get("name") == name]
    return ["failed" if case.find("failure") is not None else "passed" for case in cases]


def test_a_distribution_shows_where_the_values_lie() -> None:
    assert distribution([0.0, 0.0, 1.0], 0.0, 1.0) == "█▁▁▁▁▁▁▅"
    assert distribution([0.5, 0.5], 0.5, 0.5) == "▁▁▁▁█▁▁▁"
    assert distribution(range(8), 0, 7) == "████████"
    assert distribution([0.0, 1.0], 0.0, 1.0, ASCII) == "#______#"
    assert distribution([-1.5e308, 1.5e308], -1.5e308, 1.5e308) == "█▁▁▁▁▁▁█"


def test_terminals_that_cannot_show_blocks_get_ascii() -> None:
    assert levels("utf-8") == levels("utf-16") == BLOCKS
    assert levels("ascii") == levels("latin-1") == levels(None) == levels("no such encoding") == ASCII


def test_seeds_are_compared_with_the_baseline(project: Project) -> None:
    """What was recorded was lower, by more for some seeds than for others: better in one sense, worse in the other."""
    write(project, {"score/accuracy": {"max_range": 0.1}}, seeds=[1, 2, 3])
    project.run("--expops-baseline=new", "--expops-baseline-force")
    (lock,) = (project.root / "configs").glob("*lock.json")
    text = lock.read_text(encoding="utf-8")
    accuracies = sorted({repr(0.90 + part / 100 + seed / 1000) for part in (1, 2) for seed in (1, 2, 3)})
    assert all(text.count(accuracy) >= 1 for accuracy in accuracies)
    for number, accuracy in enumerate(accuracies):
        text = text.replace(accuracy, f"0.8{number}")
    lock.write_text(text, encoding="utf-8")
    for better, status, told in (
        ("higher", "passed", "PASS; better than the baseline"),
        ("lower", "failed", "FAIL; worse than the baseline"),
    ):
        write(project, {"score/accuracy": {"max_range": 0.1, "better": better}}, seeds=[1, 2, 3])
        outcome = project.run("--expops-replay=none")
        assert outcome.items[CHECK] == status
        assert sum(line.endswith(told) for line in outcome.text.splitlines()) == 2
    first = outcome.message(CHECK).splitlines()[0]
    assert re.match(
        r"FAIL: score/accuracy \(partition 1\): worse than the baseline: by \+0.102 on average of 3 seeds, interval "
        r"\+0.0\d+ to \+0.1\d+ \(and 1 more\)$",
        first,
    )
