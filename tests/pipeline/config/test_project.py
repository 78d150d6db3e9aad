"""Root, workspace, working directory and scripts (S1.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import load_config
from tests.pipeline.config.configs import current


def _config(path: Path, text: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or current("- name: a"))
    return path


@pytest.mark.parametrize(
    ("config", "root", "workspace", "working_directory"),
    [
        ("ws/projects/demo/configs/project_config.yaml", "ws/projects/demo", "ws", "ws"),
        ("ws/demo/configs/project_config.yaml", "ws/demo", "ws", "ws/demo"),
        ("ws/demo/other.yaml", "ws/demo", "ws", "ws/demo"),
        ("ws/projects/demo/p.yaml", "ws/projects/demo", "ws", "ws"),
        ("ws/projects/configs/p.yaml", "ws/projects", "ws", "ws/projects"),
    ],
)
def test_where_a_project_stands(tmp_path: Path, config: str, root: str, workspace: str, working_directory: str) -> None:
    pipeline = load_config(_config(tmp_path / config))
    assert pipeline.root == tmp_path / root
    assert pipeline.workspace == tmp_path / workspace
    assert pipeline.working_directory == tmp_path / working_directory
    assert pipeline.project_id == Path(root).name


def test_a_relative_config_gives_absolute_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _config(tmp_path / "demo/configs/p.yaml")
    monkeypatch.chdir(tmp_path / "demo/configs")
    pipeline = load_config("p.yaml")
    assert (pipeline.path, pipeline.root) == (tmp_path / "demo/configs/p.yaml", tmp_path / "demo")
    assert str(pipeline.processes["a"].location) == "p.yaml:5:15"


def test_a_linked_config_belongs_to_the_project_that_links_it(tmp_path: Path) -> None:
    shared = _config(tmp_path / "shared/p.yaml")
    (tmp_path / "demo/configs").mkdir(parents=True)
    (tmp_path / "demo/configs/p.yaml").symlink_to(shared)
    assert load_config(tmp_path / "demo/configs/p.yaml").root == tmp_path / "demo"


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([], "projects/demo/projects/demo/m.py"),
        (["projects/demo/m.py"], "projects/demo/m.py"),
        (["projects/demo/m.py", "projects/demo/projects/demo/m.py"], "projects/demo/projects/demo/m.py"),
    ],
    ids=["nowhere: the root", "the workspace", "both: the root"],
)
def test_scripts_are_looked_for_under_the_root_then_the_workspace(
    tmp_path: Path, present: list[str], expected: str
) -> None:
    """Classic templates write paths from the workspace; a missing script is the runner's to report."""
    for each in present:
        _config(tmp_path / each, "# a script\n")
    text = current("- name: a").replace("model.py", "projects/demo/m.py")
    pipeline = load_config(_config(tmp_path / "projects/demo/configs/p.yaml", text))
    assert pipeline.scripts == {"main": tmp_path / expected}


def test_an_absolute_script_stays_where_it_is(tmp_path: Path) -> None:
    text = current("- name: a").replace("model.py", str(tmp_path / "elsewhere/../m.py"))
    assert load_config(_config(tmp_path / "p.yaml", text)).scripts == {"main": tmp_path / "m.py"}
