"""Archives are judged by their members, and a difference names member and place in it (S7.2)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops.values.files import _source
from pytest_expops.values.files.content import content_of
from tests.values.files.judging import Judge

FILES = {"metrics.json": b'{"auc": 0.5}', "logs/train.txt": b"a\nb\n"}
CHANGED = {**FILES, "metrics.json": b'{"auc": 0.75}'}


def _zip(files: dict[str, bytes], year: int = 1980, compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data)
    return stream.getvalue()


def _tar(files: dict[str, bytes], date: int = 0, mode: Any = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname, member.mode = len(data), date, f"user{date}", 0o600 + date
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _link(target: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.type, member.linkname = tarfile.SYMTYPE, target
        archive.addfile(member)
    return stream.getvalue()


def _backwards(files: dict[str, bytes]) -> dict[str, bytes]:
    return dict(reversed(files.items()))


KINDS: dict[str, tuple[Callable[[dict[str, bytes]], bytes], Callable[[dict[str, bytes]], bytes]]] = {
    "a.zip": (_zip, lambda files: _zip(_backwards(files), 2020, zipfile.ZIP_DEFLATED)),
    "a.tar": (_tar, lambda files: _tar(_backwards(files), 7)),
    **{
        name: (
            lambda files, mode=mode: _tar(files, 0, mode),
            lambda files, mode=mode: _tar(_backwards(files), 7, mode),
        )
        for name, mode in {
            "a.tar.gz": "w:gz",
            "a.tgz": "w:gz",
            "a.tar.bz2": "w:bz2",
            "a.tbz2": "w:bz2",
            "a.tar.xz": "w:xz",
            "a.txz": "w:xz",
        }.items()
    },
}


@pytest.mark.parametrize("name", KINDS)
def test_dates_owners_rights_and_order_of_members_do_not_count(judge: Judge, name: str) -> None:
    write, otherwise = KINDS[name]
    assert judge.same(name, write(FILES), otherwise(FILES))


@pytest.mark.parametrize("name", KINDS)
def test_a_difference_names_the_member_and_the_place_in_it(judge: Judge, name: str) -> None:
    write, otherwise = KINDS[name]
    path = f"files[{name!r}]"
    assert judge.paths(name, write(FILES), otherwise(CHANGED)) == [f"{path}['metrics.json']['auc']"]
    log = {**FILES, "logs/train.txt": b"a\nB\n"}
    assert judge.paths(name, write(FILES), write(log)) == [f"{path}['logs/train.txt'][1]"]
    assert judge.paths(name, write(FILES), write({**FILES, "b.bin": b"\xff"})) == [f"{path}['b.bin']"]


@pytest.mark.parametrize("name", KINDS)
def test_an_archive_that_breaks_off_is_judged_by_its_bytes(judge: Judge, name: str) -> None:
    data = KINDS[name][0]({**FILES, "b.bin": bytes(range(256)) * 8}).rstrip(b"\0")
    broken = data[: len(data) * 3 // 4]
    assert not isinstance(judge.contents(name, broken, broken)[0], dict)


def test_a_tar_with_a_broken_header_in_it_is_judged_by_its_bytes(judge: Judge) -> None:
    data = bytearray(_tar(FILES))
    data[1024:1040] = b"\xff" * 16  # the header of the second member, after that and the data of the first
    assert judge.contents("a.tar", bytes(data), bytes(data)) == (bytes(data), bytes(data))


def test_the_date_and_name_in_a_gzip_header_do_not_count(judge: Judge) -> None:
    def packed(data: bytes, date: int) -> bytes:
        stream = io.BytesIO()
        with gzip.GzipFile(f"{date}.csv", "wb", fileobj=stream, mtime=date) as file:
            file.write(data)
        return stream.getvalue()

    assert judge.same("a.csv.gz", packed(b"x,y\na,1\n", 1), packed(b"x,y\na,1\n", 2))
    assert judge.paths("a.csv.gz", packed(b"x,y\na,1\n", 1), packed(b"x,y\na,2\n", 1)) == ["files['a.csv.gz']['y'][0]"]


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.json.gz", gzip.compress), ("a.json.bz2", bz2.compress), ("a.json.xz", lzma.compress)],
)
def test_what_is_compressed_is_judged_by_its_suffix(judge: Judge, name: str, pack: Callable[[bytes], bytes]) -> None:
    assert judge.same(name, pack(b'{"a": 1}'), pack(b'{"a":1}'))
    assert judge.paths(name, pack(b'{"a": 1}'), pack(b'{"a": 2}')) == [f"files[{name!r}]['a']"]


def test_members_of_one_name_all_count(judge: Judge) -> None:
    def twice(first: bytes, second: bytes) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for data in (first, second):
                member = tarfile.TarInfo("a.txt")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return stream.getvalue()

    assert judge.paths("a.tar", twice(b"1", b"2"), twice(b"0", b"2")) == ["files['a.tar']['a.txt'][0]"]
    assert judge.paths("a.tar", twice(b"1", b"2"), twice(b"1", b"3")) == ["files['a.tar'][('a.txt', 2)][0]"]


def test_a_link_is_judged_by_where_it_leads_and_not_followed(judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    found = judge.contents("a.tar", _link("b.txt"), _link(str(tmp_path / "secret.txt")))
    assert "secret" not in str(found[0])
    assert found[1] == {"a.txt": {"type": "link", "target": str(tmp_path / "secret.txt")}}
    assert judge.paths("a.tar", _link("b.txt"), _link("c.txt")) == ["files['a.tar']['a.txt']['target']"]


def test_a_link_in_a_zip_is_judged_by_where_it_leads(judge: Judge) -> None:
    def packed(target: str) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            member = zipfile.ZipInfo("a.txt")
            member.external_attr = 0o120777 << 16
            archive.writestr(member, target)
        return stream.getvalue()

    assert judge.contents("a.zip", packed("b"), packed("b"))[0] == {"a.txt": {"type": "link", "target": "b"}}


def test_folders_in_an_archive_count(judge: Judge) -> None:
    assert judge.paths("a.zip", _zip(FILES), _zip({**FILES, "empty/": b""})) == ["files['a.zip']['empty/']"]


def test_nothing_is_written_beside_the_archive(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(_zip({"../escaped.txt": b"x", **FILES}))
    content_of(tmp_path / "a.zip")
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]
    assert not (tmp_path.parent / "escaped.txt").exists()


def _nested(times: int, data: bytes) -> tuple[str, bytes]:
    name = "a.json"
    for number in range(times):
        data, name = _zip({name: data}, 1980 + number), f"{number}.zip"
    return name, data


def test_archives_are_read_four_deep(judge: Judge) -> None:
    (name, one), (_, same), (_, other) = (_nested(4, each) for each in (b"[1, 2]", b"[1,2]", b"[1,3]"))
    assert judge.same(name, one, same)
    assert judge.paths(name, one, other)[0].endswith("['a.json'][1]")


def test_an_archive_deeper_than_that_is_judged_by_its_bytes(judge: Judge) -> None:
    (name, one), (_, other) = (_nested(5, each) for each in (b"[1, 2]", b"[1,2]"))
    assert judge.paths(name, one, one) == []
    assert judge.paths(name, one, other)[0].endswith("['0.zip']")


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.zip", _zip), ("a.tar", _tar), ("a.zip", lambda files: _zip({"inner.zip": _zip(files, 1990)}))],
)
def test_members_beyond_the_limit_are_judged_by_their_digests(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, name: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    monkeypatch.setattr(_source, "LIMIT", 500)
    one, two = {"a.txt": b"x" * 300, "b.txt": b"x" * 300}, {"a.txt": b"x" * 300, "b.txt": b"y" * 300}
    assert judge.paths(name, pack(one), pack(one)) == []
    found = judge.paths(name, pack(one), pack(two))
    assert len(found) == 1
    assert found[0].endswith(("['b.txt']['xxh3_128']", "['inner.zip']['xxh3_128']"))


def test_what_unpacks_to_more_than_the_limit_is_never_held(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source, "LIMIT", 2**20)
    monkeypatch.setattr(_source, "_CHUNK", 2**16)
    one, other = gzip.compress(bytes(2**22)), gzip.compress(bytes(2**22) + b"\x00")
    assert judge.contents("a.gz", one, other)[0] == {**_digest(bytes(2**22))}
    assert judge.paths("a.gz", one, other) == ["files['a.gz']['bytes']", "files['a.gz']['xxh3_128']"]


def _digest(data: bytes) -> dict[str, object]:
    return _source.digest_of_bytes([data])


def test_arrays_in_an_archive_are_compared_by_element(judge: Judge) -> None:
    def packed(value: float, year: int) -> bytes:
        stream = io.BytesIO()
        np.save(stream, np.array([1.0, value]))
        return _zip({"w.npy": stream.getvalue()}, year)

    assert judge.same("a.zip", packed(2.0, 1980), packed(2.0, 1990))
    assert judge.paths("a.zip", packed(2.0, 1980), packed(3.0, 1980)) == ["files['a.zip']['w.npy'][1]"]
