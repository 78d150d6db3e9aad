"""A file that its suffix does not tell how to read, or that cannot be read so, is its lines or its bytes (S7.2)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_expops.values.comparison import compare
from pytest_expops.values.files import _source, content
from pytest_expops.values.files.content import content_of
from tests.values.files.judging import Judge


def test_a_text_is_judged_by_line(judge: Judge) -> None:
    assert judge.paths("log.txt", b"a\nb\nc\n", b"a\nb\nc\n") == []
    assert judge.paths("log.txt", b"a\nb\nc\n", b"a\nB\nc\n") == ["files['log.txt'][1]"]
    assert judge.paths("log", "é\n".encode(), "è\n".encode()) == ["files['log'][0]"]


@pytest.mark.parametrize(("one", "other"), [(b"a\n", b"a"), (b"a\n", b"a\r\n"), (b"a", b"\xef\xbb\xbfa"), (b"", b"\n")])
def test_texts_are_equal_only_if_their_bytes_are(judge: Judge, one: bytes, other: bytes) -> None:
    assert judge.paths("log.txt", one, other)


def test_what_is_no_text_is_judged_by_its_bytes(judge: Judge) -> None:
    assert judge.contents("a.bin", b"\xff\x00", b"\xff\x01") == (b"\xff\x00", b"\xff\x01")
    assert judge.paths("a.bin", b"\xff\x00", b"\xff\x01") == ["files['a.bin']"]


@pytest.mark.parametrize("suffix", sorted(content._READERS))
@pytest.mark.parametrize("trusted", [False, True])
def test_a_file_that_its_reader_cannot_read_is_judged_by_its_bytes(judge: Judge, suffix: str, trusted: bool) -> None:
    broken = b"\xff\xfe not what the name says \x00\x01"
    assert judge.contents(f"a{suffix}", broken, broken + b"\x02", trusted=trusted) == (broken, broken + b"\x02")


@pytest.mark.parametrize("suffix", sorted(content._READERS))
def test_an_empty_file_of_any_kind_is_one_empty_line(judge: Judge, suffix: str) -> None:
    assert judge.contents(f"a{suffix}", b"", b"") == (("",), ("",))


def test_a_broken_document_is_not_equal_to_one_whose_values_are_its_lines(judge: Judge) -> None:
    assert judge.paths("a.json", b'["a"]', b"a")


def test_neither_the_name_nor_the_date_of_a_file_is_content(tmp_path: Path) -> None:
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    for path in (one, other):
        path.write_text("a\nb\n", encoding="utf-8")
    os.utime(other, (0, 0))
    assert compare(content_of(one), content_of(other)) == ()


def test_a_suffix_counts_in_any_case(judge: Judge) -> None:
    assert judge.same("A.JSON", b'{"a": 1}', b'{"a":1}')


def test_a_file_that_is_missing_is_the_callers_concern(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        content_of(tmp_path / "metrics.json")


def test_a_file_beyond_the_limit_is_a_digest_of_its_bytes(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "LIMIT", 10)
    monkeypatch.setattr(_source, "_CHUNK", 4)
    large = b"[1, 2, 3, 4, 5]"
    assert judge.paths("a.json", large, large) == []
    assert judge.paths("a.json", large, large.replace(b"5", b"6")) == ["files['a.json']['xxh3_128']"]
    found = judge.contents("a.json", large, b"[1]")
    assert isinstance(found[0], dict)
    assert found[0]["bytes"] == len(large)
    assert found[1] == [1]
