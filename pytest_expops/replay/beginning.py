"""What was seen of a replay until the part of it began that counts is forgotten: other tests run before a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_forgets: list[Callable[[], object]] = []


def begin_anew() -> None:
    """Say that what counts of the present replay begins now; nothing is done outside of one."""
    for forget in _forgets:
        forget()


@contextmanager
def beginning_anew(*forgets: Callable[[], object]) -> Iterator[None]:
    """Have these called by `begin_anew`."""
    _forgets[:] = forgets
    try:
        yield
    finally:
        _forgets.clear()
