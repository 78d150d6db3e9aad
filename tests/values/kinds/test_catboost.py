"""CatBoost: a model is its trees and settings, and a difference names the tree (S7.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pytest_expops.errors import FingerprintError
from pytest_expops.values.comparison import Difference, compare
from pytest_expops.values.fingerprint import fingerprint
from tests.values.kinds.models import LABELS, ROWS, SENTENCES, catboost_classifier, catboost_regressor

pytestmark = pytest.mark.libraries
catboost = pytest.importorskip("catboost", reason="needs catboost (extra `libraries`)")


def test_which_training_it_was_and_when_does_not_count() -> None:
    model, again = catboost_regressor(0), catboost_regressor(0)
    again.get_metadata()["train_finish_time"] = "2001-01-01T00:00:00Z"
    assert model.get_metadata()["model_guid"] != again.get_metadata()["model_guid"]
    assert compare(model, again) == ()


def test_what_the_user_notes_in_the_model_counts() -> None:
    model, noted = catboost_regressor(0), catboost_regressor(0)
    noted.get_metadata()["note"] = "x"
    assert [each.path for each in compare(model, noted)] == ["value['model_info']['note']"]


def test_a_leaf_that_is_one_step_away_is_named() -> None:
    model, changed = catboost_regressor(0), catboost_regressor(0)
    leaves = np.array(changed.get_leaf_values())
    leaves[2] = np.nextafter(leaves[2], np.inf)
    changed.set_leaf_values(leaves)
    (difference,) = compare(model, changed)
    assert difference.path == "value['oblivious_trees'][0]['leaf_values'][2]"
    assert "max ulp = 1" in difference.detail


def test_a_number_that_happens_to_be_whole_is_no_other_type() -> None:
    model, changed = catboost_regressor(0), catboost_regressor(0)
    changed.set_scale_and_bias(2, [0.0])
    assert [each.path for each in compare(model, changed)] == [
        "value['scale_and_bias'][0]",
        "value['scale_and_bias'][1][0]",
    ]
    assert "2.0" in compare(model, changed)[0].obtained


def _places(found: tuple[Difference, ...]) -> set[str]:
    return {each.path.partition("[")[2].partition("]")[0] for each in found}


def test_categories_and_parameters_count() -> None:
    model, changed = catboost_classifier(0), catboost_classifier(0)
    changed.set_feature_names(list("abcde"))
    assert _places(compare(model, changed)) == {"'features_info'"}
    assert compare(catboost.CatBoost({"depth": 2}), catboost.CatBoost({"depth": 3}))[0].path == "value.depth"


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(FingerprintError, match="lies in native memory") as caught:
        fingerprint(catboost.Pool(ROWS))
    assert caught.value.hint == "return the table it was made from"
    frame: Any = pd.DataFrame({"text": SENTENCES * 10})
    model = catboost.CatBoostClassifier(iterations=1, depth=1, verbose=False, allow_writing_files=False)
    model.fit(frame, LABELS, text_features=["text"])
    with pytest.raises(FingerprintError, match=r"a CatBoost model cannot be saved as JSON \(.*text features"):
        fingerprint(model)
