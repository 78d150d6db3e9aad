"""The manual tells of every source what the source tells of itself."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_expops.replay.nondeterminism.registry import SOURCES

PAGE = (Path(__file__).parents[3] / "docs" / "vary.md").read_text(encoding="utf-8")


def _table(columns: int) -> dict[str, list[str]]:
    """The rows of the table of so many columns, by the name of the source."""
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in PAGE.splitlines() if "| `" in line[:3]]
    return {row[0].strip("`"): row[1:] for row in rows if len(row) == columns}


def test_each_source_is_in_the_table_of_its_kind_with_what_it_catches() -> None:
    for columns, can_vary in ((4, True), (3, False)):
        expected = {name: each.catches for name, each in SOURCES.items() if each.can_vary is can_vary}
        assert {name: row[1] for name, row in _table(columns).items()} == expected
        assert all(row[0] for row in _table(columns).values())


def test_each_source_that_can_be_varied_has_an_example_that_is_wrong_and_one_that_is_right() -> None:
    examples = dict(re.findall(r"^`([\w-]+)`: .*?```python\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
    assert examples.keys() == {name for name, each in SOURCES.items() if each.can_vary}
    for code in examples.values():
        assert "# wrong" in code
        assert "# right" in code
        compile(code.replace("return ", ""), "docs/vary.md", "exec")
