"""Both spellings, row by row of the table in S1.2, and what a config may hold besides."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from pytest_expops import Pipeline
from pytest_expops.pipeline.model import Aggregates, CallRule, CodeRef, DataSplit, Kind, SeedSplit, Tolerance
from tests.pipeline.config.configs import current, load


def _load(folder: Path, text: str) -> Pipeline:
    return load(folder, textwrap.dedent(text))


CLASSIC = """
    metadata: {name: demo}
    reproducibility: {random_seed: 7}
    model:
      framework: custom
      parameters:
        custom_script_path: models/model.py
        hyperparameters: {test_size: 0.2}
        pipeline:
          process_adjlist: |
            load split
            split train
            train total plot
          processes:
            - name: load
              code_function: load_data
            - name: split
              data_parallelism: {size: 3, data_name: df}
              seed_parallelism: {seeds: [1, -2]}
            - name: train
              hyperparameters: {depth: 3}
            - name: total
              data_parallelism: {aggregation: true}
              seed_parallelism: {aggregation: true}
            - name: plot
              type: chart
    reporting:
      static_entrypoint: charts/plots.py
      charts: [{name: plot, probe_paths: {x: total}}]
"""

CURRENT = """
    scripts: {main: models/model.py, reporting: charts/plots.py}
    reproducibility: {random_seed: 7}
    experiment:
      parameters: {test_size: 0.2}
      pipeline:
        process_adjlist: [load split, split train, train total plot]
        processes:
          - {name: load, code: main.load_data}
          - {name: split, code: split, data_parallelism: [size: 3, data_name: df], seed_parallelism: [1, -2]}
          - {name: train, parameters: {depth: 3}}
          - {name: total, data_aggregation: true, seed_aggregation: true}
          - {name: plot, code: reporting.plot, probe_paths: {x: total}}
"""


@pytest.mark.parametrize(("text", "rule"), [(CLASSIC, CallRule.CLASSIC_FIRST), (CURRENT, CallRule.BY_NAME_FIRST)])
def test_the_two_spellings_of_one_pipeline(tmp_path: Path, text: str, rule: CallRule) -> None:
    pipeline = _load(tmp_path, text)
    processes = pipeline.processes
    assert pipeline.scripts == {"main": tmp_path / "models/model.py", "reporting": tmp_path / "charts/plots.py"}
    assert (pipeline.base_seed, pipeline.parameters, pipeline.warnings) == (7, {"test_size": 0.2}, ())
    assert list(processes) == ["load", "plot", "split", "total", "train"]
    assert {name: each.upstream for name, each in processes.items()} == {
        "load": (),
        "plot": ("train",),
        "split": ("load",),
        "total": ("train",),
        "train": ("split",),
    }
    assert {name: each.code for name, each in processes.items()} == {
        "load": CodeRef("main", "load_data"),
        "plot": CodeRef("reporting", "plot"),
        "split": CodeRef("main", "split"),
        "total": CodeRef("main", "total"),
        "train": CodeRef("main", "train"),
    }
    assert {name: each.kind for name, each in processes.items() if each.kind is not Kind.FUNCTION} == {
        "plot": Kind.CHART
    }
    assert {each.call_rule for each in processes.values()} == {rule}
    assert (processes["split"].split_data, processes["split"].split_seeds) == (DataSplit(3, "df"), SeedSplit((1, -2)))
    assert processes["total"].aggregates == Aggregates(data=True, seeds=True)
    assert processes["train"].parameters == {"depth": 3}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{size: 2}", DataSplit(2, "data")),
        ("{size: [3, 0, 2], data_name: df}", DataSplit((3, 0, 2), "df")),
        ("{size: [0]}", DataSplit((0,), "data")),
        ("[size: 2, data_name: df]", DataSplit(2, "df")),
        ("{aggregation: false, size: 2}", DataSplit(2, "data")),
    ],
)
def test_forms_of_a_data_split(tmp_path: Path, value: str, expected: DataSplit) -> None:
    """S3.1."""
    process = load(tmp_path, current(f"- {{name: a, data_parallelism: {value}}}")).processes["a"]
    assert (process.split_data, process.aggregates) == (expected, Aggregates())


@pytest.mark.parametrize(
    ("value", "seeds"),
    [
        ("{seeds: 5}", (5,)),
        ("{seeds: [40, 41]}", (40, 41)),
        ("[seeds: [3, -1, 0]]", (3, -1, 0)),
        ("5", (5,)),
        ("[2, 1]", (2, 1)),
    ],
)
def test_forms_of_a_seed_split(tmp_path: Path, value: str, seeds: tuple[int, ...]) -> None:
    """S4.1: config order is kept."""
    process = load(tmp_path, current(f"- {{name: a, seed_parallelism: {value}}}")).processes["a"]
    assert process.split_seeds == SeedSplit(seeds)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ("seed_parallelism: 1", Kind.PASS_THROUGH, CodeRef("main", "a")),
        ("data_parallelism: {size: 2}", Kind.PASS_THROUGH, CodeRef("main", "a")),
        ("data_parallelism: {size: 2}, code: f", Kind.FUNCTION, CodeRef("main", "f")),
        ("seed_parallelism: 1, code: other.f", Kind.FUNCTION, CodeRef("other", "f")),
        ("seed_aggregation: true", Kind.FUNCTION, CodeRef("main", "a")),
        ("code_function: f", Kind.FUNCTION, CodeRef("main", "f")),
        ("code: main.f, code_function: f", Kind.FUNCTION, CodeRef("main", "f")),
        ("type: chart", Kind.CHART, CodeRef("reporting", "a")),
        ("chart_type: dynamic, code: f", Kind.CHART, CodeRef("main", "f")),
        ("probe_paths: {x: b}, seed_parallelism: 1", Kind.CHART, CodeRef("reporting", "a")),
        ("type: process", Kind.FUNCTION, CodeRef("main", "a")),
    ],
)
def test_what_a_process_of_the_current_spelling_calls(tmp_path: Path, body: str, kind: Kind, code: CodeRef) -> None:
    """S1.2; a chart that names no function is one of its own name in the script `reporting`, where there is one."""
    scripts = "scripts: {main: model.py, other: o.py, reporting: r.py}"
    text = current(f"- {{name: a, {body}}}").replace("scripts: {main: model.py}", scripts)
    process = load(tmp_path, text).processes["a"]
    assert (process.kind, process.code) == (kind, code)


def test_in_the_classic_spelling_a_split_without_code_calls_the_function_of_its_name(tmp_path: Path) -> None:
    """S1.2: there is no functionless split there."""
    process = _load(tmp_path, CLASSIC).processes["split"]
    assert (process.kind, process.code) == (Kind.FUNCTION, CodeRef("main", "split"))


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        ("{parameters: {lr: 1, cache: {x: 1}, pipeline: PIPELINE}}", {"lr": 1}),
        ("{parameters: {parameters: {lr: 1}, pipeline: PIPELINE}}", {"lr": 1}),
        ("{parameters: {parameters: {}}, pipeline: PIPELINE}", {}),
        ("{hyperparameters: {lr: 1}, pipeline: PIPELINE}", {"lr": 1}),
        ("{parameters: {lr: 1}, hyperparameters: {lr: 1}, pipeline: PIPELINE}", {"lr": 1}),
        ("{parameters: , pipeline: PIPELINE}", {}),
    ],
)
def test_where_global_parameters_stand_in_the_current_spelling(
    tmp_path: Path, experiment: str, expected: dict[str, Any]
) -> None:
    """S1.2."""
    body = experiment.replace("PIPELINE", "{processes: [name: a]}")
    pipeline = load(tmp_path, f"scripts: {{main: m.py}}\nexperiment: {body}\n")
    assert (pipeline.parameters, list(pipeline.processes), pipeline.warnings) == (expected, ["a"], ())


def test_either_spelling_of_a_key_is_read_in_either_config(tmp_path: Path) -> None:
    """S1.2; equal values under both are no conflict, and where the pipeline stands tells how functions are called."""
    pipeline = _load(
        tmp_path,
        """
        scripts: {m: model.py}
        model:
          parameters:
            custom_script_path: model.py
            parameters: {x: 1}
            hyperparameters: {x: 1}
            pipeline:
              processes:
                a: {code: m.f, parameters: {y: 1}, hyperparameters: {y: 1}, seed_aggregation: true}
                b:
        """,
    )
    a, b = pipeline.processes.values()
    assert (pipeline.scripts, pipeline.parameters) == ({"m": tmp_path / "model.py"}, {"x": 1})
    assert (a.code, a.parameters, a.aggregates) == (CodeRef("m", "f"), {"y": 1}, Aggregates(seeds=True))
    assert (b.code, a.call_rule) == (CodeRef("m", "b"), CallRule.CLASSIC_FIRST)
    assert pipeline.warnings == ()


def test_the_base_seed_is_42_unless_given_under_either_name(tmp_path: Path) -> None:
    """S1.2."""
    plain = current("- name: a")
    given = ["", "reproducibility: {seed: -3}\n", "reproducibility: {random_seed: 5, seed: 5}\n", "reproducibility:\n"]
    assert [load(tmp_path, head + plain).base_seed for head in given] == [42, -3, 5, 42]


def test_tolerances_are_for_all_outputs_for_some_or_both(tmp_path: Path) -> None:
    """S7.2; `1e-6` is a number here, although a text to YAML 1.1."""
    tolerance = "{a: {rtol: 1e-6}, b: {x: {rtol: 0.1, atol: 1}, y: {atol: 2}}, c: {atol: .5, rtol: {atol: 3}}}"
    text = f"reproducibility: {{tolerance: {tolerance}}}\n" + current(*[f"- name: {name}" for name in "abcd"])
    pipeline = load(tmp_path, text)
    assert {name: each.tolerances for name, each in pipeline.processes.items()} == {
        "a": {None: Tolerance(rtol=1e-6)},
        "b": {"x": Tolerance(0.1, 1.0), "y": Tolerance(atol=2.0)},
        "c": {None: Tolerance(atol=0.5), "rtol": Tolerance(atol=3.0)},
        "d": {},
    }
    assert pipeline.warnings == ()


def test_a_process_may_be_nondeterministic_with_a_reason(tmp_path: Path) -> None:
    """S7.3."""
    head = "reproducibility: {nondeterministic: {a: draws from the operating system}}\n"
    pipeline = load(tmp_path, head + current("- name: a", "- name: b"))
    assert [each.nondeterministic for each in pipeline.processes.values()] == ["draws from the operating system", None]


def test_sections_of_the_runtime_of_expops_are_accepted_without_effect(tmp_path: Path) -> None:
    """S1.1."""
    sections = "metadata: {name: x}\nenvironment: {e: {venv: [r.txt]}}\ncache: {}\nexecutor: {}\ndata: {}\n"
    body = "- {name: a, environment: e, description: d, cache: false, parallel: true, executor: x}"
    with_sections, without = load(tmp_path, sections + current(body)), load(tmp_path, current("- name: a"))
    assert (with_sections, with_sections.warnings) == (without, ())


def test_the_whole_document_is_kept_as_plain_data(tmp_path: Path) -> None:
    text = "data: &d {path: x.csv, when: 2024-01-02}\nmetadata: {<<: *d, path: y.csv}\n" + current("- name: a")
    document = load(tmp_path, text).document
    assert list(document) == ["data", "metadata", "scripts", "experiment"]
    assert str(document["data"]["when"]) == "2024-01-02"
    assert document["metadata"] == {**document["data"], "path": "y.csv"}


def test_anchors_and_merge_keys_are_followed(tmp_path: Path) -> None:
    text = current(
        "- {name: a, parameters: &p {x: 1, y: 2}, code: f}",
        "- {name: b, parameters: {<<: *p, y: 3}, code: f}",
        "- {name: c, parameters: {<<: [{x: 5}, *p]}, code: f}",
    )
    assert {name: each.parameters for name, each in load(tmp_path, text).processes.items()} == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 5, "y": 2},
    }


SCRIPTS = """
    scripts: {main: models/model.py, prep: models/prep.py}
    model:
      parameters:
        pipeline:
          process_adjlist: |
            load train
          processes:
            - {name: load, script: prep, code_function: read}
            - {name: train, script: prep}
            - {name: check, script: prep, code: prep.look}
            - {name: score}
"""


def test_a_script_beside_the_function_says_where_it_is(tmp_path: Path) -> None:
    """S1.2, in the spelling of February 2026."""
    processes = _load(tmp_path, SCRIPTS).processes
    found = {name: (each.code.script, each.code.function) for name, each in processes.items()}
    assert found == {
        "load": ("prep", "read"),
        "train": ("prep", "train"),
        "check": ("prep", "look"),
        "score": ("main", "score"),
    }
    assert _load(tmp_path, SCRIPTS).warnings == ()


def test_a_process_may_be_left_out_of_replays_with_a_reason(tmp_path: Path) -> None:
    """S7.1."""
    pipeline = _load(
        tmp_path,
        current(
            "- {name: a, replay: false, replay_reason: takes a day}",
            "- {name: b, replay: true}",
            "- {name: c, replay_reason: none needed}",
        ),
    )
    assert {name: each.not_replayed for name, each in pipeline.processes.items()} == {
        "a": "takes a day",
        "b": None,
        "c": None,
    }
    assert [(each.location.line, each.message) for each in pipeline.warnings if each.location] == [
        (7, "process `c`: `replay_reason` has no effect: the process is replayed")
    ]
