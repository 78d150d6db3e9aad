"""Folders are held by whoever uses them, and removed by others only when nobody does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops import __main__ as command
from pytest_expops.execution import scratch

_MAKES_ONE = """
import sys, time
from pytest_expops.execution import scratch
folder = scratch.new_folder("kept")
(folder / "a").mkdir()
(folder / "a" / "large").write_text("x")
print(folder, flush=True)
{then}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the system keeps temporary files, for these tests."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process, which runs, and its folder."""
    code = _MAKES_ONE.format(then="time.sleep(60)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_is_removed_only_once_the_process_that_holds_it_is_dead(
    other: tuple[subprocess.Popen[str], Path],
) -> None:
    process, folder = other
    assert list(scratch.left_behind()) == [folder]
    assert scratch.remove_abandoned(scratch.left_behind()) == []
    assert (folder / "a/large").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert scratch.remove_abandoned(scratch.left_behind()) == [folder]
    assert not folder.exists()


def test_one_that_several_use_stays_until_the_last_is_dead(other: tuple[subprocess.Popen[str], Path]) -> None:
    process, folder = other
    scratch.hold(folder)
    process.kill()
    process.wait()
    assert scratch.remove_abandoned([folder]) == []
    assert folder.exists()
    scratch.remove(folder)
    assert not folder.exists()


def test_a_forked_child_holds_what_its_parent_made() -> None:
    code = _MAKES_ONE.format(then="import os\nif not os.fork(): time.sleep(60)\nos._exit(0)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        process.wait()
        assert scratch.remove_abandoned([folder]) == []
        os.killpg(process.pid, signal.SIGKILL)
        assert not process.stdout.read()  # the child has ended
    assert scratch.remove_abandoned([folder]) == [folder]


def test_what_somebody_else_made_or_a_link_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "valuable"
    own.mkdir()
    link = tmp_path / "pytest-expops-link"
    link.symlink_to(own)
    file = tmp_path / "pytest-expops-file"
    file.write_text("x")
    theirs = tmp_path / "pytest-expops-theirs"
    theirs.mkdir()
    assert scratch.remove_abandoned([link, file, tmp_path / "pytest-expops-gone"]) == []
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        assert scratch.remove_abandoned([theirs]) == []
    assert all(each.exists() for each in (own, file, theirs))
    assert scratch.remove_abandoned([theirs]) == [theirs]


def test_a_folder_is_made_anew_if_another_session_removes_it_before_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = []
    original = os.open

    def open_late(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECTORY and not removed:
            removed.append(path)
            path.rmdir()
        return original(path, flags, mode)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_late)
        folder = scratch.new_folder("late")
    assert folder.is_dir()
    assert folder != removed[0]
    scratch.remove(folder)


def test_clean_removes_what_was_left_and_nothing_else(
    other: tuple[subprocess.Popen[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = tmp_path / "pytest-expops-session-abc"
    kept = tmp_path / "runs/session-1"
    for each in (left, kept / "t", kept / "1-config", tmp_path / "runs/session-1-copies", tmp_path / "work"):
        each.mkdir(parents=True)
    assert command.main(["clean"]) == 0
    assert capsys.readouterr().out == f"removed {left}\n"
    assert command.main(["clean", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out == f"removed {kept / 't'}\nremoved {tmp_path}/runs/session-1-copies\n"
    assert command.main(["clean", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out == "no session left anything behind\n"
    assert all(each.exists() for each in (other[1], kept / "1-config", tmp_path / "work"))
    assert command.main(["clean", str(tmp_path / "none")]) == 2
    assert "none: there is no such folder" in capsys.readouterr().err
