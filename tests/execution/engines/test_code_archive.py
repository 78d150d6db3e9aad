"""The project's code as one file: the same content the same file, and what is unpacked is whole and inside, or not."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.errors import CodeArchiveError
from pytest_expops.execution.engines import _sent_files, code_archive
from pytest_expops.execution.engines.code_archive import CodeArchive, make_archive, unpack
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import Pipeline
from tests.conftest import Project
from tests.hypothesis_profiles import examples

Tree = dict[bytes, Any]
"""By path from the top: None for a folder, the target of a link as text, else content and whether it is executable."""


def pipeline_of(root: Path, document: dict[str, Any] | None = None, directory: Path | None = None, **scripts: Path):
    return Pipeline(
        path=root / "configs/project_config.yaml",
        root=root,
        workspace=root.parent,
        working_directory=directory or root,
        scripts=scripts,
        base_seed=42,
        parameters={},
        processes={},
        document=document or {},
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a script."""
    folder = tmp_path / "project"
    write(folder / "models/model.py", "def train(): return {}\n")
    return folder


def write(path: Path, text: str = "1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def packed(root: Path, *args: Any, **options: Any) -> CodeArchive:
    return make_archive(pipeline_of(root, *args, **options), root.parent / "code.tar.gz")


def round_trip(root: Path, *args: Any, **options: Any) -> tuple[CodeArchive, Tree]:
    made = packed(root, *args, **options)
    folder = root.parent / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    unpack(root.parent / "code.tar.gz", folder)
    return made, tree_at(folder)


def tree_at(root: Path) -> Tree:
    found: Tree = {}
    top = os.fsencode(root)
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            key = os.path.relpath(path, top)
            if os.path.islink(path):
                found[key] = os.fsdecode(os.readlink(path))
            elif os.path.isdir(path):
                found[key] = None
            else:
                found[key] = Path(os.fsdecode(path)).read_bytes(), bool(os.stat(path).st_mode & 0o100)
    return found


def build(root: Path, tree: Tree, *, backwards: bool = False, at: float = 0, umask: int = 0o022) -> None:
    """Make a tree, in one order or the other, with this time, under a umask."""
    before = os.umask(umask)
    try:
        root.mkdir()
        for name in sorted((each for each in tree if tree[each] is None), key=len):
            os.makedirs(os.path.join(os.fsencode(root), name), exist_ok=True)
        for name in sorted(tree, reverse=backwards):
            path = os.path.join(os.fsencode(root), name)
            if isinstance(tree[name], str):
                os.symlink(tree[name], path)
            elif tree[name] is not None:
                content, executable = tree[name]
                Path(os.fsdecode(path)).write_bytes(content)
                os.chmod(path, (0o700 if executable else 0o600) | (0o066 & ~umask))
                os.utime(path, (at, at))
    finally:
        os.umask(before)


NAMES = st.one_of(
    st.sampled_from([b"a", b"b", b"a b", b"\xff\xfe.csv", "zoë.csv".encode(), b"-r", b"*", b"new\nline", b"x" * 200]),
    st.binary(min_size=1, max_size=8).filter(
        lambda name: not {0, 0x2F} & {*name} and name not in (b".", b"..") and os.fsdecode(name)
    ),
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    folders = [b""]
    tree: Tree = {}
    for name in draw(st.lists(NAMES, max_size=4)):
        path = os.path.join(draw(st.sampled_from(folders)), name)
        if path not in tree:
            tree[path] = None
            folders.append(path)
    files = []
    for name in draw(st.lists(NAMES, max_size=6)):
        path = os.path.join(draw(st.sampled_from(folders)), name)
        if path not in tree:
            tree[path] = draw(st.binary(max_size=20)), draw(st.booleans())
            files.append(path)
    for name in draw(st.lists(NAMES, max_size=3)):
        folder = draw(st.sampled_from(folders))
        path = os.path.join(folder, name)
        if path not in tree:
            target = draw(st.sampled_from([*files, *folders[1:], b"nothing"]))
            tree[path] = os.fsdecode(os.path.relpath(target, folder or b"."))
    return tree


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(os.path.realpath(made))


@settings(max_examples=examples(60))
@given(tree=trees())
def test_what_is_packed_comes_out_again(tree: Tree) -> None:
    with folder() as top:
        build(top / "project", tree)
        made, found = round_trip(top / "project")
        assert found == tree
        assert made.files == sum(isinstance(each, tuple) for each in tree.values())
        assert (made.left_out, made.base) == ({}, str(top / "project"))


@settings(max_examples=examples(30))
@given(tree=trees())
def test_the_same_content_is_the_same_archive_wherever_and_however_it_was_made(tree: Tree) -> None:
    with folder() as top:
        (top / "elsewhere/far").mkdir(parents=True)
        one, other = top / "project", top / "elsewhere/far/of another name"
        build(one, tree)
        build(other, tree, backwards=True, at=1e9, umask=0o077)
        assert packed(one).digest == packed(other).digest
        assert (top / "code.tar.gz").read_bytes() == (top / "elsewhere/far/code.tar.gz").read_bytes()


@settings(max_examples=examples(40))
@given(tree=trees().filter(lambda tree: any(isinstance(each, tuple) for each in tree.values())), data=st.data())
def test_any_change_is_another_archive(tree: Tree, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(each for each in tree if isinstance(tree[each], tuple))))
    content, executable = tree[name]
    changed = data.draw(
        st.sampled_from(
            [
                {**tree, name: (content + b"x", executable)},
                {**tree, name: (b"y" + content[1:] if content[:1] != b"y" else b"z" + content[1:], executable)},
                {**tree, name: (content, not executable)},
                {**tree, b"another name": tree[name]},
                {**tree, b"empty folder": None},
                {each: tree[each] for each in tree if each != name and not isinstance(tree[each], str)},
                {**tree, b"link": os.fsdecode(name)},
            ]
        )
    )
    with folder() as top:
        build(top / "project", tree)
        build(top / "changed", changed)
        assert packed(top / "project").digest != packed(top / "changed").digest


def test_the_digest_is_that_of_the_file_and_nothing_else_lies_beside_it(root: Path) -> None:
    made = packed(root)
    content = (root.parent / "code.tar.gz").read_bytes()
    assert (made.digest, made.size, made.files) == (hashlib.sha256(content).hexdigest(), len(content), 1)
    assert sorted(os.listdir(root.parent)) == ["code.tar.gz", "project"]


def test_nothing_of_the_time_or_the_user_is_in_an_archive(root: Path) -> None:
    (root / "link").symlink_to("models")
    packed(root)
    archive = root.parent / "code.tar.gz"
    assert archive.read_bytes()[3:8] == bytes(5)  # neither a name nor a time
    with tarfile.open(archive) as tar:
        told = {(each.mtime, each.uid, each.gid, each.uname, each.gname, each.devmajor) for each in tar}
    assert told == {(code_archive.TIME, 0, 0, "", "", 0)}


def test_a_pipeline_runs_where_it_was_unpacked_as_here(project: Project) -> None:
    script = """
        from helpers import double
        def load(): return {"x": double(len(open("data/rows.csv").read()))}
    """
    path = project.write("load", script)
    write(project.root / "helpers.py", "def double(x): return 2 * x\n")
    write(project.root / "data/rows.csv", "123")
    pipeline = load_config(path)
    away = project.root.parent / f"{project.root.name}-away"
    away.mkdir()
    made = make_archive(pipeline, away / "code.tar.gz")
    unpack(away / "code.tar.gz", away / "unpacked")
    there = load_config(away / "unpacked" / path.relative_to(made.base))
    outputs = []
    for each in (pipeline, there):
        session = PipelineSession(expand(each), away / f"session{len(outputs)}/one")
        outputs.append(session.load(session.record("load")))
    assert outputs == [{"x": 6}, {"x": 6}]
    assert there.working_directory == away / "unpacked"


def test_what_can_be_made_again_stays_here(root: Path) -> None:
    for name in (".git/HEAD", "a/__pycache__/x.pyc", "a/.tox/x", "node_modules/x", ".expops_cache/x"):
        write(root / name)
    write(root / "my_env/pyvenv.cfg")
    write(root / "conda/conda-meta/history")
    write(root / "cached/CACHEDIR.TAG")
    write(root / "elsewhere_git", "gitdir: x").rename(root / "a/.git")
    write(root / "session/records.jsonl")
    (root / "env").symlink_to(root.parent / "env")
    write(root.parent / "env/pyvenv.cfg")
    target = root / "out.tar.gz"
    target.write_text("of before")
    made = make_archive(pipeline_of(root), target, [root / "session"])
    unpack(target, root.parent / "unpacked")
    assert sorted(tree_at(root.parent / "unpacked")) == [b"a", b"models", b"models/model.py"]
    assert made.left_out == {}


def test_a_working_directory_elsewhere_is_sent_and_the_rest_of_the_way_to_it_not(tmp_path: Path) -> None:
    write(tmp_path / "one/project/models/model.py")
    write(tmp_path / "two/work/rows.csv")
    write(tmp_path / "two/other.csv")
    made = make_archive(
        pipeline_of(tmp_path / "one/project", directory=tmp_path / "two/work"), tmp_path / "code.tar.gz"
    )
    unpack(tmp_path / "code.tar.gz", tmp_path / "unpacked")
    files = [name for name, each in tree_at(tmp_path / "unpacked").items() if each]
    assert sorted(files) == [b"one/project/models/model.py", b"two/work/rows.csv"]
    assert made.base == os.path.realpath(tmp_path)
    workspace = make_archive(
        pipeline_of(tmp_path / "one/project", directory=tmp_path / "one"), tmp_path / "code.tar.gz"
    )
    assert (workspace.base, workspace.files) == (os.path.realpath(tmp_path / "one"), 1)


def test_large_data_is_sent_if_the_config_names_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sent_files, "LARGE", 10)
    monkeypatch.setattr(code_archive, "LARGE", 10)
    for name in ("data/named.csv", "data/not.csv", "folder/each.csv", "models/weights.bin"):
        write(root / name, "12345678901")
    write(root / "exactly.csv", "1234567890")
    (root / "link").symlink_to("data/not.csv")
    (root / "models/model.py").write_text("1")
    document = {"data": {"inputs": {"a": {"path": "data/named.csv"}}}, "parameters": {"rows": ["folder"]}}
    made, tree = round_trip(root, document)
    assert made.left_out == {
        "data/not.csv": "it has 1 MiB, and the config does not name it",
        "link": "it is a link to what is not sent",
        "models/weights.bin": "it has 1 MiB, and the config does not name it",
    }
    files = [name for name, each in tree.items() if each]
    assert sorted(files) == [b"data/named.csv", b"exactly.csv", b"folder/each.csv", b"models/model.py"]


def test_links_stay_within_and_files_elsewhere_become_part_of_it(root: Path) -> None:
    outside = write(root.parent / "outside.csv", "content")
    write(root / "data/rows.csv")
    links = {
        "absolute": str(root / "data/rows.csv"),
        "around": "../project/data",
        "chain": "absolute",
        "top": ".",
        "outside.csv": str(outside),
        "loop": "loop",
        "gone": str(root.parent / "gone"),
        "models/later": "../out/run.csv",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    (root / "out").mkdir()
    made, tree = round_trip(root)
    expected = {"absolute": "data/rows.csv", "around": "data", "chain": "data/rows.csv", "top": "."}
    assert {name: tree[name.encode()] for name in expected} == expected
    assert tree[b"models/later"] == "../out/run.csv"
    assert tree[b"outside.csv"] == (b"content", False)
    nothing = {"gone": "it is a link to nothing", "loop": "it is a link to what is not sent"}
    assert made.left_out == nothing


def test_a_link_to_a_folder_elsewhere_is_refused(root: Path) -> None:
    (root.parent / "far").mkdir()
    (root / "data").symlink_to(root.parent / "far")
    with pytest.raises(CodeArchiveError, match=r"`data`: a link that leads out of the project.*") as caught:
        packed(root)
    assert caught.value.path == "data"
    assert "--expops-code=shared" in str(caught.value)
    assert os.listdir(root.parent / "far") == []
    assert not (root.parent / "code.tar.gz").exists()


def test_a_script_elsewhere_is_refused(root: Path) -> None:
    script = write(root.parent / "shared/model.py")
    with pytest.raises(CodeArchiveError, match="the script `main`") as caught:
        packed(root, main=script)
    assert caught.value.path == "../shared/model.py"
    assert packed(root, main=root / "models/model.py").files == 1


def test_what_is_no_file_is_left_out(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        before = os.getcwd()
        os.chdir(root)  # paths of sockets are short
        try:
            listening.bind("socket")
        finally:
            os.chdir(before)
        made, tree = round_trip(root)
    assert made.left_out == dict.fromkeys(("fifo", "socket"), "it is neither a file nor a folder")
    assert [name for name, each in tree.items() if each] == [b"models/model.py"]


def refusing(monkeypatch: pytest.MonkeyPatch, name: str, error: type[OSError], number: int = 0) -> None:
    """Have the system refuse to open a file of this name."""
    opened = os.open

    def refused(path: Any, *args: Any, **options: Any) -> int:
        if str(path).endswith(name):
            raise error(number, "refused", path)
        return opened(path, *args, **options)

    monkeypatch.setattr(os, "open", refused)


def test_what_cannot_be_read_is_told_and_what_was_removed_meanwhile_not(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("secret", "gone", "closed/x"):
        write(root / name)
    scanned = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: (_ for _ in ()).throw(PermissionError(path)) if "closed" in path else scanned(path)
    )
    refusing(monkeypatch, "secret", PermissionError)
    refusing(monkeypatch, "gone", FileNotFoundError)
    made = packed(root)
    assert made.left_out == dict.fromkeys(("closed", "secret"), "it cannot be read")
    assert made.files == 1


def test_names_that_are_no_text_are_told_in_ascii(root: Path) -> None:
    os.mkfifo(os.fsencode(root) + b"/\xff")
    assert list(packed(root).left_out) == ["\\xff"]


def test_a_disk_that_refuses_is_told_and_leaves_what_was_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed(root)
    before = (root.parent / "code.tar.gz").read_bytes()
    write(root / "other.py")
    refusing(monkeypatch, "other.py", OSError, 5)
    with pytest.raises(CodeArchiveError, match=r"cannot be packed for workers: .*refused"):
        packed(root)
    assert (root.parent / "code.tar.gz").read_bytes() == before
    assert sorted(os.listdir(root.parent)) == ["code.tar.gz", "project"]


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[int], None]) -> list[int]:
    """Have something happen to a file after its state was looked at; the call counts them."""
    looked: list[int] = []
    state = code_archive._state

    def seen(file: Any) -> tuple[int, int, int]:
        found = state(file)
        looked.append(1)
        change(len(looked))
        return found

    monkeypatch.setattr(code_archive, "_state", seen)
    return looked


def test_a_small_file_that_is_written_meanwhile_is_taken_as_it_is_in_the_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is read; so its state is another afterwards, and it is read once more."""
    changing(
        monkeypatch, lambda count: count == 1 and (root / "models/model.py").write_text("later, and longer") and None
    )
    _, tree = round_trip(root)
    assert tree[b"models/model.py"] == (b"later, and longer", False)
    monkeypatch.undo()
    looked = changing(monkeypatch, lambda count: (root / "models/model.py").write_text("x" * count) and None)
    _, tree = round_trip(root)  # it never rests
    assert tree[b"models/model.py"] == (b"xxxxx", False)
    assert len(looked) == 6


@pytest.mark.parametrize("content", ["", "short", "x" * 40, "x" * 50])
def test_a_large_file_that_is_written_meanwhile_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(code_archive, "LARGE", 30)
    write(root / "models/model.py", "y" * 40)
    os.utime(root / "models/model.py", (1, 1))
    assert packed(root).files == 1
    changing(monkeypatch, lambda count: count == 1 and (root / "models/model.py").write_text(content) and None)
    with pytest.raises(CodeArchiveError, match=r"`models/model.py` was written while it was packed"):
        make_archive(pipeline_of(root), root.parent / "other.tar.gz")
    assert sorted(os.listdir(root.parent)) == ["code.tar.gz", "project"]


def test_too_many_files_are_refused_with_where_they_are(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sent_files, "MOST_FILES", 12)
    for number in range(10):
        write(root / f"data/images/{number}.png")
    write(root / "README.md")
    assert packed(root).files == 12
    write(root / "LICENSE")
    with pytest.raises(CodeArchiveError) as caught:
        packed(root)
    assert str(caught.value) == (
        f"the project {root} has 13 files, and no more than 12 are sent to workers; the most are in "
        "data/images (10), LICENSE (1) and README.md (1)\n"
        "    fix: move what the pipeline does not need out of the project; where all workers see the project under the "
        "same path, `--expops-code=shared` sends nothing"
    )
    assert caught.value.path == "data/images"
    monkeypatch.setattr(_sent_files, "MOST_ENTRIES", 5)
    with pytest.raises(CodeArchiveError, match=r"has at least [0-9]+ files"):
        packed(root)


def test_too_much_is_refused_with_where_it_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sent_files, "MOST_BYTES", 2 << 20)
    with write(root / "data/rows.csv").open("wb") as file:
        file.truncate(3 << 20)
    expected = r"has files of 3 MiB, and no more than 2 MiB are .*; the most are in data/rows.csv \(3 MiB\) and models"
    with pytest.raises(CodeArchiveError, match=expected):
        packed(root)


def written(path: Path, *members: tuple[str, bytes, Any], end: bytes = b"") -> Path:
    """Write an archive with these members: name, type, and content or target."""
    with gzip.open(path, "wb") as zipped:
        with tarfile.TarFile(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name, kind, what in members:
                member = tarfile.TarInfo(name)
                member.type = kind
                if isinstance(what, str):
                    member.linkname = what
                elif what is not None:
                    member.size = len(what)
                tar.addfile(member, io.BytesIO(what) if isinstance(what, bytes) else None)
        zipped.write(end)
    return path


FILE, DIR, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE: dict[str, list[tuple[str, bytes, Any]]] = {
    "above": [("../x", FILE, b"1")],
    "above, from a folder": [("a", DIR, None), ("a/../../x", FILE, b"1")],
    "absolute": [("/tmp/x", FILE, b"1")],
    "a dot": [("./x", FILE, b"1")],
    "no name": [("a", DIR, None), ("a//x", FILE, b"1")],
    "twice": [("x", FILE, b"1"), ("x", FILE, b"2")],
    "in no folder": [("a/x", FILE, b"1")],
    "in a file": [("a", FILE, b"1"), ("a/x", FILE, b"1")],
    "through a link": [("a", LINK, "."), ("a/x", FILE, b"1")],
    "link above": [("x", LINK, "..")],
    "link absolute": [("x", LINK, "/etc/passwd")],
    "link out by another": [("a", DIR, None), ("a/b", DIR, None), ("l", LINK, "a/b"), ("x", LINK, "l/../../../y")],
    "links that lead out together": [
        ("d", DIR, None),
        ("d/a", LINK, "."),
        ("d/b", LINK, "a/../.."),
        ("x", LINK, "d/b/y"),
    ],
    "hard link": [("x", FILE, b"1"), ("y", HARD, "x")],
    "device": [("x", tarfile.CHRTYPE, None)],
    "fifo": [("x", tarfile.FIFOTYPE, None)],
    "sparse": [("x", tarfile.GNUTYPE_SPARSE, b"")],
}


@pytest.mark.parametrize("filtered", [True, False], ids=["filter", "no filter"])
@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_what_leads_out_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes, Any]], filtered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not filtered:
        monkeypatch.delattr(tarfile, "data_filter")
    (tmp_path / "in").mkdir()
    archive = written(tmp_path / "in/code.tar.gz", *members)
    with pytest.raises(CodeArchiveError, match="is damaged, or no archive of a project's code"):
        unpack(archive, tmp_path / "in/unpacked")
    assert os.listdir(tmp_path / "in") == ["code.tar.gz"]
    assert os.listdir(tmp_path) == ["in"]


def test_an_absolute_link_is_refused_even_to_where_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would lead nowhere once the folder has its name."""
    monkeypatch.delattr(tarfile, "data_filter")
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(code_archive, "new_folder", lambda *args: place)
    archive = written(tmp_path / "code.tar.gz", ("x", FILE, b"1"), ("l", LINK, str(place / "x")))
    with pytest.raises(CodeArchiveError, match="leads out"):
        unpack(archive, tmp_path / "unpacked")


def test_an_archive_by_hand_that_stays_inside_is_unpacked(tmp_path: Path) -> None:
    members = [("a", DIR, None), ("a/x", FILE, b"1"), ("l", LINK, "a/x"), ("a/up", LINK, ".."), ("a/n", LINK, "no")]
    unpack(written(tmp_path / "code.tar.gz", *members), tmp_path / "unpacked")
    assert tree_at(tmp_path / "unpacked") == {
        b"a": None,
        b"a/x": (b"1", False),
        b"l": "a/x",
        b"a/up": "..",
        b"a/n": "no",
    }


def test_what_is_damaged_is_refused_wherever_it_is_cut(root: Path) -> None:
    packed(root)
    whole = (root.parent / "code.tar.gz").read_bytes()
    cut = root.parent / "cut.tar.gz"
    changed = [whole[:12] + bytes([whole[12] ^ 0xFF]) + whole[13:], whole[:-8] + b"\0" * 8, b"", b"no archive"]
    for content in (*(whole[:end] for end in range(1, len(whole), 7)), *changed):
        cut.write_bytes(content)
        with pytest.raises(CodeArchiveError, match="is damaged"):
            unpack(cut, root.parent / "unpacked")
    assert sorted(os.listdir(root.parent)) == ["code.tar.gz", "cut.tar.gz", "project"]


@settings(max_examples=examples(50))
@given(data=st.data())
def test_an_archive_with_other_bytes_is_refused(data: st.DataObject) -> None:
    tree: Tree = {b"a": None, b"a/x": (bytes(range(256)), True), b"a/" + b"n" * 120: (b"", False), b"link": "a/x"}
    with folder() as top:
        build(top / "project", tree)
        packed(top / "project")
        content = bytearray((top / "code.tar.gz").read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (top / "code.tar.gz").write_bytes(content)
        try:
            unpack(top / "code.tar.gz", top / "unpacked")
        except CodeArchiveError:
            assert sorted(os.listdir(top)) == ["code.tar.gz", "project"]
        else:  # a byte that is the same, or says when and by what it was compressed
            assert tree_at(top / "unpacked") == tree


PATHS = st.one_of(
    st.sampled_from(["a", "b", "c", "a/b", "a/c", "..", "../.."]),
    st.lists(st.sampled_from(["a", "b", "c", ".", "..", ""]), min_size=1, max_size=4).map("/".join),
)


@settings(max_examples=examples(200))
@given(
    members=st.lists(
        st.one_of(
            st.tuples(PATHS, st.just(tarfile.REGTYPE), st.just(b"written")),
            st.tuples(PATHS, st.just(tarfile.DIRTYPE), st.none()),
            st.tuples(PATHS, st.sampled_from([tarfile.SYMTYPE, tarfile.LNKTYPE]), PATHS),
        ),
        max_size=6,
    ),
    filtered=st.booleans(),
)
def test_an_archive_by_anybody_is_refused_or_stays_inside(
    members: list[tuple[str, bytes, Any]], filtered: bool
) -> None:
    with folder() as top, pytest.MonkeyPatch.context() as patched:
        if not filtered:
            patched.delattr(tarfile, "data_filter")
        (top / "in").mkdir()
        archive = written(top / "in/code.tar.gz", *members)
        try:
            unpack(archive, top / "in/unpacked")
        except CodeArchiveError:
            assert os.listdir(top / "in") == ["code.tar.gz"]
        else:
            assert sorted(os.listdir(top / "in")) == ["code.tar.gz", "unpacked"]
            inside = os.path.realpath(top / "in/unpacked")
            for name in tree_at(top / "in/unpacked"):
                assert os.path.realpath(os.path.join(os.fsencode(inside), name)).startswith(os.fsencode(inside))
        assert os.listdir(top) == ["in"]


def test_more_than_is_ever_sent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_archive, "MOST_BYTES", 1000)
    for archive in (
        written(tmp_path / "large.tar.gz", ("x", FILE, b"0" * 1001)),
        written(tmp_path / "long.tar.gz", ("x", FILE, b"1"), end=b"\0" * 100_000),
    ):
        with pytest.raises(CodeArchiveError, match=r"more in it than|something follows"):
            unpack(archive, tmp_path / "unpacked")
    unpack(written(tmp_path / "small.tar.gz", ("x", FILE, b"0" * 1000)), tmp_path / "unpacked")


def test_what_is_unpacked_is_private_and_the_same_everywhere(root: Path) -> None:
    os.chmod(root / "models/model.py", 0o777)
    before = os.umask(0o077)
    try:
        round_trip(root)
    finally:
        os.umask(before)
    unpacked = root.parent / "unpacked"
    modes = [each.stat().st_mode & 0o7777 for each in (unpacked, unpacked / "models", unpacked / "models/model.py")]
    assert modes == [0o700, 0o755, 0o755]
    assert (unpacked / "models/model.py").stat().st_mtime == code_archive.TIME


def test_a_folder_that_others_can_write_is_not_trusted(root: Path) -> None:
    packed(root)
    unpacked = root.parent / "unpacked"
    unpacked.mkdir()
    unpacked.chmod(0o777)
    with pytest.raises(CodeArchiveError, match="only this user"):
        unpack(root.parent / "code.tar.gz", unpacked)
    unpacked.chmod(0o700)  # empty, so that nothing was unpacked there
    unpack(root.parent / "code.tar.gz", unpacked)
    assert (unpacked / "models/model.py").exists()
    (unpacked / "models/model.py").write_text("kept")
    unpack(root.parent / "code.tar.gz", unpacked)
    assert (unpacked / "models/model.py").read_text() == "kept"
    (root.parent / "link").symlink_to(unpacked)
    with pytest.raises(CodeArchiveError, match="only this user"):
        unpack(root.parent / "code.tar.gz", root.parent / "link")


UNPACK = """
import os, sys, time
from pathlib import Path
from pytest_expops.execution.engines import code_archive
write = code_archive._write
def told(tar, member, path):
    write(tar, member, path)
    if not Path("begun").exists():
        Path("begun").touch()
    while sys.argv[1:] and not Path("go").exists():
        time.sleep(0.01)
code_archive._write = told
code_archive.unpack(Path("code.tar.gz"), Path("unpacked"))
print(sorted(os.listdir("unpacked/models")))
"""


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", UNPACK, *words], cwd=folder, stdout=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} does not come")


def test_two_processes_unpack_at_once(root: Path) -> None:
    write(root / "models/other.py")
    packed(root)
    both = [started(root.parent, "wait") for _ in range(2)]
    for _ in range(6000):
        if len([*root.parent.glob("pytest-expops-unpacking-*/models/model.py")]) == 2:
            break
        time.sleep(0.01)
    else:
        raise AssertionError("they do not unpack at once")
    (root.parent / "go").touch()
    for each in both:
        assert each.communicate(timeout=60)[0] == "['model.py', 'other.py']\n"
        assert each.returncode == 0
    assert sorted(os.listdir(root.parent)) == ["begun", "code.tar.gz", "go", "project", "unpacked"]


def test_what_a_killed_process_left_is_not_taken_and_is_removed(root: Path) -> None:
    write(root / "models/other.py")
    packed(root)
    killed = started(root.parent, "wait")
    wait_for(root.parent / "begun")
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert len([*root.parent.glob("pytest-expops-unpacking-*")]) == 1
    assert not (root.parent / "unpacked").exists()
    unpack(root.parent / "code.tar.gz", root.parent / "unpacked")
    assert sorted(tree_at(root.parent / "unpacked")) == [b"models", b"models/model.py", b"models/other.py"]
    assert not [*root.parent.glob("pytest-expops-unpacking-*")]


def test_what_another_process_is_unpacking_is_left_alone(root: Path) -> None:
    packed(root)
    slow = started(root.parent, "wait")
    wait_for(root.parent / "begun")
    unpack(root.parent / "code.tar.gz", root.parent / "unpacked")
    assert len([*root.parent.glob("pytest-expops-unpacking-*")]) == 1
    (root.parent / "go").touch()
    assert slow.communicate(timeout=60)[0] == "['model.py']\n"
    assert not [*root.parent.glob("pytest-expops-unpacking-*")]
