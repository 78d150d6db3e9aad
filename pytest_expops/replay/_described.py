"""A replay in words, for a person who waits for it."""

from __future__ import annotations

from pytest_expops.replay.nondeterminism.base import Mode
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.request import TRIAL, Request
from pytest_expops.wording import listed

MOST_NAMED = 2


def described(name: str, request: Request) -> str:
    """Return ``replay 2 of train``, or of a diagnosis ``run 7 to find the cause for train: the clock fixed``."""
    if request.attempt == 0:
        return f"first run of {name}"
    if 0 < request.attempt < TRIAL:
        return f"replay {request.attempt} of {name}"
    held = [SOURCES[each].title for each, setting in request.conditions.items() if setting.mode is Mode.HELD]
    number = f"run {request.attempt - TRIAL}" if request.attempt > TRIAL else "a run"
    how = [f"{listed(held, MOST_NAMED)} fixed"] if held else []
    how += ["traced"] if request.trace or request.lines else []
    how += [f"after {listed(request.before, MOST_NAMED)}"] if request.before else []
    return f"{number} to find the cause for {name}: {', '.join(how) or 'as it is'}"
