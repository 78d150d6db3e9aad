"""Time of fingerprints, comparisons and verdicts of many small objects, as ratios to `pickle.dumps` of both values.

    python benchmarks/small_objects.py            # 250,000 objects of each kind
    python benchmarks/small_objects.py --size 0.1 # a tenth of that

Each figure is processor time, and the best of a few repetitions (of slow ones, the first); all are from one run on one
machine, so that the ratios are what counts. A verdict is what a replay does: both values are fingerprinted, read
from the store and compared.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.store import Artifact, ArtifactStore

AIM = 3.0
ENOUGH = 1.0
"""Seconds after which a figure is not taken again."""


@dataclass
class Sample:
    """A small record, as many projects have."""

    name: str
    weight: float
    rank: int
    valid: bool


def best(function: Callable[[], object], repeat: int = 3) -> float:
    """The least processor time of several calls, in seconds."""
    times: list[float] = []
    while len(times) < repeat and sum(times) < ENOUGH:
        begun = time.process_time()
        function()
        times.append(time.process_time() - begun)
    return min(times)


Make = Callable[[int, float], Any]
"""Make the object of a number; the float is added to one of its numbers."""


def a_dict(number: int, more: float) -> Any:
    return {
        "name": f"row {number}",
        "group": f"group {number % 7}",
        "x": number * 0.37 + more,
        "y": number / 3,
        "rank": number * 7919,
        "valid": number % 3 == 0,
        "note": None,
    }


def a_tuple(number: int, more: float) -> Any:
    return (f"row {number}", number * 0.37 + more, number, number % 3 == 0, None)


def a_sample(number: int, more: float) -> Any:
    return Sample(f"row {number}", number * 0.37 + more, number, number % 3 == 0)


def nested(number: int, more: float) -> Any:
    return {"name": f"row {number}", "scores": [number * 0.37 + more, number / 3, 0.5], "of": {"a": number, "b": None}}


def values(make: Make, size: int, differs: Callable[[int], bool]) -> Any:
    return [make(number, float(differs(number))) for number in range(size)]


def texts_to_floats(size: int, differs: Callable[[int], bool]) -> Any:
    return {f"key {number}": number * 0.37 + differs(number) for number in range(size)}


def rates(name: str, size: int, made: Callable[[int, Callable[[int], bool]], Any]) -> None:
    first = made(size, lambda number: False)
    dumps = 2 * best(lambda: pickle.dumps(first, protocol=5))
    print(f"{name}: pickle.dumps of both {dumps:.2f} s")

    def told(what: str, seconds: float) -> None:
        print(f"  {what:34} {seconds:7.2f} s {seconds / dumps:7.1f}")

    told("fingerprint of one", best(lambda: fingerprint(first)))
    with TemporaryDirectory() as folder:
        store = ArtifactStore(Path(folder))
        for what, differs in (
            ("equal", lambda number: False),
            ("one number differs", lambda number: number == size // 2),
            ("a tenth differs", lambda number: number % 10 == 3),
        ):
            second = made(size, differs)
            told(f"compare: {what}", best(lambda second=second: compare(first, second)))  # type: ignore[misc]
        told("compare: a tenth, within 1e-9", best(lambda: compare(first, second, rtol=1e-9)))
        artifacts = [store.put(each) for each in (first, second)]
        told("read both from the store", best(lambda: [store.get(each) for each in artifacts]))
        told("verdict: a tenth differs", best(lambda: verdict(store, first, second, artifacts)))


def verdict(store: ArtifactStore, first: Any, second: Any, artifacts: list[Artifact]) -> None:
    fingerprint(first)
    fingerprint(second)
    compare(*[store.get(each) for each in artifacts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1.0, help="of 250,000 objects each (default 1)")
    size = int(parser.parse_args().size * 250_000)
    print(f"{size} objects of each kind; seconds, and their ratio to pickle.dumps of both (aim {AIM})")
    for name, make in (
        ("list of dicts", a_dict),
        ("list of tuples", a_tuple),
        ("list of dataclass instances", a_sample),
        ("list of nested dicts", nested),
    ):
        rates(name, size, lambda count, differs, make=make: values(make, count, differs))  # type: ignore[misc]
    rates("dict of texts to floats", size, texts_to_floats)


if __name__ == "__main__":
    main()
