"""What it costs to collect a process: time and memory against as many plain parametrized tests.

Run `python benchmarks/collection.py [--count 20000]`. `--co -q` is measured whole, less a run with a single item; a
session by a plugin, from the beginning to the end of collection, and then ended; both in processor time. Memory is by
what the peak of the resident set grows per item, and by what `tracemalloc` says is still held when collection ends.
Tests and processes take turns; the best of a few runs counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from items_support import arguments, run, write_project

WATCH = """
import gc, json, os, time, tracemalloc
import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session):
    if os.environ.get("WATCH_MEMORY"):
        import pytest_expops.plugin.items.base  # what is loaded once is no item's
        tracemalloc.start()
    begin = time.process_time()
    result = yield
    seconds = time.process_time() - begin
    gc.collect()
    with open("watched.json", "w") as file:
        json.dump({"session": seconds, "held": tracemalloc.get_traced_memory()[0]}, file)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    return True
"""
KINDS = ("tests", "seeds", "partitions")
FIGURES = {
    "co": ("--co -q", 1e6, "us"),
    "session": ("in a session", 1e6, "us"),
    "peak": ("resident set", 1e-3, "kB"),
    "held": ("tracemalloc", 1e-3, "kB"),
}


def figures(folder: Path, kind: str, count: int) -> dict[str, float]:
    """Seconds and bytes for so many items of one kind."""
    words = ["-n0", "--expops-replay=none", *arguments(kind, count)]
    listed = run(folder, "--co", *words)
    run(folder, "-p", "watch", *words)
    session = json.loads((folder / "watched.json").read_bytes())["session"]
    return {"co": listed.processor_seconds, "session": session, "peak": listed.peak_bytes}


def held(folder: Path, kind: str, count: int) -> float:
    """Bytes that Python holds more after collection than before."""
    with_memory = (folder / "watch.py").read_text(encoding="utf-8").replace('os.environ.get("WATCH_MEMORY")', "True")
    (folder / "watch_memory.py").write_text(with_memory, encoding="utf-8")
    run(folder, "-n0", "-p", "watch_memory", "--expops-replay=none", *arguments(kind, count))
    return float(json.loads((folder / "watched.json").read_bytes())["held"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="how many items")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the best counts")
    options = parser.parse_args()
    best: dict[tuple[str, str, int], float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, (1, options.count))
        (folder / "watch.py").write_text(WATCH, encoding="utf-8")
        for _ in range(options.repeats):
            for count in (1, options.count):
                for kind in KINDS:
                    for figure, value in figures(folder, kind, count).items():
                        key = figure, kind, count
                        best[key] = min(best.get(key, value), value)
        for count in (1, options.count):
            for kind in KINDS:
                best["held", kind, count] = held(folder, kind, count)
    for figure, (title, scale, unit) in FIGURES.items():
        each = {
            kind: (best[figure, kind, options.count] - best[figure, kind, 1]) / (options.count - 1) for kind in KINDS
        }
        told = "   ".join(f"{kind} {each[kind] * scale:7.2f} {unit}" for kind in KINDS)
        ratios = ", ".join(f"{each[kind] / each['tests']:.2f}" for kind in KINDS[1:])
        print(f"{title:13} {told}   ratios {ratios}", flush=True)


if __name__ == "__main__":
    main()
