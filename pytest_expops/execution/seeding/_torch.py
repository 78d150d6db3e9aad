"""PyTorch's global random state: CPU, CUDA and MPS, none of which is initialised for it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import xxhash


@dataclass(slots=True)
class TorchState:
    """States are uint8 tensors; `cuda` holds one per device, or ``None`` while CUDA is not initialised.

    `queued` is what the session has asked of CUDA for the time when it will be.
    """

    cpu: Any
    cuda: list[Any] | None
    mps: Any | None
    queued: dict[str, Any]


class Torch:
    """PyTorch's default generators, seeded by `torch.manual_seed`, which reaches every device.

    CUDA is initialised by its first use, and takes a seed in advance: so it is never initialised here, and the seed
    holds all the same if the process does. If it does so, the session's CUDA streams start afterwards as they would
    have: from the seed that the session had asked for, else unseeded. The states of XPU, MTIA and custom devices
    are seeded but not restored.
    """

    name = "torch"
    module = "torch"
    needs = "manual_seed"

    def save(self) -> TorchState:
        torch = sys.modules[self.module]
        return TorchState(
            cpu=torch.get_rng_state(),
            cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None,
            mps=torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
            queued=dict(vars(_seed_queue(torch))),
        )

    def seed(self, seed: int) -> None:
        sys.modules[self.module].manual_seed(seed)

    def restore(self, state: TorchState) -> None:
        torch = sys.modules[self.module]
        torch.set_rng_state(state.cpu)
        if state.mps is not None:
            torch.mps.set_rng_state(state.mps)
        if state.cuda is not None:
            torch.cuda.set_rng_state_all(state.cuda)
        elif torch.cuda.is_initialized():
            _start_cuda_as_queued(torch, state.queued)
        vars(_seed_queue(torch)).update(state.queued)

    def digest(self, state: TorchState) -> str:
        hasher = xxhash.xxh3_64()
        for tensor in [state.cpu, *(state.cuda or ()), *(() if state.mps is None else (state.mps,))]:
            hasher.update(tensor.numpy().tobytes())
        return hasher.hexdigest()


class _NoQueue:
    """Stands for the queue in a PyTorch that has none."""


def _seed_queue(torch: Any) -> Any:
    return getattr(torch.cuda, "_lazy_seed_tracker", None) or _NoQueue()


def _start_cuda_as_queued(torch: Any, queued: dict[str, Any]) -> None:
    # As `torch.cuda.init` would have: a new generator's seed is drawn from the system, then what was queued is called.
    torch.cuda.seed_all()
    for call in queued.get("call_order", ()):
        if call is not None:
            callback, _ = call
            callback()
