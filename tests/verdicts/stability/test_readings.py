"""A metric of every duplicate, logged or returned; what is there where it is not; and what the baseline has of it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from pytest_expops.errors import StabilityError
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.verdicts.stability._readings import baseline_readings, readings
from tests.pipeline.config.configs import classic_document

PROCESSES: dict[str, dict[str, Any]] = {
    "split": {"data_parallelism": {"size": 2, "data_name": "rows"}},
    "start": {"seed_parallelism": {"seeds": [7, 8]}},
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> PipelineSession:
    folder = tmp_path_factory.mktemp("readings")
    (folder / "models").mkdir()
    (folder / "models" / "model.py").write_text(
        textwrap.dedent("""
        from decimal import Decimal
        import numpy as np
        from pytest_expops.core import log_metric, step

        def split(data): return {"rows": [1, 2]}
        def start(data): return {"rows": data["split"]["rows"]}

        @step()
        def score(value):
            log_metric("accuracy", value / 10)
            log_metric("accuracy", value)

        def evaluate(data, hyperparameters):
            seed, part = hyperparameters["random_seed"], data["start"]["rows"][0]
            value = part + seed / 100
            log_metric("loss", 1.0, step=5)
            log_metric("loss", value, step=9)
            log_metric("loss", 2.0, step=7)
            log_metric("both", value)
            log_metric("words", "good")
            log_metric("broken", float("nan") if seed == 8 else 1.0)
            score(value)
            return {
                "both": -1.0,
                "plain": value,
                "whole": 3,
                "numpy": np.float32(0.5),
                "array": np.array(value),
                "decimal": Decimal("0.25"),
                "test": {"score": {"f1": value}, "dotted.key": value},
                "dotted.key": value,
                "text": "0.5",
                "flag": True,
                "numpy flag": np.bool_(True),
                "nothing": None,
                "vector": np.array([value]),
                "list": [value],
                "infinite": float("inf"),
            }
        """),
        encoding="utf-8",
    )
    document = classic_document("split start\nstart evaluate\n", PROCESSES)
    (folder / "config.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return PipelineSession(expand(load_config(folder / "config.yaml")), folder / "session")


BY_PLACE = {"partition 1": {"7": 1.07, "8": 1.08}, "partition 2": {"7": 2.07, "8": 2.08}}


@pytest.mark.parametrize(
    "metric",
    ["plain", "array", "test.score.f1", "test.dotted.key", "dotted.key", "loss", "both", "score/accuracy"],
)
def test_logged_metrics_and_scalar_outputs_are_read_by_partition_and_seed(
    session: PipelineSession, metric: str
) -> None:
    """The reading at the highest step counts, and what is logged goes before an output of the same name."""
    assert readings(session, "evaluate", metric) == BY_PLACE


@pytest.mark.parametrize(("metric", "value"), [("whole", 3.0), ("numpy", 0.5), ("decimal", 0.25)])
def test_numbers_of_any_kind_are_read(session: PipelineSession, metric: str, value: float) -> None:
    found = readings(session, "evaluate", metric)
    assert {each for values in found.values() for each in values.values()} == {value}


ALL = "`evaluate_1_seed7`, `evaluate_1_seed8`, `evaluate_2_seed7`, `evaluate_2_seed8`"
EIGHT = "`evaluate_1_seed8`, `evaluate_2_seed8`"
THERE = (
    "    logged: `both`, `broken`, `loss`, `score/accuracy`, `words`\n"
    "    scalar outputs: `array`, `both`, `decimal`, `dotted.key`, `infinite`, `numpy`, `plain`, "
    "`test.dotted.key`, `test.score.f1`, `whole`"
)


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("text", f"{ALL} is no number, but of type str '0.5'; expected a scalar"),
        ("flag", f"{ALL} is no number, but of type bool True; expected a scalar"),
        ("numpy flag", f"{ALL} is no number, but of type bool; expected a scalar"),
        ("nothing", f"{ALL} is no number, but of type NoneType None; expected a scalar"),
        ("test.score", f"{ALL} is no number, but of type dict; expected a scalar"),
        ("vector", f"{ALL} is no number, but of type ndarray; expected a scalar"),
        ("list", f"{ALL} is no number, but of type list; expected a scalar"),
        ("words", f"{ALL} is no number, but of type str 'good'; expected a scalar"),
        ("infinite", f"{ALL} is inf; expected a finite number"),
        ("broken", f"{EIGHT} is nan; expected a finite number"),
    ],
)
def test_what_is_no_finite_number_is_an_error_that_names_the_duplicates(
    session: PipelineSession, metric: str, told: str
) -> None:
    with pytest.raises(StabilityError) as caught:
        readings(session, "evaluate", metric)
    assert str(caught.value) == f"`{metric}` of {told}"
    assert (caught.value.process, caught.value.key) == ("evaluate", metric)


@pytest.mark.parametrize(
    ("metric", "hint"),
    [
        ("score/acuracy", "; did you mean `score/accuracy`?"),
        ("test.score.f2", "; did you mean `test.score.f1`?"),
        ("zzz", ""),
    ],
)
def test_of_an_unknown_metric_it_is_told_what_there_is(session: PipelineSession, metric: str, hint: str) -> None:
    with pytest.raises(StabilityError) as caught:
        readings(session, "evaluate", metric)
    assert str(caught.value) == f"`{metric}` of {ALL} is not there{hint}\n{THERE}"


def test_the_baseline_is_read_likewise_and_may_lack_anything(session: PipelineSession) -> None:
    lock: Mapping[str, Mapping[str, list[tuple[int | None, float]]]] = {
        "evaluate_1_seed7": {"loss": [(9, 0.25), (1, 5.0)], "score/accuracy": [(1, 3.0)]},
        "evaluate_1_seed8": {"loss": [(1, float("nan"))]},
        "evaluate_2_seed7": {"other": [(1, 1.0)]},
        "evaluate_2_seed8": {"loss": [(2, 0.75)]},
    }
    duplicates = session.expanded.of("evaluate")
    assert baseline_readings(duplicates, lock.get, "loss") == {"partition 1": {"7": 0.25}, "partition 2": {"8": 0.75}}
    assert baseline_readings(duplicates, lambda name: None, "loss") == {}
