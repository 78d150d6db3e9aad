"""A small PyTorch network of the irises; weights, dropout and batches are drawn from torch's default generator."""

from __future__ import annotations

import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pytest_expops.core import log_metric, process, step


@process()
def load():
    return {"df": load_iris(as_frame=True).frame}


@process()
def partition(data):
    return {"df": data["load"]["df"].sample(frac=1)}


@process()
def fan_out(data):
    return data["partition"]


def network():
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def tensors(df):
    values = torch.tensor(df.to_numpy(), dtype=torch.float32)
    return values[:, :4], values[:, 4].long()


def fit(df, hyperparameters):
    """Weights and the loss of each epoch."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=hyperparameters["learning_rate"])
    losses = []
    for _ in range(hyperparameters["epochs"]):
        total = 0.0
        for features, target in DataLoader(TensorDataset(*tensors(df)), batch_size=16, shuffle=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(features), target)
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total)
        log_metric("loss", total)
    return {"weights": model.state_dict(), "losses": losses, "df": df}


@process()
def train(data, hyperparameters):
    return fit(data["fan_out"]["df"], hyperparameters)


@process()
def train_unseeded(data, hyperparameters):
    torch.seed()  # from the operating system
    return fit(data["fan_out"]["df"], hyperparameters)


@process()
def judge_unseeded(data):
    return {"norm": sum(float(each.norm()) for each in data["train_unseeded"]["weights"].values())}


@step()
def uncertainty(model, features):
    """The spread of the outputs under dropout, shape (rows, 3)."""
    model.train()
    with torch.no_grad():
        return torch.stack([model(features) for _ in range(5)]).std(dim=0)


@process()
def evaluate(data):
    trained = data["train"]
    model = network()
    model.load_state_dict(trained["weights"])
    features, target = tensors(trained["df"])
    spread = uncertainty(model, features)
    model.eval()
    accuracy = (model(features).argmax(dim=1) == target).float().mean().item()
    log_metric("accuracy", accuracy)
    return {"accuracy": accuracy, "spread": spread}


@process()
def ensemble(data):
    parts = data["evaluate"]
    return {part: {seed: result["accuracy"] for seed, result in seeds.items()} for part, seeds in parts.items()}
