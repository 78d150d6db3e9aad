"""Files that are kept aside come back as they were, whoever was killed and whenever."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.moved_aside import Kept, put_back

LONG_AGO = 1_000_000_000_123_456_789


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(str(tmp_path / "aside"))


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "project" / "precious-\udcff.json"
    path.parent.mkdir()
    path.write_bytes(b"precious")
    path.chmod(0o640)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


def _is_as_it_was(path: Path) -> bool:
    found = path.stat()
    return (path.read_bytes(), found.st_mtime_ns, found.st_mode & 0o777) == (b"precious", LONG_AGO, 0o640)


def test_a_file_comes_back_over_whatever_was_written_and_nothing_else_stays(kept: Kept, precious: Path) -> None:
    new = precious.with_name("new")
    kept.will_create(str(new))
    new.touch()
    assert kept.take(str(precious))
    assert kept.has(str(precious))
    assert not precious.exists()
    precious.write_bytes(b"other")
    assert kept.take(str(precious))  # by another thread, that found it hidden too
    assert precious.read_bytes() == b"other"
    assert put_back(kept.folder) == []
    assert _is_as_it_was(precious)
    assert os.listdir(precious.parent) == [precious.name]
    assert not os.path.exists(kept.folder)
    assert put_back(kept.folder) == []


def test_a_file_comes_back_where_its_folder_is_gone_or_a_folder_has_its_name(kept: Kept, precious: Path) -> None:
    kept.take(str(precious))
    precious.parent.rmdir()
    put_back(kept.folder)
    assert _is_as_it_was(precious)
    other = Kept(kept.folder)
    other.take(str(precious))
    (precious / "below").mkdir(parents=True)
    put_back(kept.folder)
    assert _is_as_it_was(precious)


def test_after_the_end_nothing_can_be_taken(kept: Kept, precious: Path) -> None:
    """A child that was forked by the run may outlive it."""
    put_back(kept.folder)
    with pytest.raises(FileNotFoundError):
        kept.take(str(precious))
    assert _is_as_it_was(precious)


def test_what_is_not_there_is_not_taken(kept: Kept, precious: Path) -> None:
    assert not kept.take(str(precious.with_name("absent")))
    assert os.listdir(kept.folder) == []


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("across", [False, True], ids=["one file system", "two file systems"])
def test_killed_at_any_moment_it_loses_nothing(
    tmp_path: Path, precious: Path, monkeypatch: pytest.MonkeyPatch, across: bool
) -> None:
    """Before or after any change to the file system; then somebody else puts everything back."""
    moments, steps = 0, 0

    def counted(original: Any, after: bool) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal steps
            steps += 1
            if across and original is replace and Path(args[0]).parent != Path(args[1]).parent:
                raise OSError(errno.EXDEV, "another file system")
            if steps == moments and not after:
                raise _Killed
            result = original(*args, **kwargs)
            if steps == moments:
                raise _Killed
            return result

        return call

    replace, unlink, rmdir = os.replace, os.unlink, os.rmdir
    folder = str(tmp_path / "aside")
    for after in (False, True):
        moments, finished = 0, False
        while not finished:
            moments, steps = moments + 1, 0
            with monkeypatch.context() as patch:
                for original in (replace, unlink, rmdir):
                    patch.setattr(os, original.__name__, counted(original, after))
                try:
                    Kept(folder).take(str(precious))
                    if not precious.exists():
                        precious.write_bytes(b"other")
                    put_back(folder)
                    finished = steps < moments
                except _Killed:
                    steps = moments  # nobody is killed again
                assert put_back(folder) == []
            assert _is_as_it_was(precious)
            assert not os.path.exists(folder)
            assert os.listdir(precious.parent) == [precious.name]
        assert moments > 3


def test_a_note_that_was_not_finished_is_of_nothing(kept: Kept, precious: Path) -> None:
    kept.take(str(precious))
    (note,) = Path(kept.folder).glob("*.json")
    put_back(kept.folder)
    Path(kept.folder).mkdir()
    (Path(kept.folder) / note.name).write_text('["/so', encoding="utf-8")
    assert put_back(kept.folder) == []
    assert _is_as_it_was(precious)
    assert not os.path.exists(kept.folder)


def test_what_cannot_be_put_back_is_told_and_still_kept(
    kept: Kept, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.take(str(precious))
    with monkeypatch.context() as patch:

        def full(source: str, target: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, "replace", full)
        (told,) = put_back(kept.folder)
    assert told.startswith(f"{precious}: could not be put back ([Errno 28] No space left on device); it is kept as ")
    assert Path(told.rpartition(" ")[2]).read_bytes() == b"precious"
    assert put_back(kept.folder) == []
    assert _is_as_it_was(precious)


def test_put_back_late_it_loses_nothing_that_was_written_meanwhile(kept: Kept, precious: Path) -> None:
    new = precious.with_name("new")
    kept.will_create(str(new))
    new.touch()
    kept.take(str(precious))
    precious.write_bytes(b"later")
    (told,) = put_back(kept.folder, late=True)
    assert told.startswith(f"{precious}: put back as it was before a replay that was killed; what stood there is now ")
    assert Path(told.rpartition(" ")[2]).read_bytes() == b"later"
    assert _is_as_it_was(precious)
    assert new.exists()
    assert put_back(kept.folder, late=True) == []


@pytest.mark.parametrize("late", [False, True])
def test_a_database_comes_back_without_what_another_kept_beside_it(kept: Kept, tmp_path: Path, late: bool) -> None:
    """SQLite would take a journal that is left for that of the database beside it, and roll it back."""
    path = tmp_path / "results.db"
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode=wal")
    connection.execute("create table results (value text)")
    connection.execute("insert into results values ('precious')")
    connection.commit()
    # The connection is still open: its last transaction is only in the log beside the database.
    assert (tmp_path / "results.db-wal").stat().st_size > 0
    kept.take(str(path))
    assert [each.name for each in tmp_path.iterdir()] == ["aside"]
    for name in ("results.db", "results.db-journal", "results.db-wal"):
        (tmp_path / name).write_bytes(b"half written")
    put_back(kept.folder, late=late)
    assert not (tmp_path / "results.db-journal").exists()
    connection.close()
    again = sqlite3.connect(path)
    assert list(again.execute("select value from results")) == [("precious",)]
    again.close()
