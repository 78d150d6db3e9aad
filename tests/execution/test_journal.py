"""Records reach every reader once and whole, whatever moment it reads at, and whatever the disk does (S6.2)."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.errors import SessionFolderError, StoreError
from pytest_expops.execution._journal import Journal, JournalReader

RECORDS = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=10), max_size=3), max_size=6)


@given(RECORDS, st.data())
def test_each_record_is_read_once_in_order_however_far_the_writer_has_come(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder / "whole.jsonl")
    for record in records:
        journal.append(record)
    whole = (folder / "whole.jsonl").read_bytes() if records else b""
    moments = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    growing = folder / "growing.jsonl"
    reader, read = JournalReader(growing), []
    for moment in [*moments, len(whole)]:
        growing.write_bytes(whole[:moment])
        read += list(reader.new())
        assert len(read) == whole[:moment].count(b"\n")
    assert read == records


def test_a_file_that_nobody_has_written_has_no_records(tmp_path: Path) -> None:
    journal, reader = Journal(tmp_path / "w.jsonl"), JournalReader(tmp_path / "w.jsonl")
    assert list(reader.new()) == []
    journal.append({"a": 1})
    assert list(reader.new()) == [{"a": 1}]
    assert list(reader.new()) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "w.jsonl is not there any more"),
        (lambda path: path.write_bytes(b""), "w.jsonl is not as it was left"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\xff{]\n"), "w.jsonl is not as it was left"),
    ],
    ids=["removed", "emptied", "garbage"],
)
def test_a_file_that_something_else_has_changed_is_an_error(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "w.jsonl"
    journal, reader = Journal(path), JournalReader(path)
    journal.append({"a": 1})
    assert list(reader.new()) == [{"a": 1}]
    spoil(path)
    with pytest.raises(SessionFolderError, match=message):
        list(reader.new())


def test_a_journal_in_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"w\.jsonl: the file of records cannot be made \(No such file"):
        Journal(tmp_path / "gone/w.jsonl")


def test_a_record_that_the_disk_refuses_leaves_nothing_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    child = multiprocessing.get_context("fork").Process(target=_write_more_than_fits, args=(path,))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert list(JournalReader(path).new()) == ["first", "third"]


def _write_more_than_fits(path: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    journal = Journal(path)
    journal.append("first")
    with pytest.raises(StoreError, match="a record of 2003 bytes cannot be written"):
        journal.append("x" * 2000)  # the kernel takes what fits, and refuses the rest
    journal.append("third")
    os._exit(0)
