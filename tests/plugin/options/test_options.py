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
    "changed",
    "replay",
    "replay-tests",
    "replays",
    "vary",
    "diagnose",
    "diagnose-timeout",
    "timeout",
    "memory-limit",
    "isolate",
    "artifacts",
    "cache",
    "cache-audit",
    "cache-read-only",
    "cache-size",
    "why",
    "report",
    "github",
    "gitlab",
    "memory",
    "schedule",
    "progress",
    "undecided",
    "graph",
    "baseline",
    "baseline-strict",
    "baseline-force",
    "engine",
    "scheduler",
    "store",
    "code",
    "engine-environment",
    "engine-workers",
    "engine-timeout",
    "insecure",
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


def test_all_varies_everything(fan: Project) -> None:
    wanted = ", ".join(name for name in options.VARIABLE if SOURCES[name].unavailable() is None)
    assert f"expops: replays vary {wanted}\n" in fan.run("--co", "--expops-vary=all").text


def test_the_ini_twins_work(fan: Project) -> None:
    fan.pytester.makeini(
        f"[pytest]\nexpops_config = {fan.config}\nexpops_replay = all\nexpops_replays = 2\nexpops_artifacts = kept\n"
    )
    outcome = fan.pytest()
    assert outcome.properties("load[replay]")["expops_replays"] == "2"
    assert (fan.root / "kept/session-1").is_dir()


BYTES = "a number of bytes such as 256M, 2G or 0"
REFUSED = [
    ("--expops-config", "nowhere.yaml", "a file"),
    ("--expops-changed", "nowhere", "a revision to compare with: project_config.yaml is in no git repository"),
    ("--expops-replay", "sometimes", "one of all, seeded, none"),
    ("--expops-replays", "many", "a whole number from 1 to 1,000,000"),
    ("--expops-replays", "0", "a whole number from 1 to 1,000,000"),
    ("--expops-vary", "clok", f"one of {', '.join(options.VARIABLE)}, all; did you mean `clock`?"),
    ("--expops-diagnose", "maybe", "one of on, off"),
    ("--expops-diagnose-timeout", "-1", "a number of seconds from 0.001 to 1,000,000"),
    ("--expops-diagnose-timeout", "long", "a number of seconds from 0.001 to 1,000,000"),
    ("--expops-timeout", "-1", "a number of seconds (0 for no limit) from 0 to 1,000,000"),
    ("--expops-memory-limit", "-1", BYTES),
    ("--expops-artifacts", "a_file/below", "a folder, and cannot be made one"),
    ("--expops-cache", "a_file/below", "a folder, and cannot be made one"),
    ("--expops-cache-audit", "2", "all, none, or a number from 0 to 100 with a percent sign"),
    ("--expops-cache-audit", "200%", "all, none, or a number from 0 to 100 with a percent sign"),
    ("--expops-cache-size", "much", "a number of bytes such as 500M, 2G or 1T"),
    ("--expops-report", "r.txt", "a path that ends with .html (a page) or .json (data)"),
    ("--expops-github", "maybe", "one of auto, on, off"),
    ("--expops-gitlab", "configs", "a file, but a folder; give the path of the file that is to be written"),
    ("--expops-memory", "lots", BYTES),
    ("--expops-memory", "-1", BYTES),
    ("--expops-schedule", "random", "one of graph, xdist"),
    ("--expops-progress", "maybe", "one of auto, on, off"),
    ("--expops-undecided", "perhaps", "one of skip, fail, pass"),
    ("--expops-graph", "png", "one of text, mermaid, dot"),
    ("--expops-baseline", "renew", "one of check, new, update, off"),
    ("--expops-engine", "spark", "one of local, dask"),
    ("--expops-code", "copied", "one of auto, archive, shared"),
    ("--expops-engine-environment", "ignore", "one of check, warn"),
    ("--expops-engine-workers", "-1", "a number of workers (0: one for each processor) from 0 to 10,000"),
    ("--expops-engine-timeout", "0", "a number of seconds from 1 to 1,000,000"),
]
INI_ONLY = [
    ("expops_baseline_file", "{name}.json", "a path with no other field than {stem}"),
    ("expops_baseline_tolerance", "tol=1", "`rtol=NUMBER` or `atol=NUMBER`"),
]
SWITCHES = [
    ("--expops-isolate", "maybe", "one of on, off"),
    ("--expops-cache-read-only", "maybe", "one of on, off"),
    ("--expops-insecure", "maybe", "one of on, off"),
    *(
        (f"--expops-{name}", "maybe", "one of true, false")
        for name in ("baseline-strict", "baseline-force", "replay-tests")
    ),
]


def _ini_name(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _refusal(fan: Project, option: str, *arguments: str) -> str:
    """The only line on this option that pytest ends with."""
    (fan.root / "a_file").touch()
    given = () if option == "--expops-config" else ("--expops-config", fan.config)
    outcome = fan.pytest(*given, *arguments, diagnose=True)
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in outcome.text
    (line,) = [line for line in outcome.text.splitlines() if f"{option}: " in line]
    return line


@pytest.mark.parametrize(("option", "value", "expected"), REFUSED)
def test_a_bad_value_on_the_command_line_is_a_usage_error(fan: Project, option: str, value: str, expected: str) -> None:
    found = _refusal(fan, option, f"{option}={value}")
    assert found == f"ERROR: {option}: {value!r} is not {expected} (from the command line)"


@pytest.mark.parametrize(("option", "value", "expected"), [*REFUSED, *SWITCHES, *INI_ONLY])
def test_a_bad_value_in_the_ini_file_is_a_usage_error(fan: Project, option: str, value: str, expected: str) -> None:
    fan.pytester.makeini(f"[pytest]\n{_ini_name(option)} = {value}\n")
    assert _refusal(fan, option) == f"ERROR: {option}: {value!r} is not {expected} (from tox.ini)"


def test_every_option_is_among_those_with_a_bad_value() -> None:
    own_tests = {"expops_tolerance", "expops_why", "expops_scheduler", "expops_store"}
    parser = pytest.Parser(_ispytest=True)
    options.add_options(parser)
    refused = {_ini_name(option) for option, _, _ in [*REFUSED, *SWITCHES, *INI_ONLY]}
    assert refused == {name for name in parser._inidict if name.startswith("expops_")} - own_tests


INI_FILES = {
    "pytest.ini": "[pytest]\n{}\n",
    "tox.ini": "[pytest]\n{}\n",
    "setup.cfg": "[tool:pytest]\n{}\n",
    "pyproject.toml": "[tool.pytest.ini_options]\n{}\n",
}


@pytest.mark.parametrize(("file", "text"), INI_FILES.items(), ids=INI_FILES)
def test_an_error_names_the_file_that_the_value_is_from(fan: Project, file: str, text: str) -> None:
    quote = '"' if file.endswith(".toml") else ""
    (fan.root / file).write_text(text.format(f"expops_replay = {quote}sometimes{quote}"), encoding="utf-8")
    assert _refusal(fan, "--expops-replay").endswith(f"'sometimes' is not one of all, seeded, none (from {file})")
    (fan.root / file).write_text(text.format(f"addopts = {quote}--expops-replay=sometimes{quote}"), encoding="utf-8")
    assert _refusal(fan, "--expops-replay").endswith(f" (from addopts in {file})")


def test_an_error_names_what_else_the_value_may_be_from(fan: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fan.pytester.makeini("[pytest]\nexpops_replay = never\n")
    assert _refusal(fan, "--expops-replay", "-o", "expops_replay=sometimes").endswith(
        ": 'sometimes' is not one of all, seeded, none (from -o on the command line)"
    )
    monkeypatch.setenv("PYTEST_ADDOPTS", "--expops-replay rarely")
    assert _refusal(fan, "--expops-replay").endswith(": 'rarely' is not one of all, seeded, none (from PYTEST_ADDOPTS)")
    assert _refusal(fan, "--expops-replay", "--expops-replay", "often").endswith(
        ": 'often' is not one of all, seeded, none (from the command line)"
    )


@pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest 8 knows no native TOML")
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("expops_replays = 2", "--expops-replays: 2 is not text in quotes"),
        ("expops_baseline_strict = 1", "--expops-baseline-strict: 1 is not one of true, false"),
        ("expops_tolerance = 'a: rtol=1'", "expops_tolerance: 'a: rtol=1' is not a list of lines"),
        ("expops_config = 'a.yaml'", "--expops-config: 'a.yaml' is not a list of paths"),
    ],
)
def test_a_value_of_the_wrong_type_has_the_same_form(fan: Project, line: str, says: str) -> None:
    (fan.root / "pyproject.toml").write_text(f"[tool.pytest]\n{line}\n", encoding="utf-8")
    option = says.partition(":")[0]
    assert _refusal(fan, option) == f"ERROR: {says} (from pyproject.toml)"


def test_a_bad_value_is_refused_where_there_is_no_pipeline_too(project: Project) -> None:
    outcome = project.pytest("--expops-replay=sometimes")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "--expops-replay: 'sometimes' is not one of all, seeded, none (from the command line)" in outcome.text


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
    assert (
        "--expops-graph: 'dot' needs a pipeline, and none is configured; give --expops-config PATH "
        "(from the command line)" in result.stderr.str()
    )


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
