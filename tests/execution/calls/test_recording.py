"""Steps are seeded and recorded in call order; metrics count up as in ExpOps."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_expops import core
from pytest_expops.core import get_current_context, log_metric, process, step
from pytest_expops.execution.calls.recording import Metric, Recorder, recording_to
from pytest_expops.execution.seeding.task_seeds import seeded, task_seed


def record(function: Callable[[], Any], name: str = "p", seed: int = 7) -> Recorder:
    with seeded(task_seed(seed, name)), recording_to(Recorder(name, seed)) as recorder:
        function()
    return recorder


def series(recorder: Recorder) -> list[tuple[str, Any, int | None, str | None]]:
    return [(each.name, each.value, each.step, each.source) for each in recorder.metrics]


def test_a_series_counts_up_from_one_and_goes_on_after_the_highest() -> None:
    def run() -> None:
        log_metric("m", 1.0)
        log_metric("m", 2.0)
        log_metric("m", 3.0, step=10)
        log_metric("m", 4.0)
        log_metric("m", 5.0, step=5)
        log_metric("m", 6.0)
        log_metric("m", 7.0, step=5)
        log_metric("other", 1)

    assert [each[:3] for each in series(record(run))] == [
        ("m", 1.0, 1),
        ("m", 2.0, 2),
        ("m", 3.0, 10),
        ("m", 4.0, 11),
        ("m", 7.0, 5),
        ("m", 6.0, 12),
        ("other", 1, 1),
    ]


@pytest.mark.parametrize(("first", "following"), [(0, 1), (-3, -2), (np.int64(4), 5)])
def test_counting_starts_where_the_first_step_says(first: int, following: int) -> None:
    def run() -> None:
        log_metric("m", 1.0, step=first)
        log_metric("m", 1.0)

    assert [each.step for each in record(run).metrics] == [first, following]


def test_each_step_function_has_series_of_its_own() -> None:
    @step()
    def inner() -> None:
        log_metric("loss", 0.5)

    @step(name="outer")
    def named() -> None:
        log_metric("loss", 0.25)
        inner()

    def run() -> None:
        log_metric("loss", 1.0)
        inner()
        inner()
        named()

    assert series(record(run)) == [
        ("loss", 1.0, 1, None),
        ("loss", 0.5, 1, "inner"),
        ("loss", 0.5, 2, "inner"),
        ("loss", 0.25, 1, "outer"),
        ("loss", 0.5, 1, "outer/inner"),
    ]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (True, 1),
        (3, 3),
        (np.float32(0.5), 0.5),
        (np.int64(4), 4),
        (np.array(2.5), 2.5),
        (np.bool_(True), 1),
    ],
)
def test_numbers_of_every_kind_are_readings(value: Any, plain: float) -> None:
    metric = record(lambda: log_metric("m", value)).metrics[0]
    assert metric == Metric("m", plain, 1)
    assert type(metric.value) is type(plain)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("text", "text"),
        (None, None),
        ([1, np.float64(2.0)], [1, 2.0]),
        (np.arange(3), [0, 1, 2]),
        ({"a": (1, 2)}, {"a": [1, 2]}),
    ],
)
def test_other_values_are_kept_without_a_step_and_the_last_one_stays(value: Any, plain: Any) -> None:
    def run() -> None:
        log_metric("m", "first")
        log_metric("m", value, step=3)

    assert record(run).metrics == (Metric("m", plain, None),)


@pytest.mark.parametrize(
    "arguments",
    [("m", object()), ("m", 1.0, 1.5), ("m", 1.0, "2"), (3, 1.0), ("", 1.0), ("m",), ()],
)
def test_what_is_no_metric_is_an_error_of_the_users_also_outside_a_run(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="log_metric"):
        log_metric(*arguments)


def test_expops_calls_the_name_key() -> None:
    assert record(lambda: log_metric(key="m", value=1)).metrics == (Metric("m", 1, 1),)
    with pytest.raises(TypeError, match="takes a name and a value"):
        log_metric("m", 1, key="n")


def test_outside_a_run_steps_and_metrics_are_plain_functions() -> None:
    @step()
    def double(x: int, *, times: int = 2) -> int:
        """Doc."""
        log_metric("x", x)
        return x * times

    assert double(3) == 6
    assert double(3, times=3) == 9
    assert (double.__name__, double.__doc__) == ("double", "Doc.")
    assert get_current_context() is None


def test_decorators_work_with_and_without_parentheses() -> None:
    def f() -> int:
        return 1

    assert process(f) is f
    assert process(description="d", logging=False)(f) is f
    assert process("what it does")(f) is f
    assert step("s")(f).__expops_step__["name"] == "s"  # type: ignore[attr-defined]
    assert step(f)() == step(name="s", step_type="general", logging=False)(f)() == 1
    assert set(core.__all__) >= {"process", "step", "log_metric", "SerializableData", "get_current_context"}


def test_steps_are_recorded_in_the_order_of_their_calls() -> None:
    @step()
    def inner() -> None: ...

    @step()
    def outer() -> None:
        inner()

    @step()
    def fails() -> None:
        raise ValueError("on purpose")

    def run() -> None:
        outer()
        inner()
        with pytest.raises(ValueError, match="on purpose"):
            fails()

    recorder = record(run)
    assert [(each.name, each.call, each.parent, each.outcome) for each in recorder.steps] == [
        ("outer", 1, None, "passed"),
        ("inner", 1, "outer", "passed"),
        ("inner", 2, None, "passed"),
        ("fails", 1, None, "failed"),
    ]
    assert recorder.steps[2].task_seed == task_seed(7, "p", "inner", 2)


def test_a_step_draws_from_streams_of_its_own() -> None:
    """S4.3: each call other numbers, whatever was drawn before; and what it draws, its process does not miss."""
    drawn: list[float] = []

    @step()
    def draw() -> float:
        return random.random() + np.random.rand()

    def with_steps() -> None:
        drawn.extend([random.random(), draw(), draw(), random.random()])

    def without_steps() -> None:
        drawn.extend([random.random(), random.random()])

    record(with_steps)
    first, step_one, step_two, second = drawn
    drawn.clear()
    record(without_steps)
    assert drawn == [first, second]
    drawn.clear()
    record(lambda: drawn.append(draw()))
    assert drawn == [step_one]
    assert step_one != step_two
    drawn.clear()
    record(lambda: drawn.append(draw()), name="other")
    record(lambda: drawn.append(draw()), seed=8)
    assert len({step_one, *drawn}) == 3


def test_metrics_from_threads_of_the_process_are_recorded() -> None:
    def run() -> None:
        threads = [threading.Thread(target=lambda: [log_metric("m", 1.0) for _ in range(100)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [each.step for each in record(run).metrics] == list(range(1, 401))
