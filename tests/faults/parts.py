"""The parts of the proof by name: how many cases there are, in the short form and the long one, and how one is run."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults import dask_storm, disks, odd, storm, texts
from tests.faults.table import Fault, Row

Run = Callable[[Sequence[int], Path], Iterator[tuple[int, list[Fault], dict[str, int]]]]
"""Runs the cases of seeds in an empty folder. Gives of each what went wrong, and counts for the note of the part."""


Tell = Callable[[Row, str, Sequence[Fault]], None]
"""Is told the row so far, the name of the case that was tried last, and what went wrong in it."""


@dataclass(frozen=True)
class Part:
    """Cases of one kind.

    `few` is the number of the short form, `many` that of the long one; so many as `batch` says are run in one go.
    """

    title: str
    run: Run
    few: int
    many: int
    help: str
    batch: int = 1


PARTS: Mapping[str, Part] = {
    "storm": Part("kill storm", storm.run, 9, 1000, "sessions of which something is killed"),
    "dask": Part("kill storm on clusters", dask_storm.run, 2, 100, "sessions on clusters"),
    "configs": Part("configs", partial(texts.run, "configs"), 400, 10_000, "configs that are made wrong", 250),
    "locks": Part("lock files", partial(texts.run, "locks"), 200, 4_000, "lock files that are made wrong", 250),
    "odd": Part("odd processes", odd.run, 2, odd.CASES, "sessions of odd processes"),
    "full": Part("full disk", partial(disks.run, [disks.full_disk], "full"), 1, 20, "sessions on a full disk"),
    "damaged": Part(
        "damaged artifacts",
        partial(disks.run, [disks.damaged_artifacts], "damaged"),
        2,
        60,
        "sessions whose stored files are damaged",
    ),
    "readonly": Part(
        "read-only folders", partial(disks.run, disks.READ_ONLY, "readonly"), 2, 6, "sessions in read-only folders"
    ),
    "two": Part(
        "two sessions in one folder", partial(disks.run, [disks.two_sessions], "two"), 1, 10, "pairs of sessions"
    ),
}


def run(counts: Mapping[str, int], folder: Path, *, seed: int, jobs: int, tell: Tell = lambda *_: None) -> list[Row]:
    """Run so many cases of each part, from a seed on; return a row for each part.

    Args:
        counts: how many, by part; those with none are left out.
        folder: where projects may be written.
        seed: that of the first case of each part.
        jobs: how many cases are run at a time.
        tell: is told of each case.
    """
    rows = []
    for name, part in PARTS.items():
        if not counts.get(name):
            continue
        row, counted = Row(part.title), Counter[str]()
        seeds = range(seed, seed + counts[name])
        batches = [seeds[start : start + part.batch] for start in range(0, len(seeds), part.batch)]
        with ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(_run, part, batch, folder / f"{name}-{batch[0]}") for batch in batches]
            for done in as_completed(waiting):
                for number, faults, notes in done.result():
                    row.add(faults)
                    counted.update(notes)
                    row.note = "; ".join(f"{count:,} {what}" for what, count in sorted(counted.items()) if count)
                    tell(row, f"{name}:{number}", faults)
        rows.append(row)
    return rows


def repeated(case: str, folder: Path) -> Row:
    """Run one case, by its name ``PART:SEED``, again."""
    name, _, number = case.partition(":")
    row = Row(PARTS[name].title)
    for _, faults, _ in _run(PARTS[name], [int(number)], folder / name):
        row.add(faults)
    return row


def _run(part: Part, seeds: Sequence[int], folder: Path) -> list[tuple[int, list[Fault], dict[str, int]]]:
    folder.mkdir()
    try:
        return list(part.run(seeds, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
