"""A claim is seen by all, and its lock ends with its worker and with nothing else (S6.2)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_expops.errors import SessionFolderError
from pytest_expops.execution._claims import SLOT, Claims, Mark, owner_name

NAMES = ["a", "b", "c"]
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def hold(path: Path, name: str, told: Path, heir: bool) -> None:
    """Hold a lock for ever; with an `heir`, a forked child that outlives this process."""
    with Claims(path, NAMES, "holder").held(name) as held:
        if heir and os.fork() == 0:
            told.with_suffix(".heir").write_text(str(os.getpid()), encoding="ascii")
            time.sleep(600)
        told.write_text(str(held), encoding="ascii")
        time.sleep(600)


@contextmanager
def holding(path: Path, name: str, *, heir: bool = False) -> Iterator[multiprocessing.process.BaseProcess]:
    told = path.with_name("told")
    process = multiprocessing.get_context("fork").Process(target=hold, args=(path, name, told, heir))
    process.start()
    try:
        _wait_for(told, "True")
        yield process
    finally:
        process.kill()
        process.join()


def _wait_for(path: Path, text: str = "") -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = path.read_text(encoding="ascii") if path.exists() else ""
        if found and (not text or found == text):
            return found
        time.sleep(0.005)
    raise AssertionError(f"{path} does not say {text!r}")


def test_an_owner_and_its_mark_are_seen_by_all(tmp_path: Path) -> None:
    path = tmp_path / "claims"
    here, there = Claims(path, NAMES, "gw0"), Claims(path, NAMES, "gw1")
    here.take("c")
    there.take("a")
    for each in (here, there):
        assert [each.owner(name) for name in NAMES] == [("gw1", Mark.BEGUN), None, ("gw0", Mark.BEGUN)]
        assert each.owners() == {"a": "gw1", "c": "gw0"}
    here.take("c", Mark.RECORDED)
    there.take("a", Mark.UNRECORDED)
    for each in (here, there):
        assert [each.owner(name) for name in NAMES] == [("gw1", Mark.UNRECORDED), None, ("gw0", Mark.RECORDED)]


SPOILED = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: os.truncate(path, 3 * SLOT),
    "zeros": lambda path: _overwrite(path, bytes(path.stat().st_size)),
    "garbage": lambda path: _overwrite(path, b"\xff" * path.stat().st_size),
    "garbage behind the first slot": lambda path: _overwrite(path, b"\xff" * SLOT, 3 * SLOT),
}


def _overwrite(path: Path, data: bytes, at: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize("how", SPOILED)
def test_claims_that_something_else_has_changed_are_an_error(tmp_path: Path, how: str) -> None:
    path = tmp_path / "claims"
    claims = Claims(path, NAMES, "gw0")
    claims.take("b")
    SPOILED[how](path)
    with pytest.raises(SessionFolderError, match="claims is not as it was left: something else removed or changed"):
        claims.owner("c")
    with pytest.raises(SessionFolderError, match="claims is not as it was left"):
        claims.owners()


def test_claims_in_a_folder_that_is_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SessionFolderError, match="claims is not there any more"):
        Claims(tmp_path / "gone/claims", NAMES, "gw0")


@pytest.mark.parametrize("worker", ["gw0", "w" * 64, "w" * 65, "\u00fc" * 40, "a/b", "x" * 500])
def test_any_name_of_a_worker_fits_and_names_a_file(tmp_path: Path, worker: str) -> None:
    claims = Claims(tmp_path / "claims", NAMES, worker)
    claims.take("b")
    assert claims.owners() == {"b": owner_name(worker)}
    assert len(owner_name(worker)) < SLOT
    (tmp_path / owner_name(worker)).touch()
    assert owner_name(worker) != owner_name(f"{worker}0")


def test_a_lock_keeps_other_workers_from_its_process_alone(tmp_path: Path) -> None:
    path = tmp_path / "claims"
    claims = Claims(path, NAMES, "gw0")
    with holding(path, "b"):
        begin = time.monotonic()
        with claims.held("b", wait=0.05) as held:
            assert not held
        assert time.monotonic() - begin >= 0.05
        with claims.held("a") as held:
            assert held
    with claims.held("b") as held:  # whoever did not get it has not given it up
        assert held


@pytest.mark.parametrize("heir", [False, True], ids=["alone", "survived by a forked child"])
def test_a_lock_ends_with_its_worker(tmp_path: Path, heir: bool) -> None:
    path = tmp_path / "claims"
    claims = Claims(path, NAMES, "gw0")
    with holding(path, "b", heir=heir) as process:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        child = int(_wait_for(tmp_path / "told.heir")) if heir else None
        try:
            with claims.held("b") as held:
                assert held
        finally:
            if child is not None:
                os.kill(child, signal.SIGKILL)
