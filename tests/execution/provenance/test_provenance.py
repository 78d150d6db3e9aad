"""What a result is made from: code with classes from upstream, parameters, inputs as received, files, rows (S3, S5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.provenance._data_files import DataFiles
from pytest_expops.execution.provenance.provenance import Provenance
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from tests.conftest import FAN, FAN_PROCESSES, FAN_SCRIPT, Project

Start = Callable[..., tuple[PipelineSession, Provenance]]


@pytest.fixture
def start(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A session of a pipeline, and what can be asked of it."""

    def _start(*arguments: Any, **keywords: Any) -> tuple[PipelineSession, Provenance]:
        path = project.write(*arguments, **keywords)
        session = PipelineSession(expand(load_config(path)), tmp_path_factory.mktemp("session") / "one")
        return session, Provenance(session)

    return _start


def test_rows_are_those_of_the_partition_in_which_a_process_stands(start: Start) -> None:
    session, provenance = start(FAN, FAN_SCRIPT, FAN_PROCESSES)
    session.record("merge")
    rows = {name: provenance.rows(each) for name, each in session.expanded.processes.items()}
    assert {name: rows[name] for name in ("load", "split", "seeds_1", "seeds_2", "train_2_seed41", "merge")} == {
        "load": None,
        "split": None,
        "seeds_1": 3,
        "seeds_2": 2,
        "train_2_seed41": 2,
        "merge": None,
    }


def test_inputs_are_told_apart_by_partition_and_not_by_what_others_got(start: Start) -> None:
    session, provenance = start(FAN, FAN_SCRIPT, FAN_PROCESSES)
    inputs = {name: provenance.inputs(each) for name, each in session.expanded.processes.items()}
    assert inputs["load"] == {}
    assert list(inputs["merge"]) == ["evaluate"]
    assert inputs["seeds_1"] != inputs["seeds_2"]
    assert inputs["train_1_seed40"] == inputs["train_1_seed41"]  # the seed is no input
    # Only the second partition gets other rows. (Of another size, lest Python take the bytecode that is there.)
    changed, other = start(FAN, FAN_SCRIPT.replace('list("abcde")', 'list( "abcdX")'), FAN_PROCESSES)
    assert other.inputs(changed.expanded["seeds_1"]) == inputs["seeds_1"]
    assert other.inputs(changed.expanded["seeds_2"]) != inputs["seeds_2"]


def test_parameters_are_the_global_ones_under_the_own_as_plain_data(start: Start) -> None:
    session, provenance = start(
        "train",
        "def train(): return {}",
        {"train": {"hyperparameters": {"rate": 0.2}}},
        parameters={"rate": 1, "n": [2]},
    )
    assert provenance.parameters(session.expanded["train"].process) == {"n": [2], "rate": 0.2}


def test_files_that_parameters_of_a_root_name_are_told_by_their_contents(start: Start, project: Project) -> None:
    script = "def load(): return {}\ndef train(): return {}\n"
    (project.root / "data").mkdir()
    data = project.root / "data/rows.csv"
    data.write_text("1")
    parameters = {"path": "data/rows.csv", "missing": "data/none.csv", "n": 1, "deep": [{"also": "data/rows.csv"}]}
    session, provenance = start("load train", script, parameters=parameters)
    found = provenance.files(session.expanded["load"])
    assert list(found) == ["data/rows.csv"]
    assert provenance.files(session.expanded["train"]) == {}
    data.write_text("2")
    assert provenance.files(session.expanded["load"]) != found
    data.write_text("1")
    assert provenance.files(session.expanded["load"]) == found


def test_with_upstream_the_files_that_its_own_parameters_name_are_told(start: Start, project: Project) -> None:
    for name in ("words.txt", "rows.csv"):
        (project.root / name).write_text("1")
    session, provenance = start(
        "load train",
        "def load(): return {}\ndef train(): return {}\n",
        {"train": {"hyperparameters": {"words": "words.txt"}}},
        parameters={"path": "rows.csv"},
    )
    assert list(provenance.files(session.expanded["load"])) == ["rows.csv"]
    assert list(provenance.files(session.expanded["train"])) == ["words.txt"]
    assert list(provenance.files_named(session.expanded["train"])) == ["rows.csv", "words.txt"]


def test_a_file_that_the_run_has_written_is_a_result(start: Start) -> None:
    script = "def load(out):\n    open(out, 'w').write('1')\n    return {}\ndef train(out):\n    return {}\n"
    processes = {name: {"hyperparameters": {"out": "out.txt"}} for name in ("load", "train")}
    session, provenance = start("load train", script, processes)
    session.record("train")
    assert [provenance.files(each) for each in session.expanded.processes.values()] == [{}, {}]


def test_files_outside_the_project_are_not_told(start: Start, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "rows.csv"
    outside.write_text("1")
    session, provenance = start("load", "def load(): return {}\n", parameters={"path": str(outside)})
    assert provenance.files(session.expanded["load"]) == {}


CLASSES = """
class Net:
    def predict(self):
        return 1

def train():
    return {"net": Net()}

def evaluate(net):
    return {"score": net.predict()}

def load():
    return {}
"""


def test_a_class_that_comes_as_an_instance_from_upstream_counts(start: Start, project: Project) -> None:
    session, provenance = start("load train\ntrain evaluate", CLASSES)
    processes = session.expanded.pipeline.processes
    before = dict(provenance.code(processes["evaluate"]))
    assert list(before) == ["models/model.py:Net", "models/model.py:evaluate"]
    assert list(provenance.code(processes["load"])) == ["models/model.py:load"]
    project.script(CLASSES.replace("return 1", "return 2"))
    after = Provenance(session).code(processes["evaluate"])
    assert [key for key in after if after[key] != before[key]] == ["models/model.py:Net"]


def test_a_split_without_a_function_has_no_code(project: Project, tmp_path: Path) -> None:
    config = project.root / "configs/project_config.yaml"
    config.parent.mkdir()
    config.write_text(
        "scripts: {main: models/model.py}\n"
        "experiment:\n"
        "  pipeline:\n"
        "    process_adjlist: |\n"
        "      load cut\n"
        "    processes:\n"
        "      - {name: load}\n"
        "      - {name: cut, data_parallelism: {size: 2, data_name: rows}}\n"
    )
    project.script("def load(): return {'rows': [1, 2]}\n")
    session = PipelineSession(expand(load_config(config)), tmp_path / "session/one")
    provenance, processes = Provenance(session), session.expanded.pipeline.processes
    assert provenance.code(processes["cut"]) == {}
    assert list(provenance.code(processes["load"])) == ["models/model.py:load"]
    project.script("def load(): return {'rows': [1, 2]}\ndef cut(rows): return {'rows': rows}\n")
    session = PipelineSession(expand(load_config(config)), tmp_path / "session/two")
    assert list(Provenance(session).code(processes["cut"])) == ["models/model.py:cut"]
    # The text of the script alone does not tell what is in another module.
    (project.root / "models/helper.py").write_text("def cut(rows): return {'rows': rows}\n")
    project.script("from helper import *\ndef load(): return {'rows': [1, 2]}\n")
    session = PipelineSession(expand(load_config(config)), tmp_path / "session/three")
    assert "models/helper.py:cut" in Provenance(session).code(processes["cut"])


def test_libraries_are_those_of_all_processes(start: Start) -> None:
    _, provenance = start("load train", "def load():\n    import polars\ndef train():\n    import json.decoder\n")
    assert {"polars", "json"} <= provenance.libraries()


@pytest.mark.parametrize("text", ["", "x" * 5000, "a\0b", "/", "data"])
def test_a_text_that_can_be_no_file_is_none(start: Start, text: str) -> None:
    session, provenance = start("load", "def load(): return {}\n", parameters={"path": text.replace("\0", "\\0")})
    assert provenance.files(session.expanded["load"]) == {}
    assert DataFiles(session).file(text) is None
