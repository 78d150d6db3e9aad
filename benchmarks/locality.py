"""What a consumer's input costs on the worker that made it, and on another one.

Run `python benchmarks/locality.py [--rows 200000]`. Two interpreters stand for two workers: the first makes a value and
stores it, then each reads it and goes through all of it, or through one of 100 partitions of it. *read* is the first
reading, without looking at the arrays; *all* is that and a look at every byte of them. In milliseconds, and *ratio* is
other to maker. The partitions of the frame of objects are read one after the other; the figure is that of the
first, and of those that follow.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pytest_expops.execution.artifact_cache import DEFAULT_MEMORY, ArtifactReader, PartCache
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.pipeline.model import DataSplit
from pytest_expops.values.storage.store import Artifact, ArtifactStore

COUNT = 100


def small(rows: int) -> Any:
    return {"loss": 0.25, "accuracy": 0.5, "name": "small"}


def array(rows: int) -> Any:
    return np.random.default_rng(0).random(100_000_000 // 8)


def objects(rows: int) -> Any:
    number = np.arange(rows)
    names = np.array([f"name {row}" for row in range(rows)], dtype=object)
    tags = pd.Series([[row, f"tag {row}"] for row in range(rows)], dtype=object)
    return pd.DataFrame({"x": number / 7, "name": pd.Series(names, dtype=object), "tags": tags})


def forest(rows: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    features = rng.random((5000, 10))
    return RandomForestClassifier(100, n_jobs=1, random_state=0).fit(features, features[:, 0] + rng.random(5000) > 1)


MAKERS: dict[str, Callable[[int], Any]] = {
    "small dict": small,
    "100 MB array": array,
    "frame of objects": objects,
    "random forest": forest,
}


def look(value: Any) -> None:
    """Touch every page of its arrays."""
    if isinstance(value, np.ndarray):
        value[:: 4096 // value.itemsize].sum()


def make(root: Path, kind: str, rows: int) -> tuple[Artifact, float]:
    """Store a value, and tell how long that took."""
    store, value = ArtifactStore(root), MAKERS[kind](rows)
    begin = time.perf_counter()
    artifact = store.put(value)
    return artifact, time.perf_counter() - begin


def read(root: Path, artifact: Artifact, kind: str) -> tuple[float, float]:
    """Seconds until it is there, and until all of it has been looked at; the best of three."""
    if kind == "random forest":
        import sklearn.ensemble  # noqa: F401 (a worker has imported the script, and so this)
    store, best = ArtifactStore(root), (float("inf"), float("inf"))
    for _ in range(3):
        begin = time.perf_counter()
        value = store.get(artifact)
        there = time.perf_counter() - begin
        look(value)
        best = min(best, (there, time.perf_counter() - begin))
        del value
    return best


def read_partitions(root: Path, artifact: Artifact, memory: int) -> tuple[float, float]:
    """Seconds of the first partition, and of the mean of those that follow."""
    reader, seconds = ArtifactReader(ArtifactStore(root), PartCache(memory)), []
    for index in range(COUNT if memory else 3):
        begin = time.perf_counter()
        reader.partition(artifact, Partition("rows", DataSplit(COUNT), index))
        seconds.append(time.perf_counter() - begin)
    return seconds[0], sum(seconds[1:]) / len(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="of the frame of objects")
    rows = parser.parse_args().rows
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(1, spawn) as maker,
        ProcessPoolExecutor(1, spawn) as other,
    ):
        root = Path(name) / "store"
        print(f"{'':18}{'MB':>8}{'put':>9}{'read':>9}{'other':>9}{'ratio':>7}{'all':>9}{'other':>9}{'ratio':>7}")
        for kind in MAKERS:
            artifact, put = maker.submit(make, root, kind, rows).result()
            here, there = maker.submit(read, root, artifact, kind).result(), other.submit(read, root, artifact, kind)
            line = f"{kind:18}{artifact.size / 1e6:8.2f}{put * 1e3:9.2f}"
            for own, others in zip(here, there.result(), strict=True):
                line += f"{own * 1e3:9.2f}{others * 1e3:9.2f}{others / own:7.2f}"
            print(line, flush=True)
            if kind == "frame of objects":
                split = artifact
        for memory in (DEFAULT_MEMORY, 0):
            print(f"one of {COUNT} partitions of the frame, keeping {memory >> 20} MB:", end="")
            for where, worker in (("maker", maker), ("other", other)):
                first, next_ = worker.submit(read_partitions, root, split, memory).result()
                print(f"  {where} {first * 1e3:.1f} ms, then {next_ * 1e3:.2f} ms", end="")
            print(flush=True)


if __name__ == "__main__":
    main()
