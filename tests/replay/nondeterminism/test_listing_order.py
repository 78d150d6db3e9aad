"""The order of listings: what depends on it shows, what sorts agrees, and nothing is missing or doubled (S7.1)."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.nondeterminism._listing_order import ListingOrder
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe

SOURCE = ListingOrder()
VARIED = [Setting(Mode.VARIED, number) for number in (1, 2, 3)]
NAMES = [*(f"{letter}.txt" for letter in "hbéacgfe"), "d"]
IMPORTS = "import glob, os, pathlib\n"

LISTINGS = {
    "os.listdir(folder)": "os.listdir()",
    "os.listdir(os.fsencode(folder))": "os.listdir()",
    "[entry.name for entry in os.scandir(folder)]": "os.scandir()",
    "[sum(found[1:], []) for found in os.walk(folder)][0]": "os.walk()",
    "[sum(found[1:3], []) for found in os.fwalk(folder)][0]": "os.fwalk()",
    "glob.glob(folder + '/*')": "glob.glob()",
    "list(glob.iglob('*', root_dir=folder))": "glob.iglob()",
    "list(pathlib.Path(folder).iterdir())": "pathlib.Path.iterdir()",
    "list(pathlib.Path(folder).glob('*'))": "pathlib.Path.glob()",
    "list(pathlib.Path(folder).rglob('*'))": "pathlib.Path.rglob()",
}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in NAMES:
        (folder / name).mkdir() if name == "d" else (folder / name).touch()
    return str(folder)


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """Every function must be as it was found."""
    owners = [each for each in vars(glob).values() if isinstance(each, type)]
    before = os.listdir, os.scandir, [vars(each).get("scandir") for each in owners]
    yield Probe(tmp_path)
    assert (os.listdir, os.scandir, [vars(each).get("scandir") for each in owners]) == before


def _value(probe: Probe, setting: Setting, expression: str, folder: str) -> list[str]:
    found = probe.under(SOURCE, setting, f"{IMPORTS}value = {expression}", folder=folder)["value"]
    return [os.path.basename(os.fsdecode(each)) for each in found]


@pytest.mark.parametrize("expression", LISTINGS)
def test_each_variation_has_an_order_of_its_own(probe: Probe, folder: str, expression: str) -> None:
    natural = _value(probe, NATURAL, expression, folder)
    orders = [natural, *(_value(probe, setting, expression, folder) for setting in VARIED)]
    assert len({tuple(order) for order in orders}) == len(orders)
    assert [sorted(order) for order in orders] == [sorted(NAMES)] * len(orders)
    assert [_value(probe, setting, expression, folder) for setting in VARIED] == orders[1:]


@pytest.mark.parametrize("expression", LISTINGS)
def test_held_it_is_sorted(probe: Probe, folder: str, expression: str) -> None:
    found = _value(probe, HELD, expression, folder)
    # `os.walk` gives folders and files apart.
    assert [name for name in found if name != "d"] == sorted(set(NAMES) - {"d"})
    assert sorted(found) == sorted(NAMES)


@pytest.mark.parametrize(("expression", "what"), LISTINGS.items())
def test_lines_that_list_are_known(probe: Probe, folder: str, expression: str, what: str) -> None:
    sites = probe.sites(SOURCE, f"{IMPORTS}folder = {folder!r}\nvalue = {expression}")
    assert list(sites) == [3]
    # Some are done by a function without a public name in some versions of Python.
    assert sites[3] <= {what, "os.scandir()"}


def test_what_is_sorted_agrees(probe: Probe, folder: str) -> None:
    text = "sorted(os.listdir(folder)) + sorted(glob.glob(folder + '/*')) + sorted(pathlib.Path(folder).iterdir())"
    values = [_value(probe, setting, text, folder) for setting in (NATURAL, HELD, *VARIED)]
    assert values == [values[0]] * len(values)


def test_it_is_still_an_iterator_to_be_closed(probe: Probe, folder: str) -> None:
    found = probe.under(
        SOURCE,
        VARIED[0],
        """
        import os
        with os.scandir(folder) as entries:
            first = next(entries)
            kinds = [type(entry) for entry in entries]
        after = list(entries)
        closed = os.scandir(folder)
        closed.close()
        rest = list(closed)
        try:
            os.scandir(folder + "/missing")
        except FileNotFoundError as error:
            missing = error.filename
        """,
        folder=folder,
    )
    assert isinstance(found["first"], os.DirEntry)
    assert found["kinds"] == [os.DirEntry] * (len(NAMES) - 1)
    assert (found["after"], found["rest"]) == ([], [])
    assert found["missing"] == f"{folder}/missing"


def test_only_the_lines_asked_for_are_held(probe: Probe, folder: str) -> None:
    text = "import os\na = os.listdir(folder)\nb = os.listdir(folder)"
    calls: list[Any] = []
    natural = os.listdir(folder)
    for line in (2, 3):
        setting = Setting(Mode.HELD, only=(f"{probe.path.resolve()}:{line}",))
        found = probe.under(SOURCE, setting, text, folder=folder)
        calls.append((found["a"], found["b"]))
    assert calls == [(sorted(NAMES), natural), (natural, sorted(NAMES))]


def test_nobody_elses_listings_are_touched(probe: Probe, folder: str) -> None:
    natural = os.listdir(folder)
    with SOURCE.apply(VARIED[0], probe.watcher):
        assert os.listdir(folder) == natural
        assert [entry.name for entry in os.scandir(folder)] == natural
    assert probe.watcher.all_sites() == {}


def test_a_function_kept_beyond_the_replay_is_the_original_again(probe: Probe, folder: str) -> None:
    kept = probe.under(SOURCE, VARIED[0], "from os import listdir, scandir")
    assert kept["listdir"](folder) == os.listdir(folder)
    assert type(kept["scandir"](folder)) is type(os.scandir(folder))
