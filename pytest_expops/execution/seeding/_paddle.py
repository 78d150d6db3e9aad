"""PaddlePaddle's global random state: the CPU, and the CUDA devices where there are any."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

import xxhash


@dataclass(frozen=True, slots=True)
class PaddleState:
    """What `paddle.get_rng_state` returns for the CPU, and `paddle.get_cuda_rng_state` for all CUDA devices."""

    cpu: list[Any]
    cuda: list[Any]


class Paddle:
    """The default generators, seeded by `paddle.seed`, which reaches every device; XPU and custom ones are not read."""

    name = "paddle"
    module = "paddle"
    needs = "seed"

    def save(self) -> PaddleState:
        """Return the states of all generators that are read."""
        paddle = self._paddle
        return PaddleState(paddle.get_rng_state("cpu"), paddle.get_cuda_rng_state())

    def seed(self, seed: int) -> None:
        """Begin the streams of `seed`."""
        self._paddle.seed(seed)

    def restore(self, state: PaddleState) -> None:
        """Put back what `save` has returned."""
        self._paddle.set_rng_state(state.cpu, "cpu")
        self._paddle.set_cuda_rng_state(state.cuda)

    def digest(self, state: PaddleState) -> str:
        """Return 16 hex digits, equal for equal states."""
        # A state is written with the address of its engine among its numbers.
        text = [re.sub("0x[0-9a-f]+", "", str(each)) for each in (*state.cpu, *state.cuda)]
        return xxhash.xxh3_64_hexdigest(" ".join(text).encode())

    @property
    def _paddle(self) -> Any:
        return sys.modules[self.module]
