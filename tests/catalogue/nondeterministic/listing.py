"""Files in the order in which the directory gives them: another on another disk."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import numpy as np
import pandas as pd

from pytest_expops.core import process, step


def read_shards(folder):
    names = [name for name in os.listdir(folder) if name.endswith(".csv")]  # culprit
    return pd.concat([pd.read_csv(os.path.join(folder, name)) for name in names], ignore_index=True)


@process()
def concatenate_shards():
    """Shards read in the order of os.listdir

    cause: cwd-listing-order
    vary: cwd-listing-order
    """
    rows = read_shards("data/shards")
    return {"rows": rows, "count": len(rows)}


@process()
def weigh_files_by_position():
    """Older files weigh less, where older means earlier in glob's answer

    cause: cwd-listing-order
    vary: cwd-listing-order
    """
    average = 0.0
    for path in glob.glob("data/shards/*.csv"):  # culprit
        average = 0.7 * average + 0.3 * float(pd.read_csv(path)["value"].mean())
    return {"average": average}


@step()
def class_numbers(root):
    folders = [entry for entry in Path(root).iterdir() if entry.is_dir()]  # culprit
    return {folder.name: number for number, folder in enumerate(folders)}


@process()
def label_by_folder():
    """Class numbers in the order of the class folders

    cause: cwd-listing-order
    vary: cwd-listing-order
    """
    return {"classes": class_numbers("data/images")}


@process()
def hold_out_last_files():
    """The last tenth of os.walk as validation set

    cause: cwd-listing-order
    vary: cwd-listing-order
    """
    paths = [os.path.join(folder, name) for folder, _, names in os.walk("data/images") for name in names]  # culprit
    cut = len(paths) - max(1, len(paths) // 10)
    return {"train": sorted(paths[:cut]), "validation": sorted(paths[cut:])}


@process()
def shuffle_listed_files(random_seed):
    """A seeded shuffle of a list that is not sorted

    cause: cwd-listing-order
    vary: cwd-listing-order
    """
    paths = list(Path("data/images").rglob("*.txt"))  # culprit
    order = np.random.default_rng(random_seed).permutation(len(paths))
    return {"batches": [paths[number].name for number in order]}


@process()
def resume_from_any_checkpoint():
    """The checkpoint that scandir gives first among those of the same epoch

    cause: cwd-listing-order
    vary: cwd-listing-order
    """
    with os.scandir("data/checkpoints") as entries:  # culprit
        found = [entry.name for entry in entries]  # culprit
    newest = max(found, key=lambda name: int(name.split("-")[1]))
    return {"resumed": newest, "of": len(found)}
