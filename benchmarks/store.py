"""Storing and loading a frame of floats against raw bytes and joblib.

    python benchmarks/store.py             # 1 GB
    python benchmarks/store.py --size 0.1  # a tenth of that

Files are written to a temporary folder, and read back from the page cache. All figures are from one run.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from pytest_expops.values.storage.store import ArtifactStore


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call, and what it gave."""
    begun = time.perf_counter()
    found = function()
    return time.perf_counter() - begun, found


def best(function: Callable[[], Any], repeat: int = 3) -> float:
    """The least time of several calls, in seconds."""
    return min(timed(function)[0] for _ in range(repeat))


def peak() -> float:
    """The most memory that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def raw_write(path: Path, data: memoryview) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb", buffering=0) as file:
        while data.nbytes:  # the kernel takes at most 2 GiB at a time
            data = data[file.write(data) :]


def large(folder: Path, size: float) -> None:
    rows = int(size * 1e9 / 80)
    frame = pd.DataFrame({f"x{index}": np.random.default_rng(index).random(rows) for index in range(10)})
    raw = np.random.default_rng(0).random(rows * 10)
    gigabytes = raw.nbytes / 1e9
    path = folder / "raw"
    writing = best(lambda: raw_write(path, memoryview(raw).cast("B")))
    reading = best(path.read_bytes)
    path.unlink()

    store = ArtifactStore(folder / "store")
    before, putting = peak(), []
    for _ in range(3):
        seconds, artifact = timed(lambda: store.put(frame))
        putting.append(seconds)
        kept = store.path_of(artifact).rename(folder / "kept")
    copied = peak() - before
    kept.rename(store.path_of(artifact))
    again = best(lambda: store.put(frame))
    before = peak()
    getting = best(lambda: store.get(artifact), 20)
    grown = peak() - before
    touching, _ = timed(lambda: store.get(artifact).sum())
    store.path_of(artifact).unlink()

    dumping = best(lambda: joblib.dump(frame, folder / "joblib"))
    loading = best(lambda: joblib.load(folder / "joblib"))
    put = min(putting)
    print(f"frame of {gigabytes:.2f} GB")
    print(
        f"  put {put:.3f} s; raw write {writing:.3f} s ({writing / put:.2f} of its rate); joblib.dump {dumping:.3f} s"
    )
    print(f"  put of what is there already {again:.3f} s; memory grew by {copied:.2f} GB while putting")
    print(f"  get {getting * 1e3:.3f} ms (aim < 1); memory grew by {grown:.3f} GB; get and sum {touching:.3f} s")
    print(f"  raw read {reading * 1e3:.0f} ms ({reading / getting:.0f} x); joblib.load {loading * 1e3:.0f} ms", end=" ")
    print(f"({loading / getting:.0f} x)")


def small(folder: Path) -> None:
    store = ArtifactStore(folder / "small")
    value = {"loss": 0.25, "accuracy": 0.5}
    artifact = store.put(value)
    put = best(lambda: [store.put(value) for _ in range(1000)])
    get = best(lambda: [store.get(artifact) for _ in range(1000)])
    numbers = iter(range(10**6))
    filed = best(lambda: [store.put([next(numbers), "x" * 5000]) for _ in range(200)]) * 5
    print(f"small outputs: put {put * 1e3:.1f} us, get {get * 1e3:.1f} us; put of 5 KB as a file {filed * 1e3:.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1.0, help="GB (default 1)")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        large(Path(folder), size)
        small(Path(folder))


if __name__ == "__main__":
    main()
