"""The ini option `expops_tolerance`: tolerances per process and output, under those of the config (S7.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import Pipeline, Tolerance
from pytest_expops.plugin.options.given import Given
from pytest_expops.plugin.options.tolerances import ToleranceLine, parse, with_tolerances
from tests.conftest import Project

EDGES = "load train\ntrain train.fit"
SCRIPT = """
    import os

    def load(data, hyperparameters):
        return {"x": 1}

    def train(data, hyperparameters):
        seed = os.environ.get("PYTHONHASHSEED", "")
        drift = (int(seed) % 1000 + 1) * 1e-12 if seed.isdigit() else 0.0
        return {"slope": 1.0 + drift, "intercept": 100.0 + 100 * drift}
"""
PROCESSES: dict[str, dict[str, Any]] = {"load": {"seed_parallelism": {"seeds": [7]}}}


def _loaded(tmp_path: Path, tolerance: str = "") -> Pipeline:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"""
scripts: {{main: model.py}}
experiment:
  pipeline:
    process_adjlist: |
      load train
      train train.fit
    processes: [{{name: load}}, {{name: train, seed_parallelism: [7]}}, {{name: train.fit}}]
{tolerance}
""",
        encoding="utf-8",
    )
    return load_config(path)


def _given(lines: list[str]) -> list[Given]:
    return [Given("expops_tolerance", line, f"the line `{line}` in pytest.ini") for line in lines]


def _tolerances(pipeline: Pipeline) -> dict[str, dict[str | None, tuple[float, float]]]:
    """By expanded name, as verdicts read them."""
    return {
        name: {key: (each.rtol, each.atol) for key, each in expanded.process.tolerances.items()}
        for name, expanded in expand(pipeline).processes.items()
    }


def test_a_line_holds_for_what_it_names(tmp_path: Path) -> None:
    """The nearer line wins: that of an output, of a process, of every process."""
    pipelines = {tmp_path: _loaded(tmp_path)}
    lines = [
        "*: atol=1e-12",
        "train: rtol=1e-6",
        "train.intercept: rtol=1e-3 atol=0.5",
        "*.loss: atol=2",
        "train.fit.x: rtol=.1",
    ]
    assert _tolerances(with_tolerances(pipelines, _given(lines))[tmp_path]) == {
        "load": {None: (0, 1e-12), "loss": (0, 2)},
        "train": {None: (1e-6, 0), "loss": (0, 2), "intercept": (1e-3, 0.5)},
        "train.fit_seed7": {None: (0, 1e-12), "loss": (0, 2), "x": (0.1, 0)},
    }
    assert with_tolerances(pipelines, []) == pipelines


def test_the_config_comes_before_the_ini_file(tmp_path: Path) -> None:
    """For each process and each output by itself; what the config does not mention has the tolerance of the ini."""
    section = "reproducibility: {tolerance: {train: {rtol: 0.5}, load: {x: {atol: 0.25}}}}"
    pipelines = {tmp_path: _loaded(tmp_path, section)}
    lines = ["*: atol=1", "train: atol=2", "train.y: atol=3", "load: atol=4", "load.x: atol=5"]
    assert _tolerances(with_tolerances(pipelines, _given(lines))[tmp_path]) == {
        "load": {None: (0, 4), "x": (0, 0.25)},
        "train": {None: (0.5, 0), "y": (0, 3)},
        "train.fit_seed7": {None: (0, 1)},
    }


def test_of_several_configs_any_may_have_the_process(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text(
        "scripts: {main: m.py}\nexperiment: {pipeline: {processes: [{name: only_here}]}}\n", encoding="utf-8"
    )
    pipelines = {
        Path("a"): _loaded(tmp_path),
        Path("b"): load_config(tmp_path / "other" / "config.yaml"),
    }
    found = with_tolerances(pipelines, _given(["only_here: rtol=1", "load: rtol=2"]))
    assert _tolerances(found[Path("a")]) == {"load": {None: (2, 0)}, "train": {}, "train.fit_seed7": {}}
    assert _tolerances(found[Path("b")]) == {"only_here": {None: (1, 0)}}


FORM = "is not of the form `PROCESS: rtol=NUMBER atol=NUMBER` or `PROCESS.KEY: ...`, with `*` for every process"
WORD = "is not `rtol=NUMBER` or `atol=NUMBER`"
AMOUNT = "does not have a number from 0 to 1e300"
BAD = {
    "train rtol=1": f"'train rtol=1' {FORM}",
    ": rtol=1": f"': rtol=1' {FORM}",
    "train:": "'' is not `rtol=NUMBER`, `atol=NUMBER` or both",
    "train: 1e-6": f"'1e-6' {WORD}",
    "train: rtol 1e-6": f"'rtol' {WORD}",
    "train: tol=1": f"'tol=1' {WORD}",
    "train: rtol=1,atol=1": f"'rtol=1,atol=1' {AMOUNT}",
    "train: rtol=": f"'rtol=' {AMOUNT}",
    "train: rtol=-1": f"'rtol=-1' {AMOUNT}",
    "train: rtol=nan": f"'rtol=nan' {AMOUNT}",
    "train: atol=inf": f"'atol=inf' {AMOUNT}",
    "train: rtol=1 rtol=2": "'rtol' is given twice; keep one",
    "trian: rtol=1": "'trian' is not a process of any config; did you mean `train`?",
    "nowhere.x: rtol=1": "'nowhere' is not a process of any config; there are load, train, train.fit",
    "train.: rtol=1": f"'train.' {FORM.replace('is not of the form', 'names no output after its dot; the form is')}",
}


@pytest.mark.parametrize(("line", "says"), BAD.items(), ids=BAD)
def test_a_bad_line_is_a_usage_error(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(pytest.UsageError) as caught:
        with_tolerances({tmp_path: _loaded(tmp_path)}, _given(["load: rtol=1", line]))
    assert str(caught.value) == f"expops_tolerance: {says} (from the line `{line}` in pytest.ini)"


def test_all_bad_lines_are_reported_at_once(tmp_path: Path) -> None:
    lines = _given(["load", "load: rtol=1", "load: atol=2", "x: rtol=1"])
    with pytest.raises(pytest.UsageError) as caught:
        with_tolerances({tmp_path: _loaded(tmp_path)}, lines)
    assert str(caught.value).splitlines() == [
        f"expops_tolerance: 'load' {FORM} (from the line `load` in pytest.ini)",
        "expops_tolerance: 'load: atol=2' is the second line for the same process or output; keep one "
        "(from the line `load: atol=2` in pytest.ini)",
        "expops_tolerance: 'x' is not a process of any config; there are load, train, train.fit "
        "(from the line `x: rtol=1` in pytest.ini)",
    ]


NAMES = st.from_regex(r"[a-z_][a-z0-9_.]{0,6}", fullmatch=True).filter(lambda name: not name.endswith("."))
AMOUNTS = st.floats(0, 1e300)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(process=NAMES, key=st.none() | NAMES, rtol=AMOUNTS, atol=AMOUNTS)
def test_what_is_written_is_read(process: str, key: str | None, rtol: float, atol: float) -> None:
    target = process if key is None else f"{process}.{key}"
    assert parse(f"{target}: rtol={rtol!r}  atol={atol!r}", [process]) == ToleranceLine(
        process, key, Tolerance(rtol, atol)
    )
    assert parse(f" {target} :atol={atol!r}", [process]) == ToleranceLine(process, key, Tolerance(atol=atol))


@pytest.fixture
def drifting(project: Project) -> Project:
    """A process whose replay differs by about one part in 1e9 or less."""
    project.write("load train", SCRIPT, PROCESSES)
    return project


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("train: rtol=1e-6", None),
        ("*: rtol=1e-6", None),
        ("train.slope: rtol=1e-6", "outputs['intercept']"),
        ("train: rtol=1e-15", "outputs['intercept']"),
    ],
)
def test_replays_are_judged_by_the_ini_file(drifting: Project, lines: str, message: str | None) -> None:
    drifting.pytester.makeini(
        f"[pytest]\nexpops_config = {drifting.config}\nexpops_diagnose = off\nexpops_tolerance =\n    {lines}\n"
    )
    outcome = drifting.pytest("-k", "train")
    if message is None:
        assert outcome.ret == 0
    else:
        assert outcome.ret == pytest.ExitCode.TESTS_FAILED
        assert message in outcome.text
    assert ("outputs['slope']" in outcome.text) == (lines == "train: rtol=1e-15")


def test_a_bad_line_ends_the_session_before_anything_runs(drifting: Project) -> None:
    drifting.pytester.makeini("[pytest]\nexpops_tolerance =\n    trian: rtol=1\n")
    outcome = drifting.run()
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "expops_tolerance: 'trian' is not a process of any config; did you mean `train`? "
        "(from the line `trian: rtol=1` in tox.ini)" in outcome.text
    )
    assert "Traceback" not in outcome.text


def test_what_is_wrong_with_lines_and_with_the_expansion_is_reported_together(project: Project) -> None:
    project.write("load train\ntrain_seed7", SCRIPT, {"load": {"seed_parallelism": {"seeds": [7]}}})
    project.pytester.makeini("[pytest]\nexpops_tolerance =\n    nowhere: rtol=1\n")
    outcome = project.run()
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "expops_tolerance: 'nowhere' is not a process of any config" in outcome.text
    assert "has the name that a duplicate of process `train` gets" in outcome.text
