"""What a killed session leaves among the temporary files is put in order, and nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_expops.replay.folder import ReplicaFolder, sweep
from pytest_expops.replay.moved_aside import Kept


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return temporary


def _precious(tmp_path: Path, folder: ReplicaFolder) -> Path:
    """A file that a replica has moved aside."""
    path = tmp_path / "precious"
    path.write_text("precious", encoding="utf-8")
    Kept(folder.new_aside()).take(str(path))
    return path


def test_removed_it_gives_back_what_it_has(tmp_path: Path, temporary: Path) -> None:
    folder = ReplicaFolder()
    path = _precious(tmp_path, folder)
    (Path(folder.path) / "held" / "left").mkdir(parents=True)
    folder.remove()
    assert path.read_text(encoding="utf-8") == "precious"
    assert list(temporary.iterdir()) == []


def test_one_that_is_in_use_is_let_alone_and_one_that_is_not_is_put_in_order(tmp_path: Path, temporary: Path) -> None:
    folder = ReplicaFolder()
    path = _precious(tmp_path, folder)
    sweep()
    assert not path.exists()
    os.close(folder._descriptor)  # as the operating system does when the worker dies
    sweep()
    assert path.read_text(encoding="utf-8") == "precious"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("reason", ["not marked", "open to others", "a link", "a file"])
def test_what_only_looks_like_one_is_let_alone(tmp_path: Path, temporary: Path, reason: str) -> None:
    """Its name can be guessed, and whoever could write a note would have a file of his put anywhere."""
    folder = ReplicaFolder()
    path = _precious(tmp_path, folder)
    os.close(folder._descriptor)
    place = Path(folder.path)
    if reason == "not marked":
        (place / "replicas").unlink()
    elif reason == "open to others":
        place.chmod(0o777)
    elif reason == "a link":
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.rename(tmp_path / "elsewhere")
        place.touch()
    sweep()
    assert not path.exists()
    assert list(temporary.iterdir()) == [place]
