"""The worked examples of S3 to S5, in both spellings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.config.configs import classic_document, current_document, expand_document, shape

EXAMPLES = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["title"])
@pytest.mark.parametrize("spell", [classic_document, current_document], ids=["classic", "current"])
def test_worked_examples_expand_as_the_contract_says(tmp_path: Path, example: dict[str, Any], spell: Any) -> None:
    expanded = expand_document(tmp_path, spell(example["edges"], example["processes"]))
    assert {name: set(each.upstream) for name, each in expanded.processes.items()} == {
        name: set(upstream) for name, upstream in example["expanded"].items()
    }
    assert expanded.warnings == ()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["title"])
def test_what_an_aggregation_receives_stands_data_outside_seeds_inside_in_config_order(
    tmp_path: Path, example: dict[str, Any]
) -> None:
    """S5.4: the keys of the payload, read off the coordinates of the upstream in their order."""
    expanded = expand_document(tmp_path, classic_document(example["edges"], example["processes"]))
    process = expanded[example["payload_of"]]
    for base, keys in example["payload_keys"].items():
        upstream = [expanded[name] for name in process.upstream if expanded[name].process.name == base]
        data = len(process.partitions)
        if isinstance(keys, dict):
            wanted = [(key, inner) for key, inners in keys.items() for inner in inners]
            assert [(f"data{each.partitions[-1]}", f"seed{each.seeds[-1]}") for each in upstream] == wanted
        elif keys[0].startswith("data"):
            assert [f"data{each.partitions[data]}" for each in upstream] == keys
        else:
            assert [f"seed{each.seeds[-1]}" for each in upstream] == keys


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["title"])
def test_both_spellings_give_the_same_expansion(tmp_path: Path, example: dict[str, Any]) -> None:
    """S1.2: nothing past the loader knows which spelling it was."""
    classic = expand_document(tmp_path, classic_document(example["edges"], example["processes"]))
    current = expand_document(tmp_path, current_document(example["edges"], example["processes"]))
    assert shape(classic) == shape(current)
