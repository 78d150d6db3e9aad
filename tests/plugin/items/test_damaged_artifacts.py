"""Trouble with what is stored, or with the disk, is no verdict on a process: an error of its own names the file."""

from __future__ import annotations

import pytest

from tests.conftest import Project

SCRIPT = """
import os, sys
import numpy as np

REPLICA = "pytest" not in sys.modules


def load(data):
    return {"x": np.arange(LENGTH, dtype="float64")}


def total(data):
    return {"sum": data["load"]["x"] * 2}
"""
CONFTEST = """
import os, pathlib, pytest

def damage(path):
    HOW

def pytest_runtest_setup(item):
    if item.name == "total[WHEN]":
        folder, = pathlib.Path("kept").glob("*/*/artifacts")
        for path in list(folder.iterdir()):
            damage(path)
"""
SMALL, LARGE = 10_000, 400_000
DAMAGE = {
    "removed": ("path.unlink()", SMALL, "the artifact is missing"),
    "truncated": ("os.truncate(path, 100)", SMALL, "the artifact has 100 bytes, expected"),
    "emptied": ("path.write_bytes(b'')", SMALL, "the artifact has 0 bytes, expected"),
    "garbled": ("path.write_bytes(bytes(path.stat().st_size))", SMALL, "the artifact is damaged"),
    "garbled within a large array": (
        "file = open(path, 'r+b'); file.seek(-80_000, 2); file.write(b'\\x7f' * 800); file.close()",
        LARGE,
        "the artifact is damaged",
    ),
    "replaced by a folder": ("path.unlink(); path.mkdir()", SMALL, "kept"),
}


def _write(project: Project, how: str, length: int, when: str, **process: object) -> None:
    project.write("load total", SCRIPT.replace("LENGTH", str(length)), {"total": process})
    project.pytester.makeconftest(CONFTEST.replace("HOW", how).replace("WHEN", when))


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_artifact_is_no_finding_and_is_not_diagnosed(project: Project, what: str) -> None:
    how, length, message = DAMAGE[what]
    _write(project, how, length, "replay")
    outcome = project.run("-n0", "--expops-replay=all", "--expops-artifacts=kept", "-k", "total", diagnose=True)
    assert outcome.where("failed") == {"total[replay]"}
    told = outcome.message("total[replay]")
    assert message in told
    assert "fix: run pytest again" in told
    assert "artifacts" in told
    for words in ("not deterministic", "differs", "Traceback"):
        assert words not in told
    assert "differed" not in outcome.text


def test_a_declared_nondeterminism_does_not_excuse_a_damaged_artifact(project: Project) -> None:
    how, length, message = DAMAGE["removed"]
    _write(project, how, length, "replay", nondeterministic="it draws")
    outcome = project.run("-n0", "--expops-replay=all", "--expops-artifacts=kept", "-k", "total")
    assert outcome.where("failed") == {"total[replay]"}
    assert message in outcome.message("total[replay]")


def test_a_finding_on_artifacts_that_are_whole_is_one(project: Project) -> None:
    _write(project, "pass", LARGE, "replay")
    project.script(SCRIPT.replace("LENGTH", str(LARGE)).replace("* 2", "* (3 if REPLICA else 2)"))
    outcome = project.run("-n0", "--expops-replay=all", "--expops-artifacts=kept", "-k", "total")
    assert outcome.where("failed") == {"total[replay]"}
    assert "not deterministic" in outcome.message("total[replay]")


DISKS = {
    "the process's own file": (
        "raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'big.bin')",
        "OSError: [Errno 28] No space left on device: 'big.bin'",
    ),
    "wrapped by a library": (
        "try:\n            raise OSError(errno.EIO, os.strerror(errno.EIO))\n        except OSError as error:\n"
        "            raise RuntimeError('cannot save') from error",
        "OSError: [Errno 5] Input/output error",
    ),
    "an output": (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "        return {'sum': data['load']['x'] * 3}",
        "bytes cannot be stored in",
    ),
}


@pytest.mark.parametrize("where", DISKS)
def test_a_full_disk_in_a_replay_is_no_finding(project: Project, where: str) -> None:
    code, message = DISKS[where]
    script = SCRIPT.replace("LENGTH", str(SMALL)).replace("import os, sys", "import errno, os, resource, signal, sys")
    project.write(
        "load total", script.replace("def total(data):", f"def total(data):\n    if REPLICA:\n        {code}")
    )
    outcome = project.run("-n0", "--expops-replay=all", "-k", "total", diagnose=True)
    assert outcome.where("failed") == {"total[replay]"}
    assert "`total` could not be replayed: " in outcome.message("total[replay]")
    assert message in outcome.message("total[replay]")
    assert "not deterministic" not in outcome.text


@pytest.mark.parametrize("error", ["OSError(errno.ENOENT, 'x')", "PermissionError(13, 'x')", "RuntimeError('x')"])
def test_another_exception_in_a_replay_is_a_finding(project: Project, error: str) -> None:
    script = SCRIPT.replace("LENGTH", str(SMALL)).replace("import os, sys", "import errno, os, sys")
    raising = f"def total(data):\n    if REPLICA:\n        raise {error}"
    project.write("load total", script.replace("def total(data):", raising))
    outcome = project.run("-n0", "--expops-replay=all", "-k", "total")
    assert "the replay raised, the first run did not" in outcome.message("total[replay]")


def test_a_full_disk_is_no_finding_of_a_check_without_a_config(project: Project) -> None:
    project.pytester.makepyfile(
        """
        import errno, os
        from pytest_expops import ReplayError, NotReproducible, assert_reproducible

        def function():
            if os.environ["FIRST"] != str(os.getpid()):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return 1

        def test_function(monkeypatch):
            monkeypatch.setenv("FIRST", str(os.getpid()))
            try:
                assert_reproducible(function)
            except NotReproducible:
                raise
            except ReplayError as error:
                assert "No space left on device" in str(error)
            else:
                assert False
        """
    )
    assert project.pytest("-n0").items == {"test_function": "passed"}


def test_a_damaged_artifact_is_no_change_against_the_baseline(project: Project) -> None:
    how, length, message = DAMAGE["garbled within a large array"]
    _write(project, "pass", length, "nothing")
    assert project.run("-n0", "--expops-replay=none", "--expops-baseline=new").ret == 0
    _write(project, how, length, "baseline")
    project.script(SCRIPT.replace("LENGTH", str(length)).replace("* 2", "* 3"))
    outcome = project.run("-n0", "--expops-replay=none", "--expops-artifacts=kept")
    assert "total[baseline]" in outcome.where("failed")
    assert message in outcome.message("total[baseline]")


SPLIT = """
import errno

def load(): return {"rows": [1, 2, 3, 4, 5, 6]}
def part(rows):
    if len(rows) == 2:
        raise ERROR
    return {"sum": sum(rows)}
def merge(data): return {"sum": sum(each["sum"] for each in data["part"].values())}
"""


@pytest.mark.parametrize(("error", "broken"), [("OSError(errno.ENOSPC, 'full')", False), ("OSError('odd')", True)])
def test_a_full_disk_breaks_no_property(project: Project, error: str, broken: bool) -> None:
    project.write(
        "load part\npart merge",
        SPLIT.replace("ERROR", error),
        {"load": {"data_parallelism": {"size": 2, "data_name": "rows"}}, "merge": {"data_aggregation": True}},
        reproducibility={"properties": {"merge": ["partition_invariant"]}},
    )
    outcome = project.run("-n0", "--expops-replay=none")
    assert outcome.where("failed") == {"merge[partition_invariant]"}
    told = outcome.message("merge[partition_invariant]")
    assert told.startswith(
        "partition_invariant: `merge` gives another result" if broken else "OSError: [Errno 28] full"
    )
