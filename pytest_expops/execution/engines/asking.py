"""Questions that may never be answered, since who is asked has stopped: each is put by a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Question:
    """A call, begun at once. The thread of one that never returns is left behind, and ends with this interpreter."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._answer: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def returns(self, seconds: float = 0.0) -> bool:
        """Wait at most so long for it to return; say whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def answer(self) -> Any:
        """Return what it has returned, or raise what it has raised."""
        if self._error is not None:
            raise self._error
        return self._answer

    def _ask(self) -> None:
        try:
            self._answer = self._function()
        except BaseException as error:
            self._error = error


def within(seconds: float, function: Callable[[], Any]) -> Any:
    """Return what a function returns.

    Raises:
        TimeoutError: it has not returned after so many seconds.
    """
    asked = Question(function)
    if not asked.returns(seconds):
        raise TimeoutError(f"there was no answer for {seconds:g} s")
    return asked.answer()
