"""Results that depend on which thread comes first, or on how many there are."""

from __future__ import annotations

import multiprocessing
import queue
import random
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait

import numpy as np

from pytest_expops.core import process, step


def evaluate(values, fold):
    """A task of a few milliseconds that lets other threads run."""
    rows = np.resize(values[fold::30], 4_000)
    return sum(float(np.sort(rows).mean()) for _ in range(10)) / 10


@process()
def collect_as_completed(frame):
    """Scores of the folds in the order in which they were ready

    cause: threads
    """
    income = frame["income"].to_numpy()
    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(evaluate, income, fold) for fold in range(30)]
        scores = [future.result() for future in as_completed(futures)]  # culprit
    return {"scores": scores, "best": max(scores)}


def jitter(row):
    total = 0.0
    for _ in range(4_000):
        total += random.gauss(0.0, 1.0)  # culprit
    return row + total


@process()
def share_a_stream(frame):
    """Augmentation in threads that all draw from the global generator

    cause: threads
    """
    with ThreadPoolExecutor(6) as pool:
        return {"rows": list(pool.map(jitter, frame["income"][:60]))}


class Accumulator:
    """A gradient under a lock: no addition is lost, but their order is anyone's."""

    def __init__(self, size):
        self.total = np.zeros(size)
        self.lock = threading.Lock()

    def add(self, values, fold):
        part = np.resize(values[fold::30], len(self.total)) * evaluate(values, fold)
        with self.lock:
            self.total += part / 3  # culprit


@process()
def accumulate_gradients(frame):
    """A floating sum that threads add to as they finish

    cause: threads
    """
    income, gradient = frame["income"].to_numpy() * 1.1, Accumulator(400)
    with ThreadPoolExecutor(6) as pool:
        for fold in range(120):
            pool.submit(gradient.add, income, fold % 30)
    return {"gradient": gradient.total}


@process()
def deal_by_queue(frame):
    """Rows taken from a queue by whichever worker is free, and put into one list

    cause: threads
    """
    tasks = queue.SimpleQueue()
    for fold in range(60):
        tasks.put(fold % 30)
    rows, income = [], frame["income"].to_numpy()

    def work():
        while not tasks.empty():
            fold = tasks.get()
            rows.append((fold, evaluate(income, fold)))  # culprit

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    return {"rows": rows}


@step()
def race(values):
    with ThreadPoolExecutor(30) as pool:
        done, _ = wait([pool.submit(evaluate, values, fold) for fold in range(30)], return_when=FIRST_COMPLETED)
        return next(iter(done)).result()  # culprit


@process()
def keep_the_first(frame):
    """Several candidates in parallel, of which the first that is ready wins

    cause: threads
    """
    income = frame["income"].to_numpy()
    return {"winners": [race(income) for _ in range(4)]}


def square(number):
    return sum(number**2 % 97 for _ in range(2_000)), number


@process()
def collect_unordered(frame):
    """Chunks from a pool of processes, in the order in which they came

    cause: threads
    """
    with multiprocessing.get_context("fork").Pool(3) as pool:
        parts = list(pool.imap_unordered(square, range(60)))  # culprit
    return {"parts": [number for _, number in parts]}


@process()
def train_hogwild(frame):
    """Weights that threads update without waiting for each other

    cause: threads
    """
    features = frame[["age", "income", "visits"]].to_numpy(dtype=float) / 50
    target, weights = frame["clicks"].to_numpy(), np.zeros(3)

    def descend(rows):
        nonlocal weights
        for _ in range(150):
            for row in rows:
                error = float(features[row] @ weights) - target[row]
                weights = weights - 0.01 * error * features[row]  # culprit

    workers = [threading.Thread(target=descend, args=(range(start, 240, 3),)) for start in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    return {"weights": weights}
