"""The lock file: what is written is what is read, small changes are small diffs, and nothing broken is used."""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.verdicts.baseline.lock_file import (
    PACKAGES,
    READS,
    Lock,
    LockEntry,
    lock_text,
    read_lock,
    recorded_metrics,
)
from pytest_expops.verdicts.baseline.lock_file_text import LockError, decode, encode
from pytest_expops.verdicts.baseline.lock_writing import held, write_lock

HERE: dict[str, Any] = {"python": "CPython 3.11.7", "libraries": {"numpy": "2.1.0"}}
ELSEWHERE: dict[str, Any] = {"python": "CPython 3.12.1", "libraries": {"numpy": "2.2.0"}}


def _entry(**changes: Any) -> LockEntry:
    entry = LockEntry(
        environment=HERE,
        outputs={"model": "0" * 32},
        metrics={"loss": {1: 0.5, 2: 0.25}, "step/note": {None: "good"}, "late": {5: 1, 7: math.nan}},
        sketch={"model": {"dtype": "float64", "min": -math.inf}, "model.rate": 0.1},
        code={"models/model.py:train": "a" * 16},
        parameters={"rate": 0.1, "sizes": [1, 2]},
        inputs={"load": "b" * 16},
        seeds=(40,),
        partitions=(1,),
        rows=190,
    )
    return replace(entry, **changes)


def _read(tmp_path: Path, text: str) -> Lock | None:
    path = tmp_path / "project_config.expops-lock.json"
    path.write_text(text, encoding="utf-8")
    return read_lock(path)


def test_the_file_reads_well(tmp_path: Path) -> None:
    assert lock_text(Lock({"train": _entry()}), ["train"]) == (
        "{\n"
        '  "format": 1,\n'
        '  "environment": {\n'
        '    "python": "CPython 3.11.7",\n'
        '    "libraries": {\n'
        '      "numpy": "2.1.0"\n'
        "    }\n"
        "  },\n"
        '  "code": {\n'
        '    "4df8ed795007": {\n'
        '      "models/model.py:train": "aaaaaaaaaaaaaaaa"\n'
        "    }\n"
        "  },\n"
        '  "parameters": {\n'
        '    "048a96b56679": {\n'
        '      "rate": 0.1,\n'
        '      "sizes": [1, 2]\n'
        "    }\n"
        "  },\n"
        '  "entries": {\n'
        '    "train": {\n'
        '      "seeds": [40],\n'
        '      "partitions": [1],\n'
        '      "rows": 190,\n'
        '      "code": "4df8ed795007",\n'
        '      "parameters": "048a96b56679",\n'
        '      "inputs": {"load": "bbbbbbbbbbbbbbbb"},\n'
        '      "outputs": {\n'
        '        "model": "00000000000000000000000000000000"\n'
        "      },\n"
        '      "metrics": {\n'
        '        "loss": [0.5, 0.25],\n'
        '        "step/note": {"value": "good"},\n'
        '        "late": [[5, 1], [7, {"float": "nan"}]]\n'
        "      },\n"
        '      "sketch": {\n'
        '        "model": {"dtype": "float64", "min": {"float": "-inf"}},\n'
        '        "model.rate": 0.1\n'
        "      }\n"
        "    }\n"
        "  }\n"
        "}\n"
    )


def test_entries_stand_in_the_order_of_the_pipeline_whatever_the_order_of_recording() -> None:
    one, other = _entry(seeds=(1,)), _entry(seeds=(2,))
    order = ["load", "a", "b"]
    texts = {lock_text(Lock(entries), order) for entries in ({"b": one, "load": other}, {"load": other, "b": one})}
    assert len(texts) == 1
    assert list(json.loads(texts.pop())["entries"]) == ["load", "b"]
    stale_last = lock_text(Lock({"gone": one, "b": other}), order)
    assert list(json.loads(stale_last)["entries"]) == ["b", "gone"]


def test_a_changed_metric_is_a_diff_of_one_line() -> None:
    before = lock_text(Lock({"a": _entry(), "b": _entry()}), ["a", "b"])
    after = lock_text(Lock({"a": _entry(), "b": _entry(metrics={**_entry().metrics, "loss": {1: 0.75}})}), ["a", "b"])
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert changed == ['-         "loss": [0.5, 0.25],', '+         "loss": [0.75],']


def test_an_entry_of_another_environment_refers_to_its_own(tmp_path: Path) -> None:
    lock = Lock({"a": _entry(), "b": _entry(environment=ELSEWHERE)}, HERE)
    text = lock_text(lock, ["a", "b"])
    document = json.loads(text)
    assert document["environment"] == HERE
    assert list(document["environments"].values()) == [ELSEWHERE]
    assert "environment" not in document["entries"]["a"]
    read = _read(tmp_path, text)
    assert read is not None
    assert {name: entry.environment for name, entry in read.entries.items()} == {"a": HERE, "b": ELSEWHERE}


def test_the_environment_at_the_top_stays_as_long_as_an_entry_is_of_it() -> None:
    mixed = {"a": _entry(), "b": _entry(environment=ELSEWHERE), "c": _entry(environment=ELSEWHERE)}
    assert json.loads(lock_text(Lock(mixed, HERE), "abc"))["environment"] == HERE
    assert json.loads(lock_text(Lock(mixed), "abc"))["environment"] == ELSEWHERE
    moved = {name: replace(entry, environment=ELSEWHERE) for name, entry in mixed.items()}
    document = json.loads(lock_text(Lock(moved, HERE), "abc"))
    assert document["environment"] == ELSEWHERE
    assert "environments" not in document


NAMES = st.text(max_size=8)
NUMBERS = st.integers() | st.floats()
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.sampled_from(["float", "dict"]), inner),
    max_leaves=8,
)
DIGESTS = st.dictionaries(NAMES, st.text("0123456789abcdef", min_size=16, max_size=16), max_size=2)
READINGS = st.dictionaries(st.integers(), NUMBERS, min_size=1, max_size=3) | st.builds(lambda each: {None: each}, PLAIN)
ENTRIES = st.builds(
    LockEntry,
    environment=st.sampled_from([HERE, ELSEWHERE, {}]),
    outputs=DIGESTS,
    metrics=st.dictionaries(NAMES, READINGS, max_size=3),
    sketch=st.dictionaries(NAMES, PLAIN, max_size=3),
    code=DIGESTS,
    parameters=st.dictionaries(NAMES, PLAIN, max_size=2),
    inputs=DIGESTS,
    files=DIGESTS,
    seeds=st.lists(st.integers(), max_size=2).map(tuple),
    base_seed=st.none() | st.integers(),
    partitions=st.lists(st.integers(1), max_size=2).map(tuple),
    rows=st.none() | st.integers(0),
)


@pytest.fixture(scope="module")
def lock_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lock") / "lock.json"


@settings(max_examples=40)
@given(entries=st.dictionaries(NAMES, ENTRIES, max_size=3))
def test_what_is_written_is_what_is_read_and_is_strict_json(lock_path: Path, entries: dict[str, LockEntry]) -> None:
    text = lock_text(Lock(entries), entries)
    json.loads(text, parse_constant=pytest.fail)
    lock_path.write_text(text, encoding="utf-8")
    read = read_lock(lock_path)
    assert read is not None
    # By `repr`: NaN is not equal to itself, and 1 should not become 1.0.
    assert repr(dict(read.entries)) == repr(entries)
    assert lock_text(read, entries) == text


@given(PLAIN)
def test_every_plain_value_survives_strict_json(value: Any) -> None:
    assert repr(decode(json.loads(json.dumps(encode(value), allow_nan=False)))) == repr(value)


def test_there_may_be_no_lock_file(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none.json") is None


GOOD = lock_text(Lock({"train": _entry()}), ["train"])


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ('"format": 1', '"format": 0', ":2:13", "format: expected `format`: 2, found 0"),
        ('"format": 1', '"formats": 1', ":1:1", "expected `format`: 2, found None"),
        ('"seeds": [40]', '"seeds": [40', ":23:19", "not JSON"),
        ('"seeds": [40]', '"seeds": ["40"]', ":22:16", "seeds: expected a whole number, found '40'"),
        ('"seeds": [40]', '"seed": [40]', ":21:14", "entries.train: nothing reads `seed`"),
        ('"model": "00000', '"model": 7, "x": "0', ":29:18", "outputs.model: expected a digest, found 7"),
        ('"outputs": {', '"sketches": {', ":21:14", "nothing reads `sketches`"),
        ('"code": "4df8ed795007"', '"code": "000000000000"', ":25:15", "refers to '000000000000', which the file does"),
        ('[0.5, 0.25]', '[0.5, "high"]', ":32:17", "expected a number"),
        ('[0.5, 0.25]', '[0.5, NaN]', ":32:23", "not JSON: `NaN` is not JSON; it would be written as"),
        ('"rows": 190', '"covers": "packages"', ":24:17", "covers: expected a list, found 'packages'"),
        ('"rows": 190', '"modules": [1]', ":24:18", "modules: expected a name, found 1"),
        ('"rows": 190', '"rows": true', ":24:15", "expected a whole number, found True"),
        ('  "entries": {', '  "entry": {', ":20:12", "nothing reads this key"),
        ('    "train": {', '    "train": {}, "train": {', ":21:18", "gives the key `train` twice"),
        (GOOD, "[1, 2]", ":1:1", "expected a map, found [1, 2]"),
        (GOOD, "", ":1:1", "the lock file is empty, expected JSON"),
    ],
)  # fmt: skip
def test_what_is_corrupt_is_told_with_its_place(tmp_path: Path, old: str, new: str, place: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(LockError) as caught:
        _read(tmp_path, GOOD.replace(old, new, 1))
    text = str(caught.value)
    assert f"project_config.expops-lock.json{place}: " in text
    assert message in text
    assert "git checkout -- FILE" in text


def test_what_an_entry_covers_and_the_modules_that_were_seen_are_kept(tmp_path: Path) -> None:
    entry = _entry(covers=(PACKAGES, READS), modules=("shop.plugins.one",))
    text = lock_text(Lock({"train": entry}), ["train"])
    assert '"covers": ["packages", "files read"],\n' in text
    assert '"modules": ["shop.plugins.one"],\n' in text
    assert '"format": 2,' in text
    lock = _read(tmp_path, text)
    assert lock is not None
    assert lock.entries["train"].to_json() == entry.to_json()


def test_files_of_the_first_format_are_read_and_cover_nothing_more(tmp_path: Path) -> None:
    lock = _read(tmp_path, GOOD)
    assert lock is not None
    assert '"format": 1,' in lock_text(lock, ["train"])
    assert lock.entries["train"].to_json() == _entry().to_json()
    assert lock.entries["train"].covers == ()


def test_a_newer_format_is_told_with_both_versions(tmp_path: Path) -> None:
    with pytest.raises(
        LockError, match=r"is of format 3; this version of pytest-expops reads formats up to 2\n .*install"
    ):
        _read(tmp_path, GOOD.replace('"format": 1', '"format": 3, "something": {"new": 1}'))


def test_merge_conflict_markers_are_told_as_such(tmp_path: Path) -> None:
    sides = GOOD.splitlines(keepends=True)
    text = "".join([*sides[:5], "<<<<<<< HEAD\n", sides[5], "=======\n", sides[5], ">>>>>>> other\n", *sides[6:]])
    with pytest.raises(LockError, match=r"json:6:1: the lock file has merge-conflict markers \(`<<<<<<<`\)") as caught:
        _read(tmp_path, text)
    assert "--expops-baseline=update" in str(caught.value)


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(LockError, match="cannot be read"):
        read_lock(tmp_path / "lock.json")


def test_writing_replaces_the_file_behind_a_link_and_keeps_its_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    with held(link):
        write_lock(link, "new\n")
    assert link.is_symlink()
    assert target.read_text() == "new\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"real.json", "link.json"}


def test_what_cannot_be_written_is_an_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    path.mkdir()
    with pytest.raises(LockError, match="cannot be written"):
        write_lock(path, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["lock.json"]


def test_recorded_metrics_are_the_numbers_by_step() -> None:
    lock = Lock({"train": _entry()})
    found = recorded_metrics(lock, "train")
    assert found is not None
    assert found["loss"] == [(1, 0.5), (2, 0.25)]
    assert list(found) == ["loss", "late"]
    assert recorded_metrics(lock, "other") is None
