"""Which files are data that a process read: what it was seen to open or its code names, and nothing that it made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_expops.execution.provenance import _data_files
from pytest_expops.execution.provenance.provenance import Provenance
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from tests.conftest import Project

OLD = 1_000_000_000
"""A time before any run: what is written a moment before a run, a clock of files cannot tell from what it wrote."""


def recorded(
    project: Project, script: str, name: str = "train", *, edges: str = "train", watch: bool = True
) -> list[str]:
    """Run a process of a pipeline, and return the files that count as its data."""
    path = project.write(edges, script)
    os.utime(path, (OLD, OLD))
    session = PipelineSession(expand(load_config(path)), project.root / "session/one", watch=watch)
    record = session.record(name)
    assert record.failure is None, record.failure
    assert (record.seen is not None) == watch
    return list(Provenance(session).files_read(session.expanded[name], record.seen))


def data(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
        os.utime(path, (OLD, OLD))


def test_files_count_however_they_are_opened_and_those_that_are_not_read_do_not(project: Project) -> None:
    names = ["a.txt", "data/b.txt", "data/c.txt", "d.txt", "data/never.txt"]
    data(project.root, *names)
    data(project.root, "e.db")
    script = """
        import os, pathlib, sqlite3
        def train():
            open("a" + ".txt").read()
            pathlib.Path("data", "b.txt").read_bytes()
            os.close(os.open(os.path.join("data", "c.txt"), os.O_RDONLY))
            os.chdir("data")
            open("../d" + ".txt").read()
            sqlite3.connect("../e" + ".db").close()
            return {}
    """
    assert recorded(project, script) == ["a.txt", "d.txt", "data/b.txt", "data/c.txt", "e.db"]


def test_what_is_read_when_the_script_is_imported_counts(project: Project) -> None:
    data(project.root, "a.txt")
    assert recorded(project, "TEXT = open('a' + '.txt').read()\ndef train(): return {}\n") == ["a.txt"]


@pytest.mark.parametrize("watch", [True, False])
def test_a_file_that_the_code_names_counts_where_no_opening_is_heard(project: Project, watch: bool) -> None:
    """Polars, Arrow and DuckDB open files where nobody hears it."""
    data(project.root, "data/rows.parquet", "other.parquet")
    script = "NAME = 'data/rows.parquet'\nOTHER = 'other.parquet'\ndef train(): return {'n': NAME}\n"
    assert recorded(project, script, watch=watch) == ["data/rows.parquet"]


def test_what_the_run_or_one_before_it_wrote_is_no_data(project: Project) -> None:
    data(project.root, "old.txt", "updated.txt", "moved.txt")
    script = """
        import os
        def load():
            open("early.txt", "w").write("1")
            os.utime("early.txt", (1, 1))  # as what is unpacked, or copied with its times
            return {"x": 1}
        def train(x):
            for name in ("early", "new", "moved"):
                if name == "new":
                    open("new.txt", "w").write("1")
                    os.utime("new.txt", (1, 1))
                if name == "moved":
                    os.replace("new.txt", "moved.txt")
                open(name + ".txt").read() if name != "new" else None
            open("updated.txt", "r+").write("2")
            open("old.txt").read()
            return {}
    """
    assert recorded(project, script, edges="load train") == ["old.txt"]


def test_caches_code_and_what_is_installed_are_no_data(project: Project) -> None:
    data(
        project.root,
        ".cache/a.txt",
        "__pycache__/b.txt",
        "built/CACHEDIR.TAG",
        "built/deep/c.txt",
        "venv/lib/site-packages/d.txt",
        "helper.py",
        "kept.txt",
    )
    script = """
        import glob, os
        def train():
            for name in [*glob.glob("**/*.*", recursive=True), *glob.glob(".cache/*")]:
                open(name).read()
            open("/dev" + "/null").read()
            return {}
    """
    assert recorded(project, script) == ["configs/project_config.yaml", "kept.txt"]


def test_outside_of_the_project_what_the_code_names_counts_and_nothing_else(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    data(outside, "a.txt", "deep/b.txt")
    script = "import os\nFOLDER = %r\ndef train():\n    open(os.path.join(FOLDER, 'a.txt')).read()\n    return {}\n"
    assert recorded(project, script % str(outside)) == [str(outside / "a.txt")]
    whole = f"def train():\n    open({str(outside / 'deep/b.txt')!r}).read()\n    return {{}}\n"
    assert recorded(project, whole) == [str(outside / "deep/b.txt")]
    folder = str(outside)
    hidden = f"def train():\n    open({folder[:3]!r} + {folder[3:]!r} + '/a' + '.txt').read()\n    return {{}}\n"
    assert recorded(project, hidden) == []


def test_what_global_parameters_name_is_not_read_by_each_process(project: Project) -> None:
    data(project.root, "rows.csv")
    script = "def load(rows):\n    return {'n': len(open(rows).read())}\ndef train(n):\n    return {'n': n}\n"
    path = project.write("load train", script, parameters={"rows": "rows.csv"})
    session = PipelineSession(expand(load_config(path)), project.root / "session/one", watch=True)
    session.record("train")
    provenance = Provenance(session)
    found = {
        name: list(provenance.files_read(session.expanded[name], session.record(name).seen))
        for name in ("load", "train")
    }
    assert found == {"load": ["rows.csv"], "train": []}


def test_there_is_a_limit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_data_files, "MOST", 3)
    data(project.root, *(f"data/{number}.txt" for number in range(9)))
    script = "import glob\ndef train():\n    for each in glob.glob('data/*'): open(each).read()\n    return {}\n"
    assert recorded(project, script) == ["data/0.txt", "data/1.txt", "data/2.txt"]


def test_large_files_count_by_their_size(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_data_files, "LARGE", 2)
    data(project.root, "a.txt")
    (project.root / "a.txt").write_text("123")
    os.utime(project.root / "a.txt", (OLD, OLD))
    path = project.write("train", "def train():\n    open('a' + '.txt').read()\n    return {}\n")
    session = PipelineSession(expand(load_config(path)), project.root / "session/one", watch=True)
    seen = session.record("train").seen
    provenance = Provenance(session)
    assert provenance.files_read(session.expanded["train"], seen) == {"a.txt": "3 bytes"}
    assert provenance.files_again(["a.txt", "gone.txt"]) == {"a.txt": "3 bytes"}


def test_odd_paths_do_no_harm(project: Project) -> None:
    script = """
        import os
        def train():
            for odd in (b"bytes.txt", "nul\\0.txt", "x" * 5000, 10 ** 6, "\\udcff"):
                try:
                    open(odd)
                except (OSError, ValueError):
                    pass
            read, write = os.pipe()
            os.fdopen(read).close(), os.close(write)
            return {}
    """
    assert recorded(project, script) == []


def test_links_are_followed_and_files_that_went_away_are_none(project: Project) -> None:
    data(project.root, "data/real.txt", "gone.txt")
    os.symlink("real.txt", project.root / "data/link.txt")
    script = """
        import os
        def train():
            open("data/link" + ".txt").read()
            open("gone" + ".txt").read()
            os.remove("gone" + ".txt")
            return {}
    """
    assert recorded(project, script) == ["data/real.txt"]
    assert not Path(project.root / "gone.txt").exists()
