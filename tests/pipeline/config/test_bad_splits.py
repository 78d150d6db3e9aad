"""Splits and aggregations that mean nothing: each gives its own full message, located (S3.1, S4.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.config.configs import Case, assert_problems, current

_SIZE = "expected a whole number of partitions from 1 to 1,000,000, or a list of row counts"
_COUNT = "expected a row count in each place: a whole number from 0 to 1,000,000,000,000"
_SEEDS = "expected a whole number of at most 39 digits, or a list of them"
_EACH = "expected a whole number of at most 39 digits in each place"
_TABLE = "expected a map of `size`, `data_name`, `aggregation`"


def _size(value: str, *messages: str) -> Case:
    return (
        f"size {value or 'left empty'}",
        current(f"- {{name: a, data_parallelism: {{size: {value}}}}}"),
        [f"5:{message}" for message in messages],
    )


def _seeds(value: str, *messages: str) -> Case:
    return (
        f"seeds {value or 'left empty'}",
        current(f"- {{name: a, seed_parallelism: {value}}}"),
        [f"5:{message}" if not message.startswith(" ") else message for message in messages],
    )


SPLITS: list[Case] = [
    _size("0", f"44: process `a`: `size` is the number `0`; {_SIZE}"),
    _size("-1", f"44: process `a`: `size` is the number `-1`; {_SIZE}"),
    _size("2.0", f"44: process `a`: `size` is the number `2.0`; {_SIZE}"),
    _size("true", f"44: process `a`: `size` is the truth value `true`; {_SIZE}"),
    _size("three", f"44: process `a`: `size` is the text `three`; {_SIZE}"),
    _size("'3'", f"44: process `a`: `size` is the text `3`; {_SIZE}"),
    _size("", f"44: process `a`: `size` is nothing; {_SIZE}"),
    _size("{}", f"44: process `a`: `size` is an empty map; {_SIZE}"),
    _size("[]", f"44: process `a`: `size` is an empty list; {_SIZE}"),
    _size("[1, -1]", f"48: process `a`: `size` is the number `-1`; {_COUNT}"),
    _size(
        "[1, true, 1.5]",
        f"48: process `a`: `size` is the truth value `true`; {_COUNT}",
        f"54: process `a`: `size` is the number `1.5`; {_COUNT}",
    ),
    _seeds(
        "{seeds: [7, 8, 7]}",
        "52: process `a`: the seed `7` is given twice; first at p.yaml:5:46",
        "    remove one of the two",
    ),
    _seeds("[7, 7]", "41: process `a`: the seed `7` is given twice; first at p.yaml:5:38", "    remove one of the two"),
    _seeds("{seeds: [one]}", f"46: process `a`: `seeds` is the text `one`; {_EACH}"),
    _seeds("{seeds: '1'}", f"45: process `a`: `seeds` is the text `1`; {_SEEDS}"),
    _seeds("{seeds: 1.5}", f"45: process `a`: `seeds` is the number `1.5`; {_SEEDS}"),
    _seeds("{seeds: [1.0]}", f"46: process `a`: `seeds` is the number `1.0`; {_EACH}"),
    _seeds("{seeds: [true]}", f"46: process `a`: `seeds` is the truth value `true`; {_EACH}"),
    _seeds("{seeds: []}", f"45: process `a`: `seeds` is an empty list; {_SEEDS}"),
    _seeds(
        "{seeds: on}",
        f"45: process `a`: `seeds` is the truth value `on`; {_SEEDS}",
        '    YAML reads `on` as true; write "on" for the text',
    ),
    _seeds("true", f"37: process `a`: `seeds` is the truth value `true`; {_SEEDS}"),
    _seeds("", "37: process `a`: `seed_parallelism` is nothing; expected a map of `seeds`, `aggregation`"),
    _seeds("{}", "37: process `a`: `seed_parallelism` is an empty map; expected a map of `seeds`, `aggregation`"),
    _seeds(
        "{seed: 3}",
        "19: process `a`: `seed_parallelism` has neither `seeds` nor `aggregation`; expected one of them, or both",
        "    did you mean `seeds` where `seed` stands?",
    ),
    (
        "data_parallelism as a bare number",
        current("- {name: a, data_parallelism: 3}"),
        [
            f"5:37: process `a`: `data_parallelism` is the number `3`; {_TABLE}",
            "    write `data_parallelism: {size: 3}`",
        ],
    ),
    (
        "size given twice in a list of maps",
        current("- {name: a, data_parallelism: [size: 3, size: 4]}"),
        ["5:47: process `a`: `size` is given twice; first at p.yaml:5:38", "    remove one of the two"],
    ),
    (
        "size mistyped",
        current("- {name: a, data_parallelism: {sise: 3}}"),
        [
            "5:19: process `a`: `data_parallelism` has neither `size` nor `aggregation`; expected one of them, or both",
            "    did you mean `size` where `sise` stands?",
        ],
    ),
    (
        "data_name that is no text",
        current("- {name: a, data_parallelism: {size: 2, data_name: 3}}"),
        ["5:58: process `a`: `data_name` is the number `3`; expected the name of the output to split"],
    ),
    (
        "aggregation that is no truth value",
        current("- {name: a, data_parallelism: {aggregation: 1}, seed_aggregation: 'true'}"),
        [
            "5:51: process `a`: `data_parallelism.aggregation` is the number `1`; expected true or false",
            "5:73: process `a`: `seed_aggregation` is the text `true`; expected true or false",
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in SPLITS], ids=[case[0] for case in SPLITS])
def test_each_says_where_what_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_problems(text, expected)
