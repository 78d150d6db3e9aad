"""Optuna: a study is its trials, wherever they are kept; a name that Optuna drew is not judged (S7.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_expops.values.comparison import compare

pytestmark = pytest.mark.libraries
optuna = pytest.importorskip("optuna", reason="needs optuna (extra `libraries`)")


def _study(name: str | None = None, storage: str | None = None, choice: str = "a") -> Any:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(study_name=name, storage=storage, sampler=sampler)
    study.set_user_attr("choice", choice)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    return study


def _places(one: Any, other: Any) -> list[str]:
    return [each.path for each in compare(one, other)]


def test_only_a_name_that_was_drawn_does_not_count() -> None:
    assert _places(_study(), _study()) == []
    assert _places(_study("here"), _study("there")) == ["value.study_name"]


def test_where_trials_are_kept_does_not_count(tmp_path: Path) -> None:
    kept = f"sqlite:///{tmp_path / 'studies.db'}"
    _study("first", kept)  # so that the next one's trials have other numbers in the database
    assert _places(_study("second"), _study("second", kept)) == []


def test_attributes_and_values_count() -> None:
    assert _places(_study(), _study(choice="b")) == ["value.user_attrs['choice']"]
    one, other = _study(), _study()
    other.trials  # noqa: B018 (a copy, so that the next line changes what is kept)
    other.get_trials(deepcopy=False)[1].values = [2.0]
    assert _places(one, other) == ["value.trials[1]._values[0]"]
