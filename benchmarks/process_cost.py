"""What a process costs beyond a plain test: no-op processes against as many no-op tests, at `-n 0` and `-n 2`.

Run `python benchmarks/process_cost.py [--count 20000] [--workers 0 2] [--replay]`. Each figure is the best of a few
whole pytest runs, less the best of as many runs with a single item, so that starting pytest does not count. Tests and
processes take turns. Processor time is that of all processes together, and is less disturbed by other programs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from items_support import Measured, arguments, run, write_project


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="how many items")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="values of -n")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each, of which the best counts")
    parser.add_argument("--replay", action="store_true", help="replay each process too")
    options = parser.parse_args()
    replay = f"--expops-replay={'seeded' if options.replay else 'none'}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, (1, options.count))
        for workers in options.workers:
            found: dict[tuple[str, int], list[Measured]] = {}
            for _ in range(options.repeats):
                for count in (1, options.count):
                    for kind in ("tests", "seeds"):
                        words = [f"-n{workers}", replay, *arguments(kind, count)]
                        found.setdefault((kind, count), []).append(run(folder, *words))
            _print(workers, found, options.count)


def _print(workers: int, found: dict[tuple[str, int], list[Measured]], count: int) -> None:
    for what in ("seconds", "processor_seconds"):
        best = {key: min(getattr(each, what) for each in runs) for key, runs in found.items()}
        tests, processes = ((best[kind, count] - best[kind, 1]) / (count - 1) for kind in ("tests", "seeds"))
        title = "wall time" if what == "seconds" else "processor time"
        print(
            f"-n {workers}  {title:15} a test {tests * 1e3:6.3f} ms   a process {processes * 1e3:6.3f} ms   "
            f"ratio {processes / tests:5.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
