"""Models exported to ONNX and kept as bytes, with what the exporter draws and the order in which it lists its parts."""

# needs: skl2onnx, sklearn

from __future__ import annotations

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from pytest_expops.core import process, step

COLUMNS = ["age", "income", "visits", "tenure", "clicks"]


@step()
def grown(frame, seed):
    rows = frame[COLUMNS].to_numpy(dtype=np.float32)
    return DecisionTreeClassifier(max_depth=3, random_state=seed).fit(rows, frame["bought"])


@process()
def export_without_name(frame, random_seed):
    """A tree exported without a name: the graph is called by an identifier that is drawn

    cause: entropy | hashseed
    """
    tree = grown(frame, random_seed)
    shapes = [("customer", FloatTensorType([None, len(COLUMNS)]))]
    return {"onnx": convert_sklearn(tree, initial_types=shapes, target_opset=15).SerializeToString()}  # culprit


@process()
def export_a_set_of_inputs(frame, random_seed):
    """A model exported with one input for each column of a set

    cause: hashseed
    """
    columns = list({"age", "income", "visits", "tenure", "clicks", "rating"} & set(frame.columns))  # culprit
    scaled = ColumnTransformer([("scaled", StandardScaler(), sorted(columns))])
    model = make_pipeline(scaled, DecisionTreeClassifier(max_depth=3, random_state=random_seed))
    model.fit(frame[columns].astype("float32"), frame["bought"])
    inputs = [(name, FloatTensorType([None, 1])) for name in columns]
    return {"onnx": convert_sklearn(model, name="buyers", initial_types=inputs, target_opset=15).SerializeToString()}
