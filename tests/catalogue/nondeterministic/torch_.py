"""PyTorch where its default generator is reseeded, bypassed, shared by threads, or has no part in it."""

# needs: torch

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from pytest_expops.core import process, step


def tensors(frame):
    features = torch.tensor(frame[["age", "income", "visits"]].to_numpy(dtype="float32")) / 50
    return features, torch.tensor(frame["clicks"].to_numpy(dtype="float32"))


def fit(model, features, target, epochs=5):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(epochs):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(features)[:, 0], target).backward()
        optimizer.step()
    return model


@step()
def make_network():
    torch.seed()  # culprit
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))


@process()
def reseed_torch(frame):
    """torch.seed(), taken for the function that sets the seed

    cause: entropy
    """
    return {"weights": fit(make_network(), *tensors(frame)).state_dict()}


@process()
def seed_a_generator(frame):
    """A generator for the split that seeds itself

    cause: entropy
    """
    generator = torch.Generator()
    generator.seed()  # culprit
    features, _ = tensors(frame)
    train, test = torch.utils.data.random_split(features, [180, 60], generator=generator)
    return {"test": sorted(test.indices), "train": len(train)}


class Noisy(Dataset):
    """Rows with noise from a generator made in each worker."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[index] + np.random.default_rng().normal(0, 0.1)  # culprit


@process()
def load_with_noise(frame):
    """Augmentation in a data set, by a generator that no worker seed reaches

    cause: entropy
    """
    loader = DataLoader(Noisy(frame["income"].to_numpy()), batch_size=60, shuffle=True)
    return {"batches": [batch.mean().item() for batch in loader]}


@process()
def accumulate_in_parallel():
    """index_put with accumulation, which several threads add to at once

    cause: threads
    """
    index, values = torch.randint(0, 50, (200_000,)), torch.randn(200_000)
    sums = [torch.zeros(50).index_put_((index,), values, accumulate=True) for _ in range(40)]  # culprit
    return {"sums": torch.stack(sums)}


def dropped(rows):
    return [float(nn.functional.dropout(rows).sum()) for _ in range(40)]  # culprit


@process()
def drop_in_threads(frame):
    """Dropout in threads, which share one generator

    cause: threads
    """
    features, _ = tensors(frame)
    with ThreadPoolExecutor(4) as pool:
        return {"sums": list(pool.map(dropped, features.split(12)))}


@process()
def reuse_memory(frame):
    """torch.empty where zeros were meant

    cause: memory
    """
    features, _ = tensors(frame)
    hidden = torch.empty(30, 8)  # culprit
    hidden[:20, :3] = features[:20]
    return {"hidden": hidden}


@process()
def key_by_pointer(frame):
    """Parameters kept under the address of their storage

    cause: addresses
    """
    model = nn.Linear(3, 1)
    return {"norms": {each.data_ptr(): float(each.detach().norm()) for each in model.parameters()}}  # culprit


@process()
def normalise_batches():
    """The statistics of a batch, added up by as many threads as there are

    cause: threads
    vary: threads
    """
    batch = torch.randn(4_000, 64)
    return {"mean": nn.functional.batch_norm(batch, None, None, training=True).std(dim=0)}  # culprit
