"""Processes that a library makes by name: those of scikit-learn, those of others, and what cannot be made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pytest_expops import ConfigError, load_config
from pytest_expops.execution.declared import components
from tests.expops.running import Ran, config, make, run

HEAD = "data: {path: data/table.csv}"
EDGES = """
data_source split_data
split_data train
split_data predict
train predict
"""
PROCESSES = """
- name: data_source
  component: sklearn.csv_to_xy
  parameters: {label_column: label}
- name: split_data
  component: sklearn.train_test_split
  parameters: {test_size: 0.25, random_state: 3, stratify: true}
- name: train
  component: sklearn.LogisticRegression.fit_predict
  input_transform: {X: X_train, y: y_train}
  parameters: {C: 7.5, max_iter: 300}
  metrics:
    - {name: accuracy, fn: accuracy_score, inputs: {y_true: y_train, y_pred: predictions}}
- name: predict
  component: sklearn.LogisticRegression.predict
  input_transform: {X: X_test}
  output_mapping: {predictions: y_pred}
  metrics:
    - {name: accuracy, fn: accuracy_score, inputs: {y_true: y_test, y_pred: y_pred}}
"""


def _table() -> str:
    random = np.random.default_rng(5)
    rows = random.normal(size=(40, 2))
    labels = (rows.sum(axis=1) + random.normal(scale=0.5, size=40) > 0).astype(int)
    lines = [f"{a:.6f},{b:.6f},{label}" for (a, b), label in zip(rows, labels, strict=True)]
    return "\n".join(["one,two,label", *lines]) + "\n"


def _run(tmp_path: Path, edges: str, processes: str, script: str = "") -> Ran:
    pytest.importorskip("sklearn")
    head = f"{HEAD}\nscripts: {{main: src/model.py}}" if script else HEAD
    return run(tmp_path, config(edges, processes, head=head), script, files={"data/table.csv": _table()})


def test_a_pipeline_of_components_is_what_scikit_learn_makes_of_it(tmp_path: Path) -> None:
    """No script at all; parameters reach the estimator, and the second `accuracy` is of what it has not seen."""
    pytest.importorskip("sklearn")
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    ran = _run(tmp_path, EDGES, PROCESSES)
    frame = pd.read_csv(tmp_path / "data/table.csv")
    features, labels = frame[["one", "two"]].to_numpy(), frame["label"].to_numpy()
    train_x, test_x, train_y, test_y = train_test_split(
        features, labels, test_size=0.25, random_state=3, stratify=labels
    )
    model = LogisticRegression(C=7.5, max_iter=300).fit(train_x, train_y)
    assert ran.outputs("train")["model"].get_params() == model.get_params()
    assert np.array_equal(ran.outputs("train")["model"].coef_, model.coef_)
    assert list(ran.outputs("predict")) == ["y_pred"]
    assert np.array_equal(ran.outputs("predict")["y_pred"], model.predict(test_x))
    assert ran.metrics("train") == {"accuracy": [model.score(train_x, train_y)]}
    assert ran.metrics("predict") == {"accuracy": [model.score(test_x, test_y)]}
    assert ran.metrics("train") != ran.metrics("predict")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_an_estimator_without_random_state_follows_the_seed_layers(tmp_path: Path) -> None:
    """S4.3; and parameters of the whole pipeline, which it would not know, do not reach it."""
    ran = _run(
        tmp_path,
        "data_source seeds\nseeds train\nseeds again",
        """
        - {name: data_source, component: sklearn.csv_to_xy, parameters: {label_column: label}}
        - {name: seeds, seed_parallelism: [1, 2]}
        - name: train
          component: sklearn.MLPClassifier.fit_predict
          parameters: {max_iter: 3, hidden_layer_sizes: [4]}
          iterative_logging: {metric_name: loss, eval_split: train}
        - {name: again, component: sklearn.KMeans.fit_predict, parameters: {n_clusters: 2, n_init: 1}}
        """,
        "\n",
    )
    one, two = ran.outputs("train_seed1")["model"], ran.outputs("train_seed2")["model"]
    assert not np.array_equal(one.coefs_[0], two.coefs_[0])
    assert ran.metrics("train_seed1") == {"loss": one.loss_curve_}
    assert len(one.loss_curve_) == 3
    assert sorted(set(ran.outputs("again_seed1")["predictions"])) == [0, 1]


def test_fit_gives_the_model_alone_and_inputs_is_another_word_for_input_transform(tmp_path: Path) -> None:
    ran = _run(
        tmp_path,
        "source train\ntrain look",
        """
        - name: source
        - {name: train, component: sklearn.DecisionTreeRegressor.fit, inputs: {X: a, y: b}, outputs: {model: tree}}
        - name: look
        """,
        "def source():\n    return {'a': [[1.0], [2.0]], 'b': [3.0, 4.0], 'X': 'another'}\n"
        "def look(**rest):\n    return {'names': list(rest), 'says': list(rest['tree'].predict([[2.0]]))}\n",
    )
    assert ran.outputs("look") == {"names": ["tree"], "says": [4.0]}


@pytest.mark.parametrize(
    ("component", "message", "hint"),
    [
        (
            "skleran.x",
            "there is no library of components `skleran`, for `component: skleran.x`",
            "did you mean `sklearn`?",
        ),
        (
            "sklearn.train_test_spli",
            "there is no component `sklearn.train_test_spli`; did you mean `train_test_split`?",
            None,
        ),
        (
            "sklearn.LogisticRegresion.fit",
            "has no estimator `LogisticRegresion`; did you mean `LogisticRegression`?",
            None,
        ),
        ("sklearn.Ridge.fitt", "there is no component `sklearn.Ridge.fitt`; did you mean `fit`?", None),
        ("sklearn.metrics.fit", "has no estimator `metrics`; name a class of scikit-learn that has `fit`", None),
    ],
)
def test_a_component_that_there_is_not(tmp_path: Path, component: str, message: str, hint: str | None) -> None:
    failure = _run(tmp_path, "a", f"- {{name: a, component: {component}}}").failure("a")
    assert failure.startswith("ScriptError: process `a`: ")
    assert message in failure
    assert hint is None or hint in failure


@pytest.mark.parametrize(
    ("processes", "message"),
    [
        (
            "- {name: a, component: sklearn.csv_to_xy, parameters: {label_column: label}}\n"
            "- {name: b, component: sklearn.Ridge.fit, input_transform: {X: X_train}}",
            "InputError: process `b`: `inputs` takes `X` from `X_train`, which no upstream returns\n"
            "    upstream returns: `X`, `y`",
        ),
        (
            "- {name: a, component: sklearn.csv_to_xy, parameters: {label_column: label}}\n"
            "- {name: b, component: sklearn.Ridge.predict}",
            "InputError: process `b`: component `sklearn.Ridge.predict` needs `model`, which no upstream returns\n"
            "    name its source: `input_transform: {model: KEY}`; available: a: X, y",
        ),
        (
            "- {name: b, component: sklearn.csv_to_xy}",
            "ComponentError: `sklearn.csv_to_xy` needs the parameter `label_column`: the name of the column of labels",
        ),
    ],
)
def test_what_a_component_lacks_is_said(tmp_path: Path, processes: str, message: str) -> None:
    edges = "a b" if "name: a" in processes else "b"
    assert _run(tmp_path, edges, processes).failure("b") == message


def test_an_estimator_that_keeps_no_losses_cannot_log_them(tmp_path: Path) -> None:
    processes = """
    - {name: a, component: sklearn.csv_to_xy, parameters: {label_column: label}}
    - {name: b, component: sklearn.Ridge.fit, iterative_logging: {metric_name: loss}}
    """
    assert "Ridge keeps no loss of its iterations" in _run(tmp_path, "a b", processes).failure("b")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("component: sklearn", "`component` is the text `sklearn`; expected LIBRARY.OPERATION, such as"),
        ("component: sklearn.Ridge.fit, code: f", "`code` beside `component`; expected one of them"),
        ("component: a.b, iterative_logging: {}", "`iterative_logging` has no `metric_name`"),
    ],
)
def test_a_component_that_is_written_wrongly_is_found_in_the_config(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(make(tmp_path, config("a", f"- {{name: a, {body}}}")))
    assert [each.message.startswith(f"process `a`: {message}") for each in caught.value.problems] == [True]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution with a library of components, as pip leaves one behind."""
    site = tmp_path / "site"
    (site / "own_parts-1.dist-info").mkdir(parents=True)
    (site / "own_parts-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: own-parts\nVersion: 1\n")
    (site / "own_parts-1.dist-info/entry_points.txt").write_text(
        "[pytest_expops.components]\nown = own_parts:find\nbroken = own_parts:nothing\n"
    )
    (site / "own_parts.py").write_text(
        "from pytest_expops.execution.declared.components import Component, ComponentError\n"
        "def find(operation):\n"
        "    if operation != 'scale':\n"
        "        raise ComponentError(f'own parts cannot {operation}')\n"
        "    def scale(work):\n"
        "        work.log_metric('factor', work.parameters['by'], 1)\n"
        "        return {'scaled': [each * work.parameters['by'] for each in work.inputs['values']]}\n"
        "    return Component(scale, ('values',))\n"
    )
    monkeypatch.syspath_prepend(site)
    components._entry_points.cache_clear()
    yield
    components._entry_points.cache_clear()
    sys.modules.pop("own_parts", None)


@pytest.mark.usefixtures("installed")
def test_an_entry_point_adds_a_library(tmp_path: Path) -> None:
    script = "def source():\n    return {'values': [1, 2]}\n"
    processes = (
        "- name: source\n- {name: a, component: own.scale, parameters: {by: 3}}\n- {name: b, component: own.turn}"
    )
    ran = _run(tmp_path, "source a\nsource b", f"{processes}\n- {{name: c, component: broken.x}}", script)
    assert ran.outputs("a") == {"scaled": [3, 6]}
    assert ran.metrics("a") == {"factor": [3]}
    assert ran.failure("b").endswith("process `b`: own parts cannot turn")
    assert "the library of components `broken` cannot be loaded: AttributeError" in ran.failure("c")


def test_a_library_that_needs_what_is_not_installed_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytest_expops.execution.declared._sklearn", None)
    monkeypatch.delitem(sys.modules, "pytest_expops.execution.declared._sklearn")
    for name in [each for each in sys.modules if each == "sklearn" or each.startswith("sklearn.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Without("sklearn"), *sys.meta_path])
    ran = run(tmp_path, config("a", "- {name: a, component: sklearn.csv_to_xy}", head=HEAD))
    assert ran.failure("a") == (
        "ScriptError: process `a`: component `sklearn.csv_to_xy` needs sklearn, which is not installed\n"
        "    install it: python -m pip install scikit-learn"
    )


class _Without:
    """As if a package were not installed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
