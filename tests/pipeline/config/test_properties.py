"""`reproducibility.properties`: the laws that a config asks of its processes, in any spelling, or a located error."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.pipeline.config.vocabulary import PROPERTIES
from pytest_expops.pipeline.model import Property
from pytest_expops.verdicts.laws.laws import LAWS
from tests.pipeline.config.configs import Case, assert_problems, current, load

PROCESSES = current("- name: load", "- {name: split, data_parallelism: {size: 2}}", "- name: merge")


def config(properties: str) -> str:
    return f"{PROCESSES}reproducibility: {{properties: {properties}}}\n"


def read(folder: Path, properties: str) -> tuple[Property, ...]:
    return load(folder, config(properties)).processes["merge"].properties


def test_laws_are_asked_in_each_spelling(tmp_path: Path) -> None:
    laws = (Property("partition_invariant"), Property("seed_invariant"))
    for spelled in (
        "[partition_invariant, seed_invariant]",
        "{partition_invariant: , seed_invariant: }",
        "[partition_invariant: , seed_invariant]",
    ):
        assert read(tmp_path, f"{{merge: {spelled}}}") == laws
    assert read(tmp_path, "{merge: seed_invariant}") == (Property("seed_invariant"),)
    assert read(tmp_path, "{load: seed_invariant}") == ()


def test_options_are_those_of_the_law(tmp_path: Path) -> None:
    options = "{examples: 20, rtol: 1e-6, atol: 0, keys: [mean, std], of: split, max_partitions: 4, min_rows: 0}"
    (found,) = read(tmp_path, f"{{merge: {{partition_invariant: {options}}}}}")
    assert found.options == {
        "examples": 20,
        "rtol": 1e-6,
        "atol": 0.0,
        "keys": ["mean", "std"],
        "of": "split",
        "max_partitions": 4,
        "min_rows": 0,
    }
    (found,) = read(tmp_path, "{merge: [order_invariant: {keys: mean, key: df, seconds: 2.5}]}")
    assert found.options == {"keys": ["mean"], "key": "df", "seconds": 2.5}


@pytest.mark.parametrize("law", PROPERTIES)
def test_config_and_functions_know_the_same_laws_and_options(law: str) -> None:
    assert list(PROPERTIES) == list(LAWS)
    parameters = inspect.signature(LAWS[law]).parameters.values()
    assert {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} == PROPERTIES[law]


_LAWS = "expected any of partition_invariant, order_invariant, seed_invariant, batch_consistent"
WRONG: list[tuple[str, str, Any]] = [
    ("no map", "3", ["8:31: `properties` is the number `3`; expected a map of process names to laws"]),
    (
        "an unknown process",
        "{mrege: seed_invariant}",
        [
            "8:32: `reproducibility.properties` names the process `mrege`, which `processes` does not define",
            "    did you mean `merge`?",
        ],
    ),
    (
        "an unknown law",
        "{merge: [seed_invarient]}",
        [
            f"8:40: `properties.merge` names the text `seed_invarient`, which is not a law; {_LAWS}",
            "    did you mean `seed_invariant`?",
        ],
    ),
    (
        "no law at all",
        "{merge: []}",
        [
            "8:39: `properties.merge` is an empty list; expected a law, a list of laws, or a map of laws to their "
            "options"
        ],
    ),
    (
        "a law twice",
        "{merge: [seed_invariant, seed_invariant]}",
        [
            "8:56: `properties.merge` names `seed_invariant` twice; first at p.yaml:8:40",
            "    remove one of the two",
        ],
    ),
    (
        "an option of another law",
        "{merge: {seed_invariant: {min_rows: 2}}}",
        [
            "8:57: `properties.merge.seed_invariant` has the key `min_rows`; expected any of atol, examples, keys, "
            "rtol, seconds",
        ],
    ),
    (
        "no number of examples",
        "{merge: {seed_invariant: {examples: 0}}}",
        [
            "8:67: `properties.merge.seed_invariant.examples` is the number `0`; "
            "expected a whole number from 1 to 1,000,000"
        ],
    ),
    (
        "a negative tolerance",
        "{merge: {seed_invariant: {rtol: -1}}}",
        [
            "8:63: `properties.merge.seed_invariant.rtol` is the number `-1`; expected a number from 0 to 1e300",
        ],
    ),
    (
        "options that are none",
        "{merge: {seed_invariant: 3}}",
        [
            "8:56: `properties.merge.seed_invariant` is the number `3`; expected a map of options: any of atol, "
            "examples, keys, rtol, seconds",
        ],
    ),
    (
        "a split that is not there",
        "{merge: {partition_invariant: {of: splti}}}",
        [
            "8:40: `reproducibility.properties: of` names the process `splti`, which `processes` does not define",
            "    did you mean `split`?",
        ],
    ),
]


@pytest.mark.parametrize(("properties", "expected"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG])
def test_what_is_no_property_is_told_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, properties: str, expected: list[str]
) -> None:
    """S1.4."""
    monkeypatch.chdir(tmp_path)
    case: Case = ("", config(properties), expected)
    assert_problems(case[1], case[2])
