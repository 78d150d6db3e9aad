"""However a lock file is damaged, it is refused with its place and a fix, or what it says is compared."""

from __future__ import annotations

import copy
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops import expand, load_config
from pytest_expops.errors import ExpopsError
from pytest_expops.execution.session import PipelineSession
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.baseline.changes import changes_between, is_elsewhere
from pytest_expops.verdicts.baseline.lock_file import Lock, LockEntry, lock_of, lock_text, read_lock, recorded_metrics
from pytest_expops.verdicts.baseline.lock_file_text import MOST_DEEP, LockError
from pytest_expops.verdicts.baseline.lock_writing import held, write_lock
from pytest_expops.verdicts.baseline.text import Context, explain_drift
from pytest_expops.verdicts.session_verdicts import Repeating
from tests.hypothesis_profiles import examples

CONFIG = """
scripts: {main: model.py}
experiment:
  pipeline:
    process_adjlist: load train
    processes:
      - {name: load, seed_parallelism: [40]}
      - {name: train, parameters: {rate: 0.5, größe: [1, 2]}}
"""
SCRIPT = """
import numpy as np
from pytest_expops.core import log_metric

def load():
    return {"x": np.arange(6.0), "naïve": "ünïcode", "large": 10**400}

def train(x, rate):
    for epoch in range(3):
        log_metric("loss", rate / (epoch + 1))
    log_metric("note", {"deep": [1, {"er": "é"}]})
    return {"weights": x * rate, "nested": {"a": [1.5, "b"], "c": {"d": x}}, "parts": [[i, str(i)] for i in range(30)]}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> PipelineSession:
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "p.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "model.py").write_text(SCRIPT, encoding="utf-8")
    made = PipelineSession(expand(load_config(folder / "p.yaml")), folder / "session")
    for name in made.expanded.processes:
        assert made.record(name).failure is None
    return made


@pytest.fixture(scope="module")
def text(session: PipelineSession) -> str:
    names = [*session.expanded.processes]
    baseline = Baseline(session, Lock())
    return lock_text(Lock({name: baseline.entry(name) for name in names}), names)


def outcome(session: PipelineSession, text: str) -> str:
    """What is made of a lock file with this text: the error that refuses it, or an empty text where it was used."""
    try:
        lock = lock_of(text, Path("lock.json"))
    except LockError as error:
        return str(error)
    shutil.rmtree(session.folder / "baseline", ignore_errors=True)  # what was compared with another lock
    baseline = Baseline(session, lock)
    context = Context("lock.json", "train", "rtol=1e-6", Repeating("train"))
    for name in session.expanded.processes:
        recorded_metrics(lock, name)
        if name in lock.entries:
            found = baseline.compare(name)
            if found.count:
                explain_drift(found, context, "pytest")
            entry = lock.entries[name]
            environment = baseline.environment(name, entry.modules)
            is_elsewhere(entry, environment)
            changes_between(entry, baseline.entry(name))
    lock_of(lock_text(lock, session.expanded.processes), Path("lock.json"))
    return ""


_VALUES = [
    *[None, True, False, 0, 1, -1, 2, 3, 1.5, 10**400, "", "a", "é", "\ud800", "\0", "..", "/dev/zero", "x" * 300],
    *[
        [],
        {},
        [1],
        ["a"],
        [[1, 2]],
        [[None, 1]],
        [[1, 1], [1, 2]],
        {"float": "nan"},
        {"float": 1},
        {"dict": 3},
        {"a": 1},
    ],
    *[
        {"libraries": []},
        {"value": 1},
        {"value": {"float": "inf"}},
        {"is": 1},
        {"parts": "a", "shape": "b", "dtype": 1},
    ],
]
"""What is put in the place of something."""


def _ways(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield way
    if isinstance(document, dict):
        for key, each in document.items():
            yield from _ways(each, (*way, key))
    elif isinstance(document, list):
        for index, each in enumerate(document):
            yield from _ways(each, (*way, index))


def _mutated(document: Any, chosen: float, how: str, value: Any) -> Any:
    """The document with one place of it changed."""
    document = copy.deepcopy(document)
    ways = [*_ways(document)][1:]
    if not ways:
        return value
    *above, last = ways[int(chosen * len(ways)) % len(ways)]
    inner = document
    for key in above:
        inner = inner[key]
    if how == "remove":
        del inner[last]
    elif how == "replace":
        inner[last] = value
    elif how == "deepen":
        inner[last] = [inner[last]] if isinstance(value, list) else {"is": inner[last]}
    elif how == "rename" and isinstance(inner, dict):
        inner[value if isinstance(value, str) else repr(value)] = inner.pop(last)
    elif how == "copy" and isinstance(inner, dict):
        inner[f"{last}2"] = copy.deepcopy(inner[last])
    elif how == "swap":
        inner[last] = copy.deepcopy(document.get("format", 0)) if isinstance(document, dict) else value
    return document


_changes = st.tuples(
    st.floats(0, 0.999),
    st.sampled_from(["remove", "replace", "replace", "deepen", "rename", "copy", "swap"]),
    st.sampled_from(_VALUES),
)


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.lists(_changes, min_size=1, max_size=3))
def test_a_changed_document_is_refused_or_used(
    session: PipelineSession, text: str, changes: list[tuple[float, str, Any]]
) -> None:
    document = json.loads(text)
    for change in changes:
        document = _mutated(document, *change)
    said = outcome(session, json.dumps(document))
    assert not said or ("lock.json" in said and "\n    " in said)
    assert len(said) < 800


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.floats(0, 1),
    length=st.integers(0, 60),
    instead=st.sampled_from(
        ["", '"', "{", "}", "[" * 300, "\\", "\0", "é", ",", "NaN", "9" * 5000, "1e999", "=======\n"]
    ),
)
def test_a_changed_text_is_refused_or_used(
    session: PipelineSession, text: str, start: float, length: int, instead: str
) -> None:
    begin = int(start * len(text))
    said = outcome(session, text[:begin] + instead + text[begin + length :])
    assert not said or ("lock.json" in said and "\n    " in said)
    assert len(said) < 800


def test_the_whole_file_is_used(session: PipelineSession, text: str) -> None:
    assert outcome(session, text) == ""
    assert outcome(session, f"{text}\n\n") == ""


def _twice(text: str, entry: str) -> str:
    return text.replace('"entries": {', f'"entries": {{\n    "né": {entry},\n    "né": {entry},', 1)


DAMAGES: dict[str, tuple[Any, str]] = {
    "a key twice beside text that is not ASCII": (
        lambda text: _twice(text, '{"outputs": {}}'),
        "gives the key `né` twice in one map",
    ),
    "deep sketches": (
        lambda text: text.replace('"sketch": {', f'"sketch": {{"deep": {"[" * 400}{"]" * 400},', 1),
        f"nests more than {MOST_DEEP} deep",
    ),
    "deeper than Python reads": (lambda text: "[" * 100_000, "nests more than 150 deep"),
    "deep maps": (lambda text: '{"a":' * 1000 + "1" + "}" * 1000, "nests more than 150 deep"),
    "a number that Python does not write": (
        lambda text: text.replace('"seeds": [40]', f'"seeds": [{"9" * 5000}]', 1),
        "of more than 4,300 digits",
    ),
    "a number beyond floats": (lambda text: text.replace("0.25", "1e999", 1), "a number beyond 1.7e308"),
    "nothing": (lambda text: "", "is empty, expected JSON"),
    "blanks": (lambda text: " \n\t", "is empty, expected JSON"),
    "half of it": (lambda text: text[: len(text) // 2], "is not JSON: "),
    "a NUL": (lambda text: text.replace("\n", "\n\0", 1), "is not JSON: "),
    "Windows ends of lines and conflict": (
        lambda text: f"<<<<<<< HEAD\r\n{text}=======\r\n{text}>>>>>>> x\r\n",
        "has merge-conflict markers (`<<<<<<<`)",
    ),
    "a later format": (lambda text: text.replace('"format": 2', '"format": 30000'), "is of format 30000;"),
    "a format that is a list": (
        lambda text: text.replace('"format": 2', '"format": [[1]]'),
        "expected `format`: 2, found",
    ),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES)
def test_each_damage_has_one_error_with_place_and_fix(
    session: PipelineSession, text: str, damage: Any, says: str
) -> None:
    said = outcome(session, damage(text))
    first, *fix = said.splitlines()
    assert first.startswith("lock.json:")
    assert says in first
    assert len(fix) == 1
    assert fix[0].startswith("    ")


def test_a_key_that_is_there_twice_is_told_where_it_is_the_second_time(session: PipelineSession, text: str) -> None:
    said = outcome(session, _twice(text, '{"outputs": {"né": "0"}}'))
    line = next(number for number, each in enumerate(_twice(text, "{}").splitlines(), 1) if '"né"' in each)
    assert said.startswith(f"lock.json:{line + 1}:5: ")


def test_a_byte_order_mark_is_no_damage(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock.json").write_text(text, encoding="utf-8-sig")
    lock = read_lock(tmp_path / "lock.json")
    assert lock is not None
    assert lock.entries.keys() == lock_of(text, tmp_path).entries.keys()


@pytest.mark.parametrize("data", [b"\xff\xfe{", b'{"format": 1, "\xe9": 2}', b"\x89PNG\r\n\x1a\n\x00\x80"])
def test_bytes_that_are_no_text_have_their_place(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "lock.json").write_bytes(data)
    with pytest.raises(
        LockError, match=r"lock\.json:1:\d+: the lock file cannot be read: the byte 0x\w\w is not UTF-8\n"
    ):
        read_lock(tmp_path / "lock.json")


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "loop.json").symlink_to("loop.json")
    for name in ("folder.json", "loop.json", "nul\0.json"):
        with pytest.raises(LockError, match=r"the lock file cannot be read: .*\n    make it a file that you may read"):
            read_lock(tmp_path / name)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("refuses", ["open", "flock", "fsync", "replace"])
def test_a_disk_that_refuses_gives_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str, number: int
) -> None:
    """As on a file system that is mounted read-only, where removing what is not there is refused, too."""
    path = tmp_path / "lock.json"
    path.write_text("before")

    def refused(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    places = {"open": "builtins.open", "flock": "fcntl.flock", "fsync": "os.fsync", "replace": "os.replace"}
    monkeypatch.setattr(places[refuses], refused)
    monkeypatch.setattr(Path, "unlink", refused)
    if refuses == "flock":  # a file system without locks can still be written to
        with held(path):
            write_lock(path, "after")
        assert path.read_text() == "after"
        return
    with pytest.raises(LockError) as caught, held(path):
        write_lock(path, "after")
    monkeypatch.undo()
    assert path.read_text() == "before"
    assert f"cannot be written: {os.strerror(number)}\n    nothing was changed; " in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_could_not_be_read_again_is_not_recorded() -> None:
    value: Any = "end"
    for _ in range(MOST_DEEP + 1):
        value = [value]
    entry = LockEntry(environment={}, outputs={}, metrics={"deep": {None: value}})
    with pytest.raises(ExpopsError, match=f"nests more than {MOST_DEEP} deep, and cannot be recorded"):
        entry.to_json()


def test_an_output_may_be_called_as_what_marks_a_number(tmp_path: Path) -> None:
    entry = LockEntry(environment={}, outputs={"float": "0" * 32}, inputs={"dict": "1" * 16}, sketch={"float": 1.5})
    lock = lock_of(lock_text(Lock({"train": entry}), ["train"]), tmp_path)
    assert lock.entries["train"] == entry
