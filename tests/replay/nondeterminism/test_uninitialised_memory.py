"""Uninitialised memory: filled when varied, zero when held, and no matter to whoever writes before reading (S7.1)."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops.replay.nondeterminism import _uninitialised_memory as memory
from pytest_expops.replay.nondeterminism._uninitialised_memory import PERTURB, Memory, fill_byte
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe, started_with

SOURCE = Memory()
VARIED = [Setting(Mode.VARIED, number) for number in (1, 2, 3)]

EMPTY = [
    "np.empty(5)",
    "np.empty((3, 4), dtype=np.float32, order='F')",
    "np.empty(7, dtype=int)",
    "np.empty((), dtype=complex)",
    "np.empty(3, dtype='S5')",
    "np.empty(3, dtype='m8[s]')",
    "np.empty(3, dtype=[('a', 'i4'), ('b', 'f8', 2)])",
    "np.empty_like(np.ones((3, 4, 5)).transpose(2, 0, 1))",
    "np.empty_like(np.ones((4, 6))[::-2, ::3])",
]
HARMLESS = [
    "np.empty(3, dtype=object)",
    "np.empty(3, dtype='U4')",
    "np.empty(3, dtype=[('a', 'U2'), ('b', 'f8')])",
    "np.empty(0)",
    "np.empty(3, dtype=np.dtypes.StringDType())",
]


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """The functions must be as they were found."""
    before = np.empty, np.empty_like
    yield Probe(tmp_path)
    assert (np.empty, np.empty_like) == before


def _value(probe: Probe, setting: Setting, expression: str) -> Any:
    return probe.under(SOURCE, setting, f"import numpy as np\nvalue = {expression}")["value"]


@pytest.mark.parametrize("expression", EMPTY)
def test_it_is_zero_if_held_and_something_else_in_each_variation(probe: Probe, expression: str) -> None:
    held = _value(probe, HELD, expression)
    assert not np.frombuffer(held.tobytes(), np.uint8).any()
    for setting in VARIED:
        varied = _value(probe, setting, expression)
        assert set(varied.tobytes()) == {fill_byte(setting)}
        assert (type(varied), varied.shape, varied.dtype, varied.strides) == (
            type(held),
            held.shape,
            held.dtype,
            held.strides,
        )
    assert len({fill_byte(setting) for setting in (HELD, *VARIED)}) == 1 + len(VARIED)


def test_the_first_variation_of_floats_is_nan(probe: Probe) -> None:
    assert np.isnan(_value(probe, VARIED[0], "np.empty(3)")).all()


@pytest.mark.parametrize("expression", HARMLESS)
def test_what_bears_no_other_bytes_is_as_ever(probe: Probe, expression: str) -> None:
    for setting in (HELD, *VARIED):
        value = _value(probe, setting, expression)
        assert value.tolist() == np.zeros_like(value).tolist() or value.tolist() == [None] * 3


def test_a_bool_is_true_or_false(probe: Probe) -> None:
    for setting in (HELD, *VARIED):
        assert set(_value(probe, setting, "np.empty(9, dtype=bool)").tobytes()) <= {0, 1}


def test_what_is_written_before_it_is_read_agrees(probe: Probe) -> None:
    text = "np.cumsum(np.full(5, 2.0)) + np.concatenate([np.ones(2), np.zeros(3)])"
    values = [_value(probe, setting, text).tolist() for setting in (NATURAL, HELD, *VARIED)]
    assert values == [values[0]] * len(values)


def test_lines_that_ask_for_it_are_known(probe: Probe) -> None:
    text = "import numpy as np\na = np.empty(3)\nb = np.empty_like(a)\nc = np.zeros(3) + np.full(3, 1)"
    assert probe.sites(SOURCE, text) == {2: {"numpy.empty()"}, 3: {"numpy.empty_like()"}}


def test_only_the_lines_asked_for_are_held(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "empty", lambda shape: np.full(shape, 7.0))
    setting = Setting(Mode.HELD, only=(f"{probe.path.resolve()}:3",))
    found = probe.under(SOURCE, setting, "import numpy as np\na = np.empty(2)\nb = np.empty(2)")
    assert (found["a"].tolist(), found["b"].tolist()) == ([7.0, 7.0], [0.0, 0.0])
    assert started_with(SOURCE, setting, {}) == {}


def test_what_is_large_is_left_as_it_comes(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 8)
    monkeypatch.setattr(np, "empty", lambda shape: np.full(shape, 7.0))
    assert _value(probe, HELD, "np.empty(2)").tolist() == [7.0, 7.0]


def test_nobody_elses_memory_is_touched(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "empty", lambda shape: np.full(shape, 7.0))
    with SOURCE.apply(HELD, probe.watcher):
        assert np.empty(2).tolist() == [7.0, 7.0]
    assert probe.watcher.all_sites() == {}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc fills memory")
def test_an_interpreter_started_so_fills_what_the_allocator_gives_too() -> None:
    code = "import numpy; print(set(numpy.ndarray(20_000).tobytes()))"
    for setting, expected in ((HELD, {0}), (VARIED[0], {254}), (VARIED[1], {fill_byte(VARIED[1])})):
        environment = started_with(SOURCE, setting, os.environ)
        told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert told.stdout.strip() == str(expected)
    assert started_with(SOURCE, NATURAL, {"A": "b"}) == {"A": "b"}
    assert started_with(SOURCE, HELD, {}) == {PERTURB: "255"}


@pytest.mark.ml
def test_pytorch_is_filled_too(probe: Probe) -> None:
    torch = pytest.importorskip("torch")
    text = """
        a = torch.empty(3, requires_grad=True)
        b = torch.empty_like(torch.ones(2, 3))
        c = torch.empty_strided((2, 2), (2, 1), dtype=torch.int64)
        d = torch.empty(4, dtype=torch.bool)
        e = torch.empty(2, device="meta")
        torch.manual_seed(1)
        f = torch.nn.Linear(3, 2).weight
    """
    held = probe.under(SOURCE, HELD, text, torch=torch)
    varied = probe.under(SOURCE, VARIED[0], text, torch=torch)
    assert [held[name].sum().item() for name in "abcd"] == [0, 0, 0, 0]
    assert varied["a"].isnan().all()
    assert varied["b"].isnan().all()
    assert (varied["c"].tolist(), varied["d"].tolist()) == ([[-1, -1], [-1, -1]], [True] * 4)
    assert varied["e"].device.type == "meta"
    assert torch.equal(held["f"], varied["f"])
    # A layer's own memory is written by the layer.
    assert {site.line for site in probe.watcher.all_sites()[SOURCE.name]} == {2, 3, 4, 5}
