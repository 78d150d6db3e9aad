"""The standard streams of a run: a process may close, replace or take apart what it finds; the rest has its own."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

NAMES = ("stdin", "stdout", "stderr")
STANDARD = 2
"""The last of the descriptors that no stream here closes."""


@contextmanager
def own_streams() -> Iterator[None]:
    """Give `sys.stdout` and `sys.stderr` doubles, which write to the same place, and put all three back at the end."""
    kept = {name: getattr(sys, name) for name in NAMES}
    sys.stdout, sys.stderr = _double(sys.stdout), _double(sys.stderr)
    doubles = sys.stdout, sys.stderr
    try:
        yield
    finally:
        flush(sys.stdout, sys.stderr, *doubles)
        for name, stream in kept.items():
            setattr(sys, name, stream)


def flush(*streams: Any) -> None:
    """Have streams write what they hold, as far as they are any."""
    for stream in streams:
        with suppress(Exception):
            stream.flush()


def _double(stream: Any) -> Any:
    """Return another stream to the same place; the same stream where it has no descriptor.

    It has a descriptor of its own, unless that is one of the three that are always there. It may live as long as
    somebody wants to write to it, a handler of a logger, say. Nobody is warned of one that is not closed.
    """
    try:
        stream.flush()
        encoding, errors, number = stream.encoding, stream.errors, stream.fileno()
        own = number if number <= STANDARD else os.dup(number)
    except Exception:  # it may be anything
        return stream
    double = open(own, "w", buffering=1, encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
    if own != number:
        weakref.finalize(double, os.close, own)
    return double
