"""`vary="files"` of tests and functions: what a run saved does not serve its replay, and files of before are there."""

from __future__ import annotations

import pytest

from tests.conftest import Project

MODULE = """
import random
from pathlib import Path

SAVED = Path({place}) / "saved.txt"

def cached():
    if not SAVED.exists():
        SAVED.write_text(str({value}))
    return float(SAVED.read_text())

def of_before():
    return (Path(__file__).parent / "data.txt").read_text()
"""
WAYS = {
    "marker": '@pytest.mark.reproducible(vary="files")\ndef test_it(record_result): record_result("value", {name}())',
    "fixture": 'def test_it(reproducible): reproducible({name}, vary="files")',
    "function": 'def test_it(): assert_reproducible({name}, vary=["files"], twice=False)',
}
PLACES = ["'.'", "__file__).parent.joinpath('.'"]
DRAWN = "random.SystemRandom().random()"


def write(project: Project, way: str, name: str, place: str = "'.'", value: str = DRAWN) -> None:
    head = f"import pytest\nfrom pytest_expops import assert_reproducible\nfrom own.module import {name}\n\n"
    project.pytester.makeini("[pytest]\npythonpath = src\n")
    project.script("", path="src/own/__init__.py")
    project.script("of before", path="src/own/data.txt")
    project.script(MODULE.format(place=place, value=value), path="src/own/module.py")
    project.pytester.makepyfile(test_a=head + WAYS[way].format(name=name))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_what_a_saved_result_hides_is_found(project: Project, way: str, place: str) -> None:
    write(project, way, "cached", place)
    outcome = project.pytest("-n0", subprocess=True, diagnose=place == PLACES[0])
    (name,) = outcome.where("failed")
    message = outcome.message(name)
    assert "in a copy of the project" in message
    assert "saved.txt since the session began" in message
    if place == PLACES[0]:
        assert message.startswith("OS randomness at ")
        assert "; only without `saved.txt`; not deterministic" in message


@pytest.mark.parametrize("way", WAYS)
def test_it_is_let_pass_where_the_files_are_not_varied(project: Project, way: str) -> None:
    write(project, way, "cached")
    path = project.root / "test_a.py"
    path.write_text(path.read_text().replace("files", "gc"), encoding="utf-8")
    assert project.pytest("-n0", subprocess=True).where("failed") == set()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["cached", "of_before"])
def test_what_is_computed_alike_and_what_was_there_before_pass(project: Project, way: str, name: str) -> None:
    write(project, way, name, value="0.5")
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.ret == 0, outcome.text
    assert "NotVariedWarning" not in outcome.text


@pytest.mark.parametrize("way", ["marker", "fixture"])
def test_the_option_of_the_session_varies_them(project: Project, way: str) -> None:
    write(project, way, "cached")
    path = project.root / "test_a.py"
    path.write_text(path.read_text().replace('(vary="files")', "").replace(', vary="files"', ""), encoding="utf-8")
    assert project.pytest("-n0", subprocess=True).where("failed") == set()
    (project.root / "saved.txt").unlink()
    (failed,) = project.pytest("-n0", "--expops-vary=files", subprocess=True).where("failed")
    assert failed.startswith("test_it")


@pytest.mark.parametrize("way", ["marker", "function"])
def test_a_project_that_cannot_be_copied_is_said_to_be(project: Project, way: str) -> None:
    project.pytester.makeconftest("from pytest_expops.replay import project_copy\nproject_copy.MOST_FILES = 2\n")
    write(project, way, "of_before")
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.ret == 0, outcome.text
    assert "NotVariedWarning" in outcome.text
    assert "with its files as they are: " in outcome.text
    assert "has more than 2 files" in outcome.text
