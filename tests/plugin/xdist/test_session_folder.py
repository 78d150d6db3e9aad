"""A session whose folder is removed or garbled meanwhile says so, once and clearly, and runs no process twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conftest import Project

SCRIPT = """
import glob, os, shutil, signal, time
from pytest_expops.core import get_current_context


def note():
    with open("log.txt", "a") as file:
        file.write(get_current_context().process_name + "\\n")


def first(data):
    note()
    return {"x": list(range(10_000))}


def spoils(data):
    note()
    HOW
    return {"x": list(range(10_000))}


def after(data):
    note()
    time.sleep(0.05)
    return {}


beside = more = after
"""
SPOILED = {
    "removed": "shutil.rmtree('kept')",
    "removed by one that dies": "shutil.rmtree('kept'); os.kill(os.getpid(), signal.SIGKILL)",
    "claims emptied": "os.truncate(glob.glob('kept/*/*/claims')[0], 0)",
    "claims garbled": "open(glob.glob('kept/*/*/claims')[0], 'r+b').write(b'garbage' * 50)",
    "records garbled": "[open(path, 'wb').write(b'{garbage\\n') for path in glob.glob('kept/*/*/records/*')]",
}
GONE = "something else removed or changed the folder of this session while it ran"


def _ran(project: Project) -> Counter[str]:
    return Counter((project.root / "log.txt").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_folder_that_is_spoiled_is_told_and_nothing_runs_twice(project: Project, workers: str, how: str) -> None:
    if workers == "-n0" and how != "removed":
        pytest.skip("one process keeps no claims, reads no records, and does not outlive its death")
    project.write("first spoils\nspoils after\nfirst beside\nspoils more", SCRIPT.replace("HOW", SPOILED[how]))
    outcome = project.run(workers, "--expops-replay=none", "--expops-artifacts=kept")
    assert set(_ran(project).values()) == {1}
    assert f"what was run cannot be told: {project.root}/kept" in outcome.text
    assert GONE in outcome.text
    for words in ("INTERNALERROR", "Traceback"):
        assert words not in outcome.text
    if how == "removed":
        assert outcome.ret == pytest.ExitCode.TESTS_FAILED
        assert "spoils" in outcome.where("failed")


def test_a_folder_that_nobody_touches_is_not_mentioned(project: Project) -> None:
    project.write("first spoils\nspoils after\nfirst beside\nspoils more", SCRIPT.replace("HOW", "pass"))
    outcome = project.run("-n2", "--expops-replay=none", "--expops-artifacts=kept")
    assert outcome.ret == 0
    assert set(_ran(project).values()) == {1}
    assert "cannot be told" not in outcome.text


def test_workers_that_find_no_folder_at_the_start_run_nothing_and_say_why(project: Project) -> None:
    project.write("first spoils", SCRIPT.replace("HOW", "pass"))
    project.pytester.makeconftest(
        """
        import pytest, shutil

        @pytest.hookimpl(trylast=True, optionalhook=True)
        def pytest_configure_node(node):
            shutil.rmtree(node.workerinput["expops_folder"], ignore_errors=True)
        """
    )
    outcome = project.run("-n2", "--expops-replay=none")
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    assert "expops: the session cannot begin: " in outcome.text
    assert "claims is not there any more" in outcome.text
    for words in ("INTERNALERROR", "Traceback", "node down"):
        assert words not in outcome.text
    assert not (project.root / "log.txt").exists()


def test_a_folder_that_cannot_be_made_is_one_error(project: Project) -> None:
    project.write("first spoils", SCRIPT.replace("HOW", "pass"))
    outcome = project.run("-n0", "--expops-artifacts=models/model.py")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "model.py" in outcome.text
    assert "Traceback" not in outcome.text
