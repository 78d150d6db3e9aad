"""Work by several threads or processes, put together in an order that is fixed."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from pytest_expops.core import process, step


def evaluate(values, fold):
    rows = np.resize(values[fold::30], 4_000)
    return sum(float(np.sort(rows).mean()) for _ in range(3)) / 3


@process()
def map_in_order(frame):
    """Executor.map, which gives results in the order of the tasks"""
    income = frame["income"].to_numpy()
    with ThreadPoolExecutor(4) as pool:
        return {"scores": list(pool.map(lambda fold: evaluate(income, fold), range(30)))}


@process()
def key_what_is_completed(frame):
    """Results in the order of completion, each put under its task"""
    income = frame["income"].to_numpy()
    with ThreadPoolExecutor(4) as pool:
        tasks = {pool.submit(evaluate, income, fold): fold for fold in range(30)}
        return {"scores": {tasks[future]: future.result() for future in as_completed(tasks)}}


@step()
def fill(values):
    scores = np.zeros(30)

    def work(start):
        for fold in range(start, 30, 3):
            scores[fold] = evaluate(values, fold)

    workers = [threading.Thread(target=work, args=(start,)) for start in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return scores


@process()
def write_to_own_slots(frame):
    """Threads that each write to slots of their own"""
    return {"scores": fill(frame["income"].to_numpy())}


@process()
def sort_after_threads(frame):
    """A list that threads append to, sorted at the end"""
    rows, lock, income = [], threading.Lock(), frame["income"].to_numpy()

    def work(fold):
        score = evaluate(income, fold)
        with lock:
            rows.append((fold, score))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(30)))
    return {"rows": sorted(rows)}


@process()
def count_under_lock(frame):
    """A whole number that threads add to under a lock"""
    total, lock = 0, threading.Lock()

    def work(visits):
        nonlocal total
        with lock:
            total += int(visits)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, frame["visits"]))
    return {"visits": total}


def noisy(task):
    seed, income = task
    return income + np.random.default_rng(seed).normal()


@process()
def seed_each_task(frame, random_seed):
    """Threads whose tasks carry a seed each"""
    seeds = np.random.SeedSequence(random_seed).spawn(len(frame))
    with ThreadPoolExecutor(4) as pool:
        return {"income": list(pool.map(noisy, zip(seeds, frame["income"], strict=True)))}


def square(number):
    return number**2 % 97


@process()
def map_over_processes(frame):
    """A pool of processes whose results are in the order of the tasks"""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return {"squares": pool.map(square, range(60))}


@process()
def spread_seeded_generators(frame, random_seed):
    """Generators with a seed each, made by the threads of a pool"""
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(np.random.default_rng, range(random_seed, random_seed + 4)))
    return {"noise": [generator.normal() for generator in made], "rows": len(frame)}


def resampled_mean(values, seed):
    return float(np.random.default_rng(seed).choice(values, len(values)).mean())


@process()
def bootstrap_in_seeded_children(frame, random_seed):
    """A bootstrap in child processes of loky, with a seed for each sample

    needs: joblib
    """
    import joblib

    income = frame["income"].to_numpy()
    return {
        "means": joblib.Parallel(2)(joblib.delayed(resampled_mean)(income, random_seed + each) for each in range(6))
    }


@process()
def meet_at_a_barrier(frame):
    """Threads of a pool that wait for one another, put together in the order of the tasks"""
    income, barrier = frame["income"].to_numpy(), threading.Barrier(2)

    def score(fold):
        barrier.wait(timeout=30)
        return evaluate(income, fold)

    with ThreadPoolExecutor(2) as pool:
        return {"scores": list(pool.map(score, range(4)))}
