"""Results that hold the time at which, or for which, they were made."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import random
import time

import numpy as np

from pytest_expops.core import log_metric, process, step


def stamped(frame):
    frame = frame.copy()
    frame["loaded_at"] = dt.datetime.now(dt.UTC).isoformat()  # culprit
    return frame


@process()
def stamp_rows(frame):
    """An ingestion column with the moment of loading

    cause: clock
    """
    return {"frame": stamped(frame[frame["visits"] > 2])}


def loss(weights, features, target):
    return float(np.mean((features @ weights - target) ** 2))


@process()
def climb_within_budget(frame):
    """A search that goes on for as many milliseconds as it is given

    cause: clock
    """
    features, target = frame[["age", "income"]].to_numpy(), frame["clicks"].to_numpy()
    best, trials = np.zeros(2), 0
    deadline = time.monotonic() + 0.02
    while trials < 50_000:
        if time.monotonic() > deadline:  # culprit
            break
        trials += 1
        candidate = best + np.random.normal(0, 0.01, 2)
        if loss(candidate, features, target) < loss(best, features, target):
            best = candidate
    return {"weights": best, "trials": trials}


def age_in_days(joined):
    began = dt.datetime.fromisoformat(joined)
    return (dt.datetime.now() - began).total_seconds() / 86_400  # culprit


@step()
def recency(frame):
    return np.exp([-age_in_days(joined) / 365 for joined in frame["joined"]])


@process()
def weigh_by_recency(frame):
    """Sample weights that decay with the age of the row, as of now

    cause: clock
    """
    weights = recency(frame)
    return {"income": float(np.average(frame["income"], weights=weights)), "total": float(weights.sum())}


@process()
def shuffle_by_the_clock(frame):
    """A shuffle seeded with the time

    cause: clock
    """
    users = list(frame["user"])
    random.seed(time.time_ns())  # culprit
    random.shuffle(users)
    return {"train": users[:180], "test": users[180:]}


@process()
def log_throughput(reviews):
    """A metric of rows per second

    cause: clock
    """
    begin = time.perf_counter()
    counts = [len(set(review.split())) for review in reviews]
    log_metric("distinct", float(np.mean(counts)))
    log_metric("rows_per_second", len(reviews) / (time.perf_counter() - begin))  # culprit
    return {"counts": counts}


@process()
def split_by_today(frame):
    """A feature and a holdout counted from today's date, which is another in another zone

    cause: clock | timezone
    vary: clock
    """
    today = dt.date.today()  # culprit
    days = [(today - dt.date.fromisoformat(joined[:10])).days for joined in frame["joined"]]
    recent = sorted(days)[: len(days) // 5]
    return {"tenure_days": days, "newest": recent[0], "holdout_mean": float(np.mean(recent))}


@process()
def fingerprint_archive(reviews):
    """The checksum of a gzip archive, whose header holds the time

    cause: clock
    """
    payload = "\n".join(reviews).encode()
    archive = gzip.compress(payload)  # culprit
    return {"bytes": len(payload), "checksum": hashlib.sha256(archive).hexdigest()}


@process()
def stop_when_slow(frame):
    """Epochs until the processor time of the fit is used up

    cause: clock
    """
    target, prediction, history = frame["income"].to_numpy(), 0.0, []
    used = time.process_time()
    for _ in range(20_000):
        prediction += 0.001 * float((target - prediction).mean())
        history.append(prediction)
        if time.process_time() - used > 0.01:  # culprit
            break
    return {"prediction": prediction, "epochs": len(history)}
