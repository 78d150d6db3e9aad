"""One metric of every duplicate of a process, by partition and seed: a logged number, or a scalar output."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pytest_expops.errors import StabilityError
from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedProcess
from pytest_expops.wording import did_you_mean, listed

MOST_SHOWN = 5
"""How many kinds of mistake an error names."""
MOST_NAMED = 20
"""How many metrics it names as being there."""

Lookup = Callable[[ExpandedProcess], float]
Pairs = Sequence[Sequence[Any]]
"""The readings of a logged metric as (step, value); the step of a value that is no number is None."""


class _NotAReading(Exception):
    """What is wrong with one value."""


def readings(session: PipelineSession, process: str, metric: str) -> dict[str, dict[str, float]]:
    """Return the values of a metric of a configured process, by group and seed; all its duplicates must have passed.

    A group is a partition, ``partition 1``, and where seed layers are nested also a seed of the outer ones. The metric
    is a logged one, ``step_name/metric`` where it was logged in a `@step`: the reading at its highest step. If none is
    logged under that name it is an output, ``key``, or ``key.subkey`` in nested dicts.

    Raises:
        StabilityError: of a duplicate there is no such metric, or it is no finite number; all that are wrong.
    """

    def value_of(each: ExpandedProcess) -> float:
        record = session.record(each.name)
        logged = logged_metrics(record)
        if metric in logged:
            return last_reading(metric, logged[metric])
        return _number(metric, _output(session, record, metric, logged))

    return grouped(session.expanded.of(process), value_of, process, metric)


def grouped(
    duplicates: Iterable[ExpandedProcess], value_of: Lookup, process: str, metric: str
) -> dict[str, dict[str, float]]:
    """Return what `value_of` gives, by group and seed.

    Raises:
        StabilityError: it raised for some.
    """
    found: dict[str, dict[str, float]] = {}
    bad: dict[str, list[str]] = {}
    for each in duplicates:
        try:
            found.setdefault(group_label(each), {})[str(each.seeds[-1])] = value_of(each)
        except _NotAReading as error:
            bad.setdefault(str(error), []).append(each.name)
    if bad:
        lines = [f"`{metric}` of {listed(names, 4, quote='`')} {what}" for what, names in bad.items()]
        raise StabilityError("\n".join(lines[:MOST_SHOWN]), process=process, key=metric)
    return found


def group_label(each: ExpandedProcess) -> str:
    """Return what a duplicate shares with those that differ from it in the innermost seed alone: ``partition 1``."""
    parts = [f"partition {', '.join(map(str, each.partitions))}"] if each.partitions else []
    return ", ".join([*parts, *(f"outer seed {seed}" for seed in each.seeds[:-1])])


def logged_metrics(record: RunRecord) -> dict[str, list[list[Any]]]:
    """Return what a run logged, by name: ``[[step, value], ...]``."""
    found: dict[str, list[list[Any]]] = {}
    for each in record.metrics:
        name = f"{each.source}/{each.name}" if each.source else each.name
        found.setdefault(name, []).append([each.step, each.value])
    return found


def last_reading(metric: str, pairs: Pairs) -> float:
    """Return the value at the highest step."""
    numbered = [pair for pair in pairs if pair[0] is not None]
    if not numbered:
        return _number(metric, pairs[-1][1])
    return _number(metric, max(numbered, key=lambda pair: pair[0])[1])


def baseline_readings(
    duplicates: Iterable[ExpandedProcess],
    baseline: Callable[[str], Mapping[str, Pairs] | None],
    metric: str,
) -> dict[str, dict[str, float]]:
    """Return what the baseline has of a logged metric, by group and seed; what it lacks is left out.

    Args:
        duplicates: the expanded processes.
        baseline: gives the logged metrics of an expanded process, or None where it has no entry.
        metric: a logged metric, ``step_name/metric`` where it was logged in a `@step`.
    """
    found: dict[str, dict[str, float]] = {}
    for each in duplicates:
        pairs = (baseline(each.name) or {}).get(metric)
        if not pairs:
            continue
        try:
            found.setdefault(group_label(each), {})[str(each.seeds[-1])] = last_reading(metric, pairs)
        except _NotAReading:  # that run may have gone wrong; this one is judged
            continue
    return found


def _output(session: PipelineSession, record: RunRecord, metric: str, logged: Iterable[str]) -> Any:
    for key in record.outputs:
        if metric == key or metric.startswith(f"{key}."):
            alone = replace(record, outputs={key: record.outputs[key]})  # the others may be large
            found = _within(session.load(alone)[key], metric[len(key) + 1 :])
            if found is not None:
                return found[0]
    raise _NotAReading(_absent(metric, logged, session.load(record)))


def _within(value: Any, path: str) -> tuple[Any] | None:
    """Return what is at ``key.subkey`` of nested dicts, whose keys may hold dots themselves; None if nothing is."""
    if not path:
        return (value,)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str) and (path == key or path.startswith(f"{key}.")):
                found = _within(inner, path[len(key) + 1 :])
                if found is not None:
                    return found
    return None


def _absent(metric: str, logged: Iterable[str], outputs: Mapping[str, Any]) -> str:
    names, scalars = sorted(logged), sorted(_scalars(outputs))
    there = [*names, *scalars]
    hint = did_you_mean(metric, there)
    lines = [f"is not there{f'; {hint}' if hint else ''}"]
    lines.append(f"    logged: {listed(names, MOST_NAMED, quote='`') or 'nothing'}")
    lines.append(f"    scalar outputs: {listed(scalars, MOST_NAMED, quote='`') or 'none'}")
    return "\n".join(lines)


def _scalars(outputs: Mapping[Any, Any], prefix: str = "", depth: int = 4) -> list[str]:
    """Return the paths of the numbers in nested dicts."""
    found: list[str] = []
    for key, value in outputs.items():
        if not isinstance(key, str):
            continue
        if isinstance(value, Mapping) and depth:
            found += _scalars(value, f"{prefix}{key}.", depth - 1)
        elif _as_float(value) is not None:
            found.append(f"{prefix}{key}")
    return found


def _number(metric: str, value: Any) -> float:
    number = _as_float(value)
    if number is None:
        shown = f" {value!r}" if isinstance(value, (str, bool, type(None))) else ""
        raise _NotAReading(f"is no number, but of type {type(value).__qualname__}{shown}; expected a scalar")
    if not math.isfinite(number):
        raise _NotAReading(f"is {number}; expected a finite number")
    return number


def _as_float(value: Any) -> float | None:
    """Return a real number of Python, NumPy, PyTorch or TensorFlow, or of an array without dimensions, as a float."""
    if isinstance(value, (bool, str, bytes)):
        return None
    if not isinstance(value, (numbers.Real, Decimal)):
        if getattr(value, "shape", None) is None or len(value.shape) != 0:
            return None
        value = value.numpy() if not hasattr(value, "item") else value
        value = value.item()
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return None
    try:
        return float(value)
    except (OverflowError, ValueError):
        return None
