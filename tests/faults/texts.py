"""Many files that were made wrong: they are read by interpreters of their own, which are watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.sessions import ROOT
from tests.faults.table import Fault, Kind

Result = tuple[int, list[Fault], dict[str, int]]


def run(kind: str, seeds: Sequence[int], folder: Path) -> Iterator[Result]:
    """Read the files of these seeds; an interpreter that dies of one is a fault, and another one reads on.

    Args:
        kind: ``configs`` or ``locks``, as the part is called.
        seeds: say what the files are.
        folder: is empty.
    """
    left, tried = list(seeds), 0
    while left:
        place = folder / str(tried)
        place.mkdir()
        tried += 1
        ended = _read(kind, left, place)
        begun = None
        for line in ended.stdout.splitlines():
            told = json.loads(line)
            begun = told.get("begins")
            if begun is None:
                left.remove(told["seed"])
                case = f"{kind}:{told['seed']}"
                yield told["seed"], [Fault(Kind[name], case, what) for name, what in told["faults"]], {}
        if begun is not None:
            left.remove(begun)
            yield begun, [_death(ended, f"{kind}:{begun}")], {}
        elif left:
            raise RuntimeError(f"nothing was read: {ended.stderr[-4000:]}")


def _read(kind: str, seeds: Sequence[int], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults.reading", kind, str(folder), *map(str, seeds)]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )


def _death(ended: subprocess.CompletedProcess[str], case: str) -> Fault:
    if "Timeout (" in ended.stderr:
        return Fault(Kind.HUNG, case, f"reading it did not end:\n{ended.stderr[-4000:]}")
    return Fault(Kind.LOST, case, f"the interpreter ended with {ended.returncode}:\n{ended.stderr[-4000:]}")
