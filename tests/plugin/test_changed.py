"""`--expops-changed`: what differs from a revision is selected with what is downstream of it, and nothing is silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import FAN_NAMES, Project
from tests.repositories import CONFIG, PIPELINE, Repository


@pytest.fixture
def repository(project: Project) -> Repository:
    made = Repository.of_pipeline(project.root)
    made.write(".gitignore", "junit.xml\n.pytest_cache\n")
    made.write("tests/test_own.py", "def test_own(): pass\n")
    made.commit()
    return made


def test_all_items_of_what_differs_and_of_what_is_downstream_are_run(
    project: Project, repository: Repository, workers: Callable[[], list[str]]
) -> None:
    repository.edit("models/model.py", "random.random()", "2 * random.random()")
    outcome = project.run(*workers(), "--expops-changed", "--expops-replay=all", "-v")
    ours = {"train_seed1", "train_seed1[replay]", "train_seed2", "train_seed2[replay]", "report", "report[replay]"}
    assert outcome.items == dict.fromkeys({*ours, "test_own"}, "passed")
    commit = repository.git("rev-parse", "HEAD")[:7]
    says = f"expops: --expops-changed=HEAD (commit {commit}): 2 of 5 processes differ, 1 is downstream; what differs: "
    assert f"{says}code of 2\n" in outcome.text
    assert "expops:   train (2 of 2): code models/model.py:train\nexpops:   downstream: report\n" in outcome.text
    assert "ran 5 of 5 processes" in outcome.text  # load and seeds, as it needs them
    if "-n2" not in workers():
        assert "3 deselected" in outcome.text


def test_where_nothing_differs_only_tests_are_left(
    project: Project, repository: Repository, workers: Callable[[], list[str]]
) -> None:
    outcome = project.run(*workers(), "--expops-changed")
    assert outcome.items == {"test_own": "passed"}
    assert "0 of 5 processes differ, 0 are downstream\n" in outcome.text
    assert "not taken into account" not in outcome.text


def test_that_nothing_differs_is_no_failure(project: Project, repository: Repository) -> None:
    for workers in ("-n0", "-n2"):
        assert project.run(workers, "--expops-changed=HEAD", CONFIG).ret == pytest.ExitCode.OK
    assert project.run("-k", "nothing", CONFIG).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    repository.write("data/raw.csv", "1\n")
    assert project.run("--expops-changed", "-k", "nothing", CONFIG).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_what_is_over_all_seeds_stays_with_any_of_them(project: Project, repository: Repository) -> None:
    claims = "reproducibility: {stability: {train: {x: {max_range: 100}}}}"
    repository.write(CONFIG, f"{PIPELINE}{claims}\n")
    repository.commit()
    assert "train[stability:x]" in project.run().items
    assert "train[stability:x]" not in project.run("--expops-changed").items
    repository.edit(CONFIG, "seeds: [1, 2]", "seeds: [1, 2, 3]")
    items = set(project.run("--expops-changed", "--expops-replay=none").items)
    assert items == {"train_seed3", "train[stability:x]", "report", "test_own"}


def test_checks_of_partitions_and_baselines_follow_their_process(fan: Project) -> None:
    repository = Repository(fan.root)
    repository.write(".gitignore", "junit.xml\n")
    repository.commit()
    assert fan.run("--expops-changed").items == {}
    script = (fan.root / "models/model.py").read_text(encoding="utf-8")
    (fan.root / "models/model.py").write_text(script.replace('"note": "whole"', '"note": "all"'), encoding="utf-8")
    items = set(fan.run("--expops-changed", "--expops-baseline=new", "--expops-replay=none").items)
    downstream = {name for name in FAN_NAMES if name != "load"}
    assert items == {*downstream, "split[split]", *(f"{name}[baseline]" for name in downstream)}


def test_what_no_process_reads_is_told_without_a_header_too(project: Project, repository: Repository) -> None:
    repository.write("notes.txt", "second\n")
    says = "expops: not taken into account: notes.txt (no process is known to read it)\n"
    for arguments in ([], ["-q"], ["--no-header"], ["-n2"]):
        assert project.run("--expops-changed", *arguments).text.count(says) == 1
    for number in range(12):
        repository.write(f"more/{number}.txt", "")
    assert "and 3 more (no process is known to read them)" in project.run("--expops-changed").text
    assert "more/9.txt and notes.txt (no process is known" in project.run("--expops-changed", "-v").text


def test_a_file_of_one_config_is_not_told_of_another(project: Project, repository: Repository) -> None:
    repository.write("other/configs/p.yaml", PIPELINE)
    repository.write("other/models/model.py", "def load(data): ...\ndef train(data): ...\ndef report(data): ...\n")
    repository.commit()
    repository.edit("other/models/model.py", "def load(data): ...", "def load(data): return {}")
    outcome = project.run("--expops-changed", "--expops-config=other/configs/p.yaml", "--co")
    commit = repository.git("rev-parse", "HEAD")[:7]
    compared = f"--expops-changed=HEAD (commit {commit}):"
    assert f"expops: {CONFIG}: {compared} 0 of 5 processes differ, 0 are downstream\n" in outcome.text
    assert f"expops: other/configs/p.yaml: {compared} 1 of 5 processes differs, 4 are downstream" in outcome.text
    assert "not taken into account" not in outcome.text


def test_all_are_selected_where_that_cannot_be_told(project: Project, repository: Repository) -> None:
    repository.write("requirements.txt", "numpy\n")
    outcome = project.run("--expops-changed", "--co")
    says = "all 5 processes are selected: requirements.txt changed, and with it perhaps what is installed\n"
    assert says in outcome.text
    assert "deselected" not in outcome.text


def test_the_merge_base_is_told(project: Project, repository: Repository) -> None:
    parted = repository.git("rev-parse", "HEAD")[:7]
    repository.git("checkout", "-qb", "feature")
    repository.git("checkout", "-q", "main")
    repository.write("data/raw.csv", "1\n")
    repository.commit()
    repository.git("checkout", "-q", "feature")
    repository.git("commit", "-q", "--allow-empty", "-m", "feature")
    says = f"--expops-changed=main (merge base {parted}): 0 of 5 processes differ, 0 are downstream"
    assert says in project.run("--expops-changed=main", "--co").text
    project.pytester.makeini("[pytest]\nexpops_changed = main\n")
    assert "expops: --expops-changed=main (merge base" in project.run("--co").text


def test_a_path_that_is_taken_for_the_revision_is_told(project: Project, repository: Repository) -> None:
    outcome = project.run("--expops-changed", "tests")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "--expops-changed: 'tests' is not a revision of the repository of the config; if it is a path to collect, "
        "write --expops-changed=HEAD before it (from the command line)" in outcome.text
    )
    outcome = project.run("--expops-changed=nowhere")
    assert "'nowhere' is not a revision of the repository of the config (from the command line)" in outcome.text


def test_no_code_of_the_old_state_is_run(project: Project, repository: Repository, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    model = (repository.root / "models/model.py").read_text(encoding="utf-8")
    repository.write("models/model.py", f"open({str(ran)!r}, 'w')\n{model}")
    repository.commit()
    repository.write("models/model.py", model)
    assert "5 of 5 processes differ" in project.run("--expops-changed", "--co").text
    assert not ran.exists()
