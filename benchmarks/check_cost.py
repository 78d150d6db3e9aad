"""What `assert_reproducible` costs of a NumPy function: the first check of a process, and those after it.

Run `python benchmarks/check_cost.py [--count 8]`. Times are in milliseconds beside that of a subprocess which imports
the same and calls the function once; `ratio` is to that. The first check is made in `--count` new processes, of which
the best counts; the next ones are made in one process, and the median counts. `once` is with `twice=False`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

FUNCTIONS = """
import numpy as np

def train(x, seed=0):
    return x + np.random.default_rng(seed).normal(size=len(x))
"""
SUBPROCESS = "import time; begin = time.perf_counter(); import numpy as np; import own; own.train(np.arange(9.0), 1)"
CHECKS = """
import sys, time
import numpy as np
import own
from pytest_expops import assert_reproducible

x = np.arange(9.0)
for _ in range(int(sys.argv[1])):
    begin = time.perf_counter()
    assert_reproducible(own.train, x, twice=sys.argv[2] == "twice")
    print(1000 * (time.perf_counter() - begin))
"""


def taken(folder: Path, code: str, *arguments: str) -> list[float]:
    """What a program that measures itself prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()]


def subprocess_taken(folder: Path) -> float:
    """Milliseconds for starting an interpreter, importing, and one call."""
    code = (
        "import subprocess, sys, time; begin = time.perf_counter(); "
        "subprocess.run([sys.executable, '-c', sys.argv[1]], check=True); print(1000 * (time.perf_counter() - begin))"
    )
    return taken(folder, code, SUBPROCESS)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "own.py").write_text(FUNCTIONS, encoding="utf-8")
        first: dict[str, list[float]] = {"subprocess": [], "once": [], "twice": []}
        for _ in range(options.count):  # in turn, since the machine may be busy with other work now and then
            first["subprocess"].append(subprocess_taken(folder))
            for how in ("once", "twice"):
                first[how] += taken(folder, CHECKS, "1", how)
        least = min(first["subprocess"])
        print(f"{'':24}{'ms':>8}{'ratio':>8}")
        print(f"{'a subprocess':24}{least:8.0f}{1:8.2f}")
        for how in ("once", "twice"):
            print(f"{f'first check, {how}':24}{min(first[how]):8.0f}{min(first[how]) / least:8.2f}")
        for how in ("once", "twice"):
            later = median(taken(folder, CHECKS, str(options.count + 3), how)[3:])
            print(f"{f'next check, {how}':24}{later:8.0f}{later / least:8.2f}")


if __name__ == "__main__":
    main()
