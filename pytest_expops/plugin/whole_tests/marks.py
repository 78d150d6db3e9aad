"""The marker `reproducible` of a test, read and checked; loads nothing, as every session looks for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_expops.bounds import NUMBERS
from pytest_expops.errors import CheckError
from pytest_expops.plugin.options.options import VARIABLE
from pytest_expops.wording import did_you_mean, joined, refusal, short_path, shown

MARKER = "reproducible"
SEED_FIXTURE = "expops_seed"
INSIDE = "expops-rerun"
"""The name of the plugin that is registered where a test is run again."""
WATCHER = "expops-test-runs"
"""The name of the plugin that is registered where there are tests to be run again."""
_KNOWN = ("seeds", "replays", "vary", "rtol", "atol", "reason")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How one test is replayed. What is None, the options of the session say."""

    seeds: tuple[int, ...] = ()
    replays: int | None = None
    vary: str | Sequence[str] | None = None
    rtol: float = 0.0
    atol: float = 0.0


def wanted(item: pytest.Item) -> Wanted | None:
    """Return what the marker of a test says; None where it has none.

    Raises:
        CheckError: the marker cannot be used; the message names the test's file and line.
    """
    mark = item.get_closest_marker(MARKER)
    if mark is None:
        return None
    try:
        return _read(mark.args, mark.kwargs)
    except CheckError as error:
        path, line, _ = item.reportinfo()
        place = f"{short_path(os.fspath(path), item.config.invocation_params.dir)}:{(line or 0) + 1}"
        message = f"{place}: @pytest.mark.{MARKER} of {item.name}: {error.message}"
        raise CheckError(message, hint=error.hint) from None


def _read(args: tuple[Any, ...], given: Mapping[str, Any]) -> Wanted:
    if args:
        raise CheckError("it takes keywords only", hint="expected, for example, seeds=[1, 2]")
    for name in given:
        if name not in _KNOWN:
            hint = did_you_mean(name, _KNOWN) or f"known are {joined(_KNOWN)}"
            raise CheckError(f"there is no keyword `{name}`", hint=hint)
    rtol, atol = _number("rtol", given.get("rtol", 0.0)), _number("atol", given.get("atol", 0.0))
    replays = given.get("replays")
    if replays is not None:
        replays = _number("replays", replays)
    vary = given.get("vary")
    if vary is not None:
        _check_sources(vary)
    return Wanted(_seeds(given.get("seeds", ())), replays, vary, rtol, atol)


def _number(name: str, value: object) -> Any:
    number = NUMBERS[name].read(value)
    if number is None:
        hint = "expected seeds=[1, 2]" if name == "seed" else None
        raise CheckError(refusal(name, NUMBERS[name].expected, value), hint=hint)
    return number


def _check_sources(vary: Any) -> None:
    if not isinstance(vary, str | list | tuple) or not all(isinstance(each, str) for each in vary):
        raise CheckError(f"vary is a text such as 'clock,env', or a list of names, not {shown(vary)}")
    for name in (each.strip() for each in (vary.split(",") if isinstance(vary, str) else vary)):
        if name and name not in VARIABLE and name != "all":
            hint = did_you_mean(name, VARIABLE) or f"known are {joined([*VARIABLE, 'all'])}"
            raise CheckError(f"vary: there is no source {name!r}", hint=hint)


def _seeds(given: Any) -> tuple[int, ...]:
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise CheckError(f"seeds is a list of whole numbers, not {shown(given)}", hint="expected seeds=[1, 2]")
    seeds = tuple(_number("seed", each) for each in given)
    if len(set(seeds)) < len(seeds):
        raise CheckError(f"seeds: {joined(map(str, seeds))} has a seed twice")
    return seeds


def seed_of(item: pytest.Item) -> int | None:
    """Return the seed that a test is run under; None where nothing is seeded."""
    found: int | None = getattr(getattr(item, "callspec", None), "params", {}).get(SEED_FIXTURE)
    return found if item.get_closest_marker(MARKER) is not None else None


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Make a test of each seed of the marker.

    Raises:
        pytest.Collector.CollectError: the marker cannot be used.
    """
    try:
        found = wanted(metafunc.definition)
    except CheckError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    if found is None or not found.seeds:
        return
    if SEED_FIXTURE not in metafunc.fixturenames:
        metafunc.fixturenames.append(SEED_FIXTURE)
    metafunc.parametrize(SEED_FIXTURE, found.seeds, ids=[f"seed{seed}" for seed in found.seeds], indirect=True)
