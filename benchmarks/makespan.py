"""Makespan of pipelines that only sleep, against the least that workers could take; beside xdist's own schedulers.

Run `python benchmarks/makespan.py [--workers 2 4 8] [--items 50 200] [--seconds 12]` for real pytest runs,
with `--dask` also on a cluster of its own, or with `--model` for the same graphs in the discrete-event model of
the tests: no sleeping, and no overheads but those of the messages.

*Makespan* is from the first start to the last end of a process, as the session's records have it. The *bound* is that
of `tests/plugin/scheduling/families.py`: the longest path, or work / workers between a serial head and a serial tail,
whichever is more, of the durations in the same records. A ratio of 1 cannot be beaten. `--seconds` is what the work
would take if it were evenly spread; the shorter the items, the more what they cost beside their sleep counts. On a
machine that does other work too, `--repeats` counts the best of several runs, and `--latency` tells the model how long
a message takes there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.plugin.scheduling.families import CONFIG, FAMILIES, Family, least_makespan, make
from tests.plugin.scheduling.model import Model
from tests.plugin.scheduling.scenario import Scenario

RUNS = {
    "graph, first": ["--expops-schedule=graph"],
    "graph, again": ["--expops-schedule=graph"],
    "load": ["--expops-schedule=xdist", "--dist=load"],
    "worksteal": ["--expops-schedule=xdist", "--dist=worksteal"],
}
"""In this order: the second finds the durations that the first has left in pytest's cache."""
DASK = {"dask": ["--expops-engine=dask"]}


def real(folder: Path, family: Family, workers: int, arguments: list[str]) -> float:
    """The ratio of one pytest run."""
    (folder / "seconds.json").write_text(json.dumps(family.seconds), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--expops-cache=off",
        f"--expops-engine-workers={workers}" if arguments == DASK["dask"] else f"-n{workers}",
        "--expops-config",
        CONFIG,
        CONFIG,
    ]
    command += ["--expops-replay=none", "--expops-artifacts=kept", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    session = max((folder / "kept").iterdir(), key=lambda path: path.stat().st_mtime)
    lines = [line for path in session.glob("*/records/*.jsonl") for line in path.read_text("utf-8").splitlines()]
    records = {record["process"]: record for record in map(json.loads, lines)}
    if len(lines) != len(family.seconds) or records.keys() != family.seconds.keys():
        raise RuntimeError(f"{session}: {len(lines)} records of {len(family.seconds)} processes")
    begin = min(record["started"] for record in records.values())
    end = max(record["started"] + record["duration"] for record in records.values())
    took = {name: record["duration"] for name, record in records.items()}
    makespan: float = end - begin
    return makespan / least_makespan(family.upstream, took, workers)


def modelled(family: Family, workers: int, latency: float, *, known: bool) -> float:
    """The ratio in the model, with or without the durations of an earlier session."""
    history = dict(zip(family.ids, family.seconds.values(), strict=True)) if known else {}
    seconds = tuple(family.seconds.values())
    outcome = Model(Scenario(family.ids, family.graph, seconds, workers, history, latency=latency)).run()
    if outcome.ended != "finished":
        raise RuntimeError(f"the model ended by {outcome.ended}")
    return outcome.makespan / least_makespan(family.upstream, family.seconds, workers)


def ratios(family: Family, folder: Path, workers: int, options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    if options.model:
        for name, known in (("graph, first", False), ("graph, again", True)):
            yield name, modelled(family, workers, options.latency, known=known)
        return
    for name, arguments in {**RUNS, **(DASK if options.dask else {})}.items():
        best = float("inf")
        for _ in range(options.repeats):
            if name == "graph, first":
                shutil.rmtree(folder / ".pytest_cache", ignore_errors=True)
            best = min(best, real(folder, family, workers, arguments))
        yield name, best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="store_true", help="in the discrete-event model")
    parser.add_argument("--dask", action="store_true", help="on a cluster, too")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--items", type=int, nargs="+", default=[50])
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--seconds", type=float, default=6.0, help="work per worker of each run")
    parser.add_argument("--seeds", type=int, default=1, help="so many pipelines of each kind")
    parser.add_argument("--repeats", type=int, default=1, help="real runs of each, of which the best counts")
    parser.add_argument("--latency", type=float, default=0.0005, help="seconds per message, in the model")
    options = parser.parse_args()
    runs = {**RUNS, **(DASK if options.dask else {})}
    names = [name for name in runs if name.startswith("graph") or not options.model]
    print(f"{'makespan / bound':24}" + "".join(f"{name:>14}" for name in names))
    worst = dict.fromkeys(names, 0.0)
    for kind in options.families:
        for items in options.items:
            for workers in options.workers:
                for seed in range(options.seeds):
                    with tempfile.TemporaryDirectory() as name:
                        folder = Path(name)
                        family = make(kind, items, options.seconds * workers / items, folder, seed)
                        found = dict(ratios(family, folder, workers, options))
                    print(f"{kind:8} {items:5} items {workers:2}w " + "".join(f"{found[each]:14.3f}" for each in names))
                    worst = {each: max(worst[each], found[each]) for each in names}
    print(f"{'the worst':24}" + "".join(f"{worst[each]:14.3f}" for each in names))


if __name__ == "__main__":
    main()
