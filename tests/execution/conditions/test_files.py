"""Files of an earlier run: seen if read, hidden when held, and never lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from pytest_expops.execution.conditions import files
from pytest_expops.execution.conditions.base import HELD, NATURAL, Mode, Setting, Watcher
from pytest_expops.execution.conditions.files import Files, OpenedFile, opened
from pytest_expops.execution.conditions.listing import ListingOrder
from tests.execution.conditions.probe import Probe

SOURCE = Files()
LONG_AGO = 1_000_000_000_123_456_789


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the project runs."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def probe(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
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


def _left(path: Path, text: str = "left") -> Path:
    """A file as an earlier run has left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


def _held(*paths: Path) -> Setting:
    return Setting(Mode.HELD, only=tuple(str(path) for path in paths))


def _seen(probe: Probe, text: str) -> dict[str, tuple[int, bool, bool, bool]]:
    """Of each file that the text used: line, whether read, whether written, and whether it was there."""
    probe.under(SOURCE, NATURAL, text)
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
def test_a_file_that_was_there_is_seen_with_its_line_and_time(probe: Probe, folder: Path, use: str) -> None:
    _left(folder / "x", "12345678")
    seen = _seen(probe, f"{IMPORTS}\n{use}\n")
    assert seen["x"] == (3, *USES[use])


@pytest.mark.parametrize("use", NO_USES)
def test_what_is_no_file_of_an_earlier_run_is_not_seen(probe: Probe, folder: Path, use: str) -> None:
    _left(folder / "code.py", "")
    assert _seen(probe, f"{IMPORTS}\ntry:\n    {use}\nexcept FileNotFoundError: pass\n") == {}


def test_a_file_that_the_run_itself_makes_is_not_read(probe: Probe) -> None:
    seen = _seen(probe, "open('x', 'w').write('new'); open('x').read()\nopen('y', 'a').close()\nopen('y').read()\n")
    assert seen == {"x": (1, False, True, False), "y": (2, False, True, False)}


def test_a_file_replaced_by_another_is_not_read_any_more(probe: Probe, folder: Path) -> None:
    _left(folder / "x")
    seen = _seen(probe, "import os\nopen('y', 'w').close()\nos.replace('y', 'x')\nopen('x').read()\n")
    assert seen["x"] == (3, False, True, True)


def test_what_nobody_of_the_project_opens_is_not_seen(probe: Probe, folder: Path) -> None:
    _left(folder / "x")
    with SOURCE.apply(NATURAL, probe.watcher):
        (folder / "x").read_text(encoding="utf-8")
    assert opened() == ()


def test_without_a_watcher_nothing_is_remembered_or_replaced(probe: Probe, folder: Path) -> None:
    _left(folder / "x")
    probe.watcher = Watcher(lambda file: file == str(probe.path))
    functions = os.stat, os.scandir
    files.forget()
    with SOURCE.apply(NATURAL, probe.watcher):
        assert (os.stat, os.scandir) == functions
        probe.run("open('x').read()")
    assert opened() == ()


def test_each_run_begins_anew_and_so_it_does_when_told(probe: Probe, folder: Path) -> None:
    _left(folder / "x")
    _left(folder / "y")
    assert set(_seen(probe, "open('x').read()")) == {"x"}
    with SOURCE.apply(NATURAL, probe.watcher):
        probe.run("open('x').read()")
        files.forget()
        probe.run("open('y').read()")
    assert [os.path.basename(each.path) for each in opened()] == ["y"]


def test_a_folder_can_be_left_out(probe: Probe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_left_out", set())
    _left(folder / "session" / "x")
    _left(folder / "session-2")
    files.leave_out(folder / "session")
    assert set(_seen(probe, "open('session/x').read(); open('session-2').read()")) == {"session-2"}


def test_what_was_opened_survives_the_way_through_json(probe: Probe, folder: Path) -> None:
    _left(folder / "x")
    _seen(probe, "open('x').read(); open('y', 'w').close()")
    assert len(opened()) == 2
    assert [OpenedFile.from_json(each.to_json()) for each in opened()] == list(opened())


CACHE = """
import json, os
from pathlib import Path

def cached(path, compute):
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(compute()))
        return "computed", path.read_text(), sorted(os.listdir(path.parent))
    return "found", path.read_text()

found = cached(Path("cache/x.json"), lambda: 7)
"""


def test_a_hidden_file_is_absent_until_it_is_written_and_then_as_it_was(probe: Probe, folder: Path) -> None:
    path = _left(folder / "cache" / "x.json", "5")
    path.chmod(0o640)
    before = path.stat()
    assert probe.under(SOURCE, NATURAL, CACHE)["found"] == ("found", "5")
    assert probe.under(SOURCE, _held(folder / "cache" / "y.json"), CACHE)["found"] == ("found", "5")
    for _ in range(2):
        assert probe.under(SOURCE, _held(path), CACHE)["found"] == ("computed", "7", ["x.json"])
        after = path.stat()
        assert path.read_text(encoding="utf-8") == "5"
        assert (after.st_mtime_ns, after.st_mode, after.st_ino) == (before.st_mtime_ns, before.st_mode, before.st_ino)


ABSENT = (
    "open('x')",
    "open('x', 'r+')",
    "os.open('x', os.O_RDONLY)",
    "os.stat('x')",
    "os.lstat('x')",
    "os.remove('x')",
    "os.rename('x', 'y')",
    "os.utime('x')",
    "os.truncate('x', 0)",
    "os.path.getsize('x')",
    "pathlib.Path('x').resolve(strict=True)",
    "open(os.path.abspath('x'))",
    "open('../run/x')",
    "open(b'x')",
    "open('link')",
)


@pytest.mark.parametrize("use", ABSENT)
def test_a_hidden_file_is_not_found(probe: Probe, folder: Path, use: str) -> None:
    path = _left(folder / "x", "precious")
    (folder / "link").symlink_to(path)
    text = f"{IMPORTS}found = None\ntry:\n    {use}\nexcept FileNotFoundError as error:\n    found = str(error)\n"
    found = probe.under(SOURCE, _held(path), text)["found"]
    assert found is not None
    assert found.startswith("[Errno 2] No such file or directory: ")
    assert path.read_text(encoding="utf-8") == "precious"
    assert path.stat().st_mtime_ns == LONG_AGO


LISTINGS = """
found = [
    os.path.exists("x"), os.path.lexists("x"), os.path.isfile("x"), os.access("x", os.F_OK), pathlib.Path("x").exists(),
    os.listdir(), os.listdir(b"."), [entry.name for entry in os.scandir()], list(os.walk(".")), glob.glob("*"),
    glob.glob("x"), sorted(map(str, pathlib.Path().glob("*"))), sorted(map(str, pathlib.Path().iterdir())),
    sorted(map(str, pathlib.Path().rglob("x"))), shutil.which("x", path="."),
]
"""


@pytest.mark.parametrize("outer", [(), (ListingOrder(),)])
@pytest.mark.parametrize("inner", [(), (ListingOrder(),)])
def test_a_hidden_file_is_in_no_listing_whoever_else_orders_them(
    probe: Probe, folder: Path, outer: tuple[ListingOrder, ...], inner: tuple[ListingOrder, ...]
) -> None:
    path = _left(folder / "x")
    path.chmod(0o755)
    _left(folder / "z")
    visible = probe.run(IMPORTS + LISTINGS)["found"]
    assert all(visible)
    shutil.copy2(path, folder.parent / "kept")
    path.unlink()
    expected = probe.run(IMPORTS + LISTINGS)["found"]
    shutil.move(folder.parent / "kept", path)
    with ExitStack() as stack:
        for source, setting in ((outer, HELD), ((SOURCE,), _held(path)), (inner, HELD)):
            for each in source:
                stack.enter_context(each.apply(setting, probe.watcher))
        found = probe.run(IMPORTS + LISTINGS)["found"]
    assert found == expected


WRITES = {
    "open('x', 'w').write('mine')": "mine",
    "open('x', 'x').write('mine')": "mine",
    "open('x', 'a').write('mine')": "mine",
    "os.write(os.open('x', os.O_CREAT | os.O_WRONLY), b'mine')": "mine",
    "open('y', 'w').write('mine'); os.replace('y', 'x')": "mine",
    "pathlib.Path('x').touch()": "",
    "numpy.array([109, 105, 110, 101], 'u1').tofile('x')": "mine",
    "open('link', 'w').write('mine')": "mine",
    "open('z', 'w').write('mine'); os.link('z', 'x'); os.remove('z')": "mine",
}


@pytest.mark.parametrize("write", WRITES)
def test_whoever_writes_a_hidden_file_finds_what_he_wrote_and_no_more(probe: Probe, folder: Path, write: str) -> None:
    path = _left(folder / "x", "precious")
    (folder / "link").symlink_to(path)
    text = f"{IMPORTS}{write}\nfound = open('x').read(), os.path.getsize('x'), sorted(os.listdir())"
    content, size, names = probe.under(SOURCE, _held(path), text)["found"]
    assert (content, size, names) == (WRITES[write], len(WRITES[write]), ["link", "x"])
    assert path.read_text(encoding="utf-8") == "precious"
    assert path.stat().st_mtime_ns == LONG_AGO
    assert sorted(os.listdir(folder)) == ["link", "x"]


def test_a_hidden_database_is_empty_with_all_that_belongs_to_it(probe: Probe, folder: Path) -> None:
    text = """
    import sqlite3
    with sqlite3.connect("results.db") as database:
        database.execute("create table if not exists results (id integer primary key)")
        found = database.execute("insert into results default values").lastrowid
    database.close()
    """
    assert [probe.run(text)["found"] for _ in range(2)] == [1, 2]
    path = folder / "results.db"
    before = path.read_bytes()
    assert [probe.under(SOURCE, _held(path), text)["found"] for _ in range(2)] == [1, 1]
    assert path.read_bytes() == before
    with sqlite3.connect(path) as database:
        assert list(database.execute("select id from results")) == [(1,), (2,)]
    database.close()


def test_a_folder_that_looks_empty_can_be_removed(probe: Probe, folder: Path) -> None:
    path = _left(folder / "cache" / "x")
    text = "import os, shutil\nshutil.rmtree('cache')\nfound = os.path.exists('cache')\n"
    assert probe.under(SOURCE, _held(path), text)["found"] is False
    assert path.read_text(encoding="utf-8") == "left"
    assert path.stat().st_mtime_ns == LONG_AGO
    assert probe.under(SOURCE, _held(path), "import os\nos.makedirs('cache', exist_ok=True)\nfound = 1")["found"] == 1


def test_new_files_beside_hidden_ones_do_not_reach_the_next_run(probe: Probe, folder: Path) -> None:
    """As a registry gives each model the next free number, or a name of its own."""
    path = _left(folder / "registry" / "model-1")
    other = _left(folder / "registry" / "notes")
    text = """
    import os, uuid
    found = sorted(name for name in os.listdir("registry") if name.startswith("model"))
    open(f"registry/model-{uuid.uuid4()}", "w").close()
    open("registry/notes", "a").write(", more")
    open("elsewhere", "w").close()
    """
    assert [probe.under(SOURCE, _held(path), text)["found"] for _ in range(2)] == [[], []]
    assert sorted(os.listdir("registry")) == ["model-1", "notes"]
    assert other.read_text(encoding="utf-8") == "left, more, more"
    assert os.path.exists("elsewhere")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork")
def test_what_a_forked_child_overwrites_is_put_back_too(probe: Probe, folder: Path) -> None:
    path = _left(folder / "x", "precious")
    text = """
    import os, sys
    child = os.fork()
    if child == 0:
        try:
            with open("x", "w") as file:
                file.write("child's")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    found = open("x").read()
    """
    assert probe.under(SOURCE, _held(path), text)["found"] == "child's"
    assert path.read_text(encoding="utf-8") == "precious"
    assert path.stat().st_mtime_ns == LONG_AGO


def test_a_process_that_raises_loses_nothing(probe: Probe, folder: Path) -> None:
    path = _left(folder / "x", "precious")
    with pytest.raises(ZeroDivisionError):
        probe.under(SOURCE, _held(path), "open('x', 'w').write('half'); 1 / 0")
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_hidden_file_that_is_gone_hides_nothing(probe: Probe, folder: Path) -> None:
    text = "import os\nbefore = os.path.exists('x')\nopen('x', 'w').close()\nfound = before, os.path.exists('x')"
    assert probe.under(SOURCE, _held(folder / "x"), text)["found"] == (False, True)


def test_held_and_watched_it_does_not_read_what_it_does_not_find(probe: Probe, folder: Path) -> None:
    path = _left(folder / "cache" / "x.json", "5")
    probe.under(SOURCE, _held(path), CACHE)
    assert [(each.path, each.read, each.written, each.mtime_ns) for each in opened()] == [
        (str(path), False, True, None)
    ]


def test_arrays_are_loaded_from_what_was_written(probe: Probe, folder: Path) -> None:
    np.save(folder / "last.npy", np.ones(2))
    text = """
    import os, numpy as np
    weight = np.load("last.npy") if os.path.exists("last.npy") else np.zeros(2)
    np.save("last.npy", weight + 1)
    found = np.load("last.npy").tolist()
    """
    assert probe.under(SOURCE, _held(folder / "last.npy"), text)["found"] == [1.0, 1.0]
    assert np.load(folder / "last.npy").tolist() == [1.0, 1.0]
    assert probe.under(SOURCE, NATURAL, text)["found"] == [2.0, 2.0]
