"""Messages between a worker and the interpreters that replay for it: JSON, one a line, over pipes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any


class Lines:
    """The messages that come by a pipe, read as they come."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._received = b""

    @property
    def has_line(self) -> bool:
        """Whether a message has arrived whole."""
        return b"\n" in self._received

    def read(self) -> bool:
        """Read what there is, waiting for some; return whether there was any before the end."""
        chunk = os.read(self.descriptor, 1 << 16)
        self._received += chunk
        return bool(chunk)

    def take(self) -> dict[str, Any]:
        """Return the next message that has arrived; {} for a line that is none: the last words of a killed process."""
        line, _, self._received = self._received.partition(b"\n")
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            return {}
        return found

    def next(self) -> dict[str, Any] | None:
        """Wait for the next message; None if there is none to come."""
        while not self.has_line:
            if not self.read():
                return None
        return self.take()


def send(descriptor: int, message: Mapping[str, Any]) -> None:
    """Write a message to a pipe, all of it."""
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]
