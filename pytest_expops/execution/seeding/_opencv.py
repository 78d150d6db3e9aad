"""The random stream of OpenCV, of the thread that runs the process."""

from __future__ import annotations

import sys
from typing import Any

from pytest_expops.execution.seeding._restarted import RestartedLibrary


class OpenCV(RestartedLibrary):
    """The stream of `cv2.setRNGSeed`, which `randn`, `randu`, `randShuffle` and `kmeans` draw from.

    Each thread has one of its own, and OpenCV lets nobody reach that of another thread: there it always starts at
    the same place, whatever the seed is, and goes on from process to process while the thread lives.
    """

    name = "opencv"
    module = "cv2"
    needs = "setRNGSeed"

    def seed(self, seed: int) -> None:
        """Begin the stream of the upper 31 bits of `seed`: OpenCV takes a C int."""
        self._cv2.setRNGSeed(seed >> 33)

    def next_seed(self) -> int:
        """Return a number whose upper 31 bits, which are those that count, come from `cv2.randu`."""
        numpy = sys.modules["numpy"]  # which OpenCV imports
        first, second = self._cv2.randu(numpy.zeros(2, numpy.uint16), 0, 2**16).ravel().tolist()
        return int(first << 48 | second << 32)

    @property
    def _cv2(self) -> Any:
        return sys.modules[self.module]
