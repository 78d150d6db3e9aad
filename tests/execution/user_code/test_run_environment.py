"""What a process does to the working directory and the environment ends with it (S1.1)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.execution.user_code.run_environment import run_environment
from pytest_expops.pipeline.model import Pipeline

NAMES = st.sampled_from(["EXPOPS_A", "EXPOPS_B", "EXPOPS_\udce9", "MLOPS_PROJECT_ID", "PYTEST_CURRENT_TEST", "HOME"])
VALUES = st.none() | st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=3)
CHANGES = st.lists(st.tuples(NAMES, VALUES), max_size=6)


def pipeline(folder: Path) -> Pipeline:
    root = folder / "project"
    root.mkdir(exist_ok=True)
    return Pipeline(root / "config.yaml", root, folder, root, {}, 42, {}, {})


def change(changes: list[tuple[str, str | None]]) -> None:
    for name, value in changes:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, CHANGES)
def test_variables_are_those_of_before(
    tmp_path: Path, before: list[tuple[str, str | None]], within: list[tuple[str, str | None]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("EXPOPS_A", "EXPOPS_B", "EXPOPS_\udce9", "MLOPS_PROJECT_ID", "PYTEST_CURRENT_TEST", "HOME"):
            patch.setenv(name, "x")
        change(before)
        expected = dict(os.environ)
        with run_environment(pipeline(tmp_path)):
            assert os.environ["MLOPS_PROJECT_ID"] == "project"
            assert os.environ["MLOPS_WORKSPACE_DIR"] == str(tmp_path)
            assert "PYTEST_CURRENT_TEST" not in os.environ
            change(within)
        assert dict(os.environ) == expected


def test_programs_see_the_variables_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPOPS_A", "before")
    with run_environment(pipeline(tmp_path)):
        os.environ.update(EXPOPS_A="within", EXPOPS_B="within")
    shown = subprocess.run(["env"], capture_output=True, check=True, text=True).stdout.splitlines()
    assert [line for line in shown if line.startswith(("EXPOPS_", "MLOPS_"))] == ["EXPOPS_A=before"]


def test_a_dict_in_the_place_of_the_environment_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"EXPOPS_A": "before"}
    monkeypatch.setattr(os, "environ", own)
    with run_environment(pipeline(tmp_path)):
        own.update(EXPOPS_A="within", EXPOPS_B="within")
    assert own == {"EXPOPS_A": "before"}


def test_the_working_directory_is_the_projects_and_then_that_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def fail() -> None:
        with run_environment(pipeline(tmp_path)):
            assert Path.cwd() == tmp_path / "project"
            os.chdir("/")
            raise ValueError("within")

    with pytest.raises(ValueError, match="within"):
        fail()
    assert Path.cwd() == tmp_path
