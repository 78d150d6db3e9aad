"""Projects of many no-op items, as plain tests and as processes, and pytest runs of them that are measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CONFIG = """
model:
  parameters:
    custom_script_path: model.py
    pipeline:
      process_adjlist: |
        start work
      processes:
        - name: start
          {split}
        - name: work
"""
SCRIPT = """
def start(data):
    return {}


def work(data):
    return {"x": 1}
"""
TESTS = """
import pytest


@pytest.mark.parametrize("number", range({count}))
def test_nothing(number):
    pass
"""
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


@dataclass(frozen=True)
class Measured:
    """Of a program that has ended: wall time and processor time of itself and its children, and its peak memory."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


def write_project(folder: Path, counts: tuple[int, ...]) -> None:
    """Configs and test files of so many items each; what `arguments` names."""
    (folder / "model.py").write_text(SCRIPT, encoding="utf-8")
    for count in counts:
        seeds = f"seed_parallelism: {{seeds: [{', '.join(map(str, range(count)))}]}}"
        partitions = f"data_parallelism: {{size: {count}}}"
        (folder / f"seeds_{count}.yaml").write_text(CONFIG.format(split=seeds), encoding="utf-8")
        (folder / f"partitions_{count}.yaml").write_text(CONFIG.format(split=partitions), encoding="utf-8")
        (folder / f"test_{count}.py").write_text(TESTS.format(count=count), encoding="utf-8")


def arguments(kind: str, count: int) -> list[str]:
    """What selects the items: `tests`, or processes under `seeds` or `partitions`."""
    if kind == "tests":
        return [f"test_{count}.py"]
    return ["--expops-config", f"{kind}_{count}.yaml", f"{kind}_{count}.yaml", "--expops-cache=off"]


def run(folder: Path, *words: str) -> Measured:
    """Run pytest, which must pass."""
    begin = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.getenv("PYTHONPATH"))))}
    process = subprocess.Popen([*PYTEST, *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"pytest {' '.join(words)} ended with {process.returncode}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
