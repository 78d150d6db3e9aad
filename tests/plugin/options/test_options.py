"""Options, their ini twins, the header, and the graph."""

from __future__ import annotations

import pytest

from pytest_expops.execution.artifact_cache import DEFAULT_MEMORY
from pytest_expops.plugin.options import options
from pytest_expops.plugin.stash import STATE
from pytest_expops.replay.nondeterminism.registry import SOURCES
from tests.conftest import FAN, FAN_NAMES, FAN_PROCESSES, FAN_SCRIPT, Project

NAMES = [
    "config",
    "replay",
    "replays",
    "vary",
    "diagnose",
    "diagnose-timeout",
    "artifacts",
    "memory",
    "schedule",
    "progress",
    "undecided",
    "graph",
    "baseline",
    "baseline-strict",
    "baseline-force",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_help_and_an_ini_twin(pytester: pytest.Pytester, name: str) -> None:
    text = pytester.runpytest_inprocess("--help").stdout.str()
    assert f"--expops-{name}" in text
    assert f"expops_{name.replace('-', '_')} (" in text
    assert "pipelines as tests (pytest-expops):" in text


def test_every_option_is_tested_here() -> None:
    parser = pytest.Parser(_ispytest=True)
    options.add_options(parser)
    group = parser.getgroup("expops")
    assert {option.dest.removeprefix("expops_").replace("_", "-") for option in group.options} == set(NAMES)


def test_whatever_can_be_varied_may_be_asked_for() -> None:
    assert set(options.VARIABLE) == {name for name, source in SOURCES.items() if source.can_vary}


def test_the_header_tells_what_is_varied_and_what_cannot_be(fan: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(SOURCES["clock"]), "unavailable", lambda self: "there is no clock")
    text = fan.run("--co", "--expops-vary=clock, tmpdir").text
    assert "expops: replays vary hashseed, tmpdir\n" in text
    assert "expops: replays cannot vary clock here: there is no clock\n" in text
    assert "replays vary" not in fan.run("--co", "--expops-vary=clock", "--expops-replay=none").text
    assert "replays vary" not in fan.run("--co").text


def test_all_varies_everything_and_a_misspelt_source_is_a_usage_error(fan: Project) -> None:
    wanted = ", ".join(name for name in options.VARIABLE if SOURCES[name].unavailable() is None)
    assert f"expops: replays vary {wanted}\n" in fan.run("--co", "--expops-vary=all").text
    outcome = fan.run("--expops-vary=clok")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "--expops-vary: 'clok' is none of hashseed, " in outcome.text
    assert "did you mean `clock`?" in outcome.text


def test_the_ini_twins_work(fan: Project) -> None:
    fan.pytester.makeini(
        f"[pytest]\nexpops_config = {fan.config}\nexpops_replay = all\nexpops_replays = 2\nexpops_artifacts = kept\n"
    )
    outcome = fan.pytest()
    assert outcome.properties("load[replay]")["expops_replays"] == "2"
    assert (fan.root / "kept/session-1").is_dir()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("expops_replay = sometimes", "expops_replay: 'sometimes' is not one of seeded, all, none"),
        ("expops_replays = many", "--expops-replays: expected a whole number of at least 1, got 'many'"),
        ("expops_replays = 0", "--expops-replays: expected a whole number of at least 1, got '0'"),
        ("expops_diagnose = maybe", "expops_diagnose: 'maybe' is neither on nor off"),
        ("expops_diagnose_timeout = -1", "--expops-diagnose-timeout: expected a number of seconds, got '-1'"),
        ("expops_diagnose_timeout = long", "--expops-diagnose-timeout: expected a number of seconds, got 'long'"),
        ("expops_memory = lots", "--expops-memory: expected a number of bytes such as 256M, 2G or 0, got 'lots'"),
        ("expops_memory = -1", "--expops-memory: expected a number of bytes such as 256M, 2G or 0, got '-1'"),
        ("expops_schedule = random", "expops_schedule: 'random' is not one of graph, xdist"),
        ("expops_progress = maybe", "expops_progress: 'maybe' is not one of auto, on, off"),
        ("expops_graph = png", "expops_graph: 'png' is not one of text, mermaid, dot"),
    ],
)
def test_a_bad_value_is_a_usage_error(fan: Project, line: str, says: str) -> None:
    fan.pytester.makeini(f"[pytest]\n{line}\n")
    outcome = fan.run(diagnose=True)
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert says in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize(
    ("given", "means"),
    [("0", 0), ("100", 100), ("2k", 2048), ("1.5M", 3 << 19), ("2G", 2 << 30), ("64 MiB", 64 << 20), (None, 256 << 20)],
)
def test_the_memory_is_what_each_pipeline_keeps_at_most(
    pytester: pytest.Pytester, fan: Project, given: str | None, means: int
) -> None:
    """All pipelines of a worker together."""
    arguments = ["--expops-config", str(fan.config), *([] if given is None else [f"--expops-memory={given}"])]
    sessions = pytester.parseconfigure(*arguments).stash[STATE].sessions
    caches = {id(each.reader.cache): each.reader.cache.most for each in sessions.values()}
    assert list(caches.values()) == [means]
    assert means == DEFAULT_MEMORY or given is not None


def test_the_header_tells_what_will_run(fan: Project) -> None:
    header = "expops: configs/project_config.yaml: 6 processes, 13 expanded; seeds 40, 41; base seed 42; replay seeded"
    assert header in fan.run("--co").text
    assert header in fan.run("-n2", "-k", "load").text


def test_the_plugin_is_silent_when_unused(project: Project) -> None:
    project.pytester.makepyfile("def test_it(): pass")
    assert "expops" not in project.pytest().text.replace("plugins: ", "").replace("expops-", "")


@pytest.mark.parametrize(("output", "says"), [("text", "train_1_seed40"), ("mermaid", "flowchart"), ("dot", "digraph")])
def test_the_graph_is_printed_and_nothing_runs(fan: Project, output: str, says: str) -> None:
    result = fan.run(f"--expops-graph={output}").result
    text = result.stdout.str()
    assert says in text
    assert all(name in text for name in FAN_NAMES)
    assert "test session starts" not in text
    assert result.ret == 0


def test_a_graph_without_a_config_is_a_usage_error(project: Project) -> None:
    result = project.pytester.runpytest_inprocess("--expops-graph=dot")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--expops-graph needs a pipeline: give --expops-config PATH" in result.stderr.str()


def test_the_graph_of_a_broken_config_is_its_errors(project: Project) -> None:
    path = project.write(FAN, FAN_SCRIPT, FAN_PROCESSES)
    path.write_text(path.read_text(encoding="utf-8") + "model: 2\n", encoding="utf-8")
    result = project.pytester.runpytest_inprocess("--expops-config", str(path), "--expops-graph=dot")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stderr.str()
    assert "project_config.yaml:" in result.stderr.str()


def test_help_works_whatever_the_config(project: Project) -> None:
    assert project.run("--help", config="nowhere.yaml").ret == 0
    assert project.run("--version", config="nowhere.yaml").ret == 0


def test_strict_markers_know_ours(fan: Project) -> None:
    assert fan.run("--strict-markers", "-k", "load").ret == 0


def test_without_a_config_nothing_heavy_is_imported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            heavy = {"numpy", "pandas", "pydantic", "networkx", "yaml", "xxhash", "filelock", "cloudpickle"}
            assert heavy & set(sys.modules) == set()
            assert [name for name in sys.modules if name.startswith("pytest_expops.pipeline")] == []
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
