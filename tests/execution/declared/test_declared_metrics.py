"""`metrics` of a process: a key of its result, or what a function makes of its inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import ConfigError, load_config
from tests.expops.running import Ran, config, make, run

SCRIPT = """
def data():
    return {"y_true": [0, 1, 1, 0], "noise": [5]}

def predict(y_true, x=None):
    return {"y": [0, 1, 0, 0], "loss": 0.25, "table": {"a": [1]}}

def share(expected, obtained, scale=1):
    return scale * sum(map(int.__eq__, expected, obtained)) / len(expected)

def word():
    return {"model": object()}
"""


def _ran(tmp_path: Path, metrics: str, more: str = "", extra: str = "") -> Ran:
    processes = f"- name: data\n- name: predict\n{more}  metrics:\n{metrics}"
    return run(tmp_path, config("data predict", processes), SCRIPT + extra)


def test_a_key_of_the_result_is_logged_as_it_is(tmp_path: Path) -> None:
    ran = _ran(tmp_path, "    - {name: loss, from_result: loss}\n    - {name: table, from_result: table}\n")
    assert ran.metrics("predict") == {"loss": [0.25], "table": {"a": [1]}}


def test_a_function_of_the_script_gets_inputs_and_outputs_by_key(tmp_path: Path) -> None:
    metrics = (
        "    - {name: share, fn: share, inputs: {expected: y_true, obtained: y}}\n"
        "    - {name: percent, fn: share, inputs: {expected: y_true, obtained: y}, parameters: {scale: 100}}\n"
    )
    assert _ran(tmp_path, metrics).metrics("predict") == {"share": [0.75], "percent": [75.0]}


def test_a_function_of_sklearn_metrics_or_by_its_dotted_name(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    inputs = "inputs: {y_true: y_true, y_pred: y}"
    metrics = (
        f"    - {{name: accuracy, fn: accuracy_score, {inputs}}}\n"
        f"    - {{name: f1, fn: sklearn.metrics.f1_score, {inputs}, parameters: {{average: macro}}}}\n"
        "    - {name: largest, fn: statistics.mean, inputs: {data: y}}\n"
    )
    assert _ran(tmp_path, metrics).metrics("predict") == {
        "accuracy": [0.75],
        "f1": [pytest.approx((0.8 + 2 / 3) / 2)],
        "largest": [0.25],
    }


def test_keys_are_known_by_new_names_and_old(tmp_path: Path) -> None:
    metrics = (
        "    - {name: stored, from_result: prediction}\n"
        "    - {name: returned, from_result: y}\n"
        "    - {name: renamed, fn: count, inputs: {rows: x}}\n"
        "    - {name: upstream, fn: count, inputs: {rows: noise}}\n"
    )
    more = "  inputs: {x: noise}\n  outputs: {y: prediction}\n"
    ran = _ran(tmp_path, metrics, more, "\ndef count(rows):\n    return len(rows)\n")
    assert ran.metrics("predict") == {"stored": [0, 1, 0, 0], "returned": [0, 1, 0, 0], "renamed": [1], "upstream": [1]}


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "{name: m, from_result: los}",
            "OutputError: process `predict`: the metric `m` reads `los`, which does not exist\n"
            "    did you mean `loss`? there are: `y`, `loss`, `table`",
        ),
        (
            "{name: m, fn: share, inputs: {expected: y_tru, obtained: y}}",
            "OutputError: process `predict`: the metric `m` reads `y_tru`, which does not exist\n"
            "    did you mean `y_true`? there are: `y`, `loss`, `table`, `y_true`, `noise`",
        ),
        (
            "{name: m, fn: no_such_score, inputs: {}}",
            "ExpopsError: process `predict`: the metric `m` calls `no_such_score`, but no script, and no "
            "`sklearn.metrics`, has such a function\n"
            "    write the name of a function of the script, of `sklearn.metrics`, or MODULE.FUNCTION",
        ),
        (
            "{name: m, fn: nowhere.score}",
            "ExpopsError: process `predict`: the metric `m` calls `nowhere.score`, but no module `nowhere` has such a "
            "function\n    write the name of a function of the script, of `sklearn.metrics`, or MODULE.FUNCTION",
        ),
    ],
)
def test_a_metric_that_cannot_be_made_fails_its_process(tmp_path: Path, metric: str, message: str) -> None:
    """ExpOps logs nothing and goes on; a metric that is declared and not there is what a test is to tell."""
    assert _ran(tmp_path, f"    - {metric}\n").failure("predict") == message


def test_a_value_that_is_no_metric_fails_its_process(tmp_path: Path) -> None:
    ran = run(tmp_path, config("word", "- name: word\n  metrics: [{name: m, from_result: model}]"), SCRIPT)
    assert (
        ran.failure("word") == "OutputError: log_metric('m'): the value is a number or what JSON can hold, not object"
    )


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("[{from_result: y}]", "a metric has no `name`"),
        ("[{name: m}]", "the metric `m` has neither `from_result` nor `fn`; expected one of them"),
        ("[{name: m, from_result: y, fn: f}]", "the metric `m` has both `from_result` and `fn`; expected one of them"),
        (
            "[loss]",
            "`metrics` is the text `loss`; expected a list of maps with a `name` and either `from_result` or `fn`",
        ),
        ("{loss: y}", "`metrics` is a map; expected a list of maps with a `name` and either `from_result` or `fn`"),
    ],
)
def test_a_declaration_that_says_too_little_or_too_much_is_an_error(tmp_path: Path, metrics: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(make(tmp_path, config("a", f"- name: a\n  metrics: {metrics}")))
    assert [each.message for each in caught.value.problems] == [f"process `a`: {message}"]


def test_a_mistyped_key_of_a_metric_is_warned_of(tmp_path: Path) -> None:
    pipeline = load_config(make(tmp_path, config("a", "- name: a\n  metrics: [{name: m, from_result: y, inpts: {}}]")))
    assert [(each.message, each.hint) for each in pipeline.warnings] == [
        ("process `a`: nothing reads the key `inpts` of a metric; it has no effect", "did you mean `inputs`?")
    ]
