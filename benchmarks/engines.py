"""What a session on a Dask cluster costs, side by side with bare Dask, and with pytest-xdist's workers.

Run `python benchmarks/engines.py [--count 1000] [--workers 2] [--repeats 2]`; `--count 10000` for many,
`--large` for 100,000 processes that do not sleep, on the cluster alone.

Each of so many processes (the seeds of one) sleeps for 50 ms; nothing is replayed. Four take turns:
`--expops-engine=dask` on a cluster of its own, bare `distributed` with the same sleeps on the same kind of cluster,
`-n N` of pytest-xdist, and bare pytest with so many tests that do nothing, for what pytest itself costs an item. From
each the time of a session with two processes is taken, so that starting does not count. *Gap* is the time of a worker
between the end of a sleep and the begin of the next, as the sleeps themselves have noted it (the median). *Makespan* is
from the first begin to the last end of a sleep; its *bound* is what all have slept, divided by the workers (the longest
chain is one sleep). `benchmarks/makespan.py --dask` has graphs with long chains.

*Processor* is the time of the pytest process alone, without scheduler and workers, for each process of the pipeline;
*memory* the most that it held. The best of some runs counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from items_support import CONFIG, PYTEST, TESTS

SCRIPT = """
import time
from pathlib import Path

from sleeping import sleep

SECONDS = {seconds}


def start(data):
    return {{}}


def work(data):
    sleep(SECONDS)
    return {{"x": 1}}
"""
SLEEPING = """
import os, time


def sleep(seconds):
    begin = time.time()
    if seconds:
        time.sleep(seconds)
    with open(os.path.join(os.environ["SLEEPS"], str(os.getpid())), "a") as file:
        file.write(f"{begin} {time.time()}\\n")


def task(number, seconds):
    sleep(seconds)
    return number
"""
PLUGIN = """
import json, os, resource, time


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        with open(os.environ["CONTROLLER"], "w") as file:
            json.dump([time.process_time(), peak], file)
"""
BARE = """
import subprocess, sys, time
from pathlib import Path

import distributed
from sleeping import task

folder, count, seconds, workers = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
folder.mkdir()
file = str(folder / "scheduler.json")


def start(what, *words):
    common = ["--scheduler-file", file, "--host", "127.0.0.1", "--no-dashboard"]
    return subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{what}", *common, *words], stderr=-3)


one = ["--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--local-directory", str(folder)]
programs = [start("scheduler", "--port", "0"), *(start("worker", *one) for _ in range(workers))]
with distributed.Client(scheduler_file=file) as client:
    client.wait_for_workers(workers)
    begin = time.perf_counter()
    futures = [client.submit(task, number, seconds, pure=False, retries=0) for number in range(count)]
    distributed.wait(futures)
    print(time.perf_counter() - begin)
for each in programs:
    each.kill()
    each.wait()
"""


@dataclass(frozen=True)
class Session:
    """One session: its seconds, those of the processor that its main process took, its memory, and the sleeps."""

    seconds: float
    processor: float
    peak: int
    sleeps: dict[str, list[tuple[float, float]]]

    @property
    def gap(self) -> float:
        """The median time between two sleeps of a worker."""
        gaps = [b[0] - a[1] for each in self.sleeps.values() for a, b in itertools.pairwise(each)]
        return statistics.median(gaps) if gaps else float("nan")

    def over_bound(self, workers: int) -> float:
        """The makespan, divided by the least that it could be."""
        spans = [span for each in self.sleeps.values() for span in each]
        makespan = max(end for _, end in spans) - min(begin for begin, _ in spans)
        return makespan * workers / sum(end - begin for begin, end in spans)


def session(folder: Path, count: int, words: list[str]) -> Session:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "sleeps").mkdir()
        variables = {
            "SLEEPS": str(place / "sleeps"),
            "CONTROLLER": str(place / "controller"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.getenv("PYTHONPATH")))),
        }
        words = [each.format(place=place, count=count) for each in words]
        begin = time.perf_counter()
        done = subprocess.run(words, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        controller, processor, peak = place / "controller", float("nan"), 0
        if controller.exists():
            processor, peak = json.loads(controller.read_text(encoding="utf-8"))
        else:
            seconds = float(done.stdout)
        sleeps = {}
        for path in (place / "sleeps").iterdir():
            lines = path.read_text(encoding="utf-8").splitlines()
            sleeps[path.name] = [(float(a), float(b)) for a, b in map(str.split, lines)]
        slept = sum(map(len, sleeps.values()))
        if sleeps and slept != count:
            raise SystemExit(f"{' '.join(words)}: {slept} sleeps of {count}")
        return Session(seconds, processor, peak, sleeps)


def write(folder: Path, count: int, seconds: float) -> None:
    seeds = f"seed_parallelism: {{seeds: [{', '.join(map(str, range(count)))}]}}"
    (folder / f"seeds_{count}.yaml").write_text(CONFIG.format(split=seeds), encoding="utf-8")
    (folder / f"test_{count}.py").write_text(TESTS.format(count=count), encoding="utf-8")
    for name, text in {
        "model.py": SCRIPT.format(seconds=seconds),
        "sleeping.py": SLEEPING,
        "measuring.py": PLUGIN,
        "bare.py": BARE,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")


def kinds(workers: int, seconds: float) -> dict[str, list[str]]:
    pytest = [*PYTEST, "-p", "measuring"]
    config = [
        "--expops-config",
        "seeds_{count}.yaml",
        "seeds_{count}.yaml",
        "--expops-cache=off",
        "--expops-replay=none",
    ]
    return {
        "dask": [*pytest, *config, "--expops-engine=dask", f"--expops-engine-workers={workers}"],
        "bare Dask": [sys.executable, "bare.py", "{place}/dask", "{count}", str(seconds), str(workers)],
        f"-n {workers}": [*pytest, *config, f"-n{workers}"],
        "tests": [*pytest, "test_{count}.py"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, nargs="+", default=[1000], help="how many processes")
    parser.add_argument("--seconds", type=float, default=0.05, help="how long each sleeps")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="runs of each, of which the best counts")
    parser.add_argument("--only", nargs="+", help="not all of the four: names as they are printed")
    parser.add_argument(
        "--large", action="store_true", help="100,000 processes that do not sleep, on the cluster alone"
    )
    options = parser.parse_args()
    if options.large:
        options.count, options.seconds, options.only = [100_000], 0.0, ["dask"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (2, *options.count):
            write(folder, count, options.seconds)
        chosen = {k: v for k, v in kinds(options.workers, options.seconds).items() if k in (options.only or [k])}
        few = {kind: best(options.repeats, partial(session, folder, 2, words)) for kind, words in chosen.items()}
        for count in options.count:
            found = {k: best(options.repeats, partial(session, folder, count, words)) for k, words in chosen.items()}
            show(count, options.workers, few, found)


def best(repeats: int, run: Callable[[], Session]) -> Session:
    return min((run() for _ in range(repeats)), key=lambda each: each.seconds)


def show(count: int, workers: int, few: dict[str, Session], found: dict[str, Session]) -> None:
    print(f"{count:,} processes, {workers} workers")
    print(f"{'':12}{'s':>9}{'/ bare':>8}{'gap ms':>9}{'/ bound':>9}{'processor ms':>14}{'memory MB':>11}")
    took = {kind: each.seconds - few[kind].seconds for kind, each in found.items()}
    for kind, each in found.items():
        ratio = took[kind] / took["bare Dask"] if each.sleeps and "bare Dask" in found else float("nan")
        processor = (each.processor - few[kind].processor) / (count - 2) * 1e3
        gap, over = (each.gap * 1e3, each.over_bound(workers)) if each.sleeps else (float("nan"), float("nan"))
        cells = f"{took[kind]:9.2f}{ratio:8.3f}{gap:9.2f}{over:9.3f}{processor:14.3f}{each.peak / 1e6:11.0f}"
        print(f"{kind:12}{cells.replace('nan', '  -')}", flush=True)


if __name__ == "__main__":
    main()
