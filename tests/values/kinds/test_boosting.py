"""XGBoost and LightGBM: a model is its trees and settings, and a difference names the tree (S7.2)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_expops.errors import FingerprintError
from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.codec import decode, encode

ROWS = np.random.default_rng(0).normal(size=(120, 4))
LABELS = (ROWS[:, 0] + 0.1 * ROWS[:, 1] > 0).astype(int)


def _xgboost(name: str) -> Callable[..., Any]:
    def fit(seed: int, **options: Any) -> Any:
        xgboost = pytest.importorskip("xgboost")
        if name == "Booster":
            settings = {"seed": seed, "subsample": 0.5, "nthread": 1, **options}
            return xgboost.train(settings, xgboost.DMatrix(ROWS, LABELS), 3)
        settings = {"n_estimators": 3, "random_state": seed, "subsample": 0.5, "n_jobs": 1, **options}
        return getattr(xgboost, name)(**settings).fit(ROWS, LABELS)

    return fit


def _lightgbm(name: str) -> Callable[..., Any]:
    def fit(seed: int, **options: Any) -> Any:
        lightgbm = pytest.importorskip("lightgbm")
        sampled = {"bagging_fraction": 0.5, "bagging_freq": 1, "verbose": -1, "num_threads": 1, **options}
        if name == "Booster":
            return lightgbm.train({"seed": seed, **sampled}, lightgbm.Dataset(ROWS, LABELS), 3)
        return getattr(lightgbm, name)(n_estimators=3, random_state=seed, **sampled).fit(ROWS, LABELS)

    return fit


MODELS = {
    **{f"xgboost.{name}": _xgboost(name) for name in ("Booster", "XGBClassifier", "XGBRegressor")},
    **{f"lightgbm.{name}": _lightgbm(name) for name in ("Booster", "LGBMClassifier", "LGBMRegressor")},
}


@pytest.mark.parametrize("fit", MODELS.values(), ids=MODELS)
def test_of_one_seed_equal_of_another_not(fit: Callable[..., Any]) -> None:
    model = fit(0)
    model.predict(ROWS) if hasattr(model, "fit") else None  # which fills caches
    again = [
        fit(0),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        decode(bytearray(encode(model).to_bytes())),
    ]
    assert [compare(model, each) for each in again] == [()] * 4
    assert {fingerprint(each).digest for each in again} == {fingerprint(model).digest}
    assert fingerprint(model) != fingerprint(fit(1))
    assert "split_" in " ".join(each.path for each in compare(model, fit(1), limit=200))


@pytest.mark.parametrize("fit", MODELS.values(), ids=MODELS)
def test_handles_and_addresses_do_not_count(fit: Callable[..., Any]) -> None:
    """Two models alive at once lie at different addresses; a fingerprint with one in it would differ."""
    models = [fit(0) for _ in range(3)]
    assert len({fingerprint(each).digest for each in models}) == 1
    assert not any("handle" in leaf.path for leaf in fingerprint(models[0]).leaves)


def test_a_changed_leaf_of_a_tree_is_named() -> None:
    """One number of the saved model of each library is changed, and loaded into a model again."""
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    model = MODELS["xgboost.Booster"](0, max_depth=1)
    saved = model.save_raw("json").decode()
    start = saved.index('"split_conditions":[') + len('"split_conditions":[')
    end = saved.index(",", start)
    changed = xgboost.Booster()
    changed.load_model(bytearray((saved[:start] + repr(float(saved[start:end]) + 1) + saved[end:]).encode()))
    plain = xgboost.Booster()
    plain.load_model(bytearray(saved.encode()))
    (difference,) = compare(plain, changed)
    assert difference.path == "value['learner']['gradient_booster']['model']['trees'][0]['split_conditions'][0]"
    assert "max |delta| = 1.0; " in difference.detail

    text = MODELS["lightgbm.Booster"](0).model_to_string()
    digit = text.index(".", text.index("leaf_value=")) + 1  # the file tells the length of each tree: one digit for one
    changed = lightgbm.Booster(model_str=text[:digit] + str((int(text[digit]) + 5) % 10) + text[digit + 1 :])
    (difference,) = compare(lightgbm.Booster(model_str=text), changed)
    assert difference.path == "value[0]['leaf_value'][0]"
    assert "max |delta| = 0.5; " in difference.detail


def test_settings_and_attributes_count() -> None:
    pytest.importorskip("xgboost")
    fit = MODELS["xgboost.Booster"]
    assert [each.path for each in compare(fit(0), fit(0, nthread=2))] == [
        "value.save_config()['learner']['generic_param']['n_jobs']",
        "value.save_config()['learner']['generic_param']['nthread']",
    ]
    marked = fit(0)
    marked.set_attr(note="x")
    assert [each.path for each in compare(fit(0), marked)] == ["value['learner']['attributes']['note']"]


def test_what_lies_in_native_memory_alone_is_refused() -> None:
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    for value in (xgboost.DMatrix(ROWS), lightgbm.Dataset(ROWS)):
        with pytest.raises(FingerprintError, match=r"^value\['d'\]: a D\w+ \(.*\) lies in native memory") as caught:
            fingerprint({"d": value})
        assert caught.value.hint == "return the table it was made from"
    with pytest.raises(FingerprintError, match=r"^value\[0\]: a booster that cannot be saved has no value to compare"):
        fingerprint([xgboost.Booster()])
