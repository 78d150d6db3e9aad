"""Tolerances from the ini option `expops_tolerance`, laid under those of the configs.

::

    [pytest]
    expops_tolerance =
        *: atol=1e-12
        train: rtol=1e-6
        train.intercept: rtol=1e-6 atol=1e-8

The part before the colon is a process by its base name, or ``*`` for every process; after a dot may follow the key of
one output. A process has its own line rather than that of ``*``, and an output its own rather than that of its process;
what a config says in `reproducibility.tolerance` of a process, or of an output, comes before any line on the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pytest_expops.bounds import NUMBERS
from pytest_expops.pipeline.model import Pipeline, Process, Tolerance
from pytest_expops.plugin.options.given import Given
from pytest_expops.wording import Suggestions, and_more, listed

EVERY = "*"
MOST_TOLD = 20
"""So many bad lines, and names of processes, are told; of others, how many they are."""
_FORM = "`PROCESS: rtol=NUMBER atol=NUMBER` or `PROCESS.KEY: ...`, with `*` for every process"


@dataclass(frozen=True, slots=True)
class ToleranceLine:
    """One line: the process that it names, or `EVERY`; the output, or None for all of them; the tolerance."""

    process: str
    key: str | None
    tolerance: Tolerance


class _BadLine(Exception):
    """A part of a line, and what is wrong with it."""

    def __init__(self, found: str, problem: str) -> None:
        super().__init__(found, problem)
        self.found = found
        self.problem = problem


def with_tolerances(pipelines: Mapping[Path, Pipeline], lines: Iterable[Given]) -> dict[Path, Pipeline]:
    """Give processes these tolerances wherever their config gives none.

    Raises:
        pytest.UsageError: A line cannot be read, names a process that no config has, or repeats what another says.
    """
    known = {name for pipeline in pipelines.values() for name in pipeline.processes}
    read: dict[tuple[str, str | None], ToleranceLine] = {}
    errors: list[str] = []
    suggestions = Suggestions()
    for given in lines:
        try:
            line = parse(given.value, known, suggestions)
            if (line.process, line.key) in read:
                raise _BadLine(given.value, "is the second line for the same process or output; keep one")
            read[line.process, line.key] = line
        except _BadLine as error:
            errors.append(str(given.refused(error.problem, error.found)))
    if errors:
        more = and_more(len(errors), MOST_TOLD)
        raise pytest.UsageError("\n".join([*errors[:MOST_TOLD], *([more] if more else [])]))
    return {path: _applied(pipeline, read.values()) for path, pipeline in pipelines.items()}


def tolerance_of(given: Given) -> Tolerance:
    """Return the tolerance of an option whose value is such as ``rtol=1e-6 atol=1e-9``.

    Raises:
        pytest.UsageError: It cannot be read.
    """
    try:
        return _tolerance(given.value)
    except _BadLine as error:
        raise given.refused(error.problem, error.found) from None


def parse(text: str, known: Collection[str], suggestions: Suggestions | None = None) -> ToleranceLine:
    """Return what a line says; `known` are the processes there are, as their names may have dots in them too."""
    target, colon, amounts = text.rpartition(":")
    if not colon or not target.strip():
        raise _BadLine(text, f"is not of the form {_FORM}")
    process, key = _target(target.strip(), known, suggestions or Suggestions())
    return ToleranceLine(process, key, _tolerance(amounts))


def _target(text: str, known: Collection[str], suggestions: Suggestions) -> tuple[str, str | None]:
    names = [EVERY, *known]
    if text in names:
        return text, None
    longest = max((name for name in names if text.startswith(f"{name}.")), key=len, default=None)
    if longest is not None and len(text) > len(longest) + 1:
        return longest, text[len(longest) + 1 :]
    name = text.partition(".")[0]
    if name in known:
        raise _BadLine(text, f"names no output after its dot; the form is {_FORM}")
    hint = suggestions.did_you_mean(name, known) or f"there are {listed(sorted(known), MOST_TOLD)}"
    raise _BadLine(name, f"is not a process of any config; {hint}")


def _tolerance(text: str) -> Tolerance:
    amounts: dict[str, float] = {}
    for word in text.split():
        name, equals, number = word.partition("=")
        if name not in ("rtol", "atol") or not equals:
            raise _BadLine(word, "is not `rtol=NUMBER` or `atol=NUMBER`")
        if name in amounts:
            raise _BadLine(name, "is given twice; keep one")
        amounts[name] = _amount(word, number)
    if not amounts:
        raise _BadLine(text.strip(), "is not `rtol=NUMBER`, `atol=NUMBER` or both")
    return Tolerance(**amounts)


def _amount(word: str, number: str) -> float:
    bounds = NUMBERS[word.partition("=")[0]]
    try:
        amount: float | None = bounds.read(float(number))
    except ValueError:
        amount = None
    if amount is None:
        raise _BadLine(word, f"does not have {bounds.expected}")
    return amount


def _applied(pipeline: Pipeline, lines: Collection[ToleranceLine]) -> Pipeline:
    if not lines:
        return pipeline
    return replace(pipeline, processes={name: _with(process, lines) for name, process in pipeline.processes.items()})


def _with(process: Process, lines: Collection[ToleranceLine]) -> Process:
    found: dict[str | None, Tolerance] = {}
    for target in (EVERY, process.name):
        found |= {line.key: line.tolerance for line in lines if line.process == target}
    return replace(process, tolerances={**found, **process.tolerances})
