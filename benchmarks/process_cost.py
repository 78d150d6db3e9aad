"""What a process costs beyond a plain test: no-op processes against as many no-op tests, `-n 0`, in one run.

Run `python benchmarks/process_cost.py [--count 1000] [--replay]`. Each figure is the best of a few whole pytest runs,
less the best of as many runs with a single item, so that starting pytest does not count.
"""

from __future__ import annotations

import argparse
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
        start work
      processes:
        - name: start
          seed_parallelism: {{seeds: [{seeds}]}}
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


def seconds(folder: Path, *arguments: str) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *arguments]
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many items")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the best counts")
    parser.add_argument("--replay", action="store_true", help="replay each process too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.py").write_text(SCRIPT, encoding="utf-8")
        for count in (1, options.count):
            seeds = ", ".join(map(str, range(count)))
            (folder / f"config_{count}.yaml").write_text(CONFIG.format(seeds=seeds), encoding="utf-8")
            (folder / f"test_{count}.py").write_text(TESTS.format(count=count), encoding="utf-8")
        replay = "--expops-replay=seeded" if options.replay else "--expops-replay=none"
        best: dict[tuple[str, int], float] = {}
        for _ in range(options.repeats):
            for count in (1, options.count):
                runs = {
                    "tests": [f"test_{count}.py"],
                    "processes": ["--expops-config", f"config_{count}.yaml", replay, f"config_{count}.yaml"],
                }
                for kind, arguments in runs.items():
                    best[kind, count] = min(best.get((kind, count), 1e9), seconds(folder, *arguments))
    cost = {kind: (best[kind, options.count] - best[kind, 1]) / (options.count - 1) for kind in ("tests", "processes")}
    for kind, each in cost.items():
        print(f"{kind:10} {each * 1e3:7.3f} ms each")
    print(f"{'ratio':10} {cost['processes'] / cost['tests']:7.2f}")


if __name__ == "__main__":
    main()
