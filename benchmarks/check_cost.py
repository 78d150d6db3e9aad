"""What a check of a NumPy function costs: the first of a session, and the ones after it.

Run `python benchmarks/check_cost.py [--count 8]`. It prints seconds for the function itself, for a subprocess that
imports NumPy and calls it, for the first check and for the best and median of `--count` next ones, each less the
function itself, and both as ratios to the subprocess.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from pytest_expops import assert_reproducible


def mean_of_draws(count: int, seed: int) -> float:
    """The function that is checked."""
    return float(np.random.default_rng(seed).normal(size=count).mean())


ALONE = "import numpy as np; print(float(np.random.default_rng(42).normal(size=1000).mean()))"


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8)
    count = parser.parse_args().count
    own = seconds(lambda: mean_of_draws(1000, 42))
    first = seconds(lambda: assert_reproducible(mean_of_draws, 1000)) - own
    following = [seconds(lambda: assert_reproducible(mean_of_draws, 1000)) - own for _ in range(count)]
    alone = min(
        seconds(lambda: subprocess.run([sys.executable, "-c", ALONE], check=True, stdout=subprocess.DEVNULL))
        for _ in range(3)
    )
    print(f"the function itself {own:10.4f} s")
    print(f"a subprocess        {alone:10.4f} s")
    for name, found in (
        ("the first check", first),
        ("the next, best", min(following)),
        ("the next, median", statistics.median(following)),
    ):
        print(f"{name:20}{found:10.4f} s {found / alone:8.2f} of the subprocess")


if __name__ == "__main__":
    main()
