"""What was checked without a config, for whoever reports it; loads nothing, as sessions ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_expops.execution.session import PipelineSession
    from pytest_expops.pipeline.model import FunctionCheck
    from pytest_expops.verdicts.replay import Verdict


class CheckListener(Protocol):
    """Is told of each function, program or test that was replayed."""

    def checked(self, session: PipelineSession, check: FunctionCheck, verdicts: Sequence[Verdict]) -> None:
        """A verdict was found for each seed, or the one that there is."""


_listeners: list[CheckListener] = []


@contextmanager
def listening(*listeners: CheckListener) -> Iterator[None]:
    """Have these told meanwhile, in place of any others: those of a session in which this one runs."""
    before = [*_listeners]
    _listeners[:] = listeners
    try:
        yield
    finally:
        _listeners[:] = before


def tell_checked(session: PipelineSession, check: FunctionCheck, verdicts: Sequence[Verdict]) -> None:
    """Say what came of a check."""
    for each in _listeners:
        each.checked(session, check, verdicts)
