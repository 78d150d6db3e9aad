"""Which processes may give something else than at a revision: each reason, and what looks like it and is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_expops.execution.provenance.changed_processes import Differences, differences
from pytest_expops.execution.provenance.revision import Revision
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from tests.repositories import ALL, CONFIG, MATHS, MODEL, PIPELINE, Repository

TRAINS = {"train_seed1", "train_seed2"}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.of_pipeline(tmp_path / "repository")


def compare(repository: Repository, config: str = CONFIG, session_file: str | None = None) -> Differences:
    path = repository.root / config
    file = None if session_file is None else repository.root / session_file
    return differences(expand(load_config(path)), Revision("HEAD", path), file)


def test_nothing_differs_from_what_was_just_committed(repository: Repository) -> None:
    assert compare(repository) == Differences()


Edit = Callable[[Repository], object]


def edited(path: str, old: str, new: str) -> Edit:
    return lambda repository: repository.edit(path, old, new)


DIFFER = {
    "its code": (
        edited("models/model.py", "+ random.random()", "- random.random()"),
        TRAINS,
        "code models/model.py:train",
    ),
    "a constant": (edited("models/model.py", "BY = 3", "BY = 4"), {"report"}, "code models/model.py:BY"),
    "a helper in another module": (
        edited("helpers/maths.py", "x * 2", "x + x"),
        TRAINS,
        "code helpers/maths.py:double",
    ),
    "what runs on import": (
        lambda repository: repository.write("helpers/maths.py", f"print()\n{MATHS}"),
        ALL,
        "code helpers/maths.py",
    ),
    "a parameter of it": (edited(CONFIG, "depth: 2", "depth: 3"), TRAINS, "parameters depth"),
    "the type of a parameter": (edited(CONFIG, "depth: 2", "depth: 2.0"), TRAINS, "parameters depth"),
    "a parameter of all": (edited(CONFIG, "rate: 1", "rate: 2"), ALL, "parameters rate"),
    "a data file that code names": (
        lambda repository: repository.write("data/raw.csv", "1,2,3\n"),
        {"load"},
        "files data/raw.csv",
    ),
    "a data file that is gone": (
        lambda repository: (repository.root / "data/raw.csv").unlink(),
        {"load"},
        "files data/raw.csv",
    ),
    "a new seed": (
        edited(CONFIG, "seeds: [1, 2]", "seeds: [1, 2, 7]"),
        {"train_seed7", "report"},
        "it is new",
    ),
    "the base seed": (
        lambda repository: repository.write(CONFIG, f"{PIPELINE}reproducibility: {{random_seed: 7}}\n"),
        ALL,
        "the base seed",
    ),
    "an edge": (edited(CONFIG, "load seeds\n", "load seeds\n      load report\n"), {"report"}, "what it depends on"),
    "what the config says of data": (
        edited(CONFIG, "data: {inputs: {raw: {path: data/raw.csv}}}", "data: {inputs: {raw: {path: notes.txt}}}"),
        {"load"},
        "what the config says of `data`",
    ),
    "the name of its function": (
        lambda repository: repository.edit(CONFIG, "- name: report", "- name: report\n        code_function: train"),
        {"report"},
        "its function in the config",
    ),
    "a tolerance": (
        lambda repository: repository.write(
            CONFIG, f"{PIPELINE}reproducibility: {{tolerance: {{report: {{rtol: 0.1}}}}}}\n"
        ),
        {"report"},
        "its tolerance in the config",
    ),
}


@pytest.mark.parametrize(("edit", "expected", "reason"), DIFFER.values(), ids=DIFFER)
def test_what_differs_is_told_of_the_processes_that_it_concerns(
    repository: Repository, edit: Edit, expected: set[str], reason: str
) -> None:
    edit(repository)
    found = compare(repository)
    assert {*found.reasons} == expected
    assert reason in {each for reasons in found.reasons.values() for each in reasons}
    assert found.everything == ""
    assert found.unread == ()


ALIKE = {
    "comments and formatting of code": lambda repository: repository.write(
        "models/model.py", f"# why\n{MODEL.replace('BY = 3', 'BY = (3)  # three')}"
    ),
    "a docstring": edited("helpers/maths.py", "def double(x):\n", 'def double(x):\n    """Twice."""\n'),
    "code that nothing uses": edited("helpers/maths.py", "return x\n", "return -x\n"),
    "formatting of the config": edited(
        CONFIG, "hyperparameters: {depth: 2}", "hyperparameters:\n          depth:   2  # deep"
    ),
    "the order of processes": lambda repository: repository.write(
        CONFIG,
        PIPELINE.replace("      - name: load\n", "").replace(
            "      - name: report\n", "      - name: load\n      - name: report\n"
        ),
    ),
    "documentation": edited("README.md", "# A project", "# The project"),
    "a part of the config that no process reads": lambda repository: repository.write(
        CONFIG, f"{PIPELINE}metadata: {{a: 1}}\n"
    ),
    "bytecode": lambda repository: repository.write("models/__pycache__/model.cpython-311.pyc", "x"),
}


@pytest.mark.parametrize("edit", ALIKE.values(), ids=ALIKE)
def test_what_makes_no_difference_is_none(repository: Repository, edit: Edit) -> None:
    edit(repository)
    assert compare(repository) == Differences()


def test_what_depends_on_a_difference_is_downstream(repository: Repository) -> None:
    repository.write("data/raw.csv", "0\n")
    found = compare(repository)
    assert found.downstream == ("seeds", "train_seed1", "train_seed2", "report")
    repository.edit("models/model.py", "BY = 3", "BY = 4")
    found = compare(repository)
    assert {*found.reasons} == {"load", "report"}
    assert found.downstream == ("seeds", "train_seed1", "train_seed2")


def test_a_split_that_changes_differs_with_all_that_gets_a_partition(repository: Repository) -> None:
    repository.edit(CONFIG, "- name: seeds\n", "- name: seeds\n        data_parallelism: {size: 2}\n")
    repository.edit(CONFIG, "{aggregation: true}", "{aggregation: true}\n        data_parallelism: {aggregation: true}")
    repository.commit()
    assert compare(repository) == Differences()
    repository.edit(CONFIG, "size: 2", "size: 3")
    found = compare(repository)
    assert found.reasons["seeds"] == ("its partitions in the config",)
    assert {*found.reasons, *found.downstream} == {*compare(repository).reasons, *found.downstream}
    assert {name for name in found.reasons if name.startswith("train")} == {"train_3_seed1", "train_3_seed2"}
    assert {name for name in found.downstream if name.startswith("train")} == {
        f"train_{part}_seed{seed}" for part in (1, 2) for seed in (1, 2)
    }


def test_a_script_that_is_renamed_is_other_code(repository: Repository) -> None:
    repository.git("mv", "models/model.py", "models/better.py")
    repository.edit(CONFIG, "models/model.py", "models/better.py")
    found = compare(repository)
    assert {*found.reasons} == ALL
    assert "the path of its script in the config" in found.reasons["load"]


def test_a_helper_that_is_renamed_concerns_what_uses_it(repository: Repository) -> None:
    repository.git("mv", "helpers/maths.py", "helpers/numbers.py")
    repository.edit("models/model.py", "helpers.maths", "helpers.numbers")
    assert {*compare(repository).reasons} == TRAINS


def test_a_new_file_counts_though_git_does_not_track_it(repository: Repository) -> None:
    repository.edit("models/model.py", '"data/raw.csv"', '"data/more.csv"')
    repository.commit()
    assert compare(repository) == Differences()
    repository.write("data/more.csv", "1\n")
    assert {*compare(repository).reasons} == {"load"}


def test_an_optional_module_that_is_gone_or_new_counts(repository: Repository) -> None:
    """What imports it is as it was."""
    optional = "try:\n    import fast\nexcept ImportError:\n    fast = None\n"
    repository.write("models/model.py", f"{optional}{MODEL}".replace('{"x": BY}', '{"x": fast and fast.BY}'))
    repository.commit()
    repository.write("elsewhere/fast.py", "BY = 4\n")
    assert "report" in compare(repository).reasons
    repository.commit()
    assert compare(repository) == Differences()
    (repository.root / "elsewhere/fast.py").unlink()
    assert "report" in compare(repository).reasons


def test_a_module_on_a_path_that_the_script_adds_is_found(repository: Repository) -> None:
    repository.write(
        "models/model.py",
        f'import sys\nsys.path.insert(0, "elsewhere")\nimport other\n{MODEL}'.replace('{"x": BY}', '{"x": other.BY}'),
    )
    repository.write("elsewhere/other.py", "import further\nBY = further.BY\n")
    repository.write("elsewhere/further.py", "BY = 4\nTOO = 5\n")
    repository.commit()
    repository.write("elsewhere/further.py", "BY = 4\nTOO = 6\n")
    assert compare(repository) == Differences()
    repository.write("elsewhere/further.py", "BY = 5\nTOO = 6\n")
    assert {*compare(repository).reasons} == {"report"}


def test_a_file_that_has_the_name_of_a_library_may_be_what_is_imported(repository: Repository) -> None:
    repository.write("models/model.py", f"import yaml\n{MODEL}")
    repository.commit()
    repository.write("elsewhere/yaml.py", "BY = 4\n")
    found = compare(repository)
    assert found.reasons["load"] == ("files elsewhere/yaml.py, which its imports may lead to",)
    repository.git("clean", "-qfd")
    repository.write("elsewhere/other.py", "BY = 4\n")
    assert compare(repository) == Differences(unread=("elsewhere/other.py",))


def test_a_package_below_src_counts(repository: Repository) -> None:
    repository.write("src/shop/__init__.py", "")
    repository.write("src/shop/tills.py", "BY = 3\n")
    repository.write("models/model.py", MODEL.replace("BY = 3", "from shop.tills import BY"))
    repository.commit()
    assert compare(repository) == Differences()
    repository.write("src/shop/tills.py", "BY = 4\n")
    assert compare(repository).reasons == {"report": ("code src/shop/tills.py:BY",)}


def test_a_function_of_a_module_counts(repository: Repository) -> None:
    repository.edit(CONFIG, "- name: report", "- name: report\n        code_function: helpers.maths:unused")
    repository.commit()
    repository.edit("models/model.py", "BY = 3", "BY = 4")
    assert compare(repository) == Differences()
    repository.edit("helpers/maths.py", "return x\n", "return -x\n")
    assert compare(repository).reasons == {"report": ("code helpers/maths.py:unused",)}


def test_a_function_of_a_declared_metric_counts(repository: Repository) -> None:
    repository.write("models/model.py", f"{MODEL}\n\ndef score(x):\n    return x\n")
    repository.edit(
        CONFIG, "- name: report", "- name: report\n        metrics: [{name: score, fn: score, inputs: {x: x}}]"
    )
    repository.commit()
    assert compare(repository) == Differences()
    repository.edit("models/model.py", "return x\n", "return -x\n")
    assert compare(repository).reasons == {"report": ("code models/model.py:score",)}


@pytest.mark.parametrize("how", ["context.global_config", 'getattr(context, "global_config")'])
def test_who_reads_the_whole_config_differs_with_any_part_of_it(repository: Repository, how: str) -> None:
    repository.write("models/model.py", MODEL.replace("def report(data):", f"def report(data, context):\n    {how}"))
    repository.commit()
    assert compare(repository) == Differences()
    repository.write(CONFIG, f"{PIPELINE}metadata: {{a: 1}}\n")
    assert compare(repository).reasons == {"report": ("the config, which its code reads as a whole",)}


@pytest.mark.parametrize(
    ("folder", "changed"),
    [("data", True), ("data/", True), ("./data", True), (".", False), ("", False), ("dat", False)],
)
def test_a_file_counts_in_a_folder_that_is_named(repository: Repository, folder: str, changed: bool) -> None:
    repository.edit(CONFIG, "depth: 2", f'depth: 2, folder: "{folder}"')
    repository.write("data/more.csv", "1\n")
    repository.commit()
    repository.write("data/more.csv", "2\n")
    found = compare(repository)
    assert {*found.reasons} == (TRAINS if changed else set())
    assert found.unread == (() if changed else ("data/more.csv",))


def test_a_folder_that_is_named_does_not_name_the_code_in_it(repository: Repository) -> None:
    repository.edit(CONFIG, "depth: 2", "depth: 2, folder: models")
    repository.commit()
    repository.edit("models/model.py", "BY = 3", "BY = 4")
    assert {*compare(repository).reasons} == {"report"}


def test_what_no_process_is_known_to_read_is_told(repository: Repository) -> None:
    repository.write("notes.txt", "second\n")
    repository.write("tools/plot.py", "print()\n")
    assert compare(repository) == Differences(unread=("notes.txt", "tools/plot.py"))


def test_what_git_ignores_is_told_where_a_process_reads_it(repository: Repository) -> None:
    repository.write(".gitignore", "*.bin\nsettings.py\n")
    repository.write("other.bin", "x")
    repository.commit()
    assert compare(repository) == Differences()
    repository.write("data/raw.bin", "x")
    repository.write("helpers/settings.py", "BY = 4\n")
    repository.write(
        "models/model.py",
        MODEL.replace("data/raw.csv", "data/raw.bin").replace("BY = 3", "from helpers.settings import BY"),
    )
    repository.commit()
    assert compare(repository) == Differences(ignored=("data/raw.bin", "helpers/settings.py"))


INSTALLED = ["requirements.txt", "requirements/base.txt", "pyproject.toml", "uv.lock", "environment.yml", "setup.py"]


@pytest.mark.parametrize("name", INSTALLED)
def test_all_differ_with_what_is_installed(repository: Repository, name: str) -> None:
    repository.write(name, "")
    found = compare(repository)
    assert found.everything == f"{name} changed, and with it perhaps what is installed"
    assert {*found.reasons} == ALL
    repository.commit()
    assert compare(repository) == Differences()


def test_what_another_project_installs_does_not_matter(repository: Repository) -> None:
    repository.write("sub/configs/p.yaml", PIPELINE)
    repository.write("sub/models/model.py", MODEL)
    repository.commit()
    repository.write("other/requirements.txt", "")
    assert compare(repository, "sub/configs/p.yaml") == Differences(unread=("other/requirements.txt",))
    repository.write("requirements.txt", "")
    assert compare(repository, "sub/configs/p.yaml").everything.startswith("requirements.txt changed")


def test_all_differ_with_the_file_that_has_options_of_the_session(repository: Repository) -> None:
    repository.write("pytest.ini", "[pytest]\n")
    assert compare(repository).unread == ("pytest.ini",)
    found = compare(repository, session_file="pytest.ini")
    assert found.everything == "pytest.ini changed, which has options of the session"
    repository.commit()
    assert compare(repository, session_file="pytest.ini") == Differences()


def test_all_differ_from_before_there_was_the_config(repository: Repository) -> None:
    repository.write("configs/new.yaml", PIPELINE)
    found = compare(repository, "configs/new.yaml")
    assert (found.everything, {*found.reasons}) == ("the config did not exist", ALL)
    repository.write(".gitignore", "new.yaml\n")
    assert (
        compare(repository, "configs/new.yaml").everything == "git ignores the config, so that what it was is not known"
    )


@pytest.mark.parametrize("text", ["a: [", "experiment: 1\n", ""])
def test_all_differ_from_a_config_that_cannot_be_read(repository: Repository, text: str) -> None:
    repository.write(CONFIG, text)
    repository.commit()
    repository.write(CONFIG, PIPELINE)
    found = compare(repository)
    assert found.everything.startswith("the config cannot be read as it was: ")
    assert {*found.reasons} == ALL


def test_all_differ_where_a_link_leads_elsewhere(repository: Repository) -> None:
    link = repository.root / "data/linked.csv"
    link.symlink_to("raw.csv")
    assert compare(repository).everything.startswith("data/linked.csv changed: behind a link")
    repository.commit()
    assert compare(repository) == Differences()
    repository.edit("models/model.py", '"data/raw.csv"', '"data/linked.csv"')
    repository.commit()
    assert compare(repository) == Differences()
    link.unlink()
    assert "data/linked.csv changed" in compare(repository).everything


def test_a_link_that_stays_leads_to_what_changed(repository: Repository) -> None:
    (repository.root / "data/linked.csv").symlink_to("raw.csv")
    repository.edit(CONFIG, "depth: 2", "depth: 2, path: data/linked.csv")
    repository.commit()
    repository.write("data/raw.csv", "7\n")
    assert {*compare(repository).reasons} == {"load", *TRAINS}


def test_a_config_may_be_reached_by_a_link(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(repository.root)
    repository.edit("helpers/maths.py", "x * 2", "x + x")
    path = tmp_path / "here" / CONFIG
    found = differences(expand(load_config(path)), Revision("HEAD", path))
    assert {*found.reasons} == TRAINS
    assert os.path.realpath(path) != str(path)
