"""What is read, or ignored, otherwise than its author probably meant is said, and does not stop the run (S1.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.pipeline.config import vocabulary
from pytest_expops.wording import nearest
from tests.pipeline.config.configs import current, load


def _warnings(folder: Path, text: str) -> list[str]:
    return [str(each).replace(f"{folder}/", "") for each in load(folder, text).warnings]


def test_keys_that_nothing_reads_are_named_with_the_nearest_known(tmp_path: Path) -> None:
    text = "metdata: {}\nreproducibility: {ransom_seed: 1}\n" + current(
        "- name: a\n  data_paralelism: {size: 3}\n  whatever: 1\n  seed_parallelism: {seeds: 1, agregation: true}"
    ).replace("  pipeline:\n", "  pipelin: {}\n  pipeline:\n    process_adjlst: a\n")
    assert _warnings(tmp_path, text) == [
        "p.yaml:1:1: nothing reads the key `metdata` at the top level; it has no effect\n    did you mean `metadata`?",
        "p.yaml:2:19: nothing reads the key `ransom_seed` of `reproducibility`; it has no effect\n"
        "    did you mean `random_seed`?",
        "p.yaml:5:3: nothing reads the key `pipelin` of `experiment`; it has no effect\n    did you mean `pipeline`?",
        "p.yaml:7:5: nothing reads the key `process_adjlst` of `experiment.pipeline`; it has no effect\n"
        "    did you mean `process_adjlist`?",
        "p.yaml:10:9: process `a`: nothing reads the key `data_paralelism`; it has no effect\n"
        "    did you mean `data_parallelism`?",
        "p.yaml:11:9: process `a`: nothing reads the key `whatever`; it has no effect",
        "p.yaml:12:38: process `a`: nothing reads the key `agregation` of `seed_parallelism`; it has no effect\n"
        "    did you mean `aggregation`?",
    ]


@pytest.mark.parametrize("known", sorted(vocabulary.PROCESS | vocabulary.TOP_LEVEL))
def test_a_key_one_edit_away_from_a_known_one_is_never_missed(known: str) -> None:
    """S1.2: a letter dropped, doubled, changed or swapped with its neighbour."""
    vocabularies = [each for each in (vocabulary.PROCESS, vocabulary.TOP_LEVEL) if known in each]
    for words in vocabularies:
        for i in range(len(known)):
            dropped, doubled = known[:i] + known[i + 1 :], known[: i + 1] + known[i:]
            changed, swapped = known[:i] + "~" + known[i + 1 :], known[:i] + known[i : i + 2][::-1] + known[i + 2 :]
            for mistyped in (dropped, doubled, changed, swapped):
                assert mistyped in words or nearest(mistyped, words) is not None, mistyped


def test_numbers_that_yaml_takes_for_texts_are_said(tmp_path: Path) -> None:
    """They reach the function as texts, as in ExpOps; what is quoted is meant so."""
    pipeline = load(tmp_path, current("- {name: a, parameters: {lr: 1e-7, deep: [1.0e3, 2.5e+3], text: '1e3'}}"))
    assert pipeline.processes["a"].parameters == {"lr": "1e-7", "deep": ["1.0e3", 2500.0], "text": "1e3"}
    assert [str(each).replace(f"{tmp_path}/", "") for each in pipeline.warnings] == [
        "p.yaml:5:36: process `a`: `1e-7` is a text to YAML 1.1, not a number\n"
        '    write 1.0e-07 for the number, "1e-7" for the text',
        "p.yaml:5:49: process `a`: `1.0e3` is a text to YAML 1.1, not a number\n"
        '    write 1000.0 for the number, "1.0e3" for the text',
    ]


def test_keys_without_what_they_belong_to_are_said(tmp_path: Path) -> None:
    text = current("- {name: a, data_parallelism: {data_name: x, aggregation: true}}").replace(
        "experiment:\n", "experiment:\n  parameters: {parameters: {x: 1}, y: 2}\n"
    )
    assert _warnings(tmp_path, text) == [
        "p.yaml:3:36: `experiment.parameters.y` has no effect beside `experiment.parameters.parameters`\n"
        "    move it into `experiment.parameters.parameters`",
        "p.yaml:6:38: process `a`: `data_name` has no effect without `size`",
    ]
