"""Results that machines share at a URL: what is signed by the own key is used, all else is not, and that is told."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.records import JsonFolder, Outcome, Output, RunRecord
from pytest_expops.execution.remote_files import RemoteRefused
from pytest_expops.execution.reuse import remote as remote_module
from pytest_expops.execution.reuse._made_from import key_of
from pytest_expops.execution.reuse._used import Used
from pytest_expops.execution.reuse.entry import Entry, KeptVerdict
from pytest_expops.execution.reuse.remote import CUT, EXCHANGED, FOREIGN, LOST, MOVED, RemoteStore
from pytest_expops.execution.reuse.store import ResultStore
from pytest_expops.urls import shown_url
from pytest_expops.values.storage.store import ArtifactStore

fsspec = pytest.importorskip("fsspec")

KEY = b"0123456789abcdef0123456789abcdef"
VALUE = list(range(10_000))


class Bucket:
    """A store in memory; each machine has a folder of its own, in which it keeps one result of one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"memory://{folder.name}"
        self.files = fsspec.filesystem("memory")
        self.session = ArtifactStore(folder / "session")
        self.artifact = self.session.put(VALUE)
        self.entry = self.entry_that_used(Used())
        self.key = key_of(self.entry.parts)

    def entry_that_used(self, used: Used) -> Entry:
        record = RunRecord("f", 0, Outcome.PASSED, {"x": Output("digest", self.artifact)})
        return Entry("config.yaml", {"its name": "f"}, record, used, KeptVerdict(1, (), {}), 0.0, 1.0)

    def machine(self, name: str, key: bytes = KEY, *, read_only: bool = False) -> ResultStore:
        return ResultStore(self.folder / name, key, RemoteStore(self.url, read_only=read_only))

    def keep(self, key: bytes = KEY) -> None:
        self.machine("first", key).put(self.key, self.entry, self.session)

    def used_by(self, store: ResultStore) -> bool:
        """Whether a machine takes the result; what it takes is the value."""
        target = ArtifactStore(self.folder / f"session of {store.folder.name}")
        for entry in store.entries(self.key):
            if store.take(self.key, entry, target):
                assert target.get(self.artifact) == VALUE
                return True
        return False

    @property
    def paths(self) -> list[str]:
        return sorted(self.files.find(f"/{self.folder.name}"))

    @property
    def artifact_path(self) -> str:
        return f"/{self.folder.name}/artifacts/{self.artifact.digest}"

    @property
    def entry_path(self) -> str:
        return f"/{self.folder.name}/entries/{self.key}/{self.entry.variant}.json"


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    found = Bucket(tmp_path)
    yield found
    if found.files.exists(f"/{tmp_path.name}"):
        found.files.rm(f"/{tmp_path.name}", recursive=True)


def unused(store: ResultStore) -> dict[str, int]:
    assert store.remote is not None
    return store.remote.unused()


def test_what_is_signed_with_the_own_key_is_used_from_then_on_without_the_server(bucket: Bucket) -> None:
    bucket.keep()
    assert bucket.paths == [bucket.artifact_path, bucket.entry_path]
    second = bucket.machine("second")
    assert bucket.used_by(second)
    assert unused(second) == {}
    assert bucket.used_by(ResultStore(bucket.folder / "second", KEY))


@pytest.mark.parametrize("key", [KEY[::-1], b""], ids=["another key", "unsigned"])
def test_what_is_not_signed_with_the_own_key_is_not_used(bucket: Bucket, key: bytes) -> None:
    bucket.keep(key)
    second = bucket.machine("second")
    notes = JsonFolder(bucket.folder / "notes")
    second.remote, controller = (RemoteStore(bucket.url, notes=notes) for _ in range(2))
    assert not bucket.used_by(second)
    assert list(controller.told()) == [f"not used of the results that are kept at {bucket.url}: 1 {FOREIGN}"]
    assert list(second.folder.glob("entries/*/*")) == []


def test_an_entry_of_which_a_byte_was_changed_is_not_used(bucket: Bucket) -> None:
    bucket.keep()
    bucket.files.pipe(bucket.entry_path, bucket.files.cat(bucket.entry_path).replace(b"passed", b"passeD"))
    second = bucket.machine("second")
    assert not bucket.used_by(second)
    assert unused(second) == {CUT: 1}


def test_a_signature_of_other_characters_than_ours_is_none(bucket: Bucket) -> None:
    bucket.keep()
    seal, _, body = bucket.files.cat(bucket.entry_path).decode().partition("\n")
    bucket.files.pipe(bucket.entry_path, f"{seal.partition(' ')[0]} \u00e9\u00e9\n{body}".encode())
    second = bucket.machine("second")
    assert not bucket.used_by(second)
    assert unused(second) == {FOREIGN: 1}


def test_the_salt_of_variables_is_known_to_who_has_the_key_only(tmp_path: Path) -> None:
    stores = [ResultStore(tmp_path / str(number), key) for number, key in enumerate((KEY, KEY, KEY[::-1]))]
    one, again, another = (store.salt("0" * 32) for store in stores)
    assert one == again != another


def test_an_entry_that_was_copied_under_another_key_is_not_used(bucket: Bucket) -> None:
    bucket.keep()
    other = "0" * 32
    bucket.files.pipe(bucket.entry_path.replace(bucket.key, other), bucket.files.cat(bucket.entry_path))
    second = bucket.machine("second")
    assert list(second.entries(other)) == []
    assert unused(second) == {MOVED: 1}
    assert bucket.used_by(second)


class Mischief:
    """Leaves a folder where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["a byte", "a pickle"])
def test_an_artifact_that_was_exchanged_never_gets_its_place_and_is_mended(bucket: Bucket, how: str) -> None:
    bucket.keep()
    whole = bytes(bucket.files.cat(bucket.artifact_path))
    executed = bucket.folder / "executed"
    other = pickle.dumps(Mischief(executed)) if how == "a pickle" else whole[:-1] + bytes([whole[-1] ^ 1])
    bucket.files.pipe(bucket.artifact_path, other)
    second = bucket.machine("second")
    assert not bucket.used_by(second)
    assert unused(second) == {EXCHANGED: 1}
    assert list(second.artifacts.root.iterdir()) == []
    assert not executed.exists()
    second.put(bucket.key, bucket.entry, bucket.session)
    assert bucket.files.cat(bucket.artifact_path) == whole
    assert bucket.used_by(bucket.machine("third"))


def test_an_artifact_of_the_same_digest_but_another_content_is_not_used(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its digest is no cryptographic one: here it holds for anything of that size."""
    monkeypatch.setattr(ArtifactStore, "data", lambda *_, **__: b"")
    bucket.keep()
    bucket.files.pipe(bucket.artifact_path, bytes(bucket.artifact.size))
    second = bucket.machine("second")
    (entry,) = second.entries(bucket.key)
    assert not second.take(bucket.key, entry, ArtifactStore(bucket.folder / "target"))
    second.artifacts.path_of(bucket.artifact).write_bytes(bytes(bucket.artifact.size))
    assert not second.take(bucket.key, entry, ArtifactStore(bucket.folder / "target"))
    assert list((bucket.folder / "target").iterdir()) == []


def test_an_entry_whose_artifact_is_gone_is_left_and_others_are_still_shared(bucket: Bucket) -> None:
    bucket.keep()
    bucket.files.rm(bucket.artifact_path)
    second = bucket.machine("second")
    assert not bucket.used_by(second)
    assert unused(second) == {LOST: 1}
    second.put(bucket.key, bucket.entry, bucket.session)
    assert bucket.used_by(bucket.machine("third"))


def test_an_artifact_that_was_cut_short_is_put_again(bucket: Bucket) -> None:
    bucket.keep()
    bucket.files.pipe(bucket.artifact_path, b"begin")
    bucket.machine("second").put(bucket.key, bucket.entry, bucket.session)
    assert bucket.used_by(bucket.machine("third"))


def test_what_used_other_files_is_fetched_besides_what_is_here(bucket: Bucket) -> None:
    bucket.keep()
    second = bucket.machine("second")
    other = bucket.entry_that_used(Used(files={"/data.csv": "1"}))
    ResultStore(second.folder, KEY).put(bucket.key, other, bucket.session)
    assert {each.variant for each in second.entries(bucket.key)} == {other.variant, bucket.entry.variant}


def test_a_store_that_is_only_read_is_not_written(bucket: Bucket) -> None:
    bucket.machine("first", read_only=True).put(bucket.key, bucket.entry, bucket.session)
    assert bucket.paths == []
    bucket.keep()
    bucket.machine("second", read_only=True).forget(bucket.key)
    assert len(bucket.paths) == 2
    bucket.machine("second").forget(bucket.key)
    assert bucket.paths == [bucket.artifact_path]


def test_a_server_that_goes_away_is_asked_no_more_by_any_worker(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.keep()
    notes = JsonFolder(bucket.folder / "notes")
    second, worker = bucket.machine("second"), ResultStore(bucket.folder / "worker", KEY)
    second.remote, worker.remote = (RemoteStore(bucket.url, notes=notes) for _ in range(2))
    (entry,) = second.entries(bucket.key)
    asked = []

    def gone(*_: Any, **__: Any) -> None:
        asked.append(1)
        raise ConnectionResetError("the server is gone")

    for name in ("ls", "cat_file", "get_file", "put_file", "exists"):
        monkeypatch.setattr(bucket.files, name, gone)
    assert not second.take(bucket.key, entry, ArtifactStore(bucket.folder / "target"))
    assert second.damaged == []
    second.put(bucket.key, bucket.entry, bucket.session)
    assert bucket.used_by(second)  # its own
    assert list(worker.entries(bucket.key)) == []
    assert len(asked) == 1
    (line,) = worker.remote.told()
    assert line == f"{bucket.url} was not used any longer: ConnectionResetError: the server is gone"


def test_a_server_that_is_slow_is_not_waited_for(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.keep()
    answered = threading.Event()
    monkeypatch.setattr(remote_module, "LIMIT", 0.2)
    monkeypatch.setattr(bucket.files, "cat_file", lambda _: answered.wait(20))
    second = bucket.machine("second")
    assert not bucket.used_by(second)
    answered.set()
    assert second.remote is not None
    assert list(second.remote.told()) == [
        f"{bucket.url} was not used any longer: looking for results took longer than 0.2 s"
    ]


def test_of_two_that_write_one_entry_the_last_wins_whole(tmp_path: Path) -> None:
    texts = {letter: letter * 300_000 for letter in "ab"}
    for letter, text in texts.items():
        (tmp_path / letter).write_text(text)
    (tmp_path / "shared").mkdir()

    def write(letter: str) -> None:
        store = RemoteStore(f"file://{tmp_path}/shared")
        for _ in range(20):
            store.put_entry("key", "entry.json", tmp_path / letter)
        assert not store.problem

    writers = [threading.Thread(target=write, args=(letter,)) for letter in texts]
    for each in writers:
        each.start()
    reader = RemoteStore(f"file://{tmp_path}/shared")
    while any(each.is_alive() for each in writers):
        assert {data.decode() for _, data in reader.entries("key", ())} <= {*texts.values()}
    assert [path.name for path in (tmp_path / "shared/entries/key").iterdir()] == ["entry.json"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s3://bucket/expops", "s3://bucket/expops"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("http://host:80/a@b", "http://host:80/a@b"),
        ("s3://name:secret@bucket/a@b", "s3://bucket/a@b"),
        ("s3://name:sec/ret@bucket/a", "s3://bucket/a"),
        ("simplecache::s3://name:secret@bucket", "simplecache::s3://bucket"),
        ("--expops-cache=az://box/a?sig=secret", "--expops-cache=az://box/a?..."),
    ],
)
def test_no_secret_of_a_url_is_shown(text: str, told: str) -> None:
    assert shown_url(text) == told


def test_no_secret_of_a_url_is_in_what_a_server_says(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RemoteStore(f"memory://name:pass%2Fword@{bucket.folder.name}?sig=abcdef")
    store.files.system = bucket.files

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("401 for memory://name:pass%2Fword@host/x, pass/word with abcdef")

    monkeypatch.setattr(bucket.files, "ls", refuse)
    assert list(store.entries("key", ())) == []
    assert store.problem == "PermissionError: 401 for memory://host/x, ... with ..."


@pytest.mark.parametrize("url", ["nothing://name:secret@bucket", "memory::nothing://name:secret@bucket"])
def test_a_url_of_no_protocol_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(RemoteRefused) as caught:
        RemoteStore(url)
    assert "nothing" in str(caught.value)
    assert "secret" not in str(caught.value)
