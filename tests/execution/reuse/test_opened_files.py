"""Which files of a project are opened, whoever does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_expops.execution.reuse import _opened_files
from pytest_expops.execution.reuse._opened_files import OpenedFiles

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel of Linux is asked")


def _read(path: Path) -> None:
    """By another program, of which no audit event tells."""
    subprocess.run(["cat", str(path)], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("a.txt", "data/b.txt", "data/deep/c.txt", ".hidden/d.txt", "left/e.txt"):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    return tmp_path / "project"


def test_what_is_opened_is_known_and_nothing_else(project: Path) -> None:
    opened = OpenedFiles([project], [project / "left"])
    assert opened.take() == set()
    for name in ("a.txt", "data/deep/c.txt", ".hidden/d.txt", "left/e.txt"):
        _read(project / name)
    assert opened.take() == {str(project / "a.txt"), str(project / "data/deep/c.txt")}
    assert opened.take() == set()
    assert opened.lost == ""
    opened.close()
    _read(project / "a.txt")
    assert opened.take() == set()


def test_folders_that_come_later_are_watched_too(project: Path) -> None:
    opened = OpenedFiles([project])
    (project / "new/deep").mkdir(parents=True)
    (project / "new/f.txt").write_text("text")
    opened.take()
    _read(project / "new/f.txt")
    assert str(project / "new/f.txt") in opened.take()
    opened.close()


def test_what_a_link_leads_to_is_watched(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/g.txt").write_text("text")
    (project / "linked").symlink_to(tmp_path / "elsewhere")
    opened = OpenedFiles([project])
    _read(project / "linked/g.txt")
    assert opened.take() == {str(tmp_path / "elsewhere/g.txt")}
    opened.close()


def test_too_many_folders_are_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_opened_files, "MOST_FOLDERS", 2)
    opened = OpenedFiles([project])
    assert opened.lost == "the project has more than 2 folders, and no more are watched"
    opened.close()


def test_where_the_system_does_not_tell_every_file_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    opened = OpenedFiles([project], [project / "left"])
    expected = {str(project / name) for name in ("a.txt", "data/b.txt", "data/deep/c.txt")}
    assert opened.take() == expected
    assert opened.take() == expected
    monkeypatch.setattr(_opened_files, "MOST_FILES", 1)
    opened.take()
    assert opened.lost == "the project has more than 1 files, all of which may be read here"
