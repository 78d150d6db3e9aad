"""Files of this session: what a first run is seen to write, and what a replay is seen to find of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism import session_files
from pytest_expops.replay.nondeterminism.session_files import Scope, files_met, forget_met, noting_reads, noting_writes
from tests.replay.nondeterminism.probe import LONG_AGO, Probe, left

IMPORTS = "import numpy, os, pathlib, pickle, shutil, sqlite3, concurrent.futures\n"
NEVER = 2.0**62 / 1e9
"""A time that no file has been changed since, in seconds."""


def _scope(probe: Probe, folder: Path, left_out: str = "session") -> Scope:
    return Scope(lambda file: file == str(probe.path), [str(folder)], str(folder / left_out))


def _written(probe: Probe, folder: Path, text: str) -> set[str]:
    with noting_writes(_scope(probe, folder)) as written:
        probe.run(IMPORTS + text)
        found = written()
    assert all(os.stat(path).st_mtime_ns == mtime_ns for path, mtime_ns in found.items())
    return {os.path.relpath(path, folder) for path in found}


def _met(probe: Probe, folder: Path, text: str, since: float = 0.0) -> dict[str, bool]:
    """Of each file that the text meets, whether it was read rather than looked at."""
    with noting_reads(_scope(probe, folder), since):
        probe.run(IMPORTS + text)
        return {os.path.relpath(each.path, folder): each.read for each in files_met()}


WRITES = {
    "open('x', 'w').write('1')": {"x"},
    "open('x', 'a').write('1')": {"x"},
    "open('old', 'r+').write('1')": {"old"},
    "os.close(os.open('x', os.O_WRONLY | os.O_CREAT))": {"x"},
    "pathlib.Path('x').write_text('1')": {"x"},
    "numpy.save('x.npy', [1])": {"x.npy"},
    "open('y', 'w').close(); os.replace('y', 'x')": {"x"},
    "open('x', 'w').close(); os.remove('x')": set(),
    "shutil.copy2('old', 'x')": {"x"},
    "sqlite3.connect('x').execute('create table t (a)')": {"x"},
    "open('old').read(); os.path.exists('old'); os.listdir()": set(),
    "os.mkdir('__pycache__'); open('__pycache__/x', 'w').close()": set(),
    "os.mkdir('session'); open('session/x', 'w').close()": set(),
    "open('x.py', 'w').close()": set(),
}


@pytest.mark.parametrize("text", WRITES)
def test_what_a_run_writes_is_seen_with_its_time(clean_probe: Probe, folder: Path, text: str) -> None:
    left(folder / "old")
    assert _written(clean_probe, folder, text) == WRITES[text]


def test_what_others_write_meanwhile_is_not_the_runs(clean_probe: Probe, folder: Path) -> None:
    with noting_writes(_scope(clean_probe, folder)) as written:
        (folder / "x").write_text("the plugin's", encoding="utf-8")
        assert written() == {}


READ, LOOKED = {"x": True}, {"x": False}
MEETINGS = {
    "open('x').read()": READ,
    "open('x', 'rb').read()": READ,
    "pathlib.Path('x').read_text()": READ,
    "open('x', 'a').close(); open('x').read()": READ,
    "open('x', 'r+').close()": READ,
    "os.path.exists('x'); open('x').read()": READ,
    "numpy.fromfile('x', dtype='u1')": READ,
    "shutil.copyfile('x', 'y')": READ,
    "concurrent.futures.ThreadPoolExecutor(1).submit(pathlib.Path('x').read_text).result()": READ,
    "os.path.exists('x')": LOOKED,
    "pathlib.Path('x').is_file()": LOOKED,
    "os.stat('x')": LOOKED,
    # Written, or to be written, by the run itself.
    "open('x', 'w').write('1'); open('x').read()": {},
    "os.remove('x'); open('x', 'w').close(); open('x').read()": {},
    "open('y', 'w').close(); os.replace('y', 'x'); open('x').read()": {},
    "open('y', 'w').close(); open('y').read(); os.path.exists('y')": {},
    "os.path.exists('x') and os.remove('x')": {},
    "os.path.exists('x'); open('x', 'w').write('more')": {},
    "os.path.exists('x'); open('x', 'a').write('more')": {},
    # Nothing of its content is learned.
    "os.listdir()": {},
    "list(pathlib.Path().glob('*'))": {},
    "os.path.exists('absent'); os.path.isdir('.')": {},
    "open('x', 'a').close()": {},
    "os.rename('x', 'z')": {},
}


@pytest.mark.parametrize("text", MEETINGS)
def test_what_another_run_has_left_is_met(clean_probe: Probe, folder: Path, text: str) -> None:
    left(folder / "x", "12345678")
    assert _met(clean_probe, folder, text) == MEETINGS[text]


def test_the_line_and_the_time_are_known(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    with noting_reads(_scope(clean_probe, folder), 0.0):
        clean_probe.run("\nopen('x').read()")
        (file,) = files_met()
    assert (file.site.line, file.site.what, file.mtime_ns) == (2, "open('x')", LONG_AGO)


def test_what_was_there_before_the_session_is_not_met(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    assert _met(clean_probe, folder, "open('x').read(); os.path.exists('x')", since=NEVER) == {}


def test_a_file_whose_time_was_set_back_is_met_all_the_same(clean_probe: Probe, folder: Path) -> None:
    """What is unpacked from an archive has the archive's times."""
    before = time.time() - 1
    left(folder / "x")
    assert _met(clean_probe, folder, "open('x').read()", since=before) == READ


def test_a_library_that_looks_for_a_file_of_its_own_is_not_taken_for_the_project(
    clean_probe: Probe, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(folder / "x", "1")
    library = left(folder.parent / "library.py", "import os\ndef look(): os.stat('x')\ndef read(): open('x').close()\n")
    monkeypatch.syspath_prepend(library.parent)
    assert _met(clean_probe, folder, "import library; library.look()") == {}
    assert _met(clean_probe, folder, "import library; library.read()") == READ


def test_temporary_files_and_those_of_tools_do_not_count(clean_probe: Probe, folder: Path) -> None:
    for place in (folder.parent / "tmp" / "x", folder / ".git" / "index", folder / "session" / "x"):
        left(place)
    text = "open('../tmp/x').close(); open('.git/index').close(); open('session/x').close()"
    assert _met(clean_probe, folder, text) == {}
    os.remove(folder.parent / "tmp" / "x")


def test_what_ran_before_is_forgotten_and_its_writing_is_known(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    with noting_reads(_scope(clean_probe, folder), 0.0):
        clean_probe.run("open('x').read(); open('y', 'w').close()")
        forget_met()
        clean_probe.run("open('y').read()")
        assert files_met() == ()


def test_nothing_is_left_in_place_afterwards(clean_probe: Probe, folder: Path) -> None:
    stat = os.stat
    with noting_reads(_scope(clean_probe, folder), 0.0):
        assert os.stat is not stat
    assert os.stat is stat
    assert session_files._is_writing("open", ("x", "r", os.O_RDONLY)) is False
