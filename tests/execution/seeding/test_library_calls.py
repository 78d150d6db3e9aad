"""What is called of libraries that are rarely installed: by stand-ins that note each call, and keep a stream."""

from __future__ import annotations

import random
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded


class StandIn(ModuleType):
    """A module whose global stream is one of Python's generators."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.stream = random.Random(7)
        self.seeds: list[int] = []

    def start(self, seed: int) -> None:
        self.seeds.append(int(seed))
        self.stream.seed(int(seed))


@pytest.fixture
def stand_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    module: StandIn = request.param()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def _paddle() -> StandIn:
    module: Any = StandIn("paddle")

    class State:
        def __init__(self, words: Any) -> None:
            self.words = words

        def __str__(self) -> str:
            return f"-1 7 {hex(id(self))} {self.words}"

    def get_rng_state(device: str | None = None) -> list[State]:
        assert device == "cpu"
        return [State(module.stream.getstate())]

    def set_rng_state(states: list[State], device: str | None = None) -> None:
        assert device == "cpu"
        module.stream.setstate(states[0].words)

    module.seed, module.get_rng_state, module.set_rng_state = module.start, get_rng_state, set_rng_state
    module.get_cuda_rng_state, module.set_cuda_rng_state = list, lambda states: None
    return module  # type: ignore[no-any-return]


def _cupy(available: bool = True) -> StandIn:
    module: Any = StandIn("cupy")

    class RandomState:
        def __init__(self, seed: np.uint64) -> None:
            assert type(seed) is np.uint64
            module.seeds.append(int(seed))
            self.stream = random.Random(int(seed))

    def set_random_state(state: RandomState) -> None:
        module.current, module.stream = state, state.stream

    module.current = SimpleNamespace(stream=module.stream)
    module.random = SimpleNamespace(
        RandomState=RandomState, get_random_state=lambda: module.current, set_random_state=set_random_state
    )
    module.cuda = SimpleNamespace(is_available=lambda: available)
    return module  # type: ignore[no-any-return]


@pytest.mark.parametrize("stand_in", [_paddle, _cupy], indirect=True)
def test_a_state_that_can_be_read_is_put_back(stand_in: StandIn) -> None:
    expected = random.Random(7)
    assert stand_in.stream.random() == expected.random()
    with seeded(2**63 + 1):
        one = stand_in.stream.random()
        with seeded(5):
            stand_in.stream.random()
        two = stand_in.stream.random()
    assert stand_in.seeds == [2**63 + 1, 5]
    process = random.Random(2**63 + 1)
    assert [one, two] == [process.random(), process.random()]
    assert stand_in.stream.random() == expected.random()


@pytest.mark.parametrize("stand_in", [_paddle], indirect=True)
def test_the_digest_of_a_paddle_state_has_no_address_in_it(stand_in: StandIn) -> None:
    digest = rng_digests()["paddle"]
    assert rng_digests()["paddle"] == digest
    stand_in.stream.random()
    assert rng_digests()["paddle"] != digest


@pytest.mark.parametrize("stand_in", [lambda: _cupy(available=False)], indirect=True)
def test_cupy_without_a_device_is_left_alone(stand_in: StandIn) -> None:
    with seeded(1):
        pass
    assert stand_in.seeds == []
    assert "cupy" not in rng_digests()
