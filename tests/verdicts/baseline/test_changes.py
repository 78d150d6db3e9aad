"""What else changed since an entry was recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_expops.plugin.items.baseline_text import words_for
from pytest_expops.verdicts.baseline.changes import Change, Subject, changes_between
from pytest_expops.verdicts.baseline.lock_file import LockEntry

ENTRY = LockEntry(
    environment={"python": "CPython 3.11.7", "features": "avx avx2", "libraries": {"numpy": "2.1.0", "scipy": "1.17"}},
    outputs={},
    code={"models/m.py:train": "1", "models/m.py:helper": "2", "models/m.py": "3"},
    parameters={"rate": 0.1, "sizes": {"a": 1, "b": 2}},
    inputs={"load": "4"},
    files={"data/x.csv": "5"},
    base_seed=42,
    rows=10,
)


def _moved(**environment: Any) -> LockEntry:
    return replace(ENTRY, environment={**ENTRY.environment, **environment})


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (ENTRY, []),
        (replace(ENTRY, parameters={"sizes": {"b": 2, "a": 1}, "rate": 0.1}), []),
        (replace(ENTRY, code={**ENTRY.code, "models/m.py:train": "9"}), ["the code of `train`"]),
        (
            replace(ENTRY, code={**ENTRY.code, "models/m.py:helper": "9"}),
            ["the code of `helper` in models/m.py (used by `train`)"],
        ),
        (
            replace(ENTRY, code={**ENTRY.code, "models/m.py:more": "9"}),
            ["the code of `more` in models/m.py (now used by `train`)"],
        ),
        (
            replace(ENTRY, code={"models/m.py:train": "1", "models/m.py": "3"}),
            ["the code of `helper` in models/m.py (no longer used by `train`)"],
        ),
        (replace(ENTRY, code={**ENTRY.code, "models/m.py": "9"}), ["what models/m.py does when it is imported"]),
        (replace(ENTRY, parameters={**ENTRY.parameters, "rate": 0.2}), ["the parameter rate (0.1 -> 0.2)"]),
        (replace(ENTRY, parameters={**ENTRY.parameters, "n": 1}), ["the parameter n (none -> 1)"]),
        (replace(ENTRY, base_seed=43), ["the seed (base seed 42 -> base seed 43)"]),
        (replace(ENTRY, rows=9), ["the size of its partition (10 -> 9 rows)"]),
        (replace(ENTRY, inputs={"load": "9"}), ["what it receives from `load`"]),
        (replace(ENTRY, files={"data/x.csv": "9"}), ["the file data/x.csv"]),
        (_moved(libraries={"numpy": "2.2.0", "scipy": "1.17"}), ["numpy 2.1.0 -> 2.2.0"]),
        (_moved(libraries={"numpy": "2.1.0"}), ["scipy 1.17 -> none"]),
        (_moved(python="CPython 3.12.1"), ["Python CPython 3.11.7 -> CPython 3.12.1"]),
        (_moved(features="avx avx512f"), ["CPU features (without avx2, with avx512f)"]),
    ],
)
def test_each_change_is_told_and_nothing_else(present: LockEntry, expected: list[str]) -> None:
    changes = changes_between(ENTRY, present)
    assert [words_for(each, "train") for each in changes] == expected
    assert [Change.from_json(each.to_json()) for each in changes] == list(changes)


def test_inputs_that_are_accounted_for_are_no_news() -> None:
    moved = replace(_moved(python="CPython 3.12.1"), inputs={"load": "9"})
    assert [each.subject for each in changes_between(ENTRY, moved)] == [Subject.INPUT, Subject.MACHINE]
    assert [each.subject for each in changes_between(ENTRY, moved, {"load"})] == [Subject.MACHINE]
    # Another upstream process is.
    rewired = replace(moved, inputs={"load": "9", "other": "4"})
    assert [each.what for each in changes_between(ENTRY, rewired, {"load"})] == ["other", "python"]
