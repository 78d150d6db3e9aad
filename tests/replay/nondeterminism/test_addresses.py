"""Addresses: counted or fixed when they are held, and those that only tell objects apart are no draws (S7.1, S7.2)."""

from __future__ import annotations

import builtins
import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.replay.nondeterminism import addresses
from pytest_expops.replay.nondeterminism.addresses import (
    VARIABLE,
    Addresses,
    fix_addresses,
    fixed_addresses_possible,
    masked,
)
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe, started_with

SOURCE = Addresses()
ROOT = Path(__file__).parents[3]
_RANDOMIZED = Path("/proc/sys/kernel/randomize_va_space")
OBJECTS = """
class Thing:
    pass
keep = [Thing() for _ in range(count)]
things = [Thing() for _ in range(20)]
ids = [id(each) for each in things]
hashes = [hash(each) for each in things]
"""


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """The functions must be as they were found."""
    before = builtins.id, builtins.hash
    yield Probe(tmp_path)
    assert (builtins.id, builtins.hash) == before


@pytest.mark.parametrize("name", ["ids", "hashes"])
def test_what_the_project_sees_of_addresses_differs_unless_it_is_held(probe: Probe, name: str) -> None:
    free = [probe.under(SOURCE, NATURAL, OBJECTS, count=count) for count in (0, 7)]
    held = [probe.under(SOURCE, HELD, OBJECTS, count=count) for count in (0, 7)]
    assert free[0][name] != free[1][name]
    assert held[0][name] == held[1][name]
    assert len(set(held[0][name])) == 20


def test_an_object_keeps_its_number_and_no_other_gets_it(probe: Probe) -> None:
    found = probe.under(
        SOURCE,
        HELD,
        """
        one = object()
        same = id(one) == id(one), hash(one) == hash(one)
        passing = [id(object()) for _ in range(1000)]
        """,
    )
    assert found["same"] == (True, True)
    assert len(set(found["passing"])) == 1000


def test_hashes_that_do_not_come_from_addresses_are_as_ever(probe: Probe) -> None:
    text = "values = [hash(each) for each in (1, 2.5, 'a', b'a', (1, 2), frozenset([1]), range(3))]"
    assert probe.under(SOURCE, HELD, text)["values"] == probe.under(SOURCE, NATURAL, text)["values"]
    assert probe.watcher.all_sites() == {}


def test_lines_that_ask_for_addresses_are_known(probe: Probe) -> None:
    assert probe.sites(SOURCE, "one = object()\na = id(one)\nb = hash(one)\nc = hash('a')") == {
        2: {"id()"},
        3: {"hash()"},
    }


def test_libraries_that_tell_objects_apart_are_let_be(probe: Probe) -> None:
    text = "import copy\nshared = [1]\nvalue = copy.deepcopy([shared, shared])"
    found = probe.under(SOURCE, HELD, text)
    assert found["value"][0] is found["value"][1]
    assert probe.watcher.all_sites() == {}
    with SOURCE.apply(HELD, probe.watcher):
        one = object()
        assert f"0x{id(one):x}" in repr(one)
        assert copy.deepcopy({"a": [1]}) == {"a": [1]}


def test_only_so_many_objects_are_kept_alive(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MOST", 3)
    text = "things = [object() for _ in range(5)]\nids = [id(each) for each in things]"
    found = probe.under(SOURCE, HELD, text)
    assert found["ids"][3:] == [id(each) for each in found["things"][3:]]
    assert found["ids"][:3] != [id(each) for each in found["things"][:3]]


def test_only_the_lines_asked_for_are_held(probe: Probe) -> None:
    setting = Setting(Mode.HELD, only=(f"{probe.path.resolve()}:3",))
    found = probe.under(SOURCE, setting, "one = object()\na = id(one)\nb = id(one)")
    assert found["a"] == id(found["one"]) != found["b"]
    assert started_with(SOURCE, setting, {}) == {}


def test_an_interpreter_is_told_to_fix_them_only_if_all_are_held() -> None:
    assert started_with(SOURCE, HELD, {"A": "b"}) == {"A": "b", VARIABLE: "1"}
    assert started_with(SOURCE, NATURAL, {"A": "b"}) == {"A": "b"}


def _started(code: str, *options: str) -> Any:
    begin = "import sys; sys.path.insert(0, sys.argv[1]); from pytest_expops.replay.nondeterminism import personality\n"
    command = [sys.executable, *options, "-c", f"{begin}{code}", str(ROOT), "an argument"]
    environment = {"PYTHONHASHSEED": "0"}
    return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


@pytest.mark.skipif(not fixed_addresses_possible(), reason="addresses cannot be fixed here")
def test_two_interpreters_have_the_same_addresses_if_they_are_fixed() -> None:
    show = "import json; print(json.dumps([id(object()), id([]), id(personality), sys.argv, sys.flags.optimize]))"
    free = [_started(show, "-O") for _ in range(2)]
    fixed = [_started(f"personality.fix_addresses()\n{show}", "-O") for _ in range(2)]
    if _RANDOMIZED.is_file() and _RANDOMIZED.read_text(encoding="ascii").strip() != "0":
        assert free[0][:3] != free[1][:3]
    assert fixed[0] == fixed[1]
    assert fixed[0][3:] == free[0][3:] == [["-c", str(ROOT), "an argument"], 1]


@pytest.mark.skipif(not fixed_addresses_possible(), reason="addresses cannot be fixed here")
def test_to_ask_whether_it_is_possible_changes_nothing() -> None:
    asked = "before = personality._personality(personality._ASK); possible = personality.fixed_addresses_possible()\n"
    show = "import json; print(json.dumps([possible, before == personality._personality(personality._ASK)]))"
    assert _started(asked + show) == [True, True]


def test_where_the_system_refuses_the_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_expops.replay.nondeterminism.personality._personality", lambda persona: None)
    fix_addresses()
    assert fixed_addresses_possible() is False


@given(st.integers(0x1000000, 2**64 - 1), st.text("abc <>:'", max_size=10))
def test_masked_texts_agree_but_for_addresses(address: int, text: str) -> None:
    assert masked(f"{text} <Thing at 0x{address:x}>") == masked(f"{text} <Thing at {hex(id(text))}>")


def test_what_is_no_address_is_not_masked() -> None:
    assert masked("0xff 10x1234567 0x7f3a2c001d30, 0x") == "0xff 10x1234567 0x..., 0x"
