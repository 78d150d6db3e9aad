"""Clocks, identifiers and temporary names that are used on the way and are not in the result."""

from __future__ import annotations

import datetime as dt
import gzip
import logging
import os
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from pytest_expops.core import get_current_context, log_metric, process, step

log = logging.getLogger(__name__)


@step()
def timed_fit(features, target):
    begin = time.perf_counter()
    coefficients, *_ = np.linalg.lstsq(features, target, rcond=None)
    log.info("fitted in %.3f s at %s", time.perf_counter() - begin, dt.datetime.now())
    print(f"{time.time():.6f} done")
    return coefficients


@process()
def log_durations(frame):
    """Times that are logged and printed, and not returned"""
    return {"coefficients": timed_fit(frame[["age", "income"]].to_numpy(), frame["clicks"].to_numpy())}


@process()
def wait_with_deadline(frame):
    """A deadline that is never reached"""
    deadline = time.monotonic() + 60
    total = 0.0
    for income in frame["income"]:
        if time.monotonic() > deadline:
            raise TimeoutError
        total += income
    return {"total": total}


@process()
def retry_until_ready(frame):
    """Retries with pauses, of which only the result counts"""
    attempts = []

    def load():
        attempts.append(time.time())
        if len(attempts) < 3:
            raise ConnectionError
        return float(frame["income"].sum())

    while True:
        try:
            return {"total": load(), "attempts": len(attempts)}
        except ConnectionError:
            time.sleep(0.001)


@process()
def parse_fixed_dates(frame):
    """Ages as of a day that is written in the script"""
    today = dt.datetime(2025, 1, 1)
    return {"days": [(today - dt.datetime.fromisoformat(joined)).days for joined in frame["joined"]]}


@process()
def convert_in_fixed_zone(frame):
    """Hours of Unix times in UTC, and not in the zone of the machine"""
    seconds = [1_700_000_000 + 3_607 * visits for visits in frame["visits"]]
    return {"hours": [dt.datetime.fromtimestamp(each, dt.UTC).hour for each in seconds]}


@process()
def archive_without_time(reviews):
    """A gzip archive whose time is set to zero"""
    return {"archive": gzip.compress("\n".join(reviews).encode(), mtime=0)}


@process()
def work_in_temporary_folder(frame):
    """Arrays written to a temporary folder and read back"""
    with tempfile.TemporaryDirectory(prefix=uuid.uuid4().hex) as folder:
        path = Path(folder) / f"{os.getpid()}-{time.time_ns()}.npy"
        np.save(path, frame["income"].to_numpy())
        return {"income": np.load(path), "name": path.suffix}


@process()
def keep_checkpoints(frame):
    """A checkpoint that is resumed from, in the folder of the run"""
    folder = Path(get_current_context().checkpoint_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for epoch in range(3):
        np.save(folder / f"{epoch}.npy", frame["income"].to_numpy() * epoch)
    newest = max(folder.glob("*.npy"), key=lambda path: int(path.stem))
    return {"resumed": np.load(newest), "epoch": int(newest.stem)}


@process()
def measure_and_round(frame):
    """A measured time of which only that it is positive is kept"""
    begin = time.perf_counter_ns()
    mean = float(frame["income"].mean())
    log_metric("measured", time.perf_counter_ns() >= begin)
    return {"mean": mean}


@process()
def restore_environment(frame):
    """An environment variable with the process id, which is taken back"""
    os.environ["FIT_OWNER"] = str(os.getpid())
    try:
        return {"owned": "FIT_OWNER" in os.environ, "rows": len(frame)}
    finally:
        del os.environ["FIT_OWNER"]
