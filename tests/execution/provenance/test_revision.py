"""Which commit is compared with, what differs from it, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pytest_expops.errors import RevisionError
from pytest_expops.execution.provenance.revision import Revision
from tests.repositories import CONFIG, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.of_pipeline(tmp_path / "repository")


def revision(repository: Repository, asked: str = "HEAD") -> Revision:
    return Revision(asked, repository.root / CONFIG)


def refusal(repository: Repository, asked: str = "HEAD") -> str:
    with pytest.raises(RevisionError) as caught:
        revision(repository, asked)
    return str(caught.value)


def test_what_is_committed_staged_edited_new_or_gone_differs(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.write("committed.txt", "1\n")
    repository.commit()
    repository.write("staged.txt", "1\n")
    repository.git("add", "staged.txt")
    repository.write("notes.txt", "edited\n")
    repository.write("new folder/näme.txt", "1\n")
    (repository.root / "data/raw.csv").unlink()
    here = {"staged.txt", "notes.txt", "new folder/näme.txt", "data/raw.csv"}
    assert revision(repository).changed == here
    assert revision(repository, first).changed == here | {"committed.txt"}


def test_what_is_only_touched_does_not_differ(repository: Repository) -> None:
    os.utime(repository.root / "notes.txt", (1, 1))
    repository.write("models/__pycache__/model.pyc", "x")
    repository.write("junit.xml", "git ignores it")
    repository.write(".venv/lib/python3/site-packages/some/requirements.txt", "")
    assert revision(repository).changed == frozenset()


def test_the_files_of_a_commit_are_read_as_they_were(repository: Repository) -> None:
    repository.write("notes.txt", "edited\n")
    repository.write("new.txt", "new\n")
    (repository.root / "data/raw.csv").unlink()
    then = revision(repository).then()
    assert then.read(repository.root / "notes.txt") == b"first\n"
    assert then.read(repository.root / "data/raw.csv") == b"1,2\n"
    assert then.is_file(repository.root / "data/raw.csv")
    assert not then.is_file(repository.root / "new.txt")
    with pytest.raises(FileNotFoundError):
        then.read(repository.root / "new.txt")
    assert then.read(repository.root / "README.md") == b"# A project\n"
    assert not then.is_file(repository.root / ("x" * 1000))


def test_a_branch_is_compared_with_where_it_parted(repository: Repository) -> None:
    parted = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-qb", "feature")
    repository.write("feature.txt", "1\n")
    repository.commit()
    assert (revision(repository, "main").commit, revision(repository, "main").parted) == (parted, False)
    repository.git("checkout", "-q", "main")
    repository.write("main.txt", "1\n")
    tip = repository.commit()
    repository.git("checkout", "-q", "feature")
    found = revision(repository, "main")
    assert (found.commit, found.parted, found.changed) == (parted, True, {"feature.txt"})
    assert found.title == f"merge base {parted[:7]}"
    assert tip != found.commit


@pytest.mark.parametrize("asked", ["v1", "HEAD~1", "main@{0}~1", ":/more"])
def test_any_name_of_a_commit_will_do(repository: Repository, asked: str) -> None:
    repository.git("tag", "v1")
    first = repository.git("rev-parse", "HEAD")
    repository.git("commit", "-q", "--allow-empty", "-m", "another")
    assert revision(repository, asked).commit == first


@pytest.mark.parametrize("asked", ["nowhere", "--all", "HEAD:notes.txt", "-x", "a b"])
def test_what_is_no_commit_is_refused(repository: Repository, asked: str) -> None:
    assert refusal(repository, asked).startswith("is not a revision of the repository of the config")


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    empty = Repository(tmp_path / "empty")
    empty.write(CONFIG, "")
    assert refusal(empty) == "is not a revision of the repository of the config, which has no commit yet"


def test_a_folder_without_a_repository_is_refused(repository: Repository) -> None:
    shutil.rmtree(repository.root / ".git")
    assert refusal(repository) == "is not a revision to compare with: project_config.yaml is in no git repository"


def test_a_machine_without_git_is_refused(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.root))
    assert refusal(repository) == "cannot be compared with: git cannot be run (No such file or directory)"


def test_a_shallow_clone_is_refused_where_it_lacks_the_commit(repository: Repository, tmp_path: Path) -> None:
    repository.git("commit", "-q", "--allow-empty", "-m", "another")
    repository.git("clone", "-q", "--depth=1", f"file://{repository.root}", str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    says = "this clone is shallow, and may lack it; fix: `git fetch --unshallow`, or `fetch-depth: 0` in CI"
    assert refusal(clone, "HEAD~1") == f"is not a revision of the repository of the config; {says}"
    assert revision(clone).changed == frozenset()
    clone.git("fetch", "-q", "--depth=1", "origin", "main:old")
    clone.git("checkout", "-q", "--orphan", "other")
    clone.commit()
    assert refusal(clone, "old") == f"has no common ancestor with HEAD; {says}"


def test_another_history_is_refused(repository: Repository) -> None:
    repository.git("checkout", "-q", "--orphan", "other")
    repository.write("other.txt", "1\n")
    repository.commit()
    assert refusal(repository, "main") == "has no common ancestor with HEAD"


def test_what_git_says_is_passed_on(repository: Repository) -> None:
    (repository.root / ".git/config").write_text("[core\n", encoding="utf-8")
    assert refusal(repository).startswith("cannot be compared with; git says: bad config line 1")


def test_the_variables_of_a_hook_do_not_lead_to_another_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    repository.write("notes.txt", "edited\n")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert revision(repository).changed == {"notes.txt"}


def test_nothing_but_the_index_of_git_is_written(repository: Repository) -> None:
    repository.write("notes.txt", "edited\n")
    os.utime(repository.root / "README.md", (1, 1))

    def state() -> dict[Path, tuple[int, int]]:
        files = {*repository.root.rglob("*")} - {repository.root / ".git", repository.root / ".git/index"}
        return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}

    before = state()
    revision(repository).then().read(repository.root / "notes.txt")
    assert state() == before
