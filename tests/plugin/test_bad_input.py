"""Bad input gives one clear message, each mistake its own, and never a traceback of ours."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Outcome, Project


def assert_no_traceback_of_ours(text: str) -> None:
    assert "Traceback (most recent call last)" not in text
    assert "INTERNALERROR" not in text
    assert "pytest_expops/" not in text.replace("pytest_expops/core", "")


def test_a_config_error_is_a_usage_error_with_its_place(project: Project) -> None:
    """S1.4."""
    path = project.write("load train", "def load(data): return {}", {"load": {"data_parallelism": {"size": 0}}})
    text = path.read_text(encoding="utf-8").replace("load train", "load trian\n        # nothing")
    path.write_text(text, encoding="utf-8")
    outcome = project.run()
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert_no_traceback_of_ours(outcome.text)
    assert "project_config.yaml:" in outcome.text
    assert "trian" in outcome.text
    assert "did you mean `train`?" in outcome.text
    assert "size" in outcome.text, "both problems are reported together"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("model: [", "project_config.yaml:1:"),
        ("", "empty"),
        ("model:\n\tparameters: 1\n", "project_config.yaml:2:1"),
        ("just text\n", "project_config.yaml:1:1"),
        ("model: 1\nmodel: 2\n", "project_config.yaml:2:1"),
        ("model: !!python/object/apply:os.system [true]\n", "project_config.yaml:1:8"),
    ],
    ids=["not YAML", "empty", "tab", "no mapping", "duplicate key", "a tag that makes objects"],
)
def test_a_file_that_is_no_config(project: Project, content: str, says: str) -> None:
    path = project.write("load train", "def load(data): return {}")
    path.write_text(content, encoding="utf-8")
    outcome = project.run()
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert_no_traceback_of_ours(outcome.text)
    assert says in outcome.text


def test_a_missing_file(project: Project) -> None:
    outcome = project.run(config="configs/nowhere.yaml")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert_no_traceback_of_ours(outcome.text)
    assert "nowhere.yaml" in outcome.text


def collected(project: Project, *args: str) -> Outcome:
    outcome = project.run(*args)
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    return outcome


def test_a_missing_script_names_its_neighbours(project: Project) -> None:
    project.write("a", "def a(data): return {}", script_path="models/model.py")
    (project.root / "models" / "model.py").rename(project.root / "models" / "modle.py")
    outcome = collected(project)
    assert "script not found" in outcome.text
    assert "models/model.py" in outcome.text
    assert "did you mean `modle.py`?" in outcome.text
    assert_no_traceback_of_ours(outcome.text)


def test_a_script_that_raises_shows_the_users_traceback_once(project: Project) -> None:
    project.write("a b", "def broken():\n    return 1 / 0\n\nbroken()\n")
    outcome = collected(project)
    assert outcome.text.count("ZeroDivisionError: division by zero") == 1
    assert "return 1 / 0" in outcome.text
    assert "model.py" in outcome.text
    assert "importlib" not in outcome.text


def test_a_script_with_a_syntax_error(project: Project) -> None:
    project.write("a", "def a(data:\n    return {}\n")
    outcome = collected(project)
    assert "SyntaxError" in outcome.text
    assert "def a(data:" in outcome.text


def test_missing_functions_are_reported_together_with_near_names(project: Project) -> None:
    project.write("load train", "def laod(data): return {}\ndef tarin(data): return {}\n")
    outcome = collected(project)
    assert "has no function called `load`" in outcome.text
    assert "did you mean `laod`?" in outcome.text
    assert "has no function called `train`" in outcome.text
    assert "did you mean `tarin`?" in outcome.text
    assert "project_config.yaml:" in outcome.text
    assert_no_traceback_of_ours(outcome.text)


@pytest.mark.parametrize("key", ["code_funktion", "code-function", "Code"])
def test_a_missing_function_names_the_key_that_was_to_name_another(project: Project, key: str) -> None:
    script = "def load(data): return {}\ndef fit(data): return {}\n"
    project.write("load train", script, {"train": {key: "fit"}})
    found = collected(project).text
    meant = "code" if key == "Code" else "code_function"
    assert f"has no function called `train`\n    nothing reads its key `{key}`: did you mean `{meant}`?" in found


def test_a_missing_function_names_no_key_that_could_not_have_named_one(project: Project) -> None:
    script = "def load(data): return {}\ndef fit(data): return {}\n"
    project.write("load train", script, {"train": {"colour": 1}, "load": {"code_funktion": "load"}})
    found = collected(project).text
    assert "has no function called `train`\n    it defines: `fit`, `load`" in found


def test_a_name_that_is_no_function(project: Project) -> None:
    project.write("load", "load = 3\n")
    assert "has a int, not a function, called `load`" in collected(project).text


SPLIT: dict[str, dict[str, Any]] = {"a": {"data_parallelism": {"size": [2, 2], "data_name": "df"}}}

RUNTIME: dict[str, tuple[str, dict[str, dict[str, Any]], list[str]]] = {
    "sizes that do not sum to the rows": (
        "def a(data): return {'df': [1, 2, 3]}",
        SPLIT,
        ["sizes [2, 2] sum to 4, but `df` of `a` has 3 rows"],
    ),
    "data_name not returned": (
        "def a(data): return {'frame': [1], 'other': 2}",
        SPLIT,
        ["process `a` splits `df`, but it returned `frame`, `other`", "data_name"],
    ),
    "not splittable": (
        "def a(data): return {'df': 5}",
        SPLIT,
        ["`df` of `a` cannot be split into partitions: it is of type int"],
    ),
    "a generator to split": (
        "def a(data): return {'df': (i for i in range(4))}",
        SPLIT,
        ["it is of type generator", "return a list"],
    ),
    "returns None": ("def a(data): pass", {}, ["process `a` returned None; a process returns a dict"]),
    "returns a list": ("def a(data): return [1]", {}, ["process `a` returned a list; a process returns a dict"]),
    "keys that are no text": ("def a(data): return {1: 2}", {}, ["the key 1; output keys are text"]),
    "an open file": (
        "def a(data): return {'out': {'handle': open(__file__)}}",
        {},
        ["outputs['out']['handle']"],
    ),
    "a generator": ("def a(data): return {'gen': (i for i in ())}", {}, ["outputs['gen']"]),
    "a lock": ("import threading\ndef a(data): return {'l': [1, threading.Lock()]}", {}, ["outputs['l'][1]"]),
    "a missing argument": (
        "def a(weights, df=None): return {}",
        {},
        ["function `a` needs `weights`, which nothing offers", "available: no upstream process; parameters: depth"],
    ),
}


@pytest.mark.parametrize(("script", "processes", "says"), RUNTIME.values(), ids=RUNTIME.keys())
def test_a_process_that_gives_or_gets_the_wrong_thing(
    project: Project, script: str, processes: dict[str, dict[str, Any]], says: list[str]
) -> None:
    project.write("a b", script + "\ndef b(data): return {}\n", processes, parameters={"depth": 2})
    outcome = project.run()
    assert outcome.items["a"] == "failed"
    assert {outcome.items[name] for name in outcome.items if name != "a"} == {"skipped"}
    for part in says:
        assert part in outcome.message("a")
    assert_no_traceback_of_ours(outcome.text)


def test_two_upstreams_with_the_same_key(project: Project) -> None:
    """S2.2."""
    project.write(
        "a c\nb c\na d\nb d",
        """
        def a(data): return {"x": 1, "y": 1}
        def b(data): return {"x": 2}
        def c(x): return {}
        def d(y): return {"y": y}
        """,
    )
    outcome = project.run()
    assert outcome.items == {"a": "passed", "b": "passed", "c": "failed", "d": "passed"}
    assert "`x` is offered twice: by the output of `a` and by the output of `b`" in outcome.message("c")


def test_an_upstream_key_that_is_also_a_parameter(project: Project) -> None:
    project.write("a c", "def a(data): return {'depth': 1}\ndef c(depth): return {}", parameters={"depth": 2})
    outcome = project.run()
    assert "`depth` is offered twice: by the output of `a` and by the parameters" in outcome.message("c")


def test_empty_partitions_are_allowed_and_warned_of(project: Project) -> None:
    """S3.3."""
    project.write(
        "a b",
        "def a(data): return {'df': [1]}\ndef b(data): return {'n': len(data['a']['df'])}",
        {"a": {"data_parallelism": {"size": 3, "data_name": "df"}}},
    )
    outcome = project.run()
    assert outcome.items == dict.fromkeys(["a", "a[split]", "b_1", "b_2", "b_3"], "passed")
    assert "EmptyPartitionWarning: `df` of `a` has 1 row for 3 partitions: partitions 2, 3 are empty" in outcome.text


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_warnings_of_the_config_are_pytest_warnings(project: Project, workers: str) -> None:
    path = project.write("a b", "def a(data): return {}\ndef b(data): return {}", {"b": {"seed_parallelism": [1]}})
    path.write_text("modle: 1\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    outcome = project.run(workers)
    assert outcome.ret == 0
    assert outcome.text.count("ConfigWarning: ") == 2
    assert "project_config.yaml:1: ConfigWarning: nothing reads the key `modle`" in outcome.text
    assert "did you mean `model`?" in outcome.text
    assert "process `b` declares seeds, but nothing is downstream of it" in outcome.text
    assert_no_traceback_of_ours(outcome.text)
    outcome = project.run(workers, "-W", "error::pytest_expops.ConfigWarning")
    assert outcome.ret != 0
    assert "project_config.yaml:1:1: nothing reads the key `modle`" in outcome.text
    assert_no_traceback_of_ours(outcome.text)
