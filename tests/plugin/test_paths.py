"""A project works wherever it lies, or it is said why not: odd names of folders and files, symbolic links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_expops.plugin.node_ids import readable_argument, split_node_id

CONFIG = """
scripts: {main: model.py}
experiment:
  pipeline:
    process_adjlist: load fit
    processes:
      - {name: load, seed_parallelism: [1]}
      - {name: fit}
"""
SCRIPT = """
from pathlib import Path

def load():
    return {"x": [1, 2]}

def fit(x):
    if Path(__file__).with_name("broken").exists():
        raise ValueError("broken")
    return {"y": sum(x)}
"""
ODD = {
    "[": "a[b]",
    "::": "a::b",
    "new line": "new\nline",
    "other": "sp ace ünïcødé/-dash/dot./quo'te\"s/{stem}/per%cent/$x/*",
}


def make(folder: Path) -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "c.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "model.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nexpops_config = configs/c.yaml\n", encoding="utf-8")
    return folder


def run(pytester: pytest.Pytester, *arguments: str) -> tuple[set[str], pytest.RunResult]:
    """The names of the items that passed."""
    result = pytester.runpytest_inprocess("-rp", "-p", "no:hypothesispytest", *arguments)
    text = result.stdout.str()
    assert "INTERNALERROR" not in text
    passed = [line for line in text.splitlines() if line.startswith("PASSED ")]
    return {line.rpartition("::")[2] for line in passed}, result


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_a_project_runs_in_a_folder_of_any_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(make(pytester.path / name))
    Path("broken").touch()
    assert run(pytester, "--expops-replay=none", "--expops-config", os.path.abspath("configs/c.yaml"))[0] == {"load"}
    Path("broken").unlink()
    assert run(pytester, "--expops-replay=none", "--lf")[0] == {"fit_seed1"}
    assert run(pytester, f"{os.path.abspath('configs/c.yaml')}::fit_seed1[replay]")[0] == {"fit_seed1[replay]"}


@pytest.mark.parametrize("name", ["a[b]", "a::b"])
def test_a_project_runs_with_workers_in_a_folder_of_any_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also where the ids of its items begin with that name, as the root of the session is above."""
    (pytester.path / "pytest.ini").write_text("[pytest]\n")
    folder = make(pytester.path / name)
    (folder / "pytest.ini").unlink()
    monkeypatch.chdir(folder)
    arguments = ("-n2", "--expops-replay=none", "--expops-progress=on")
    passed, result = run(pytester, *arguments, "--expops-config", "configs/c.yaml")
    assert passed == {"load", "fit_seed1"}
    assert f"rootdir: {pytester.path}\n" in result.stdout.str()


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize("name", ["a[b]", "a::b"])
def test_where_pytest_cannot_be_told_the_path_it_is_said_why(
    pytester: pytest.Pytester, name: str, workers: str
) -> None:
    folder = make(pytester.path / name)
    (folder / "pytest.ini").unlink()
    passed, result = run(pytester, workers, "--expops-config", f"{name}/configs/c.yaml")
    assert not passed
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (error,) = [line for line in result.stderr.str().splitlines() if line.startswith("ERROR: ")]
    assert f"cannot collect `{name}/configs/c.yaml` from {pytester.path}" in error
    assert error.endswith(f"start pytest in `{folder}`, or rename that folder")


def test_a_config_behind_links_runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to the config belongs to the project in which it lies; a link to the folder is as good as the folder."""
    real = make(pytester.path / "real")
    linked = make(pytester.path / "linked")
    (linked / "configs" / "c.yaml").unlink()
    (linked / "configs" / "c.yaml").symlink_to(real / "configs" / "c.yaml")
    (pytester.path / "folder").symlink_to(real)
    once = "--expops-replay=none"
    assert run(pytester, "-n2", once, "--expops-config", "folder/configs/c.yaml")[0] == {"load", "fit_seed1"}
    monkeypatch.chdir(linked)
    assert run(pytester, once)[0] == {"load", "fit_seed1"}
    monkeypatch.chdir(pytester.path / "folder")
    assert run(pytester, once, "configs/c.yaml::fit_seed1")[0] == {"fit_seed1"}


def test_arguments_are_made_readable_where_they_can_be(tmp_path: Path) -> None:
    inner = tmp_path / "a[b]" / "c::d"
    inner.mkdir(parents=True)
    (inner / "test_it.py").touch()
    assert readable_argument(str(inner), inner) == "."
    assert readable_argument(f"{inner}/test_it.py::test_x[1::2]", inner) == "test_it.py::test_x[1::2]"
    assert readable_argument("test_it.py::test_x[a/b]", inner) == "test_it.py::test_x[a/b]"
    assert readable_argument("nowhere[1]", inner) == "nowhere[1]"
    with pytest.raises(pytest.UsageError, match=r"start pytest in `.*c::d`, or rename that folder"):
        readable_argument("c::d/test_it.py::test_x", inner.parent)
    (inner / "odd[1].yaml").touch()
    with pytest.raises(pytest.UsageError, match=r"rename the file `odd\[1\]\.yaml`$"):
        readable_argument("odd[1].yaml", inner)


def test_a_node_id_is_split_behind_its_file() -> None:
    files = {"a::b/c.yaml", "c.yaml"}
    assert split_node_id("a::b/c.yaml::fit[stability:x::y]", files.__contains__) == (
        "a::b/c.yaml",
        "fit[stability:x::y]",
    )
    assert split_node_id("c.yaml::fit", files.__contains__) == ("c.yaml", "fit")
    assert split_node_id("gone.py::test::more", files.__contains__) == ("gone.py", "test::more")
    assert split_node_id("gone.py", files.__contains__) == ("gone.py", "")
