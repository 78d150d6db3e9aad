"""PyTorch where it draws from its default generator, which the plugin seeds, or from a fixed seed."""

# needs: torch

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from pytest_expops.core import process, step


def tensors(frame):
    features = torch.tensor(frame[["age", "income", "visits"]].to_numpy(dtype="float32")) / 50
    return features, torch.tensor(frame["clicks"].to_numpy(dtype="float32"))


@process()
def train_with_shuffled_batches(frame):
    """A network, its dropout and its batches, from the seeded default generator"""
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters())
    for features, target in DataLoader(TensorDataset(*tensors(frame)), batch_size=40, shuffle=True):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(features)[:, 0], target).backward()
        optimizer.step()
    return {"model": model, "optimizer": optimizer.state_dict()}


@step()
def uncertain(model, features):
    model.train()
    return torch.stack([model(features) for _ in range(3)]).detach()


@process()
def leave_dropout_on(frame):
    """Dropout left on for prediction; a seeded draw all the same"""
    return {"predicted": uncertain(nn.Sequential(nn.Linear(3, 1), nn.Dropout(0.5)), tensors(frame)[0])}


@process()
def split_with_default_generator(frame):
    """A generator object, which starts from a seed that is always the same"""
    train, test = random_split(tensors(frame)[0], [180, 60], generator=torch.Generator())
    return {"train": list(train.indices), "test": list(test.indices)}


class Noisy(torch.utils.data.Dataset):
    """Rows with noise from NumPy's global stream."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[index] + np.random.normal(0, 0.1)


@process()
def load_by_workers(frame):
    """Worker processes, which PyTorch seeds from the default generator"""
    loader = DataLoader(Noisy(frame["income"].to_numpy()), batch_size=60, num_workers=2, multiprocessing_context="fork")
    return {"batches": torch.cat(list(loader))}


@process()
def fill_empty_tensor(frame):
    """torch.empty, initialised afterwards"""
    return {"weights": nn.init.xavier_uniform_(torch.empty(3, 8))}


@process()
def share_storage(frame):
    """Views that share a storage, and tied weights"""
    features, _ = tensors(frame)
    return {"columns": [features[:, 0], features.T[0].clone()], "strided": features[::2].T}
