"""Files of an earlier run: which of them a run is seen to read, and where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism import files
from pytest_expops.replay.nondeterminism.base import NATURAL, Watcher
from pytest_expops.replay.nondeterminism.files import Files, OpenedFile, opened
from tests.replay.nondeterminism.probe import LONG_AGO, Probe, left

SOURCE = Files()


def _seen(clean_probe: Probe, text: str) -> dict[str, tuple[int, bool, bool, bool]]:
    """Of each file that the text used: line, whether read, whether written, and whether it was there."""
    clean_probe.under(SOURCE, NATURAL, text)
    return {
        os.path.basename(each.path): (each.site.line, each.read, each.written, each.mtime_ns == LONG_AGO)
        for each in opened()
    }


READ, WRITTEN, BOTH = (True, False), (False, True), (True, True)
USES = {
    "open('x').read()": (*READ, True),
    "open('x', 'rb').read()": (*READ, True),
    "open('x', 'w').write('new')": (*WRITTEN, True),
    "open('x', 'w').write('new'); open('x').read(); os.stat('x')": (*WRITTEN, True),
    "open('x').read(); open('x', 'w').write('new')": (*BOTH, True),
    "open('x', 'a').write('more')": (*WRITTEN, True),
    "open('x', 'a').close(); open('x').read()": (*BOTH, True),
    "open('x', 'r+').close()": (*BOTH, True),
    "os.close(os.open('x', os.O_RDONLY))": (*READ, True),
    "pathlib.Path('x').read_text()": (*READ, True),
    "pathlib.Path('x').write_text('new')": (*WRITTEN, True),
    "os.path.exists('x')": (*READ, True),
    "pathlib.Path('x').is_file()": (*READ, True),
    "os.path.getmtime('x')": (*READ, True),
    "os.access('x', os.R_OK)": (*READ, True),
    "os.listdir()": (*READ, True),
    "sorted(pathlib.Path().glob('*'))": (*READ, True),
    "list(pathlib.Path().iterdir())": (*READ, True),
    "glob.glob('*')": (*READ, True),
    "list(os.walk('.'))": (*READ, True),
    "sqlite3.connect('x').close()": (*BOTH, True),
    "sqlite3.connect('file:x?mode=ro', uri=True).close()": (*BOTH, True),
    "os.remove('x')": (*WRITTEN, True),
    "os.rename('x', 'y')": (*BOTH, True),
    "numpy.fromfile('x', dtype='u1')": (*READ, True),
    "shutil.copyfile('x', 'y')": (*READ, True),
}
NO_USES = (
    "open('absent')",
    "os.path.exists('absent')",
    "os.path.isdir('.')",
    "open(os.devnull).read(); os.listdir('/proc/self')",
    "open('code.py').read()",
    "open(numpy.__file__).read()",
    "os.fstat(0); os.getcwd()",
    "sqlite3.connect(':memory:').close()",
)
IMPORTS = "import glob, numpy, os, pathlib, shutil, sqlite3\n"


@pytest.mark.parametrize("use", USES)
def test_a_file_that_was_there_is_seen_with_its_line_and_time(clean_probe: Probe, folder: Path, use: str) -> None:
    left(folder / "x", "12345678")
    seen = _seen(clean_probe, f"{IMPORTS}\n{use}\n")
    assert seen["x"] == (3, *USES[use])


@pytest.mark.parametrize("use", NO_USES)
def test_what_is_no_file_of_an_earlier_run_is_not_seen(clean_probe: Probe, folder: Path, use: str) -> None:
    left(folder / "code.py", "")
    assert _seen(clean_probe, f"{IMPORTS}\ntry:\n    {use}\nexcept FileNotFoundError: pass\n") == {}


def test_a_file_that_the_run_itself_makes_is_not_read(clean_probe: Probe) -> None:
    seen = _seen(
        clean_probe, "open('x', 'w').write('new'); open('x').read()\nopen('y', 'a').close()\nopen('y').read()\n"
    )
    assert seen == {"x": (1, False, True, False), "y": (2, False, True, False)}


def test_a_file_replaced_by_another_is_not_read_any_more(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    seen = _seen(clean_probe, "import os\nopen('y', 'w').close()\nos.replace('y', 'x')\nopen('x').read()\n")
    assert seen["x"] == (3, False, True, True)


def test_what_nobody_of_the_project_opens_is_not_seen(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    with SOURCE.apply(NATURAL, clean_probe.watcher):
        (folder / "x").read_text(encoding="utf-8")
    assert opened() == ()


def test_without_a_watcher_nothing_is_remembered_or_replaced(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    clean_probe.watcher = Watcher(lambda file: file == str(clean_probe.path))
    functions = os.stat, os.scandir
    files.forget()
    with SOURCE.apply(NATURAL, clean_probe.watcher):
        assert (os.stat, os.scandir) == functions
        clean_probe.run("open('x').read()")
    assert opened() == ()


def test_each_run_begins_anew_and_so_it_does_when_told(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    left(folder / "y")
    assert set(_seen(clean_probe, "open('x').read()")) == {"x"}
    with SOURCE.apply(NATURAL, clean_probe.watcher):
        clean_probe.run("open('x').read()")
        files.forget()
        clean_probe.run("open('y').read()")
    assert [os.path.basename(each.path) for each in opened()] == ["y"]


def test_a_folder_can_be_left_out(clean_probe: Probe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_left_out", set())
    left(folder / "session" / "x")
    left(folder / "session-2")
    files.leave_out(folder / "session")
    assert set(_seen(clean_probe, "open('session/x').read(); open('session-2').read()")) == {"session-2"}


def test_what_was_opened_survives_the_way_through_json(clean_probe: Probe, folder: Path) -> None:
    left(folder / "x")
    _seen(clean_probe, "open('x').read(); open('y', 'w').close()")
    assert len(opened()) == 2
    assert [OpenedFile.from_json(each.to_json()) for each in opened()] == list(opened())
