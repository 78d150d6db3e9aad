"""While values are read, fingerprinted and compared the collector runs seldom; then as it did before."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.seldom_collected import CONTAINERS, SeldomCollected
from pytest_expops.values.storage.store import ArtifactStore

BEFORE = (701, 11, 12)


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    found = gc.get_threshold()
    gc.set_threshold(*BEFORE)
    yield
    gc.set_threshold(*found)


class Asks:
    """Notes the thresholds whenever its state is read or set."""

    seen: ClassVar[list[tuple[int, int, int]]] = []

    def __getstate__(self) -> dict[str, Any]:
        self.seen.append(gc.get_threshold())
        return {"a": 1}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.seen.append(gc.get_threshold())


def _read(folder: Path) -> Callable[[], object]:
    store = ArtifactStore(folder)
    artifact = store.put(Asks())
    return lambda: store.get(artifact)


@pytest.mark.parametrize("what", ["fingerprint", "compare", "read"])
def test_the_collector_runs_seldom_while_values_are_worked_on_and_as_before_afterwards(
    what: str, tmp_path: Path
) -> None:
    actions = {
        "fingerprint": lambda: fingerprint([Asks()]),
        "compare": lambda: compare([Asks()], [Asks()]),
        "read": _read(tmp_path),
    }
    Asks.seen.clear()
    actions[what]()
    assert set(Asks.seen) == {(CONTAINERS, *BEFORE[1:])}
    assert gc.get_threshold() == BEFORE
    assert gc.isenabled()


def test_an_inner_block_leaves_the_collector_to_the_outer_one_and_an_error_ends_both() -> None:
    def raising() -> None:
        with SeldomCollected():
            with SeldomCollected():
                pass
            assert gc.get_threshold()[0] == CONTAINERS
            raise ValueError("within")

    with pytest.raises(ValueError, match="within"):
        raising()
    assert gc.get_threshold() == BEFORE


def test_a_threshold_set_within_is_kept() -> None:
    with SeldomCollected():
        gc.set_threshold(5, 6, 7)
    assert gc.get_threshold() == (5, 6, 7)


@pytest.mark.parametrize("first", [0, CONTAINERS + 1])
def test_a_collector_that_runs_more_seldom_or_never_is_left_alone(first: int) -> None:
    gc.set_threshold(first, *BEFORE[1:])
    with SeldomCollected():
        assert gc.get_threshold()[0] == first
    assert gc.get_threshold()[0] == first
