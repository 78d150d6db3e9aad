"""`inputs` and `outputs` (or `input_transform` and `output_mapping`) give other names to what goes in and out."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import ConfigError, load_config
from tests.expops.running import config, make, run

SCRIPT = """
def source():
    return {"a": 1, "b": 2}

def take(first, b, **rest):
    return {"total": first + b, "rest": rest}

def look(**everything):
    return {"saw": everything}

def classic(data):
    return {"saw": data}
"""


@pytest.mark.parametrize(("inputs", "outputs"), [("inputs", "outputs"), ("input_transform", "output_mapping")])
def test_a_function_gets_and_gives_by_other_names(tmp_path: Path, inputs: str, outputs: str) -> None:
    ran = run(
        tmp_path,
        config(
            "source take\ntake look",
            f"- name: source\n- name: take\n  {inputs}: {{first: a}}\n  {outputs}: {{total: sum}}\n- name: look",
        ),
        SCRIPT,
    )
    assert ran.outputs("look") == {"saw": {"sum": 3, "rest": {}}}


def test_a_new_name_takes_the_place_of_an_upstream_key_that_has_it(tmp_path: Path) -> None:
    ran = run(tmp_path, config("source look", "- name: source\n- name: look\n  inputs: {b: a, c: a}"), SCRIPT)
    assert ran.outputs("look") == {"saw": {"b": 1, "c": 1}}


def test_a_classic_function_finds_the_new_names_under_its_upstream(tmp_path: Path) -> None:
    ran = run(tmp_path, config("source classic", "- name: source\n- name: classic\n  inputs: {x: a}"), SCRIPT)
    assert ran.outputs("classic") == {"saw": {"source": {"b": 2, "x": 1}}}


def test_what_is_split_is_found_by_its_new_name(tmp_path: Path) -> None:
    """S3.2: `data_name` is the key as downstream finds it."""
    ran = run(
        tmp_path,
        config(
            "rows look",
            "- name: rows\n  outputs: {table: df}\n  data_parallelism: {size: 2, data_name: df}\n- name: look",
        ),
        "def rows():\n    return {'table': [1, 2, 3]}\n\ndef look(df):\n    return {'saw': df}\n",
    )
    assert [ran.outputs(f"look_{number}")["saw"] for number in (1, 2)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "inputs: {first: missing}",
            "InputError: process `take`: `inputs` takes `first` from `missing`, which no upstream returns\n"
            "    upstream returns: `a`, `b`",
        ),
        (
            "inputs: {first: a}\n  outputs: {totl: sum}",
            "OutputError: process `take`: `outputs` renames `totl`, which it did not return\n"
            "    it returned: `total`, `rest`",
        ),
        (
            "inputs: {first: a}\n  outputs: {total: rest}",
            "OutputError: process `take`: `outputs` gives `rest` to two of the keys that it returned\n"
            "    rename `rest` too, or choose another name",
        ),
    ],
)
def test_a_name_that_is_not_there_or_twice_is_an_error(tmp_path: Path, body: str, message: str) -> None:
    ran = run(tmp_path, config("source take", f"- name: source\n- name: take\n  {body}"), SCRIPT)
    assert ran.failure("take") == message


def test_one_name_for_two_outputs_is_found_in_the_config(tmp_path: Path) -> None:
    path = make(tmp_path, config("source take", "- name: source\n- name: take\n  outputs: {total: x, rest: x}"))
    with pytest.raises(
        ConfigError, match=r"`outputs` gives both `total` and `rest` the name `x`; expected another name for each"
    ):
        load_config(path)
