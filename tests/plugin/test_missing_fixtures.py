"""`fixture 'summary' not found` says `--expops-config` where a config in the tree has such a process, else not."""

from __future__ import annotations

import pytest

from tests.conftest import Project

SCRIPT = "def train(): return {'x': 1}\ndef summary(data): return {'x': 1}\n"
PROCESSES = {"train": {"seed_parallelism": {"seeds": [1], "scope": "self"}}, "summary": {"seed_aggregation": True}}


@pytest.fixture
def tests(project: Project) -> Project:
    project.write("train summary", SCRIPT, PROCESSES)
    project.pytester.makepyfile(
        test_it="def test_a(summary): assert summary\ndef test_b(sumary): pass\ndef test_c(train): pass"
    )
    return project


def test_the_config_that_has_the_fixture_is_named_and_no_other_name_is_advised_on(tests: Project) -> None:
    text = tests.pytest().text
    assert "`summary` is an aggregation process of configs/project_config.yaml" in text
    assert "pytest --expops-config configs/project_config.yaml" in text
    assert text.count("is an aggregation process of") == 1


def test_with_the_config_the_fixture_is_there(tests: Project) -> None:
    result = tests.run("test_it.py::test_a")
    assert result.items["test_a"] == "passed"
    assert "is an aggregation process of" not in result.text


def test_broken_and_other_files_are_passed_over(tests: Project) -> None:
    (tests.root / "a.yaml").write_text("summary: [aggregation", encoding="utf-8")
    (tests.root / "b.yml").write_text("summary: aggregation", encoding="utf-8")
    assert "`summary` is an aggregation process of configs/project_config.yaml" in tests.pytest().text
