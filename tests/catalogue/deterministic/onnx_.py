"""Models exported to ONNX and returned as models: what computes the same is the same."""

# needs: skl2onnx, sklearn

from __future__ import annotations

import numpy as np
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

from pytest_expops.core import process

COLUMNS = ["age", "income", "visits"]


def rows_of(frame):
    return frame[COLUMNS].to_numpy(dtype=np.float32)


@process()
def keep_exported_tree(frame, random_seed):
    """An exported tree whose graph has a drawn name, as a model"""
    rows = rows_of(frame)
    tree = DecisionTreeRegressor(max_depth=3, random_state=random_seed).fit(rows, frame["clicks"])
    return {"onnx": to_onnx(tree, rows[:1], target_opset=15)}


@process()
def keep_exported_weights(frame):
    """An exported linear model with two operator sets, as a model and as its graph"""
    rows = rows_of(frame)
    model = to_onnx(LogisticRegression(max_iter=500).fit(rows, frame["bought"]), rows[:1], target_opset=15)
    return {"onnx": model, "graph": model.graph}
