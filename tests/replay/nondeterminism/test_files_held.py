"""Files of an earlier run, held: absent until they are written, and never lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from pytest_expops.replay.nondeterminism._listing_order import ListingOrder
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from pytest_expops.replay.nondeterminism.files import Files, opened
from tests.replay.nondeterminism.probe import LONG_AGO, Probe, left

SOURCE = Files()
IMPORTS = "import glob, numpy, os, pathlib, shutil, sqlite3\n"


def _held(*paths: Path) -> Setting:
    return Setting(Mode.HELD, only=tuple(str(path) for path in paths))


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


def test_a_hidden_file_is_absent_until_it_is_written_and_then_as_it_was(clean_probe: Probe, folder: Path) -> None:
    path = left(folder / "cache" / "x.json", "5")
    path.chmod(0o640)
    before = path.stat()
    assert clean_probe.under(SOURCE, NATURAL, CACHE)["found"] == ("found", "5")
    assert clean_probe.under(SOURCE, _held(folder / "cache" / "y.json"), CACHE)["found"] == ("found", "5")
    for _ in range(2):
        assert clean_probe.under(SOURCE, _held(path), CACHE)["found"] == ("computed", "7", ["x.json"])
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
def test_a_hidden_file_is_not_found(clean_probe: Probe, folder: Path, use: str) -> None:
    path = left(folder / "x", "precious")
    (folder / "link").symlink_to(path)
    text = f"{IMPORTS}found = None\ntry:\n    {use}\nexcept FileNotFoundError as error:\n    found = str(error)\n"
    found = clean_probe.under(SOURCE, _held(path), text)["found"]
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
    clean_probe: Probe, folder: Path, outer: tuple[ListingOrder, ...], inner: tuple[ListingOrder, ...]
) -> None:
    path = left(folder / "x")
    path.chmod(0o755)
    left(folder / "z")
    visible = clean_probe.run(IMPORTS + LISTINGS)["found"]
    assert all(visible)
    shutil.copy2(path, folder.parent / "kept")
    path.unlink()
    expected = clean_probe.run(IMPORTS + LISTINGS)["found"]
    shutil.move(folder.parent / "kept", path)
    with ExitStack() as stack:
        for source, setting in ((outer, HELD), ((SOURCE,), _held(path)), (inner, HELD)):
            for each in source:
                stack.enter_context(each.apply(setting, clean_probe.watcher))
        found = clean_probe.run(IMPORTS + LISTINGS)["found"]
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
def test_whoever_writes_a_hidden_file_finds_what_he_wrote_and_no_more(
    clean_probe: Probe, folder: Path, write: str
) -> None:
    path = left(folder / "x", "precious")
    (folder / "link").symlink_to(path)
    text = f"{IMPORTS}{write}\nfound = open('x').read(), os.path.getsize('x'), sorted(os.listdir())"
    content, size, names = clean_probe.under(SOURCE, _held(path), text)["found"]
    assert (content, size, names) == (WRITES[write], len(WRITES[write]), ["link", "x"])
    assert path.read_text(encoding="utf-8") == "precious"
    assert path.stat().st_mtime_ns == LONG_AGO
    assert sorted(os.listdir(folder)) == ["link", "x"]


def test_a_hidden_database_is_empty_with_all_that_belongs_to_it(clean_probe: Probe, folder: Path) -> None:
    text = """
    import sqlite3
    with sqlite3.connect("results.db") as database:
        database.execute("create table if not exists results (id integer primary key)")
        found = database.execute("insert into results default values").lastrowid
    database.close()
    """
    assert [clean_probe.run(text)["found"] for _ in range(2)] == [1, 2]
    path = folder / "results.db"
    before = path.read_bytes()
    assert [clean_probe.under(SOURCE, _held(path), text)["found"] for _ in range(2)] == [1, 1]
    assert path.read_bytes() == before
    with sqlite3.connect(path) as database:
        assert list(database.execute("select id from results")) == [(1,), (2,)]
    database.close()


def test_a_folder_that_looks_empty_can_be_removed(clean_probe: Probe, folder: Path) -> None:
    path = left(folder / "cache" / "x")
    text = "import os, shutil\nshutil.rmtree('cache')\nfound = os.path.exists('cache')\n"
    assert clean_probe.under(SOURCE, _held(path), text)["found"] is False
    assert path.read_text(encoding="utf-8") == "left"
    assert path.stat().st_mtime_ns == LONG_AGO
    assert (
        clean_probe.under(SOURCE, _held(path), "import os\nos.makedirs('cache', exist_ok=True)\nfound = 1")["found"]
        == 1
    )


def test_new_files_beside_hidden_ones_do_not_reach_the_next_run(clean_probe: Probe, folder: Path) -> None:
    """As a registry gives each model the next free number, or a name of its own."""
    path = left(folder / "registry" / "model-1")
    other = left(folder / "registry" / "notes")
    text = """
    import os, uuid
    found = sorted(name for name in os.listdir("registry") if name.startswith("model"))
    open(f"registry/model-{uuid.uuid4()}", "w").close()
    open("registry/notes", "a").write(", more")
    open("elsewhere", "w").close()
    """
    assert [clean_probe.under(SOURCE, _held(path), text)["found"] for _ in range(2)] == [[], []]
    assert sorted(os.listdir("registry")) == ["model-1", "notes"]
    assert other.read_text(encoding="utf-8") == "left, more, more"
    assert os.path.exists("elsewhere")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork")
def test_what_a_forked_child_overwrites_is_put_back_too(clean_probe: Probe, folder: Path) -> None:
    path = left(folder / "x", "precious")
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
    assert clean_probe.under(SOURCE, _held(path), text)["found"] == "child's"
    assert path.read_text(encoding="utf-8") == "precious"
    assert path.stat().st_mtime_ns == LONG_AGO


def test_a_process_that_raises_loses_nothing(clean_probe: Probe, folder: Path) -> None:
    path = left(folder / "x", "precious")
    with pytest.raises(ZeroDivisionError):
        clean_probe.under(SOURCE, _held(path), "open('x', 'w').write('half'); 1 / 0")
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_hidden_file_that_is_gone_hides_nothing(clean_probe: Probe, folder: Path) -> None:
    text = "import os\nbefore = os.path.exists('x')\nopen('x', 'w').close()\nfound = before, os.path.exists('x')"
    assert clean_probe.under(SOURCE, _held(folder / "x"), text)["found"] == (False, True)


def test_held_and_watched_it_does_not_read_what_it_does_not_find(clean_probe: Probe, folder: Path) -> None:
    path = left(folder / "cache" / "x.json", "5")
    clean_probe.under(SOURCE, _held(path), CACHE)
    assert [(each.path, each.read, each.written, each.mtime_ns) for each in opened()] == [
        (str(path), False, True, None)
    ]


def test_arrays_are_loaded_from_what_was_written(clean_probe: Probe, folder: Path) -> None:
    np.save(folder / "last.npy", np.ones(2))
    text = """
    import os, numpy as np
    weight = np.load("last.npy") if os.path.exists("last.npy") else np.zeros(2)
    np.save("last.npy", weight + 1)
    found = np.load("last.npy").tolist()
    """
    assert clean_probe.under(SOURCE, _held(folder / "last.npy"), text)["found"] == [1.0, 1.0]
    assert np.load(folder / "last.npy").tolist() == [1.0, 1.0]
    assert clean_probe.under(SOURCE, NATURAL, text)["found"] == [2.0, 2.0]
