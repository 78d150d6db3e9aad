"""A copy of the project without what was written since: what is in it, and that the user's own files stay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_expops.errors import CopyRefused
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay import project_copy
from pytest_expops.replay.project_copy import Keeps, Move, Snapshot, copied, take_snapshot


class Home:
    """A project, and where its copies are made."""

    def __init__(self, folder: Path) -> None:
        self.base = folder / "project"
        self.place = folder / "copies" / "gw0" / "project"
        self.before = folder / "copies" / "before"
        for name in ("data/old.csv", "changed.json", "models/model.py"):
            self.write(name, "then")

    def write(self, name: str, text: str = "now") -> None:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def snapshot(self, *left_out: str) -> Snapshot:
        taken = take_snapshot(self.base, self.before, [self.base / each for each in left_out])
        assert Snapshot.from_json(taken.to_json()) == taken
        return taken

    @contextmanager
    def copy(self, snapshot: Snapshot, keeps: Keeps = lambda *_: False) -> Iterator[tuple[dict[str, str], set[str]]]:
        """The content of each file of the copy, and what it is without."""
        with copied(snapshot, self.place, keeps) as (_, without):
            yield self.content(self.place), {os.path.relpath(each, self.base) for each in without}
        assert not self.place.exists()

    def content(self, folder: Path) -> dict[str, str]:
        found = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in found}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_was_written_since_is_left_out_or_as_it_was(home: Home) -> None:
    snapshot = home.snapshot()
    home.write("changed.json")
    home.write("cache/new.json")
    with home.copy(snapshot) as (content, without):
        assert content == {"data/old.csv": "then", "changed.json": "then", "models/model.py": "then"}
        assert without == {"changed.json", "cache/new.json"}
        # An empty folder is not what one finds its cache in.
        assert (home.place / "cache").is_dir()


def test_what_is_to_be_kept_is_as_it_is_now(home: Home) -> None:
    snapshot = home.snapshot()
    home.write("changed.json")
    home.write("new.json")
    with home.copy(snapshot, lambda path, _: path.endswith("new.json")) as (content, without):
        assert (content["new.json"], content["changed.json"], without) == ("now", "then", {"changed.json"})


def test_times_are_kept(home: Home) -> None:
    os.utime(home.base / "data" / "old.csv", (1e9, 1e9))
    with home.copy(home.snapshot()):
        assert (home.place / "data" / "old.csv").stat().st_mtime == 1e9


def test_what_is_done_in_the_copy_changes_nothing_of_the_project(home: Home) -> None:
    os.symlink(home.base / "changed.json", home.base / "link.json")
    snapshot = home.snapshot()
    before = home.content(home.base), {path: path.stat().st_mtime_ns for path in home.base.rglob("*")}
    with home.copy(snapshot):
        for path in ("data/old.csv", "changed.json", "link.json"):
            with open(home.place / path, "r+", encoding="utf-8") as file:
                file.write("THERE")
        os.remove(home.place / "models" / "model.py")
    assert (home.content(home.base), {path: path.stat().st_mtime_ns for path in home.base.rglob("*")}) == before
    with home.copy(snapshot) as (content, _):
        assert set(content.values()) == {"then"}


def test_links_lead_into_the_copy_or_out_of_the_project(home: Home, tmp_path: Path) -> None:
    (tmp_path / "shared.txt").write_text("shared", encoding="utf-8")
    for target, name in (("../shared.txt", "out"), ("data", "in"), (str(home.base / "data"), "whole")):
        os.symlink(target, home.base / name)
    os.symlink("absent", home.base / "broken")
    with home.copy(home.snapshot()):
        place = os.path.realpath(home.place)
        assert (home.place / "out").read_text(encoding="utf-8") == "shared"
        for name in ("in", "whole"):
            assert os.path.realpath(home.place / name) == os.path.join(place, "data")


def test_environments_and_repositories_are_linked_and_caches_of_tools_left_out(home: Home) -> None:
    for name in (".git/HEAD", "env/pyvenv.cfg", "models/__pycache__/model.pyc", ".pytest_cache/x", "out/session-1/x"):
        home.write(name)
    with home.copy(home.snapshot("out/session-1")) as (content, without):
        assert os.path.realpath(home.place / ".git") == os.path.realpath(home.base / ".git")
        assert (home.place / "env").is_symlink()
        assert not [name for name in content if "pyc" in name or "cache" in name or "session" in name]
        assert without == set()


def test_large_files_are_linked_and_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_copy, "LARGE", 100)
    home.write("data/large.bin", "x" * 200)
    snapshot = home.snapshot()
    home.write("data/new.bin", "x" * 200)
    assert snapshot.linked == ("data/large.bin",)
    with home.copy(snapshot) as (_, without):
        assert (home.place / "data" / "large.bin").is_symlink()
        assert without == {"data/new.bin"}


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 2), ("MOST_BYTES", 10)])
def test_what_is_too_large_is_not_copied(home: Home, limit: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_copy, limit, value)
    with pytest.raises(CopyRefused, match="has more than"):
        home.snapshot()
    assert not home.before.exists()


CONFIG = """
scripts: {main: models/model.py, other: ../shared/model.py}
experiment:
  pipeline:
    process_adjlist: "load"
    processes:
      - {name: load}
"""


def test_a_pipeline_moves_as_far_as_it_is_in_the_project(home: Home, tmp_path: Path) -> None:
    home.write("configs/p.yaml", CONFIG)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "model.py").touch()
    move = Move(os.path.realpath(home.base), os.path.realpath(home.place))
    moved = move.relocated(expand(load_config(home.base / "configs" / "p.yaml"))).pipeline
    assert (moved.root, moved.working_directory, moved.path.parent.parent) == (home.place,) * 3
    assert (moved.project_id, moved.workspace) == ("project", tmp_path)
    assert moved.scripts["main"] == home.place / "models" / "model.py"
    assert home.place not in moved.scripts["other"].parents


def test_plain_data_moves_there_and_back(home: Home) -> None:
    move = Move(os.path.realpath(home.base), os.path.realpath(home.place))
    data = {"only": [f"{move.base}/m.py:3", "models/m.py", move.base + "-2/x", 7], "text": None}
    there = move.there(data)
    assert there == {"only": [f"{move.place}/m.py:3", "models/m.py", move.base + "-2/x", 7], "text": None}
    assert move.back(there) == data
    assert move.back(f"File {move.place}/m.py, line 3") == f"File {move.base}/m.py, line 3"
