"""Rates of fingerprinting: a frame of floats against the bare hash and joblib's, a frame of strings, small outputs.

    python benchmarks/fingerprint.py             # 1 GB of floats, 5 million strings
    python benchmarks/fingerprint.py --size 0.1  # a tenth of that

Each figure is the best of a few repetitions; all are from one run on one machine, so that the ratios are what counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import joblib
import numpy as np
import pandas as pd
import xxhash

from pytest_expops.values.fingerprint import fingerprint


def best(function: Callable[[], object], repeat: int) -> float:
    """The least time of several calls, in seconds."""
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


def floats(size: float) -> None:
    """A frame of 10 float columns, as pandas makes it of a dict, with and without NaNs."""
    rows = int(size * 1e9 / 80)
    columns = {f"x{index}": np.random.default_rng(index).random(rows) for index in range(10)}
    frame = pd.DataFrame(columns)
    gigabytes = rows * 80 / 1e9
    bare = gigabytes / best(lambda: [xxhash.xxh3_128_digest(column) for column in columns.values()], 5)
    ours = gigabytes / best(lambda: fingerprint(frame), 5)
    theirs = gigabytes / best(lambda: joblib.hash(frame), 1)
    print(
        f"float frame, {gigabytes:.2f} GB: xxh3_128 {bare:.1f} GB/s, fingerprint {ours:.1f}, joblib.hash {theirs:.2f}"
    )
    print(f"  fingerprint / xxh3_128    {ours / bare:6.2f}   (aim 0.8)")
    print(f"  fingerprint / joblib.hash {ours / theirs:6.1f}")
    for column in columns.values():
        column[::7] = np.nan
    holed = pd.DataFrame(columns)
    with_nan = gigabytes / best(lambda: fingerprint(holed), 3)
    print(f"  with NaNs in every column: {with_nan:.1f} GB/s, {with_nan / bare:.2f} of xxh3_128")
    table = pd.DataFrame(np.random.default_rng(0).random((rows, 10)), copy=False)
    by_rows = gigabytes / best(lambda: fingerprint(table), 3)
    print(f"  row-major in memory: {by_rows:.1f} GB/s, {by_rows / bare:.2f} of xxh3_128")


def strings(size: float) -> None:
    """A frame of one string column, in pandas's default dtype and as objects."""
    rows = int(size * 5e6)
    texts = [f"row {index * 7919 % rows}" for index in range(rows)]
    for dtype in ("str", object):
        frame = pd.DataFrame({"text": pd.Series(texts, dtype=dtype)})
        ours = best(lambda frame=frame: fingerprint(frame), 3)  # type: ignore[misc] # bound in the loop on purpose
        theirs = best(lambda frame=frame: joblib.hash(frame), 1)  # type: ignore[misc]
        millions = rows / 1e6
        print(f"string frame ({frame['text'].dtype}), {millions:.1f} M rows: {millions / ours:.1f} M/s")
        print(f"  fingerprint / joblib.hash {theirs / ours:6.1f}")


def small() -> None:
    """What a process that returns a few numbers pays."""
    for value in ({"x": 1}, {"loss": 0.25, "accuracy": 0.5, "model": "ridge"}, {"coef": np.arange(4.0)}):
        each = best(lambda value=value: [fingerprint(value) for _ in range(1000)], 5)  # type: ignore[misc]
        theirs = best(lambda value=value: [joblib.hash(value) for _ in range(1000)], 3)  # type: ignore[misc]
        print(f"{value}: {each * 1e3:.1f} us, joblib.hash {theirs * 1e3:.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1.0, help="GB of floats, and 5 million strings each (default 1)")
    size = parser.parse_args().size
    floats(size)
    strings(size)
    small()


if __name__ == "__main__":
    main()
