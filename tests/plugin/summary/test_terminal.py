"""The end of a session, as one reads it: causes first, and the short summary at 80 columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Project

SCRIPT = """
    import numpy as np

    def draw(): return float(np.random.default_rng().normal())

    def load(): return {"rows": np.arange(6.0)}
    def train(rows, random_seed): return {"w": draw()}
    def fit(rows, random_seed): return {"b": draw()}
    def cut(rows): return {"rows": rows}
    def part(rows): return {"n": len(rows)}
"""
PROCESSES = {
    "load": {"seed_parallelism": {"seeds": [1, 2]}},
    "cut": {"data_parallelism": {"size": 2, "data_name": "rows"}},
}


@pytest.fixture(autouse=True)
def _columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_two_processes_that_differ_by_one_line_have_one_cause(
    project: Project, workers: Callable[[], list[str]]
) -> None:
    project.write("load train\nload fit\nload cut\ncut part", SCRIPT, PROCESSES)
    outcome = project.run(*workers(), diagnose=True)
    assert outcome.where("failed") == {f"{name}_seed{seed}[replay]" for name in ("train", "fit") for seed in (1, 2)}
    assert outcome.text.count("        fix: ") == 1, "the block is there once"
    assert outcome.text.count("[replay]` tells why") == 3
    (line,) = (each for each in outcome.text.splitlines() if "replays of" in each)
    assert line.endswith(" differ: the operating system's randomness at models/model.py:4")
    assert "`train`" in line
    assert "`fit`" in line
    assert "\nchecked 2 splits: all hold\n" in outcome.text
    for each in outcome.text.splitlines():
        if each.startswith("FAILED"):
            assert "[replay] - OS randomn" in each


def test_a_split_that_does_not_hold_is_named(project: Project) -> None:
    odd = "class Odd(list):\n    def __getitem__(self, key): return list(self)[:1]\n"
    rest = "def cut(rows): return {'rows': rows}\ndef part(rows): return {}\n"
    script = f"{odd}def load(): return {{'rows': Odd(range(6))}}\n{rest}"
    project.write("load cut\ncut part", script, {"cut": PROCESSES["cut"]})
    outcome = project.run("-n0", "--expops-replay=none")
    assert "cut[split]" in outcome.where("failed")
    assert "\nchecked 1 split: 1 failed\n  cut[split] failed: `rows` of `cut` cannot be split" in outcome.text


def test_the_short_line_of_a_check_in_a_test_is_not_the_name_of_an_exception(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_a_module="import os\nfrom pytest_expops import assert_reproducible, assert_seed_matters\n"
        "def test_drawn_from_the_os_xx():\n    assert_reproducible(lambda: os.urandom(3))\n"
        "def test_own_assertion_that_failed(): assert 1 == 2, 'mine'\n"
        "def test_seed(): assert_seed_matters(lambda seed: 1, seeds=[1, 2])\n"
    )
    lines = pytester.runpytest_inprocess("-n0").stdout.str().splitlines()
    short = [line.partition(" - ")[2] for line in lines if line.startswith("FAILED")]
    assert short[0].startswith("OS randomness at")
    assert short[1].startswith("AssertionError: mi"), "what is not ours is as it was"
    assert short[2].startswith("the seed does not matter: ")
    assert any("NotReproducible: OS randomness at" in line for line in lines), "the failure itself has its name"
