"""What replays cost beyond running everything twice, `-n 2`: 2 processes x 8 seeds x 0.3 s of work, each replayed once.

Run `python benchmarks/replay_cost.py [--imports numpy,pandas,sklearn] [--seconds 0.3] [--repeats 2]`. For each library
that the script imports there is one line; all figures are the best of a few whole pytest runs:

- *ideal*: twice the work, divided by the workers.
- *fixed*: the same pipeline with the same replays and no work: starting pytest, workers and replicas, all imports.
- *wall*: the whole run. *ratio* is (wall - fixed) / ideal, and *with fixed* is wall / ideal.
- *tests*: plain tests that do the same work in one run and as often, without replicas: wall, and its ratio to that.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """
model:
  parameters:
    custom_script_path: model.py
    pipeline:
      process_adjlist: |
        start fit
        fit score
      processes:
        - name: start
          seed_parallelism: {{seeds: {seeds}}}
        - name: fit
        - name: score
"""
SCRIPT = """
import os
import time

{imports}

SECONDS = float(os.environ["BENCHMARK_SECONDS"])


def work():
    end = time.process_time() + SECONDS
    while time.process_time() < end:
        sum(range(1000))


def start():
    return {{}}


def fit(random_seed):
    work()
    return {{"model": random_seed}}


def score(model):
    work()
    return {{"score": model / 7}}
"""
TESTS = """
import model
import pytest


@pytest.mark.parametrize("number", range({count}))
def test_work(number):
    model.work()
"""
IMPORTS = {
    "nothing": "",
    "numpy": "import numpy",
    "pandas": "import pandas",
    "sklearn": "import pandas\nimport sklearn.ensemble",
}


def wall(folder: Path, seconds: float, *arguments: str) -> float:
    """Seconds of one pytest run over two workers."""
    command = [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "no:cacheprovider", *arguments]
    begin = time.perf_counter()
    environment = {**os.environ, "BENCHMARK_SECONDS": str(seconds)}
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stdout + found.stderr)
    return time.perf_counter() - begin


def measure(folder: Path, imports: str, options: argparse.Namespace) -> str:
    """One line of the table."""
    (folder / "model.py").write_text(SCRIPT.format(imports=IMPORTS[imports]), encoding="utf-8")
    processes = 2 * options.seeds
    (folder / "test_work.py").write_text(TESTS.format(count=2 * processes), encoding="utf-8")
    pipeline = ("--expops-config", "config.yaml", "config.yaml", "--expops-cache=off")
    runs = {
        "wall": (options.seconds, pipeline),
        "fixed": (0.0, pipeline),
        "tests": (options.seconds, ("test_work.py",)),
    }
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(options.repeats):
        for name, (seconds, arguments) in runs.items():
            best[name] = min(best[name], wall(folder, seconds, *arguments))
    ideal = processes * options.seconds * 2 / 2
    ratios = [(best["wall"] - best["fixed"]) / ideal, best["wall"] / ideal, best["wall"] / best["tests"]]
    figures = [ideal, best["fixed"], best["wall"], *ratios[:2], best["tests"], ratios[2]]
    return imports.ljust(8) + "".join(f"{each:11.2f}" for each in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imports", default=",".join(IMPORTS), help=f"a comma list of {', '.join(IMPORTS)}")
    parser.add_argument("--seconds", type=float, default=0.3, help="of work in each process")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    heads = ["ideal", "fixed", "wall", "ratio", "with fixed", "tests", "ratio"]
    print("imports ".ljust(8) + "".join(head.rjust(11) for head in heads))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = CONFIG.format(seeds=list(range(options.seeds)))
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        for imports in options.imports.split(","):
            print(measure(folder, imports, options), flush=True)


if __name__ == "__main__":
    main()
