"""What else changed since an entry was recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_expops.verdicts.baseline.changes import ABSENT, Aspect, Change, changes_between, is_elsewhere, kept_of
from pytest_expops.verdicts.baseline.lock_file import LockEntry
from pytest_expops.verdicts.baseline.text import as_it_was, words_for

ENTRY = LockEntry(
    environment={"python": "CPython 3.11.7", "features": "avx avx2", "libraries": {"numpy": "2.1.0", "scipy": "1.17"}},
    outputs={},
    code={"models/m.py:train": "1", "models/m.py:helper": "2", "models/m.py": "3"},
    parameters={"rate": 0.1, "sizes": {"a": 1, "b": 2}},
    inputs={"load": "4"},
    files={"data/x.csv": "5"},
    base_seed=42,
    rows=10,
    covers=("packages", "files read"),
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


OLD = replace(ENTRY, covers=())
"""As the first versions recorded it."""


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        # What such an entry does not tell of is no change ...
        (replace(ENTRY, code={**ENTRY.code, "src/shop/train.py:fit": "9"}), []),
        (_moved(libraries={"numpy": "2.1.0", "scipy": "1.17", "scikit-learn": "1.6"}), []),
        (_moved(libraries={"numpy": "2.1.0"}), []),  # which it had taken for a library, as it is installed as editable
        # ... and the rest is.
        (
            replace(ENTRY, code={**ENTRY.code, "models/m.py:more": "9"}),
            ["the code of `more` in models/m.py (now used by `train`)"],
        ),
        (replace(ENTRY, code={**ENTRY.code, "models/m.py:train": "9"}), ["the code of `train`"]),
        (_moved(libraries={"numpy": "2.2.0", "scipy": "1.17"}), ["numpy 2.1.0 -> 2.2.0"]),
        (replace(ENTRY, files={"data/x.csv": "9"}), ["the file data/x.csv"]),
    ],
)
def test_what_an_early_entry_does_not_cover_is_no_change(present: LockEntry, expected: list[str]) -> None:
    assert [words_for(each, "train") for each in changes_between(OLD, present)] == expected
    assert is_elsewhere(OLD, present.environment) == any("numpy" in each for each in expected)


def test_the_same_of_a_later_entry_is_a_change() -> None:
    more = _moved(libraries={"numpy": "2.1.0", "scipy": "1.17", "scikit-learn": "1.6"})
    assert is_elsewhere(ENTRY, more.environment)
    more = replace(more, code={**ENTRY.code, "src/shop/train.py:fit": "9"})
    assert [words_for(each, "train") for each in changes_between(ENTRY, more)] == [
        "the code of `fit` in src/shop/train.py (now used by `train`)",
        "scikit-learn none -> 1.6",
    ]


def test_a_package_that_is_a_library_now_is_no_code_that_is_no_longer_used() -> None:
    own = replace(ENTRY, code={**ENTRY.code, "src/shop/train.py:fit": "9", "src/shop/train.py:more": "9"})
    library = _moved(libraries={"numpy": "2.1.0", "scipy": "1.17", "shop": "0.1"})
    there = [words_for(each, "train") for each in changes_between(own, library)]
    assert there == ["where `shop` is imported from (own code -> library)", "shop none -> 0.1"]
    back = [words_for(each, "train") for each in changes_between(library, own)]
    assert back == ["where `shop` is imported from (library -> own code)", "shop 0.1 -> none"]
    # The look-alike: a library that has nothing to do with the code.
    other = _moved(libraries={"numpy": "2.1.0", "scipy": "1.17", "cart": "0.1"})
    first = changes_between(own, other)[0]
    assert words_for(first, "train") == "the code of `fit` in src/shop/train.py (no longer used by `train`)"


def test_what_is_as_it_was_is_what_was_recorded_and_nothing_else() -> None:
    kept = kept_of(ENTRY, ENTRY, ())
    assert kept.subjects == ("code", "parameter", "seed", "size", "input", "file", "library", "machine")
    assert as_it_was(kept) == [
        "    its code, parameters, seed, size of its partition, inputs, libraries, machine, its files data/x.csv",
        "    not recorded: other files, the network, the clock",
    ]
    bare = LockEntry(environment={}, outputs={}, base_seed=1, files={"big.bin": "2147483648 bytes"})
    assert as_it_was(kept_of(bare, bare, (), ("made_up",))) == [
        "    seed, its files big.bin (by its size)",
        "    not recorded: `made_up`, a module without a file, code that it imports from packages of yours elsewhere, "
        "and their libraries, other files, the network, the clock",
    ]


def test_inputs_that_are_accounted_for_are_not_as_they_were() -> None:
    moved = replace(_moved(python="CPython 3.12.1"), inputs={"load": "9"})
    assert "input" not in kept_of(ENTRY, moved, changes_between(ENTRY, moved, {"load"})).subjects


def test_what_changed_is_not_as_it_was() -> None:
    present = replace(ENTRY, code={**ENTRY.code, "models/m.py": "9"}, files={"data/x.csv": "9"})
    kept = kept_of(ENTRY, present, changes_between(ENTRY, present))
    assert kept.subjects == ("parameter", "seed", "size", "input", "library", "machine")
    assert kept.files == ()
    assert "not recorded: the files that it reads" not in as_it_was(kept)[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(Aspect.CODE, "src/shop/fast (compiled)", "1", "2"), "the code in src/shop/fast (compiled)"),
        (Change(Aspect.FILE, "data/x.csv", "1", ABSENT), "the file data/x.csv (no longer there)"),
        (Change(Aspect.FILE, "data/x.csv", ABSENT, "1"), "the file data/x.csv (not recorded before)"),
    ],
)
def test_odd_changes_are_told_as_what_they_are(change: Change, words: str) -> None:
    assert words_for(change, "train") == words


def test_inputs_that_are_accounted_for_are_no_news() -> None:
    moved = replace(_moved(python="CPython 3.12.1"), inputs={"load": "9"})
    assert [each.subject for each in changes_between(ENTRY, moved)] == [Aspect.INPUT, Aspect.MACHINE]
    assert [each.subject for each in changes_between(ENTRY, moved, {"load"})] == [Aspect.MACHINE]
    # Another upstream process is.
    rewired = replace(moved, inputs={"load": "9", "other": "4"})
    assert [each.what for each in changes_between(ENTRY, rewired, {"load"})] == ["other", "python"]
