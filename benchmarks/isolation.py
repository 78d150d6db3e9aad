"""What it costs to make the first run of a process in a child of its own, against one in its worker.

Run `python benchmarks/isolation.py`. Both kinds are items of the same sessions, side by side: one process more of each
kind is the difference between a session with many and one with few.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

FEW, MANY, REPEATS = 5, 35, 3
SCRIPTS = {
    "nothing imported": "def step(data):\n    return {'x': 1}\n",
    "NumPy and pandas": "import numpy as np\nimport pandas as pd\ndef step(data):\n    return {'x': np.arange(10)}\n",
    "NumPy, 80 MB given": "import numpy as np\ndef step(data):\n    return {'x': np.arange(10_000_000)}\n",
}


def seconds(script: str, count: int, *, isolate: bool) -> float:
    """Return how long a session with so many processes takes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "models").mkdir()
        (root / "models/model.py").write_text(script, encoding="utf-8")
        names = [f"p{number}" for number in range(count)]
        processes = [{"name": name, "code_function": "step", "isolate": isolate} for name in names]
        pipeline = {"process_adjlist": "\n".join(names), "processes": processes}
        document = {"model": {"parameters": {"custom_script_path": "models/model.py", "pipeline": pipeline}}}
        (root / "config.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--expops-replay=none"]
        command = [sys.executable, "-m", "pytest", *options, "--expops-config", "config.yaml"]
        begin = time.perf_counter()
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin


def per_process(script: str) -> tuple[float, float]:
    """Return the seconds of one process more, in its worker and isolated: the median of a few, taken in turn."""
    found: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(REPEATS):
        for isolate, each in found.items():
            few, many = (seconds(script, count, isolate=isolate) for count in (FEW, MANY))
            each.append((many - few) / (MANY - FEW))
    return statistics.median(found[False]), statistics.median(found[True])


def main() -> None:
    print(f"{'process':<20} {'in its worker':>14} {'isolated':>10} {'ratio':>7} {'more':>9}")
    for name, script in SCRIPTS.items():
        here, apart = (1000 * each for each in per_process(script))
        print(f"{name:<20} {here:>11.1f} ms {apart:>7.1f} ms {apart / here:>6.1f}x {apart - here:>6.1f} ms")


if __name__ == "__main__":
    main()
