"""CuPy's global random state, that of the current device."""

from __future__ import annotations

import sys
from typing import Any


class CuPy:
    """The `cupy.random.RandomState` of the current device; one of the task takes its place until it is put back.

    A machine without a device is left alone. One with a device has it initialised by this, which CuPy does at its
    first array. The states of other devices, and `cupy.random.default_rng` generators, are not touched.
    """

    name = "cupy"
    module = "cupy"
    needs = "random"

    def save(self) -> Any:
        """Return the state in use: an object that nobody draws from while another is in its place."""
        return self._random.get_random_state() if self._has_device else None

    def seed(self, seed: int) -> None:
        """Begin the stream of `seed`."""
        if self._has_device:
            numpy = sys.modules["numpy"]  # which CuPy imports
            self._random.set_random_state(self._random.RandomState(numpy.uint64(seed)))

    def restore(self, state: Any) -> None:
        """Put back what `save` has returned."""
        if state is not None:
            self._random.set_random_state(state)

    def digest(self, state: Any) -> None:
        """Return None: a state lies on the device, where it cannot be read."""

    @property
    def _random(self) -> Any:
        return sys.modules[self.module].random

    @property
    def _has_device(self) -> bool:
        return bool(sys.modules[self.module].cuda.is_available())
