"""Files that one run writes and a later one reads; names and times that the file system gives."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from pathlib import Path

import numpy as np

from pytest_expops.core import get_current_context, process, step


def cached(path, compute):
    if not path.exists():  # culprit
        value = compute()
        path.write_text(json.dumps([round(each, 3) for each in value]), encoding="utf-8")
        return value
    return json.loads(path.read_text(encoding="utf-8"))  # culprit


@process()
def compute_or_load(frame):
    """A cache that gives back rounded numbers

    cause: files
    """
    path = Path("cache")
    path.mkdir(exist_ok=True)
    return {"features": cached(path / "features.json", lambda: (frame["income"] / 7).tolist())}


@process()
def register_model(frame):
    """A registry in which each model gets the next version number

    cause: files
    """
    registry = Path("registry")
    registry.mkdir(exist_ok=True)
    version = 1 + len(sorted(registry.glob("model-*.json")))  # culprit
    mean = float(frame["income"].mean())
    (registry / f"model-{version}.json").write_text(json.dumps(mean), encoding="utf-8")
    return {"version": version, "mean": mean}


@step()
def append(path, line):
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    return path.read_text(encoding="utf-8").split()  # culprit


@process()
def append_to_log(frame):
    """A log of scores that grows with every run, and its mean

    cause: files
    """
    scores = append(Path("scores.log"), frame["clicks"].mean())
    return {"runs": len(scores), "mean": float(np.mean([float(score) for score in scores]))}


@process()
def warm_start(frame):
    """Training that goes on from the checkpoint of the last run

    cause: files
    """
    path, weight = Path("last.npy"), np.zeros(1)
    if path.exists():  # culprit
        weight = np.load(path)  # culprit
    for _ in range(5):
        weight = weight + 0.1 * (frame["income"].mean() - weight)
    np.save(path, weight)
    return {"weight": weight}


@process()
def insert_result(frame):
    """The number that a database gave to the row

    cause: files
    """
    with sqlite3.connect("results.db") as database:
        database.execute("create table if not exists results (id integer primary key, mean real)")
        inserted = database.execute("insert into results (mean) values (?)", (frame["income"].mean(),))  # culprit
    return {"row": inserted.lastrowid}


@process()
def remember_folder(frame):
    """The path of a temporary folder in the result

    cause: entropy | tmpdir
    """
    folder = tempfile.mkdtemp(prefix="model-")  # culprit
    np.save(Path(folder) / "weights.npy", frame["income"].to_numpy())
    return {"weights": str(Path(folder) / "weights.npy"), "count": len(frame)}


@process()
def point_to_checkpoint(frame):
    """The path of the checkpoint, which is another for each run

    cause: tmpdir | files
    """
    folder = Path(get_current_context().checkpoint_dir)  # culprit
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "weights.npy", frame["income"].to_numpy())
    return {"best": str(folder / "weights.npy")}


@process()
def cache_in_temporary_folder(frame):
    """The folder for temporary files as part of a cache key

    cause: tmpdir
    vary: tmpdir
    """
    folder = tempfile.gettempdir()  # culprit
    return {"key": f"{folder}/features-{len(frame)}.npy"}


@process()
def note_modification_time(frame):
    """The modification time of a file that the process has just written

    cause: clock | files
    drawn: natively
    """
    path = Path("vocabulary.txt")
    path.write_text("\n".join(sorted(set(frame["city"]))), encoding="utf-8")
    return {"version": path.stat().st_mtime_ns, "size": path.stat().st_size}  # culprit


@process()
def draw_behind_cache(frame):
    """A bootstrap without a seed, behind a cache that serves the replay

    cause: entropy
    vary: files
    """
    path = Path("bootstrap.json")
    if not path.exists():
        draws = np.random.default_rng().choice(frame["income"], len(frame))  # culprit
        path.write_text(json.dumps(float(draws.mean())), encoding="utf-8")
    return {"mean": json.loads(path.read_text(encoding="utf-8"))}
