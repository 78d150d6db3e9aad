"""What is being replayed at the moment, for whoever shows it to a person meanwhile; loads nothing, as sessions ask."""

from __future__ import annotations

from typing import Protocol


class ReplayListener(Protocol):
    """Is told of each replay that begins, and several times a second that it goes on."""

    def begun(self, text: str) -> None:
        """A replay begins."""

    def goes_on(self) -> None:
        """It has not ended yet."""


_listeners: list[ReplayListener] = []


def listen(listener: ReplayListener | None) -> None:
    """Have this one told, in place of any other; nobody if it is None."""
    _listeners[:] = [] if listener is None else [listener]


def tell_begun(text: str) -> None:
    """Say that a replay begins, and which."""
    for each in _listeners:
        each.begun(text)


def tell_going_on() -> None:
    """Say that a replay has not ended."""
    for each in _listeners:
        each.goes_on()
