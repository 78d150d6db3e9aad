"""A config with hundreds of problems is told as fast, and as briefly, as one can read it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_expops import ConfigError, load_config
from pytest_expops.errors import MOST_TOLD
from pytest_expops.wording import Suggestions, did_you_mean
from tests.pipeline.config.configs import current


def _error(folder: Path, count: int) -> ConfigError:
    """Of a config with so many processes, all mistyped in the adjacency list."""
    path = folder / "p.yaml"
    processes = [f"- name: process_number_{i}" for i in range(count)]
    path.write_text(current(*processes, edges=[f"proces_numbr_{i}" for i in range(count)]), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value


def test_the_first_problems_are_told_and_how_many_more_there_are(tmp_path: Path) -> None:
    error = _error(tmp_path, MOST_TOLD + 7)
    assert len(error.problems) == MOST_TOLD + 7
    lines = str(error).splitlines()
    assert sum("names the process" in line for line in lines) == MOST_TOLD
    assert lines[-1] == "  and 7 more"
    assert "did you mean `process_number_0`?" in lines[2]


def test_no_more_than_all_problems_are_told(tmp_path: Path) -> None:
    lines = str(_error(tmp_path, MOST_TOLD)).splitlines()
    assert sum("names the process" in line for line in lines) == MOST_TOLD
    assert "more" not in lines[-1]


def test_comparing_mistyped_names_does_not_take_longer_and_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = [0]
    real = difflib.get_close_matches

    def counting(word: str, names: Sequence[str], **options: Any) -> list[str]:
        compared[0] += len(names)
        return real(word, names, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    counts = []
    for size in (100, 300, 1000):
        compared[0] = 0
        _error(tmp_path, size)
        counts.append(compared[0])
    assert counts[0] == 100 * 100
    assert all(count < 13_000 for count in counts)


def test_the_first_word_is_always_compared() -> None:
    known = [f"name{i}" for i in range(500)]
    suggestions = Suggestions(100)
    assert suggestions.did_you_mean("name_7", known) == did_you_mean("name_7", known) is not None
    assert suggestions.did_you_mean("name_8", known) is None


def test_words_that_nobody_mistypes_are_not_compared() -> None:
    assert did_you_mean("a" * 101, ["a" * 101 + "b"]) is None
    assert did_you_mean("train", ["trian", "t" * 10**6]) == "did you mean `trian`?"
