"""The composite action: what GitHub needs is there, and no input of it is ever part of a script."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SCRIPTS = {step["name"]: step for step in STEPS if "run" in step}
HOSTILE = "a; touch owned; $(touch owned) `touch owned` && touch owned"


def test_it_is_a_composite_action() -> None:
    assert {"name", "description", "inputs", "runs"} <= set(ACTION)
    assert ACTION["runs"]["using"] == "composite"
    assert all({"description", "default"} == set(each) for each in ACTION["inputs"].values())
    for step in STEPS:
        assert ("run" in step) != ("uses" in step)
        assert "run" not in step or step["shell"] == "bash"
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


def test_every_input_is_used_and_every_one_that_is_used_is_there() -> None:
    used = set(re.findall(r"\binputs\.([\w-]+)", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert used == set(ACTION["inputs"])


def test_the_report_is_uploaded_whatever_becomes_of_the_tests() -> None:
    *_, run, upload = STEPS
    assert run["name"] == "Run pytest"
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"].startswith("always()")


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_bash_and_get_inputs_by_variables_only(name: str) -> None:
    step = SCRIPTS[name]
    checked = subprocess.run(["bash", "-n"], input=step["run"], text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "${{" not in step["run"]
    assert set(re.findall(r"\bEXPOPS_\w+", step["run"])) == set(step["env"])


def ran(name: str, folder: Path, **variables: str) -> list[list[str]]:
    """The calls of `python` that a step makes, each as its arguments; as GitHub runs bash."""
    python = folder / "bin/python"
    python.parent.mkdir()
    python.write_text(
        '#!/bin/sh\n[ "$1" = -c ] && exec python3 "$@"\nprintf "%s\\0" "$@" "" >> calls\n', encoding="utf-8"
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    names = dict.fromkeys(SCRIPTS[name]["env"], "")
    environment = os.environ | names | variables | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    script = folder / "step.sh"
    script.write_text(SCRIPTS[name]["run"], encoding="utf-8")
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    assert not (folder / "owned").exists()
    calls = (folder / "calls").read_text(encoding="utf-8").split("\0\0")
    return [call.split("\0") for call in calls if call]


def test_arguments_reach_pytest_as_they_were_quoted(tmp_path: Path) -> None:
    arguments = '-n auto -k "train or score"\n--expops-vary=all \'*.py\' ""x'
    (call,) = ran("Run pytest", tmp_path, EXPOPS_CONFIG="a b.yaml", EXPOPS_ARGUMENTS=arguments, EXPOPS_REPORT="r.html")
    given = ["--expops-report=r.html", "--expops-config=a b.yaml", "-n", "auto", "-k", "train or score"]
    assert call == ["-m", "pytest", *given, "--expops-vary=all", "*.py", "x"]


def test_without_inputs_pytest_gets_none(tmp_path: Path) -> None:
    assert ran("Run pytest", tmp_path) == [["-m", "pytest"]]


def test_no_input_is_executed(tmp_path: Path) -> None:
    hostile = dict.fromkeys(SCRIPTS["Run pytest"]["env"], HOSTILE)
    (call,) = ran("Run pytest", tmp_path, **hostile)
    assert call[2] == f"--expops-report={HOSTILE}"
    assert call[3] == f"--expops-config={HOSTILE}"
    assert "".join(call[4:]) == HOSTILE.replace(" ", "")


def test_the_package_is_installed_from_the_action_itself(tmp_path: Path) -> None:
    first, second = ran("Install", tmp_path, EXPOPS_SOURCE="/some where", EXPOPS_REQUIREMENTS=HOSTILE)
    assert first == ["-m", "pip", "install", "--requirement", HOSTILE]
    assert second == ["-m", "pip", "install", "/some where[report,stability]"]
