"""A function that a test hands over becomes a pipeline of one process, and of what gives it its arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_expops.pipeline.model import (
    CodeRef,
    ExpandedPipeline,
    ExpandedProcess,
    FunctionCheck,
    Kind,
    Layers,
    Pipeline,
    Process,
    Tolerance,
)

ARGUMENTS = "arguments"
"""The process that gives the call; nothing runs it, since its outputs are there from the start."""
CALL = "call"
"""The output of that process."""


def check_to_json(check: FunctionCheck) -> dict[str, Any]:
    """Return plain data, the inverse of `check_from_json`."""
    return dataclasses.asdict(check)


def check_from_json(data: Mapping[str, Any]) -> FunctionCheck:
    """Return what `check_to_json` was called on."""
    modules = tuple((name, file) for name, file in data["modules"])
    names = "seeds", "folders", "seed_names", "test_files", "rewritten", "earlier", "others"
    lists: dict[str, Any] = {name: tuple(data[name]) for name in names}
    return FunctionCheck(**{**data, **lists, "modules": modules})


def check_pipeline(check: FunctionCheck) -> ExpandedPipeline:
    """Return the process named as the check, once or once per seed (``train_seed1``), downstream of `ARGUMENTS`."""
    tolerance = Tolerance(check.rtol, check.atol)
    source = Process(ARGUMENTS, CodeRef("", ARGUMENTS), kind=Kind.CALL)
    code = CodeRef(check.source, check.function)
    tolerances: dict[str | None, Tolerance] = {} if tolerance.exact else {None: tolerance}
    process = Process(check.name, code, (ARGUMENTS,), kind=Kind.CALL, tolerances=tolerances)
    tests = {name: Process(name, code, (ARGUMENTS,), kind=Kind.CALL) for name in (*check.earlier, *check.others)}
    root = Path(check.folders[0])
    pipeline = Pipeline(
        path=root,
        root=root,
        workspace=root,
        working_directory=Path(check.directory),
        scripts={},
        base_seed=check.seed or 0,
        parameters={},
        processes={ARGUMENTS: source, check.name: process, **tests},
        check=check,
    )
    layers = Layers((), (ARGUMENTS,)) if check.seeds else Layers()
    fan_out: tuple[tuple[int, ...], ...] = tuple((seed,) for seed in check.seeds) or ((),)
    expanded = {ARGUMENTS: ExpandedProcess(ARGUMENTS, source, (), (), ())}
    for seeds in fan_out:
        name = check_name(check, *seeds)
        expanded[name] = ExpandedProcess(name, process, (), seeds, (ARGUMENTS,))
    expanded |= {name: ExpandedProcess(name, test, (), (), (ARGUMENTS,)) for name, test in tests.items()}
    plain = dict.fromkeys(tests, Layers())
    of_process = {ARGUMENTS: Layers(), check.name: layers, **plain}
    outgoing = {ARGUMENTS: layers, check.name: layers, **plain}
    return ExpandedPipeline(pipeline, expanded, of_process, of_process, outgoing)


def check_name(check: FunctionCheck, *seeds: int) -> str:
    """Return the name of the process under a seed, or of the one that there is."""
    return "_".join([check.name, *(f"seed{seed}" for seed in seeds)])


def names_of(check: FunctionCheck) -> list[str]:
    """Return the names of the processes of a check, one per seed."""
    return [check_name(check, seed) for seed in check.seeds] or [check.name]
