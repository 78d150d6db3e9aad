"""A folder in which a project runs, among files that an earlier run has left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism import _surroundings
from tests.replay.nondeterminism.probe import Probe


@pytest.fixture(autouse=True)
def replicas() -> Iterator[Path]:
    """Where the replicas of a worker, of which this is one, have temporary files; at the end nothing is left there.

    It is under a short path, as sockets need it; pytest's own may be too long.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_surroundings, "_place", place)
        yield Path(place)
        assert os.listdir(place) == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the project runs."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def clean_probe(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    """The functions of `os` must be as they were, and nothing be left among the temporary files."""

    def state() -> list[object]:
        sets = (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids)
        return [dict(vars(os)), *map(set, sets)]

    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = state()
    yield Probe(tmp_path)
    assert state() == before
    assert list(temporary.iterdir()) == []
