"""What scripts of ExpOps import and ask for: decorators with their options, and the context of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.execution.user_code.requirements import advise
from pytest_expops.pipeline.check import check_pipeline
from pytest_expops.pipeline.model import FunctionCheck
from tests.expops.running import config, run


def test_decorators_take_the_options_of_expops_by_position_and_by_name(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        config("a b", "- name: a\n- name: b"),
        """
from mlops.core import ModelData, SerializableData, log_metric, process, step

@step("outside", "training", False)
def at_module_level(x: SerializableData) -> ModelData:
    log_metric("x", x)
    return {"x": x}

@process("What it is", {"ignored": 1}, False)
def a():
    return at_module_level(1)

@process(description="What it is", parameters=None, logging=True)
def b(x):
    @step(name="inside", step_type="evaluation", logging=True)
    def nested():
        at_module_level(2)
        at_module_level(3)
        return {}
    nested()
    return {"x": x}
""",
    )
    assert ran.outputs("b") == {"x": 1}
    assert ran.metrics("a") == {"outside/x": [1]}
    assert ran.metrics("b") == {"inside/outside/x": [2, 3]}


def test_the_context_knows_the_project_and_what_steps_and_upstream_returned(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        config("a b", "- {name: a, parameters: {rate: 2}}\n- {name: b, parameters: {rate: 3}}"),
        """
from expops.core import get_current_context, process, step

assert get_current_context() is None

@process()
def a():
    return {"n": 1}

@process()
def b(n):
    context = get_current_context()
    before = dict(context.step_results)

    @step()
    def fit(value):
        get_current_context().shared_state["seen"] = value
        return {"value": value}

    fit(1)
    fit(2)
    return {
        "ids": [context.project_id, context.run_id, context.current_process, context.iteration],
        "before": before,
        "after": dict(context.step_results),
        "step": [context.get_step_result("fit"), context.get_step_data("fit", "value"), context.get_step_result("no")],
        "upstream": [context.get_process_data("a", "n"), context.get_step_data("x", "n", "a")],
        "nothing": context.get_process_data("no"),
        "parameters": [context.get_parameters(), context.get_hyperparameters("b")],
        "shared": context.shared_state,
        "config": context.global_config["scripts"]["main"],
        "none": context.log_param("rate", 3),
    }
""",
    )
    ids = [tmp_path.name, "pytest-expops", "b", 0]
    assert ran.outputs("b") == {
        "ids": ids,
        "before": {"a": {"n": 1}},
        "after": {"a": {"n": 1}, "fit": {"value": 2}},
        "step": [{"value": 2}, 2, None],
        "upstream": [1, 1],
        "nothing": None,
        "parameters": [{"rate": 3}, {"rate": 3}],
        "shared": {"seen": 2},
        "config": "src/model.py",
        "none": None,
    }


def test_what_a_step_returned_does_not_show_in_the_data_of_a_classic_function(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        config("a b", "- name: a\n- name: b"),
        """
from expops.core import step

@step()
def fit():
    return {"value": 1}

def a():
    return {"n": 1}

def b(data, context):
    fit()
    return {"data": data, "step": context.get_step_result("fit", "value")}
""",
    )
    assert ran.outputs("b") == {"data": {"a": {"n": 1}}, "step": 1}


REQUIREMENTS = {
    "needs/train.txt": "# what training needs\nno-such-module>=1.0  # comment\n",
    "charts/requirements.txt": "Another_Missing\n",
    "requirements.txt": "numpy\n",
}


@pytest.mark.parametrize(
    "environment",
    ["env: {venv: [needs/train.txt]}", "{venv: {name: n, requirements_file: needs/train.txt}}"],
    ids=["current", "classic"],
)
def test_a_missing_module_names_the_requirements_file_that_lists_it(tmp_path: Path, environment: str) -> None:
    """S1.1: `environment` has no effect, so what it lists may be missing here."""
    separator = "\n  " if environment.startswith("env") else " "
    head = f"scripts: {{main: src/model.py}}\nenvironment:{separator}{environment}"
    project = tmp_path / "project"
    ran = run(
        project,
        config("a b", "- name: a\n- name: b\n- name: c", head=head),
        "def a():\n    import no_such_module.deep\n\ndef b():\n    return {}\n\ndef c():\n    import unlisted_module\n",
        files=REQUIREMENTS,
    )
    failure = ran.record("a").failure
    assert failure is not None
    advice = (
        "`no_such_module` is listed in project/needs/train.txt; processes run in the interpreter that pytest runs in, "
        f"so install it there: python -m pip install -r {project / 'needs/train.txt'}"
    )
    assert failure.traceback.splitlines()[-2:] == ["ModuleNotFoundError: No module named 'no_such_module'", advice]
    unlisted = ran.record("c").failure
    assert unlisted is not None
    assert unlisted.traceback.splitlines()[-1] == "ModuleNotFoundError: No module named 'unlisted_module'"


def test_a_function_that_needs_a_missing_module_is_not_said_to_be_a_process(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("no-such-module\n", encoding="utf-8")
    folder = str(tmp_path)
    pipeline = check_pipeline(FunctionCheck("train", "train", f"{folder}/m.py", (folder,), folder)).pipeline
    assert advise(ModuleNotFoundError("none", name="no_such_module"), pipeline) == (
        "`no_such_module` is listed in requirements.txt; what is checked runs in the interpreter that makes the check, "
        f"so install it there: python -m pip install -r {tmp_path / 'requirements.txt'}"
    )


def test_a_script_that_needs_a_missing_module_says_so_too(tmp_path: Path) -> None:
    ran = run(tmp_path, config("a", "- name: a"), "import another_missing\n", files=REQUIREMENTS)
    assert f"`another_missing` is listed in {tmp_path.name}/charts/requirements.txt" in ran.failure("a")


DATA = """
scripts: {main: src/model.py}
data:
  path: data/other.csv
  sources:
    training: {path: data/train.csv}
    validation: {path: /elsewhere/valid.csv}
    test: {path: data/test.csv}
  inputs:
    table: {path: data/table.csv, format: csv}
    note: kept as it is
"""
ASKS = """
def a(context):
    return {"paths": context.data_paths, "inputs": context.inputs}
"""


def test_the_context_has_the_paths_of_the_data_that_the_config_names(tmp_path: Path) -> None:
    """S2.2, as ExpOps 0.1.1 to 0.1.27; resolved as all paths of a config are (S1.1)."""
    files = {"data/train.csv": "x\n1\n", "data/table.csv": "x\n1\n"}
    ran = run(tmp_path, config("a", "- name: a", head=DATA), ASKS, files=files)
    assert ran.outputs("a") == {
        "paths": {"training": tmp_path / "data/train.csv", "validation": Path("/elsewhere/valid.csv")},
        "inputs": {"table": tmp_path / "data/table.csv"},
    }


@pytest.mark.parametrize("data", ["", "data: {path: data/x.csv}", "data: {sources: [a], inputs: 3}", "data: 3"])
def test_without_such_data_the_context_has_no_paths(tmp_path: Path, data: str) -> None:
    ran = run(tmp_path, config("a", "- name: a", head=f"scripts: {{main: src/model.py}}\n{data}"), ASKS)
    assert ran.outputs("a") == {"paths": {}, "inputs": {}}
