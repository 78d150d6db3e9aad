"""Irrelevant variables: a dump of the environment shows them, a variable read by name does not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism._surroundings import Environment, is_volatile
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe, started_with

SOURCE = Environment()
OWN = {"HOME": "/home/ada", "PWD": "/tmp", "SHLVL": "1", "COLUMNS": "93", "A": "a", "Z": "z", "PYTHONPATH": "/x"}
DUMPS = """\
import os
found = [list(os.environ), dict(os.environ), os.environ.copy(), list(os.environ.items()), len(os.environ),
         repr(os.environ), "COLUMNS" in os.environ, os.getenv("PYTHONHASHSEED"), os.environ.get("PYTEST_VERSION"),
         dict(os.environb), os.environ | {}]
"""
READS = """\
import os
found = [os.environ["HOME"], os.environ.get("A"), os.getenv("Z"), os.environb[b"A"], "NOT_THERE" in os.environ,
         os.environ.get("NOT_THERE", "-"), os.path.samefile(os.environ["PWD"], "/tmp")]
"""


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """The variables must be as they were, and in that order."""

    def state() -> list[object]:
        variables = [each for each in os.environ.items() if each[0] != "PYTEST_CURRENT_TEST"]
        return [variables, dict(vars(type(os.environ)))]

    before = state()
    yield Probe(tmp_path)
    assert state() == before


def _found(probe: Probe, setting: Setting, text: str, more: dict[str, str]) -> list[object]:
    """What the text finds in an interpreter that is started under `setting`, with these variables besides."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(started_with(SOURCE, setting, {**OWN, **more}))
    try:
        return list(probe.under(SOURCE, setting, text)["found"])
    finally:
        os.environ.clear()
        os.environ.update(before)


REPLICA = {"PYTHONHASHSEED": "1", "PYTEST_VERSION": "9"}, {"PYTHONHASHSEED": "2", "PYTEST_CURRENT_TEST": "x"}


def test_variations_and_replicas_differ_in_a_dump_but_not_in_what_is_read_by_name(probe: Probe) -> None:
    settings = [NATURAL, Setting(Mode.VARIED, 1), Setting(Mode.VARIED, 2)]
    dumps = [_found(probe, setting, DUMPS, {}) for setting in settings]
    for which in range(6):
        assert len({str(dump[which]) for dump in dumps}) == 3
    for setting in settings:
        dumps = [_found(probe, setting, DUMPS, more) for more in REPLICA]
        assert dumps[0][1:4] != dumps[1][1:4]
    reads = [_found(probe, setting, READS, more) for setting in (*settings, HELD) for more in REPLICA]
    assert reads == [["/home/ada", "a", "z", b"a", False, "-", True]] * 8


def test_held_a_dump_agrees(probe: Probe) -> None:
    one, two = (_found(probe, HELD, DUMPS, more) for more in REPLICA)
    assert one == two
    kept = {**OWN, "PYTHONHASHSEED": "0"}
    assert one == [
        sorted(kept),
        kept,
        kept,
        sorted(kept.items()),
        len(kept),
        f"environ({dict(sorted(kept.items()))})",
        True,
        "0",
        None,
        {os.fsencode(name): os.fsencode(value) for name, value in kept.items()},
        kept,
    ]


def test_held_the_order_is_the_same_too(probe: Probe) -> None:
    one = _found(probe, HELD, "import os\nfound = list(os.environ)", {"B": "b", "C": "c"})
    two = _found(probe, HELD, "import os\nfound = list(os.environ)", {"C": "c", "B": "b"})
    assert one == two


def test_the_same_number_is_the_same_variation(probe: Probe) -> None:
    first, second = Setting(Mode.VARIED, 1), Setting(Mode.VARIED, 2)
    assert _found(probe, first, DUMPS, {}) == _found(probe, first, DUMPS, {}) != _found(probe, second, DUMPS, {})


def test_what_is_varied_is_irrelevant_and_the_folder_stays(probe: Probe) -> None:
    for number in (1, 2, 3):
        varied = started_with(SOURCE, Setting(Mode.VARIED, number), OWN)
        changed = {name for name in varied if varied[name] != OWN.get(name)}
        assert changed >= {"COLUMNS", "LINES", "SHLVL", "PWD", "EDITOR", "OLDPWD", "EXPOPS_UNUSED_1"}
        assert all(map(is_volatile, changed))
        assert int(varied["COLUMNS"]) > 93
        assert varied["PWD"] != "/tmp"
        assert os.path.samefile(varied["PWD"], "/tmp")
    assert "PWD" not in started_with(SOURCE, Setting(Mode.VARIED, 1), {})


def test_held_the_project_finds_what_it_has_set_itself_and_children_inherit_all(probe: Probe) -> None:
    text = """
    import os, subprocess, sys
    os.environ["PYTHONHASHSEED"] = "50"
    os.environ["PYTEST_MINE"] = "51"
    child = subprocess.run([sys.executable, "-c", "import os; print(os.environ['PYTEST_X'])"], capture_output=True)
    found = [os.environ["PYTHONHASHSEED"], os.environ["PYTEST_MINE"], "PYTEST_MINE" in list(os.environ),
             child.stdout.strip(), "PYTEST_X" in os.environ]
    """
    more = {"PYTEST_X": "7", "PATH": os.environ["PATH"]}
    assert _found(probe, HELD, text, more) == ["50", "51", True, b"7", False]


def test_lines_that_read_what_may_differ_are_seen(probe: Probe) -> None:
    sites = probe.sites(
        SOURCE,
        """\
        import os, shutil, tempfile
        home = os.environ.get("HOME")
        many = dict(os.environ)
        columns = shutil.get_terminal_size()
        where = os.path.expanduser("~")
        other = {}.get("HOME")
        """,
    )
    assert "os.environ" in sites[3]
    assert sites[4] == {"os.environ['COLUMNS']", "os.environ['LINES']"}
    assert set(sites) == {3, 4}
