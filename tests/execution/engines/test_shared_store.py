"""What controller and workers share at a URL: signed records, claims of one owner each, artifacts that are checked."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import StorageTrouble
from pytest_expops.execution.engines import _remote_place
from pytest_expops.execution.engines.shared_store import SharedStore, folder_of
from pytest_expops.execution.remote_files import RemoteRefused
from tests.s3_server import BUCKET, s3_server

fsspec = pytest.importorskip("fsspec")

KEY = b"0123456789abcdef0123456789abcdef"
NAMES = ["train", "a/b", "..", "Größe [seed=1]", "x" * 300]


class Shared:
    """A store, as several machines see it; and its files, as who can write there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files, self.root = fsspec.core.url_to_fs(url, use_listings_cache=False)

    def store(self, session: str = "session", key: bytes = KEY) -> SharedStore:
        return SharedStore(self.url, session, key)

    @property
    def paths(self) -> list[str]:
        try:
            return sorted(str(path).removeprefix(f"{self.root}/") for path in self.files.find(self.root))
        except FileNotFoundError:
            return []

    def read(self, path: str) -> bytes:
        return bytes(self.files.cat_file(f"{self.root}/{path}"))

    def put(self, path: str, data: bytes) -> None:
        if "file" in self.files.protocol:
            self.files.makedirs(os.path.dirname(f"{self.root}/{path}"), exist_ok=True)
        self.files.pipe_file(f"{self.root}/{path}", data)


@pytest.fixture(params=["path", "file", "memory", pytest.param("s3", marks=pytest.mark.s3)])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    if request.param == "s3":
        with s3_server(monkeypatch):
            yield Shared(f"s3://{BUCKET}/expops")
        return
    folder = tmp_path / "shared"
    yield Shared({"path": f"{folder}", "file": f"file://{folder}", "memory": f"memory://{tmp_path}"}[request.param])
    if request.param == "memory" and (memory := fsspec.filesystem("memory")).exists(f"{tmp_path}"):
        memory.rm(f"{tmp_path}", recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> Shared:
    return Shared(str(tmp_path / "shared"))


@pytest.fixture
def memory(tmp_path: Path) -> Shared:
    return Shared(f"memory://{tmp_path}")


def file_of(folder: Path, data: bytes) -> tuple[Path, str]:
    path = folder / "source"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def test_opening_a_store_leaves_nothing_in_it(shared: Shared) -> None:
    shared.store()
    assert shared.paths == []


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_read_by_all_and_can_be_replaced(shared: Shared, name: str) -> None:
    one, other = shared.store(), shared.store()
    assert other.read("results", name) is None
    for data in ({"a": [1, 2.5, None, "é\ud800"]}, []):
        one.write("results", name, data)
        assert other.read("results", name) == data
    assert other.read("plans", name) is None
    assert shared.store("another session").read("results", name) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_has_one_owner(shared: Shared, name: str) -> None:
    one, other = shared.store(), shared.store()
    assert other.claimed(name) is None
    assert one.claim(name, {"worker": "one"}) is None
    assert other.claim(name, {"worker": "other"}) == {"worker": "one"}
    assert one.claim(name, {"worker": "one"}) == {"worker": "one"}
    assert other.claimed(name) == {"worker": "one"}
    assert shared.store("another session").claim(name, {}) is None
    assert len(shared.paths) == 2


def test_of_threads_that_race_for_claims_one_wins_each(shared: Shared) -> None:
    racers, rounds = 4, 30
    stores = [shared.store() for _ in range(racers)]
    start = threading.Barrier(racers, timeout=60)
    told: list[dict[int, Any]] = [{} for _ in range(rounds)]

    def race(number: int) -> None:
        for each in range(rounds):
            start.wait()
            told[each][number] = stores[number].claim(f"process {each}", {"worker": number})

    threads = [threading.Thread(target=race, args=(number,)) for number in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each, answers in enumerate(told):
        owner = stores[0].claimed(f"process {each}")
        assert answers == {n: None if owner == {"worker": n} else owner for n in range(racers)}


def test_of_threads_that_look_for_a_claim_at_once_one_wins(memory: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a process has no conditional put: it looks whether there is a file, and makes one then."""
    stores = [memory.store() for _ in range(2)]
    system = stores[0]._place._files.system  # type: ignore[attr-defined]
    exists, looked = system.exists, threading.Barrier(2)

    def look(path: str) -> bool:
        found = bool(exists(path))
        with suppress(threading.BrokenBarrierError):
            looked.wait(0.3)
        return found

    monkeypatch.setattr(system, "exists", look)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda each=each: answers.append(each.claim("train", {}))) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(None) == 1


def _race(url: str, number: int, rounds: int, start: Any, told: Any) -> None:
    store = SharedStore(url, "session", KEY)
    for each in range(rounds):
        start.wait()
        told.put((each, number, store.claim(f"process {each}", {"worker": number})))


@pytest.mark.parametrize("shared", ["path", "file", pytest.param("s3", marks=pytest.mark.s3)], indirect=True)
def test_of_processes_that_race_for_claims_one_wins_each(shared: Shared) -> None:
    racers, rounds = 3, 40
    spawn = multiprocessing.get_context("spawn")
    start, told = spawn.Barrier(racers, timeout=120), spawn.Queue()
    processes = [spawn.Process(target=_race, args=(shared.url, n, rounds, start, told)) for n in range(racers)]
    for process in processes:
        process.start()
    answers = [told.get(timeout=120) for _ in range(racers * rounds)]
    for process in processes:
        process.join()
    store = shared.store()
    for each in range(rounds):
        owner = store.claimed(f"process {each}")
        found = {number: answer for which, number, answer in answers if which == each}
        assert found == {n: None if owner == {"worker": n} else owner for n in range(racers)}


def test_a_claim_that_was_made_although_the_answer_was_lost_is_ours(
    memory: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = memory.store()
    system = store._place._files.system  # type: ignore[attr-defined]
    pipe_file = system.pipe_file

    def lose(*args: Any, **kwargs: Any) -> None:
        pipe_file(*args, **kwargs)
        raise ConnectionResetError("the answer was lost")

    monkeypatch.setattr(system, "pipe_file", lose)
    assert store.claim("train", {"worker": "one"}) is None
    assert store.claim("train", {"worker": "one"}) == {"worker": "one"}


def test_a_link_that_nfs_made_although_it_says_there_is_one_is_ours(
    folder: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, link = folder.store(), os.link

    def twice(source: str, target: str) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", twice)
    assert store.claim("train", {"worker": "one"}) is None
    assert store.claim("train", {"worker": "one"}) == {"worker": "one"}


def test_two_of_which_s3_refuses_both_try_again(memory: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    store = memory.store()
    system = store._place._files.system  # type: ignore[attr-defined]
    pipe_file, refused = system.pipe_file, [1, 2]

    def refuse(*args: Any, **kwargs: Any) -> None:
        if refused:
            refused.pop()
            raise OSError(errno.EIO, "ConditionalRequestConflict")
        pipe_file(*args, **kwargs)

    monkeypatch.setattr(system, "pipe_file", refuse)
    assert store.claim("train", {"worker": "one"}) is None
    assert store.claimed("train") == {"worker": "one"}


RESULT, CLAIM = "sessions/session/results/train.json", "sessions/session/claims/train.json"


def record(shared: Shared, path: str, key: bytes = KEY) -> Callable[[], Any]:
    """Write a record or claim, and return what reads it with the right key."""
    store, reader = shared.store(key=key), shared.store()
    if path == CLAIM:
        store.claim("train", {"worker": "one"})
        return lambda: reader.claimed("train")
    store.write("results", "train", {"worker": "one"})
    return lambda: reader.read("results", "train")


def assert_unused(reads: Callable[[], Any], problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, and not even parsed."""
    with monkeypatch.context() as patched:
        patched.setattr("json.loads", None)
        with pytest.raises(StorageTrouble) as caught:
            reads()
    assert problem in caught.value.message
    assert "`train`" in caught.value.message
    assert "find out what else writes at" in str(caught.value.hint)
    assert KEY.decode() not in str(caught.value)


UNSIGNED, DAMAGED = "it is not signed with the key of this session for this place", "it is cut short or damaged"


@pytest.mark.parametrize("path", [RESULT, CLAIM])
def test_what_is_signed_with_another_key_is_refused(shared: Shared, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_unused(record(shared, path, KEY[::-1]), UNSIGNED, monkeypatch)
    if path == CLAIM:
        assert_unused(lambda: shared.store().claim("train", {}), UNSIGNED, monkeypatch)


@pytest.mark.parametrize(
    "origin", ["sessions/another/results/train.json", "sessions/session/plans/train.json", CLAIM[:-10] + "other.json"]
)
@pytest.mark.parametrize("path", [RESULT, CLAIM])
def test_what_was_moved_from_elsewhere_is_refused(
    shared: Shared, path: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = record(shared, path)
    assert reads() == {"worker": "one"}
    session, kind, name = origin.removesuffix(".json").split("/")[1:]
    store = shared.store(session)
    store.write(kind, name, {"owner": {"worker": "one"}})
    assert store.read(kind, name) == {"owner": {"worker": "one"}}
    shared.put(path, shared.read(origin))
    assert_unused(reads, UNSIGNED, monkeypatch)


@pytest.mark.parametrize("between", ['", "', ", ", "/"])
def test_parts_of_a_place_cannot_be_shifted(folder: Shared, between: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.store("a").write(f"b{between}c", "train", 1)
    (path,) = folder.paths
    reader = folder.store(f"a{between}b")
    reader.write("c", "train", 2)
    (other,) = {*folder.paths} - {path}
    folder.put(other, folder.read(path))
    assert_unused(lambda: reader.read("c", "train"), UNSIGNED, monkeypatch)


@pytest.mark.parametrize("path", [RESULT, CLAIM])
def test_what_was_cut_or_changed_is_refused(shared: Shared, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = record(shared, path)
    whole = shared.read(path)
    assert reads() == {"worker": "one"}
    for data in (b"", whole[:20], whole[:-1], whole.replace(b"one", b"two"), whole + b"\n", b"\xff" + whole, b"{}\n"):
        shared.put(path, data)
        assert_unused(reads, DAMAGED, monkeypatch)
    seal, _, body = whole.partition(b"\n")
    for signature in (b"", b"0" * 64, "é".encode()):
        shared.put(path, seal.partition(b" ")[0] + b" " + signature + b"\n" + body)
        assert_unused(reads, UNSIGNED, monkeypatch)


SIZES = [0, 1000, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_an_artifact_is_put_once_and_brought_by_all(
    shared: Shared, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_remote_place, "_BLOCK", 1_000_000)
    source, sha256 = file_of(tmp_path, os.urandom(size))
    assert shared.store().put_artifact("digest", source) == sha256
    assert shared.paths == ["sessions/session/artifacts/digest"]
    target = tmp_path / "target"
    for _ in range(2):
        shared.store().get_artifact("digest", sha256, target)
        assert target.read_bytes() == source.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} <= {"source", "target", "shared"}


def test_an_artifact_that_was_cut_is_put_again_and_one_of_its_size_is_not(shared: Shared, tmp_path: Path) -> None:
    source, sha256 = file_of(tmp_path, b"whole")
    shared.put("sessions/session/artifacts/digest", b"who")
    assert shared.store().put_artifact("digest", source) == sha256
    shared.store().get_artifact("digest", sha256, tmp_path / "target")
    shared.put("sessions/session/artifacts/digest", b"other")
    assert shared.store().put_artifact("digest", source) == sha256
    assert shared.read("sessions/session/artifacts/digest") == b"other"


@pytest.mark.parametrize("data", [b"exchanged", b"who", b"", None])
def test_an_artifact_that_is_another_or_gone_gets_no_place(shared: Shared, tmp_path: Path, data: bytes | None) -> None:
    source, sha256 = file_of(tmp_path, b"the whole")
    store = shared.store()
    store.put_artifact("digest", source)
    target = tmp_path / "target"
    target.write_bytes(b"before")
    path = f"{shared.root}/sessions/session/artifacts/digest"
    shared.files.rm(path)
    if data is not None:
        shared.put("sessions/session/artifacts/digest", data)
    problem = "there is none" if data is None else "it is another than the one that was put there"
    with pytest.raises(StorageTrouble, match=f"artifact digest cannot be read at .*: {problem}"):
        store.get_artifact("digest", sha256, target)
    assert target.read_bytes() == b"before"
    assert {path.name for path in tmp_path.iterdir()} <= {"source", "target", "shared"}


def test_code_is_common_to_sessions_and_checked(shared: Shared, tmp_path: Path) -> None:
    source, digest = file_of(tmp_path, b"an archive")
    shared.store("one").put_code(digest, source)
    assert shared.paths == [f"code/{digest}.tar.gz"]
    other = shared.store("other", KEY[::-1])
    other.get_code(digest, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"an archive"
    shared.put(f"code/{digest}.tar.gz", b"exchanged!")
    with pytest.raises(StorageTrouble, match="it is another than the one that was put there"):
        other.get_code(digest, tmp_path / "target")


def test_only_what_is_of_the_session_is_removed(shared: Shared, tmp_path: Path) -> None:
    source, digest = file_of(tmp_path, b"an archive")
    one, other = shared.store(), shared.store("session2")
    one.remove_session()
    for store in (one, other):
        store.write("results", "train", 1)
        store.claim("train", {})
        store.put_artifact("digest", source)
        store.put_code(digest, source)
    one.remove_session()
    kept = {"artifacts/digest", "claims/train.json", "results/train.json"}
    assert {*shared.paths} == {f"sessions/session2/{each}" for each in kept} | {f"code/{digest}.tar.gz"}
    one.remove_session()
    assert one.read("results", "train") is None


@pytest.mark.parametrize("problem", [errno.ENOENT, errno.ENOTEMPTY])
def test_a_session_is_removed_while_others_write_or_remove_there(
    folder: Shared, problem: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, remove, disturbed = folder.store(), shutil.rmtree, [1, 2]
    store.write("results", "train", 1)

    def disturb(path: str) -> None:
        if disturbed:
            disturbed.pop()
            raise OSError(problem, os.strerror(problem))
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", disturb)
    store.remove_session()
    assert folder.paths == []


def test_what_is_absent_is_asked_anew_each_time(shared: Shared) -> None:
    """A listing that is kept would hide what another process has written since."""
    store = shared.store()
    assert store.read("results", "train") is None
    shared.put("sessions/session/results/other.json", b"")
    assert store.claimed("train") is None
    shared.store().write("results", "train", 1)
    assert store.read("results", "train") == 1


def test_a_folder_is_private(folder: Shared, tmp_path: Path) -> None:
    store = folder.store()
    store.write("results", "train", 1)
    store.put_artifact("digest", file_of(tmp_path, b"x")[0])
    made = [path for path in (tmp_path / "shared").rglob("*") if path.is_dir()]
    assert {path.name for path in made} == {"sessions", "session", "results", "probes", "artifacts"} - {"probes"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "shared", *made)} == {0o700}


@pytest.mark.parametrize("shared", ["path", "file", "memory"], indirect=True)
def test_a_record_is_read_whole_while_it_is_replaced(shared: Shared) -> None:
    texts = [letter * 200_000 for letter in "ab"]
    writer, reader = shared.store(), shared.store()
    writer.write("results", "train", texts[0])
    thread = threading.Thread(target=lambda: [writer.write("results", "train", texts[n % 2]) for n in range(60)])
    thread.start()
    while thread.is_alive():
        assert reader.read("results", "train") in texts
    thread.join()


def test_without_a_key_there_is_no_store(folder: Shared) -> None:
    with pytest.raises(ValueError, match="key: at least one byte"):
        folder.store(key=b"")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("relative/folder", "is no absolute path"),
        ("file://relative", "is no absolute path"),
        ("nothing://name:pa55word@bucket", "nothing://bucket is no URL that fsspec can use"),
        ("http://name:pa55word@host/x", "http://host/x"),
        ("dir://x::memory://name:pa55word@y", "cannot create a file only where there is none"),
        ("simplecache::memory://name:pa55word@y", "cannot create a file only where there is none"),
    ],
)
def test_what_can_be_no_store_is_refused_at_the_beginning(url: str, words: str) -> None:
    with pytest.raises(RemoteRefused) as caught:
        SharedStore(url, "session", KEY)
    assert words in str(caught.value)
    assert "pa55word" not in str(caught.value)


def test_without_fsspec_only_folders_are_stores(folder: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    folder.store().write("results", "train", 1)
    with pytest.raises(RemoteRefused, match="needs fsspec, which cannot be imported here"):
        SharedStore("memory://x", "session", KEY)


def test_a_server_that_writes_over_what_is_there_is_refused(memory: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    class Overwriting(type(fsspec.filesystem("memory"))):  # type: ignore[misc]
        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
            super().pipe_file(path, value)

    monkeypatch.setattr(memory.files, "pipe_file", Overwriting().pipe_file)
    with pytest.raises(RemoteRefused, match="a second file was written over the first"):
        memory.store()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_folder_without_hard_links_is_refused(folder: Shared, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(RemoteRefused, match="its file system makes no hard links"):
        folder.store()
    assert folder.paths == []


def test_a_folder_that_cannot_be_made_is_refused(folder: Shared, tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("no folder")
    with pytest.raises(RemoteRefused, match=f"{folder.url} cannot be used as a store: there is no such folder"):
        folder.store()


class BotoError(Exception):
    """Names of exceptions are looked at where their library is not loaded."""


TROUBLES = [
    (OSError(errno.ENOSPC, "no room"), "the store is full", "make room at"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), "the store is full", "make room at"),
    (OSError(errno.EIO, "An error occurred (XMinioStorageFull)"), "the store is full", "make room at"),
    (PermissionError("Access Denied"), "the store refused it", "must be allowed to read, write and remove below"),
    (OSError(errno.EROFS, "Read-only file system"), "the store refused it", "must be allowed"),
    (type("NoCredentialsError", (Exception,), {})("none"), "the store refused it", "must be allowed"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), "the store cannot be reached", "see that the server of"),
    (OSError(errno.ESTALE, "Stale file handle"), "the store cannot be reached", "see that the server of"),
    (type("EndpointConnectionError", (Exception,), {})("no"), "the store cannot be reached", "see that the server"),
    (TimeoutError("slow"), "the store took too long", "so slowly"),
    (type("ReadTimeoutError", (Exception,), {})("slow"), "the store took too long", "so slowly"),
    (RuntimeError("the moon is full"), "RuntimeError: the moon is full", "see what the store at"),
]


@pytest.mark.parametrize(("error", "words", "hint"), TROUBLES, ids=lambda each: str(each)[:30])
def test_each_trouble_of_a_server_has_its_own_words(
    memory: Shared, error: Exception, words: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = memory.store()

    def fail(*_: Any, **__: Any) -> None:
        raise error

    for name in ("pipe_file", "cat_file", "exists", "info"):
        monkeypatch.setattr(store._place._files.system, name, fail)  # type: ignore[attr-defined]
    asks: dict[str, Callable[[], Any]] = {
        "results of `train` cannot be written": lambda: store.write("results", "train", 1),
        "results of `train` cannot be read": lambda: store.read("results", "train"),
        "the claim of `train` cannot be made": lambda: store.claim("train", {}),
        "artifact digest cannot be written": lambda: store.put_artifact("digest", Path(__file__)),
        "artifact digest cannot be read": lambda: store.get_artifact("digest", "", Path("target")),
    }
    for asked, ask in asks.items():
        with pytest.raises(StorageTrouble) as caught:
            ask()
        assert caught.value.message.startswith(f"{asked} at {memory.url}: {words}")
        assert hint in str(caught.value.hint)


@pytest.mark.parametrize(("error", "words", "hint"), [each for each in TROUBLES if isinstance(each[0], OSError)][:2])
def test_a_full_folder_has_the_same_words_and_nothing_of_a_record_is_left(
    folder: Shared, error: OSError, words: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder.store()

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StorageTrouble) as caught:
        store.write("results", "train", 1)
    assert caught.value.message == f"results of `train` cannot be written at {folder.url}: {words} ({error.strerror})"
    assert hint in str(caught.value.hint)
    assert folder.paths == []


def test_a_server_that_does_not_answer_is_not_waited_for(memory: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    store, answer = memory.store(), threading.Event()
    monkeypatch.setattr(_remote_place, "LIMIT", 0.2)
    monkeypatch.setattr(store._place._files.system, "cat_file", lambda _: answer.wait(20))  # type: ignore[attr-defined]
    with pytest.raises(StorageTrouble, match=r"the store took too long \(no answer within 0\.2 s\)"):
        store.read("results", "train")
    answer.set()


def test_no_secret_of_a_url_is_in_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SharedStore(f"memory://name:pass%2Fword@{tmp_path.name}?sig=abcdef", "session", KEY)
    assert store.url == f"memory://{tmp_path.name}?..."

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("401 for memory://name:pass%2Fword@host/x, pass/word with abcdef")

    monkeypatch.setattr(store._place._files.system, "pipe_file", refuse)  # type: ignore[attr-defined]
    with pytest.raises(StorageTrouble) as caught:
        store.write("results", "train", 1)
    said = f"{caught.value} {caught.value.__cause__}"
    assert "401 for memory://host/x, ... with ..." in said
    assert not any(secret in said for secret in ("pass", "abcdef", KEY.decode()))


def test_a_source_or_target_that_cannot_be_used_is_not_said_to_be_the_store(folder: Shared, tmp_path: Path) -> None:
    store = folder.store()
    with pytest.raises(StorageTrouble, match="missing cannot be read here"):
        store.put_artifact("digest", tmp_path / "missing")
    source, sha256 = file_of(tmp_path, b"x")
    store.put_artifact("digest", source)
    with pytest.raises(StorageTrouble, match="target cannot be written here"):
        store.get_artifact("digest", sha256, tmp_path / "no folder/target")


@pytest.mark.s3
class TestS3:
    """A real server of S3, over HTTP."""

    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        with s3_server(monkeypatch) as server:
            yield server

    def test_a_claim_is_a_put_on_the_condition_that_there_is_none(
        self, server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        response = pytest.importorskip("moto.s3.responses").S3Response
        conditions, put = [], response.put_object

        def seen(self: Any) -> Any:
            conditions.append(self.headers.get("If-None-Match"))
            return put(self)

        store = SharedStore(f"s3://{BUCKET}/expops", "session", KEY)
        monkeypatch.setattr(response, "put_object", seen)
        store.claim("train", {})
        store.write("results", "train", 1)
        assert conditions == ["*", None]

    def test_a_server_that_knows_no_conditions_is_refused(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        response = pytest.importorskip("moto.s3.responses").S3Response
        put = response.put_object

        def unconditional(self: Any) -> Any:
            self.headers = {name: value for name, value in self.headers.items() if name.lower() != "if-none-match"}
            return put(self)

        monkeypatch.setattr(response, "put_object", unconditional)
        with pytest.raises(RemoteRefused, match="a second file was written over the first"):
            SharedStore(f"s3://{BUCKET}/expops", "session", KEY)

    def test_a_bucket_that_is_not_there_is_refused(self, server: Any) -> None:
        with pytest.raises(RemoteRefused, match="s3://nothing/x cannot be used as a store: there is no such folder or"):
            SharedStore("s3://nothing/x", "session", KEY)

    def test_a_server_that_goes_down_cannot_be_reached(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # each after a pause
        store = SharedStore(f"s3://{BUCKET}/expops", "session", KEY)
        server.stop()
        for ask in (lambda: store.write("results", "train", 1), lambda: store.read("results", "train")):
            with pytest.raises(StorageTrouble, match=f"at s3://{BUCKET}/expops: the store cannot be reached"):
                ask()
        with pytest.raises(RemoteRefused, match="the store cannot be reached"):
            SharedStore(f"s3://{BUCKET}/expops", "session", KEY)


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("/shared/expops", "/shared/expops"),
        ("file:///shared/expops", "/shared/expops"),
        ("local:///shared/expops", "/shared/expops"),
        ("file:/shared/expops", "/shared/expops"),
        ("s3://bucket/expops", None),
        ("simplecache::file:///shared/expops", None),
        ("", ""),
    ],
)
def test_the_folder_of_a_store(url: str, folder: str | None) -> None:
    assert folder_of(url) == folder
