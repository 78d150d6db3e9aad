"""Process items and their checks are selected as any test is (S6.1, S6.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import FAN_CHECKS, FAN_NAMES, Project

SEEDED = [name for name in FAN_NAMES if "_seed" in name]


def test_a_node_id_selects_the_process_with_its_checks(fan: Project, workers: Callable[[], list[str]]) -> None:
    name = "train_2_seed41"
    for arguments in (["--expops-config", fan.config], ["-o", f"expops_config={fan.config}"]):
        outcome = fan.pytest(*arguments, *workers(), f"{fan.config}::{name}")
        assert outcome.items == {name: "passed", f"{name}[replay]": "passed"}


def test_a_node_id_with_brackets_selects_the_check_alone(fan: Project) -> None:
    outcome = fan.run(f"{fan.config}::train_2_seed41[replay]")
    assert outcome.items == {"train_2_seed41[replay]": "passed"}


def test_whatever_upstream_is_needed_runs_whether_or_not_selected(
    fan: Project, workers: Callable[[], list[str]]
) -> None:
    """S6.2."""
    outcome = fan.run(*workers(), "-k", "merge")
    assert outcome.items == {"merge": "passed"}
    assert "ran 13 of 13 processes" in outcome.text
    outcome = fan.run(*workers(), "-k", "seeds_1")
    assert "ran 3 of 13 processes" in outcome.text


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("expops_replay", [f"{name}[replay]" for name in SEEDED]),
        ("expops_process", FAN_NAMES),
        ("expops_split", ["split[split]"]),
        ("not expops", ["test_other"]),
    ],
)
def test_markers(fan: Project, expression: str, expected: list[str]) -> None:
    fan.pytester.makepyfile(test_other="def test_other(): pass")
    assert sorted(fan.run("-m", expression).items) == sorted(expected)


def test_items_stand_beside_whatever_else_was_asked_for(fan: Project) -> None:
    fan.pytester.makepyfile(test_other="def test_other(): pass", test_more="def test_more(): pass")
    items = fan.run("test_other.py", "-k", "load or test").items
    assert items == {"load": "passed", "test_other": "passed"}
    items = fan.run("-k", "load or test").items
    assert items == {"load": "passed", "test_other": "passed", "test_more": "passed"}


@pytest.mark.parametrize("argument", [".", "configs", "configs/project_config.yaml"])
def test_a_config_that_is_also_collected_by_path_stands_once(fan: Project, argument: str) -> None:
    result = fan.run(argument, "--co", "-q").result
    assert len([line for line in result.outlines if "::" in line]) == len(FAN_NAMES) + len(FAN_CHECKS)


def test_an_ini_entry_does_not_turn_one_test_into_a_run_of_the_pipeline(fan: Project) -> None:
    fan.pytester.makeini(f"[pytest]\nexpops_config = {fan.config}\nexpops_replay = seeded\n")
    fan.pytester.makepyfile(test_other="def test_other(): pass", test_merge="def test_merge(merge): assert merge")
    assert list(fan.pytest("test_other.py").items) == ["test_other"]
    assert fan.pytest("test_merge.py").items == {"test_merge": "passed"}
    assert set(fan.pytest("-k", "merge or other").items) == {"merge", "test_other", "test_merge"}
    assert list(fan.pytest("configs", "-k", "merge").items) == ["merge"]


def test_last_failed_runs_the_failed_items_again_and_nothing_else(project: Project) -> None:
    project.write(
        "a b\nb c",
        """
        import time
        def a(data): return {}
        def b(data): return {"t": time.time()}
        def c(data): return {}
        """,
        {"a": {"seed_parallelism": [1, 2]}},
    )
    expected = {"b_seed1[replay]": "failed", "b_seed2[replay]": "failed"}
    assert project.run().where("failed") == set(expected)
    assert project.run("--lf").items == expected
    (project.root / "models/model.py").write_text(
        "def a(data): return {}\ndef b(data): return {'t': 1}\ndef c(data): return {}\n", encoding="utf-8"
    )
    assert project.run("--lf").items == dict.fromkeys(expected, "passed")
    assert len(project.run("--lf").items) == 9


def test_exitfirst(project: Project) -> None:
    project.write("a b\nc d", "def a(data): raise ValueError\ndef b(data): pass\ndef c(data): return {}\nd = c")
    assert project.run("-x").items == {"a": "failed"}


def test_collect_only_shows_the_expanded_graph(fan: Project) -> None:
    text = fan.run("--co").text
    assert "<ConfigFile project_config.yaml>" in text
    assert "<Process train_2_seed41 <- seeds_2>" in text
    assert "<Replay train_2_seed41[replay]>" in text
    assert "and 0 more" not in text
    assert "ran " not in text


def test_durations_and_junit_know_the_items(fan: Project) -> None:
    outcome = fan.run("--durations=0", "-vv")
    assert "call     configs/project_config.yaml::load" in outcome.text
    properties = outcome.properties("evaluate_2_seed40")
    assert float(properties["expops_duration"]) > 0
    assert properties["expops_metric:rows[1]"] == "2"
    assert 0 < float(properties["expops_metric:score/mean[1]"]) < 1


@pytest.mark.parametrize("plugin", ["cacheprovider", "xdist", "terminal", "junitxml"])
def test_without_a_builtin_plugin(fan: Project, plugin: str) -> None:
    fan.pytester.makepyfile(test_it="def test_it(merge): assert merge")
    arguments = ["-p", f"no:{plugin}", "--expops-config", fan.config]
    assert fan.pytester.runpytest_inprocess(*arguments).ret == 0


def test_a_shuffled_order_changes_nothing(fan: Project, workers: Callable[[], list[str]]) -> None:
    fan.pytester.makeconftest(
        """
        import random

        def pytest_collection_modifyitems(items):
            random.Random(3).shuffle(items)
        """
    )
    outcome = fan.run(*workers())
    assert set(outcome.items.values()) == {"passed"}
    assert len(outcome.items) == len(FAN_NAMES) + len(FAN_CHECKS)
