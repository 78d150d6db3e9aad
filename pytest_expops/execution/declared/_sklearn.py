"""The components of scikit-learn, as the ExpOps guide describes them; imported when a config first names one.

Estimators are made with the parameters of the process alone. One without `random_state` draws from NumPy's global
generator, which is seeded for each process (S4.3), so that it follows the seed layers.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any

import sklearn
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split

from pytest_expops.execution.declared.component import Component, ComponentCall, ComponentError
from pytest_expops.wording import did_you_mean

# Where most estimators are, so that not all of scikit-learn is imported to find one.
_FIRST = ("linear_model", "ensemble", "neural_network", "tree", "svm", "neighbors", "naive_bayes", "cluster")
_METHODS = ("fit", "fit_predict", "predict")


def find(operation: str) -> Component:
    """Return `csv_to_xy`, `train_test_split`, or `<Estimator>.fit`, `.predict` or `.fit_predict`."""
    if operation == "csv_to_xy":
        return Component(_csv_to_xy)
    if operation == "train_test_split":
        return Component(_train_test_split, ("X", "y"))
    name, dot, method = operation.rpartition(".")
    if not dot:
        known = ["csv_to_xy", "train_test_split", *(f"<Estimator>.{each}" for each in _METHODS)]
        raise ComponentError(f"there is no component `sklearn.{operation}`; {_instead(operation, known)}")
    estimator = _estimator(name)
    if method == "fit":
        return Component(partial(_fit, estimator), ("X",), ("y",))
    if method == "fit_predict":
        return Component(partial(_fit_predict, estimator), ("X",), ("y",))
    if method == "predict":
        return Component(_predict, ("model", "X"))
    raise ComponentError(f"there is no component `sklearn.{operation}`; {_instead(method, _METHODS)}")


def _instead(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, known) or f"there are: {', '.join(f'`{each}`' for each in known)}"


def _estimator(name: str) -> type[Any]:
    """Return the estimator of that name, wherever scikit-learn has it in public."""
    packages = dict.fromkeys([*_FIRST, *sklearn.__all__])
    near: list[str] = []
    for package in packages:
        try:
            module = importlib.import_module(f"sklearn.{package}")
        except ImportError:  # `__all__` has functions too
            continue
        found = getattr(module, name, None)
        if inspect.isclass(found) and issubclass(found, BaseEstimator):
            return found
        near += [each for each, value in vars(module).items() if inspect.isclass(value)]
    hint = did_you_mean(name, near) or "name a class of scikit-learn that has `fit`"
    raise ComponentError(f"scikit-learn {sklearn.__version__} has no estimator `{name}`; {hint}")


def _csv_to_xy(work: ComponentCall) -> dict[str, Any]:
    """Return `X`, an array of shape (rows, features), and `y`, of shape (rows,), from the file at `data.path`."""
    import pandas as pd

    parameters = dict(work.parameters)
    label = parameters.pop("label_column", None)
    if not isinstance(label, str):
        raise ComponentError("`sklearn.csv_to_xy` needs the parameter `label_column`: the name of the column of labels")
    if parameters:
        raise ComponentError(f"`sklearn.csv_to_xy` has no parameter {', '.join(f'`{each}`' for each in parameters)}")
    if work.data_path is None:
        raise ComponentError("`sklearn.csv_to_xy` reads the file that the config names: add `data: {path: PATH}`")
    frame = pd.read_csv(work.data_path)
    if label not in frame.columns:
        columns = ", ".join(f"`{each}`" for each in frame.columns)
        raise ComponentError(f"{work.data_path} has no column `{label}`; it has {columns}")
    return {"X": frame.drop(columns=[label]).to_numpy(), "y": frame[label].to_numpy()}


def _train_test_split(work: ComponentCall) -> dict[str, Any]:
    features, labels = work.inputs["X"], work.inputs["y"]
    parameters = dict(work.parameters)
    if parameters.get("stratify") in (True, "y"):  # a config cannot name the array itself
        parameters["stratify"] = labels
    split = train_test_split(features, labels, **parameters)
    return dict(zip(("X_train", "X_test", "y_train", "y_test"), split, strict=True))


def _fitted(estimator: type[Any], work: ComponentCall) -> Any:
    model = estimator(**work.parameters)
    if "y" in work.inputs:
        model.fit(work.inputs["X"], work.inputs["y"])
    else:
        model.fit(work.inputs["X"])
    if work.iterative_logging is not None:
        for step, value in enumerate(_readings(model), start=1):
            work.log_metric(work.iterative_logging.metric_name, float(value), step)
    return model


def _readings(model: Any) -> Sequence[float]:
    """Return the training loss of each iteration, where the estimator keeps it."""
    for attribute in ("loss_curve_", "train_score_"):
        if hasattr(model, attribute):
            readings: Sequence[float] = getattr(model, attribute)
            return readings
    raise ComponentError(
        f"`iterative_logging`: {type(model).__name__} keeps no loss of its iterations; remove it, or choose an "
        "estimator that does, such as MLPClassifier or GradientBoostingClassifier"
    )


def _fit(estimator: type[Any], work: ComponentCall) -> dict[str, Any]:
    return {"model": _fitted(estimator, work)}


def _fit_predict(estimator: type[Any], work: ComponentCall) -> dict[str, Any]:
    model = _fitted(estimator, work)
    if hasattr(model, "predict"):
        return {"model": model, "predictions": model.predict(work.inputs["X"])}
    if hasattr(model, "labels_"):  # clusterers that cannot place new points
        return {"model": model, "predictions": model.labels_}
    raise ComponentError(f"`sklearn.{estimator.__name__}.fit_predict`: {estimator.__name__} does not predict")


def _predict(work: ComponentCall) -> dict[str, Any]:
    return {"predictions": work.inputs["model"].predict(work.inputs["X"], **work.parameters)}
