"""Models of scikit-learn, PyTorch and TensorFlow compare by their state and survive being stored (S7.2)."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_expops.errors import FingerprintError
from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.store import ArtifactStore

pytestmark = pytest.mark.ml

ROWS = np.random.default_rng(0).normal(size=(60, 4))
LABELS = (ROWS[:, 0] + 0.1 * ROWS[:, 1] > 0).astype(int)


def _holds(store: ArtifactStore, make: Callable[[], Any], other: Callable[[], Any]) -> tuple[str, ...]:
    """What must hold of any model: made twice, and stored, it is equal; another is not. Where that one differs."""
    value = make()
    assert compare(value, make()) == ()
    assert fingerprint(value) == fingerprint(make())
    assert compare(value, store.get(store.put(value))) == ()
    assert fingerprint(value) != fingerprint(other())
    return tuple(each.path for each in compare(value, other()))


@pytest.fixture
def store(tmp_path: pathlib.Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


@pytest.mark.parametrize(
    ("module", "name", "options"),
    [
        ("ensemble", "RandomForestClassifier", {"n_estimators": 3, "random_state": 0}),
        ("ensemble", "HistGradientBoostingClassifier", {"max_iter": 3, "random_state": 0}),
        ("linear_model", "LogisticRegression", {}),
        ("neighbors", "KNeighborsClassifier", {"algorithm": "kd_tree"}),
        ("cluster", "KMeans", {"n_clusters": 3, "random_state": 0, "n_init": 2}),
        ("svm", "SVC", {"random_state": 0}),
    ],
)
def test_scikit_learn_estimators(store: ArtifactStore, module: str, name: str, options: dict[str, Any]) -> None:
    sklearn = pytest.importorskip(f"sklearn.{module}")
    fitted = functools.partial(getattr(sklearn, name), **options)
    assert _holds(store, lambda: fitted().fit(ROWS, LABELS), lambda: fitted().fit(ROWS[:50], LABELS[:50])) != ()


def test_a_scikit_learn_pipeline_names_the_coefficient(store: ArtifactStore) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")

    def made(strength: float) -> Any:
        model = linear.LogisticRegression(C=strength)
        return pipeline.make_pipeline(preprocessing.StandardScaler(), model).fit(ROWS, LABELS)

    assert _holds(store, lambda: made(1.0), lambda: made(2.0)) == (
        "value.steps[1][1].C",
        "value.steps[1][1].coef_[0, 0]",
        "value.steps[1][1].intercept_[0]",
    )


def _network(seed: int) -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))


def test_torch_modules_name_the_parameter(store: ArtifactStore) -> None:
    found = _holds(store, lambda: _network(0), lambda: _network(1))
    assert found == ("value.0.weight[0, 0]", "value.0.bias[0]", "value.3.weight[0, 0]", "value.3.bias[0]")


def test_torch_recurrent_networks_are_judged_though_they_hold_weak_references(store: ArtifactStore) -> None:
    torch = pytest.importorskip("torch")

    def made(seed: int) -> Any:
        torch.manual_seed(seed)
        return torch.nn.LSTM(3, 2)

    assert _holds(store, lambda: made(0), lambda: made(1))[0] == "value.weight_ih_l0[0, 0]"


def test_torch_scripts_are_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(FingerprintError, match=r"the state of a torch\.ScriptModule cannot be read"):
        fingerprint(torch.jit.script(torch.nn.Linear(2, 1)))


def test_torch_modules_whose_own_state_cannot_be_read_are_refused() -> None:
    torch = pytest.importorskip("torch")

    class Closed(torch.nn.Module):  # type: ignore[misc, name-defined] # torch is met at run time only
        def __getstate__(self) -> Any:
            raise RuntimeError("closed")

    with pytest.raises(FingerprintError, match=r"the state of a .*Closed cannot be read \(RuntimeError: closed\)"):
        fingerprint(Closed())


def test_torch_state_and_optimizer(store: ArtifactStore) -> None:
    torch = pytest.importorskip("torch")

    def trained(rate: float) -> dict[str, Any]:
        model = _network(0)
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        model(torch.ones(5, 4)).sum().backward()
        optimizer.step()
        return {"state": model.state_dict(), "optimizer": optimizer}

    found = _holds(store, lambda: trained(0.1), lambda: trained(0.2))
    assert "value['state']['3.bias'][0]" in found
    assert "value['optimizer'].param_groups[0]['lr']" in found


def test_torch_tensors_that_look_alike_differ(store: ArtifactStore) -> None:
    torch = pytest.importorskip("torch")
    base = torch.arange(6.0).reshape(2, 3)
    tensors = [
        *[base, base.T, base.double(), base.half(), base.bfloat16(), base.long(), base.bool(), base + 0j],
        *[base.clone().requires_grad_(), torch.nn.Parameter(base), base.to_sparse(), base.to("meta"), base[:1]],
        *[base.numpy(), base.tolist(), torch.tensor(-0.0), torch.tensor(0.0), torch.tensor(float("nan"))],
        *[torch.Generator().manual_seed(0), torch.Generator().manual_seed(1), torch.float32, torch.Size([1])],
    ]
    assert len({fingerprint(each).digest for each in tensors}) == len(tensors)
    equal = [(base, base.T.contiguous().T), (base, torch.cat([base, base])[:2]), (base + 1j, (base - 1j).conj())]
    assert [compare(one, other) for one, other in equal] == [()] * len(equal)
    assert all(
        compare(each, store.get(store.put(each))) == () for each in tensors if not isinstance(each, torch.Generator)
    )


def test_torch_tensors_that_cannot_be_read_are_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(FingerprintError, match="cannot be read"):
        fingerprint(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8))


def _keras_model(units: int, *, compiled: bool = True) -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    one, two = keras.layers.Dense(units, activation="relu")(inputs), keras.layers.Dense(units)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Add()([one, two])))
    if compiled:
        model.compile("adam", "mse")
        model.train_on_batch(ROWS, LABELS)
    return model


def test_keras_models_of_one_interpreter_are_equal(store: ArtifactStore) -> None:
    """The second is made of `dense_3`, `dense_4`, ... and trained by `adam_1`: names that tell when, not what."""
    assert _holds(store, lambda: _keras_model(3), lambda: _keras_model(4)) != ()
    weights = _keras_model(3, compiled=False)
    weights.layers[1].trainable = False
    assert compare(_keras_model(3, compiled=False), weights) != ()


def test_tensorflow_values(store: ArtifactStore) -> None:
    tf = pytest.importorskip("tensorflow")
    values = [
        *[tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0]), tf.constant([1, 2]), tf.Variable([1.0, 2.0])],
        *[tf.Variable([1.0, 2.0], trainable=False), tf.constant(["a"]), tf.constant([1.0, 2.0], tf.float16)],
        *[np.array([1.0, 2.0], "f4"), tf.random.Generator.from_seed(1), tf.random.Generator.from_seed(2)],
    ]
    assert len({fingerprint(each).digest for each in values}) == len(values)
    assert compare(tf.Variable([1.0], name="a"), tf.Variable([1.0], name="b")) == ()
    assert all(compare(each, store.get(store.put(each))) == () for each in values[:3])
    with pytest.raises(FingerprintError, match=r"a tf\.data\.Dataset is a recipe"):
        fingerprint(tf.data.Dataset.range(3))
