"""Results that know on what machine, in what zone, language and surroundings they were made."""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import locale
import os
import platform
import socket
import sys
import time
import weakref

import numpy as np
import pandas as pd

from pytest_expops.core import process, step


@process()
def seed_by_process(frame):
    """A seed made from the process id, so that parallel workers differ

    cause: host
    """
    generator = np.random.default_rng(1000 + os.getpid())  # culprit
    return {"order": generator.permutation(len(frame))}


@process()
def name_the_machine(frame):
    """The host's name in the result

    cause: host
    vary: host
    """
    return {"mean": float(frame["income"].mean()), "machine": socket.gethostname()}  # culprit


@process()
def tag_platform(frame):
    """A model tag with the machine's node name

    cause: host
    vary: host
    """
    tag = f"{platform.system()}-{platform.node()}"  # culprit
    return {"tag": tag.lower(), "rows": len(frame)}


def chunks(values):
    return np.array_split(values, os.cpu_count() or 1)  # culprit


@process()
def chunk_by_processors(frame):
    """Partial sums over as many chunks as there are processors

    cause: threads | host
    vary: threads
    """
    parts = [float(np.sum(chunk * 1.1)) for chunk in chunks(frame["income"].to_numpy())]
    return {"total": sum(parts), "parts": len(parts)}


@process()
def digest_environment(frame):
    """A cache key over all environment variables, of which PYTHONHASHSEED is one

    cause: env | hashseed
    """
    settings = sorted(os.environ.items())  # culprit
    key = hashlib.sha256(repr(settings).encode()).hexdigest()
    return {"key": key, "rows": len(frame)}


@process()
def count_settings(frame):
    """A setting taken for given if any variable of its kind is there

    cause: env
    vary: env
    """
    pinned = [name for name in os.environ if not name.startswith(("PYTHON", "PYTEST"))]  # culprit
    return {"settings": len(pinned), "rows": len(frame)}


@step()
def hour_of_day(timestamps):
    return [dt.datetime.fromtimestamp(each).hour for each in timestamps]  # culprit


@process()
def extract_hours(frame):
    """The hour of the day of a Unix time, in the zone of the machine

    cause: timezone
    vary: timezone
    """
    seconds = [1_700_000_000 + 3_607 * visits for visits in frame["visits"]]
    hours = hour_of_day(seconds)
    return {"hours": hours, "at_night": float(np.mean([hour < 6 for hour in hours]))}


@process()
def parse_local_times(frame):
    """Naive times taken as local ones

    cause: timezone
    vary: timezone
    """
    parsed = [time.mktime(time.strptime(joined, "%Y-%m-%dT%H:%M:%S")) for joined in frame["joined"]]  # culprit
    return {"first": min(parsed), "span": max(parsed) - min(parsed)}


@process()
def bucket_by_local_day(frame):
    """Days of aware times, cut at midnight of the machine's zone

    cause: timezone
    vary: timezone
    """
    moments = pd.to_datetime(frame["joined"]).map(lambda each: each.replace(tzinfo=dt.UTC, hour=each.day % 24))
    days = [moment.to_pydatetime().astimezone().date().isoformat() for moment in moments]  # culprit
    return {"days": pd.Series(days).value_counts().sort_index()}


@process()
def read_in_users_language(frame):
    """Settings of the user's language in the result

    cause: locale
    vary: locale
    """
    language, encoding = locale.getlocale(locale.LC_CTYPE)  # culprit
    return {"language": language, "encoding": encoding, "variables": os.environ.get("LC_ALL", "")}  # culprit


@process()
def collate_cities(frame):
    """Names sorted by the user's collation, and where they land

    cause: locale
    vary: locale
    """
    before = locale.setlocale(locale.LC_COLLATE)
    chosen = locale.setlocale(locale.LC_COLLATE, "")  # culprit
    names = sorted({*frame["city"], "oslo", "Åre", "zell", "Ópusztaszer"}, key=locale.strxfrm)
    locale.setlocale(locale.LC_COLLATE, before)
    return {"names": names, "collation": chosen}


class Node:
    """A node of a graph that refers to its neighbours and they to it, so that only the collector frees it."""

    def __init__(self, name):
        self.name = name
        self.neighbours = [self]


@process()
def keep_weakly(frame):
    """A weak cache of cyclic objects, some of which are still there

    cause: gc
    vary: gc
    """
    cache = weakref.WeakValueDictionary()
    for number, user in enumerate(frame["user"].tolist() * 8):
        cache[f"{user}-{number}"] = Node(user)
    return {"cached": len(cache), "last": sorted(cache)[-1:]}  # culprit


@process()
def count_objects(frame):
    """The number of objects that the collector knows

    cause: gc | state
    """
    known = len(gc.get_objects())  # culprit
    return {"objects": known, "rows": len(frame)}


@process()
def batch_by_memory(frame):
    """A batch size from the memory that happens to be free

    cause: none found
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # culprit
    return {"batch": free // (1_000 * len(frame)), "rows": len(frame)}


@process()
def log_command(frame):
    """The command line in the result

    cause: none found
    """
    command = " ".join(sys.argv)  # culprit
    return {"command": command, "rows": len(frame)}


@process()
def log_call_depth(frame):
    """The depth of the stack, as a profiler notes it

    cause: none found
    """
    depth, calling = 0, sys._getframe()
    while calling is not None:
        depth, calling = depth + 1, calling.f_back  # culprit
    return {"depth": depth, "rows": len(frame)}
