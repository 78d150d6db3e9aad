"""The page on CI shows the workflow of the example project, and the options that it uses are there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from pytest_expops.plugin.options import options
from pytest_expops.verdicts.baseline.lock_file import lock_text, read_lock

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "example_project"
WORKFLOW = EXAMPLE / ".github/workflows/pipeline.yml"
LOCK = EXAMPLE / "configs/project_config.expops-lock.json"


def test_the_page_shows_the_workflow_as_it_is() -> None:
    workflow = WORKFLOW.read_text(encoding="utf-8")
    assert f"```yaml\n{workflow}```" in (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    assert set(yaml.safe_load(workflow)["jobs"]) == {"check", "record"}


def test_the_options_that_are_told_of_are_there() -> None:
    parser = pytest.Parser(_ispytest=True)
    options.add_options(parser)
    known = {name for option in parser.getgroup("expops").options for name in option.names()}
    for page in (WORKFLOW, ROOT / "docs/ci.md", ROOT / "docs/baseline.md"):
        assert set(re.findall(r"--expops-[a-z-]*[a-z]", page.read_text(encoding="utf-8"))) <= known, page


def test_the_committed_lock_file_is_whole_and_as_the_tool_writes_it() -> None:
    lock = read_lock(LOCK)
    assert lock is not None
    order = list(json.loads(LOCK.read_text(encoding="utf-8"))["entries"])
    assert len(order) == 25
    assert lock_text(lock, order) == LOCK.read_text(encoding="utf-8")
