"""`assert_seed_matters`: at least two seeds must give different results."""

from __future__ import annotations

import random

import pytest

from pytest_expops import assert_seed_matters
from pytest_expops.errors import CheckError


def given(x: int, seed: int = 0) -> list[float]:
    return [x * random.Random(seed).random()]


def from_the_global_stream(x: int) -> list[float]:
    return [x * random.random()]


def constant(x: int, seed: int = 0) -> dict[str, int]:
    return {"rows": x, "columns": 2}


def one_of_three(seed: int) -> bool:
    return seed == 3


def nearly(seed: int) -> float:
    return 1.0 + seed * 1e-9


def test_a_seed_that_is_used_passes_and_gives_the_results_by_seed() -> None:
    found = assert_seed_matters(given, 3, seeds=[1, 2])
    assert found == {seed: given(3, seed) for seed in (1, 2)}
    assert len(assert_seed_matters(from_the_global_stream, 3)) == 3
    assert assert_seed_matters(one_of_three) == {1: False, 2: False, 3: True}


def test_a_seed_that_reaches_nothing_fails_and_says_what_never_changes() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_seed_matters(constant, 3)
    said = str(caught.value)
    assert "constant gives the same under the seeds 1, 2 and 3" in said
    assert "these never change: `returned" in said
    assert "its parameter `seed`" in said
    with pytest.raises(AssertionError, match="no free parameter `random_seed`, `seed` or `random_state`"):
        assert_seed_matters(constant, 3, 4)


def test_differences_within_the_tolerance_are_none() -> None:
    assert_seed_matters(nearly)
    with pytest.raises(AssertionError, match="the seed does not matter"):
        assert_seed_matters(nearly, rtol=1e-6)


def test_the_seed_can_be_kept_from_the_parameter() -> None:
    with pytest.raises(AssertionError, match="the seed does not matter"):
        assert_seed_matters(given, 3, seed_parameter=None)


def test_one_seed_shows_nothing() -> None:
    with pytest.raises(CheckError, match="at least two are needed, not 1"):
        assert_seed_matters(given, 3, seeds=[1])
    with pytest.raises(CheckError, match="has a seed twice"):
        assert_seed_matters(given, 3, seeds=[1, 1])
