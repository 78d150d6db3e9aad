"""The folder for temporary files: paths show it, contents do not, and nothing is left behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from multiprocessing import process
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism._surroundings import TemporaryFolder
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe

SOURCE = TemporaryFolder()
VARIED = Setting(Mode.VARIED, 1)
PATHS = """\
import os, tempfile
found = [tempfile.gettempdir(), tempfile.gettempdirb(), os.environ.get("TMPDIR"), tempfile.tempdir]
made = [tempfile.mkdtemp(prefix="a-"), tempfile.mkstemp()[1], tempfile.NamedTemporaryFile(delete=False).name,
        tempfile.mktemp()]
with tempfile.TemporaryDirectory() as folder:
    made.append(folder)
listed = sorted(os.listdir(found[0]))
"""
CONTENTS = """\
import os, tempfile
with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
    path = os.path.join(folder, "numbers.txt")
    with open(path, "w") as numbers:
        numbers.write("1 2 3")
    file.write(open(path, "rb").read())
    file.seek(0)
    found = [file.read(), os.listdir(folder)]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files as it naturally is."""
    home = tmp_path / "tmp"
    home.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    monkeypatch.delenv("TMPDIR", raising=False)
    return home


@pytest.fixture
def probe(tmp_path: Path, home: Path) -> Iterator[Probe]:
    def state() -> list[object]:
        functions = {name: each for name, each in vars(tempfile).items() if name != "_name_sequence"}
        config = process.current_process()._config  # type: ignore[attr-defined]
        return [functions, os.environ.get("TMPDIR"), config.get("tempdir")]

    before = state()
    yield Probe(tmp_path)
    assert state() == before
    assert type(tempfile._get_candidate_names()) is tempfile._RandomNameSequence  # type: ignore[attr-defined]
    assert not [path for path in home.iterdir() if path.name.startswith("expops-")]


def test_held_folder_and_names_are_the_same_every_time_and_nothing_is_found_there(probe: Probe, replicas: Path) -> None:
    one = probe.under(SOURCE, HELD, PATHS)
    two = probe.under(SOURCE, HELD, PATHS)
    assert [one["found"], one["made"]] == [two["found"], two["made"]]
    folder = str(replicas / "held")
    assert one["found"] == [folder, folder.encode(), folder, folder]
    assert {os.path.dirname(path) for path in one["made"]} == {folder}
    assert len(set(one["made"])) == 5
    assert len(one["listed"]) == len(two["listed"]) == 3


def test_left_free_names_differ_and_stay_in_the_natural_folder(probe: Probe, home: Path) -> None:
    one = probe.under(SOURCE, NATURAL, PATHS)
    two = probe.under(SOURCE, NATURAL, PATHS)
    assert one["found"] == two["found"] == [str(home), os.fsencode(home), None, str(home)]
    assert {os.path.dirname(path) for path in one["made"]} == {str(home)}
    assert not set(one["made"]) & set(two["made"])


def test_varied_it_is_another_folder_that_is_longer_and_empty(probe: Probe, replicas: Path) -> None:
    results = [probe.under(SOURCE, Setting(Mode.VARIED, number), PATHS) for number in (1, 2, 1)]
    folders = [result["found"][0] for result in results]
    assert folders[0] == folders[2] != folders[1]
    for result, folder in zip(results, folders, strict=True):
        assert result["found"] == [folder, os.fsencode(folder), folder, folder]
        assert len(folder) > len(str(replicas)) + 10
        assert {os.path.dirname(path) for path in result["made"]} == {folder}
        assert len(result["listed"]) == 3
    assert results[0]["made"] != results[2]["made"]


def test_contents_are_the_same_in_all_of_them(probe: Probe) -> None:
    found = [probe.under(SOURCE, setting, CONTENTS)["found"] for setting in (NATURAL, VARIED, HELD)]
    assert found == [[b"1 2 3", ["numbers.txt"]]] * 3


def test_what_a_killed_replica_left_is_not_found_by_the_next(probe: Probe, replicas: Path) -> None:
    (replicas / "held").mkdir()
    (replicas / "held" / "left").write_text("", encoding="utf-8")
    assert "left" not in probe.under(SOURCE, HELD, PATHS)["listed"]


def test_multiprocessing_keeps_its_sockets_under_a_short_path_while_a_server_listens(
    probe: Probe, replicas: Path
) -> None:
    config = process.current_process()._config  # type: ignore[attr-defined]
    assert config.get("tempdir") is None
    text = "from multiprocessing.connection import Listener\nlistener = Listener(family='AF_UNIX')\n"
    probe.under(SOURCE, VARIED, text + "listener.close()")
    assert config.get("tempdir") is None
    folder = replicas / "mp"
    listener = probe.under(SOURCE, VARIED, text)["listener"]
    assert Path(listener.address).parent == folder
    assert config["tempdir"] == str(folder)
    probe.under(SOURCE, HELD, PATHS)
    listener.close()
    config["tempdir"] = None
    folder.rmdir()


def test_lines_that_make_a_name_or_ask_for_the_folder_are_seen(probe: Probe) -> None:
    assert probe.sites(SOURCE, PATHS + "plain = os.getcwd()\n") == {
        2: {"tempfile.gettempdir()", "tempfile.gettempdirb()"},
        3: {"tempfile.mkdtemp()", "tempfile.mkstemp()", "tempfile.NamedTemporaryFile()"},
        4: {"tempfile.mktemp()"},
        5: {"tempfile.mkdtemp()"},
    }
