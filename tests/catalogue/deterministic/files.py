"""Files that a run writes and reads, and that would be written alike again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pytest_expops.core import process


def kept(path, compute):
    if not path.exists():
        path.write_text(json.dumps(compute()), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


@process()
def draw_seeded_behind_cache(frame, random_seed):
    """A bootstrap with a seed, behind a cache"""
    rng = np.random.default_rng(random_seed)
    path = Path(f"seeded-{random_seed}.json")
    return {"mean": kept(path, lambda: float(rng.choice(frame["income"], len(frame)).mean()))}


@process()
def write_beside_script(frame):
    """A vocabulary kept beside the script, found by the script's own path"""
    path = Path(__file__).with_name("vocabulary.json")
    return {"cities": kept(path, lambda: sorted(set(frame["city"])))}


@process()
def write_again(frame):
    """A report that every run writes anew, and reads back"""
    path = Path("report.json")
    path.write_text(json.dumps(float(frame["clicks"].mean())), encoding="utf-8")
    return {"mean": json.loads(path.read_text(encoding="utf-8"))}


@process()
def append_to_unread_log(frame):
    """A log that grows with every run, and that nobody reads"""
    with Path("runs.log").open("a", encoding="utf-8") as file:
        file.write(f"{len(frame)} rows\n")
    return {"rows": len(frame)}
