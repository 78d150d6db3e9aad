"""What the installed plugin costs a session that has no pipeline: pytest on one empty test, with and without it.

Run `python benchmarks/startup.py [--repeats 20]`. Runs alternate, so that a busy machine slows both; medians are shown,
and what a session with the plugin imports of it and of the heavy libraries.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEST = "def test_nothing():\n    pass\n"
HEAVY = ("numpy", "pandas", "yaml", "xxhash", "filelock", "cloudpickle")
COUNT = f"""
import sys

def pytest_unconfigure():
    own = [name for name in sys.modules if name.startswith("pytest_expops")]
    print("imports of its own:", len(own), "heavy:", [name for name in {HEAVY!r} if name in sys.modules])
"""


def seconds(folder: Path, *arguments: str) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "test_nothing.py"]
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="runs of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text(TEST, encoding="utf-8")
        runs: dict[str, list[float]] = {"without": [], "with": []}
        for _ in range(options.repeats):
            runs["without"].append(seconds(folder, "-p", "no:expops"))
            runs["with"].append(seconds(folder))
        (folder / "conftest.py").write_text(COUNT, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:hypothesispytest", "test_nothing.py"]
        shown = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    medians = {kind: statistics.median(each) for kind, each in runs.items()}
    for kind, each in runs.items():
        print(f"{kind:8} median {medians[kind] * 1e3:6.1f} ms  (quartiles {_quartiles(each)})")
    print(f"{'ratio':8} {medians['with'] / medians['without']:13.3f}")
    print(next(line for line in shown.splitlines() if line.startswith("imports of its own")))


def _quartiles(values: list[float]) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low * 1e3:.0f} to {high * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
