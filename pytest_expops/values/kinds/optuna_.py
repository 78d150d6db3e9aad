"""Optuna's studies by their trials, sampler and pruner, wherever they are kept and whenever they ran."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form
from pytest_expops.values.kinds.bookkeeping import leaving_out
from pytest_expops.values.kinds.objects import state_form
from pytest_expops.values.naming import type_name

_DRAWN_NAME = re.compile(r"no-name-[0-9a-f-]{36}")
"""What Optuna calls a study that was given no name."""


def study_form(value: Any) -> Form:
    """Return a study by what it says of itself; a name that Optuna drew for it does not count."""
    storage, key = value._storage, value._study_id
    return state_form(
        value,
        {
            "directions": value.directions,
            "metric_names": value.metric_names,
            "pruner": value.pruner,
            "sampler": value.sampler,
            "study_name": None if _DRAWN_NAME.fullmatch(value.study_name) else value.study_name,
            "system_attrs": storage.get_study_system_attrs(key),
            "trials": value.get_trials(deepcopy=False),
            "user_attrs": value.user_attrs,
        },
    )


_trials = leaving_out(
    {
        # `_trial_id` is the row in the storage; `number` counts within the study.
        "optuna.trial._frozen.FrozenTrial": {"_datetime_start": None, "datetime_complete": None, "_trial_id": None},
    }
)


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a study or a trial apart; the state of Optuna's other classes needs no handler."""
    is_study = "optuna.study.study.Study" in {type_name(base) for base in cls.__mro__}
    return study_form if is_study else _trials(cls)
