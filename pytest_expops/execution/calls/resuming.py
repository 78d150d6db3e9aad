"""A computation in one go, up to a point where it is saved, and taken up again there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytest_expops.execution.seeding.task_seeds import rng_digests

STATE = "state"
STREAMS = "streams"
"""The random streams after it: a digest by library."""

STREAMS_BEFORE = "streams before"

Start = Callable[[], Any] | None
Run = Callable[[Any, int], Any]
Save = Callable[[Any, str], Any] | None


def run_from_start(start: Start, run: Run, steps: Sequence[int], save: Save, path: str) -> dict[str, Any]:
    """Return what the state is after so many steps, in one go or in several, and save it then if there is a `save`."""
    before = rng_digests()
    state = start() if start is not None else None
    for count in steps:
        state = _advanced(run, state, count)
    if save is not None:
        save(state, path)
    return {STATE: state, STREAMS: rng_digests(), STREAMS_BEFORE: before}


def run_from_saved(load: Callable[[str], Any], run: Run, steps: int, path: str) -> dict[str, Any]:
    """Return what the state is so many steps after it was loaded; right after that for no steps."""
    state = load(path)
    if steps:
        state = _advanced(run, state, steps)
    return {STATE: state, STREAMS: rng_digests()}


def _advanced(run: Run, state: Any, steps: int) -> Any:
    returned = run(state, steps)
    return state if returned is None else returned
