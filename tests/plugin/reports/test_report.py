"""``--expops-report``: what a session writes, however it ends, and with however many workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Outcome, Project

EDGES = "load train\ntrain score\nload other"
SCRIPT = """
    import os
    import numpy as np
    from pytest_expops.core import log_metric

    def load(): return {"rows": np.arange(6.0).reshape(3, 2)}

    def train(rows, random_seed):
        for step in range(3):
            log_metric("loss", 1.0 / (step + 1))
        return {"w": float(np.random.default_rng().normal())}

    def score(w): return {"auc": 0.5}
    def other(rows):
        print("other was here")
        return {"n": len(rows)}
"""
SEEDS = {"load": {"seed_parallelism": {"seeds": [1, 2, 3]}}}
CONFIG = "configs/project_config.yaml"


def report_of(project: Project, *options: str, name: str = "out/r.json", **how: Any) -> tuple[dict[str, Any], Outcome]:
    outcome = project.run(f"--expops-report={name}", *options, **how)
    found: dict[str, Any] = json.loads((project.root / name).read_text(encoding="utf-8"))
    return found, outcome


def ids(*names: str) -> list[str]:
    return [f"{CONFIG}::{name}" for name in names]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_seeds_with_one_mistake_are_one_cause(project: Project, workers: str) -> None:
    project.write(EDGES, SCRIPT, SEEDS)
    found, outcome = report_of(project, workers, diagnose=True)
    assert outcome.ret == 1
    (cause,) = found["causes"]
    assert sorted(cause["subjects"]) == ids("train_seed1", "train_seed2", "train_seed3")
    assert cause["title"] == "the operating system's randomness at models/model.py:11"
    assert [line for number, line in cause["where"]["around"] if number == 11] == [
        '    return {"w": float(np.random.default_rng().normal())}'
    ]
    assert cause["why"][0]["fix"].startswith("`np.random.default_rng(random_seed)` in place of")
    assert cause["command"].endswith(f"'{cause['example']}[replay]'")
    subjects = {each["id"]: each for each in found["subjects"]}
    train = subjects[f"{CONFIG}::train_seed1"]
    assert train["judgement"]["cause"] == cause["id"]
    assert (train["seed"], train["group"], train["upstream"]) == ("1", "train", ids("load"))
    assert train["metrics"] == [{"name": "loss", "steps": [1, 2, 3], "values": [1.0, 0.5, 1 / 3], "count": 3}]
    load = subjects[f"{CONFIG}::load"]
    assert load["outputs"][0]["what"] == "numpy.ndarray of float64, shape (3, 2)"
    assert load["not_replayed"] == "under no seed layer"
    assert found["not_checked"] == [
        {"what": "not replayed", "reason": "under no seed layer", "names": ["load"], "count": 1}
    ]
    checks = {each["id"]: each for each in found["checks"]}
    assert checks[f"{CONFIG}::other_seed1"]["printed"] == "other was here"
    assert checks[f"{CONFIG}::train_seed1[replay]"]["kind"] == "replay"
    assert checks[f"{CONFIG}::train_seed1[replay]"]["result"] == "failed"
    assert {each["worker"] for each in found["checks"]} == ({"main"} if workers == "-n0" else {"gw0", "gw1"})
    assert found["session"]["workers"] == (0 if workers == "-n0" else 2)
    assert found["session"]["state"] == "failed"
    assert "numpy" in found["session"]["versions"]
    assert found["pipelines"][0]["nodes"][-1]["upstream"] == ["train"]


def test_other_lines_are_other_causes(project: Project) -> None:
    script = """
        import numpy as np
        def start(): return {"x": 1}
        def one(x, random_seed): return {"y": np.random.default_rng().normal()}
        def two(x, random_seed):
            return {"z": np.random.default_rng().normal()}
    """
    project.write("start one\nstart two", script, SEEDS | {"start": SEEDS["load"]})
    found, _ = report_of(project, "-n0", diagnose=True)
    assert sorted(len(each["subjects"]) for each in found["causes"]) == [3, 3]
    undiagnosed, _ = report_of(project, "-n0")
    assert [each["title"] for each in undiagnosed["causes"]] == ["the cause was not looked for"] * 2


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_what_did_not_run_is_said_and_why(project: Project, workers: str) -> None:
    project.write("load train\ntrain score", SCRIPT.replace('"rows": np', '"rows": 1 / 0 * np'))
    found, _ = report_of(project, workers)
    (failed, *blocked) = found["subjects"]
    assert (failed["outcome"], failed["failure"]) == ("failed", "ZeroDivisionError: division by zero")
    assert "1 / 0" in failed["traceback"]
    assert failed["failed_at"]["file"] == "models/model.py"
    assert "1 / 0" in failed["failed_at"]["code"]
    assert {each["outcome"] for each in blocked} == {"blocked"}
    assert found["not_checked"] == [
        {"what": "not run", "reason": "`load` did not pass", "names": ["train", "score"], "count": 2}
    ]


def test_a_selection_says_what_it_left_out(project: Project) -> None:
    project.write(EDGES, SCRIPT)
    found, _ = report_of(project, "-n0", "-k", "other and not replay")
    assert [each["name"] for each in found["subjects"]] == ["load", "other"]
    assert found["not_checked"][0] == {
        "what": "not run",
        "reason": "no item that was run needs it",
        "names": ["train", "score"],
        "count": 2,
    }


def test_a_session_that_is_interrupted_reports_what_it_found(project: Project) -> None:
    project.write(
        EDGES, SCRIPT.replace("def score(w):", "def score(w):\n        raise KeyboardInterrupt\n    def no():")
    )
    found, _ = report_of(project, "-n0", subprocess=True)
    assert found["session"]["state"] == "interrupted"
    assert {"load", "train"} <= {each["name"] for each in found["subjects"]}
    stopped, _ = report_of(project, "-n0", "-x", "--expops-replay=none", subprocess=True)
    assert stopped["session"]["state"] in ("interrupted", "ended early")


def test_a_session_that_passes_and_one_without_anything(project: Project) -> None:
    project.write("load other", SCRIPT)
    found, outcome = report_of(project, "-n0", "--expops-replay=all")
    assert (found["session"]["state"], outcome.ret) == ("passed", 0)
    assert found["causes"] == []
    empty, outcome = report_of(project, "-n0", "-k", "nothing_of_this_name")
    assert (empty["session"]["state"], outcome.ret) == ("nothing ran", 5)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_checks_without_a_config_are_in_it(project: Project, workers: str) -> None:
    project.pytester.makepyfile(
        test_it="""
        import os, sys
        import pytest
        from pytest_expops import assert_program_reproducible, assert_reproducible

        def same(x): return x + 1
        def other(seed): return os.getpid()

        def test_same(): assert_reproducible(same, 1)
        def test_other(): assert_reproducible(other, seeds=[1, 2])
        def test_neither(): pass

        @pytest.mark.reproducible
        def test_whole(record_result): record_result("pid", os.getpid())

        def test_program(tmp_path):
            (tmp_path / "p.py").write_text("import sys; open(sys.argv[1] + '/a.txt', 'w').write('a')")
            assert_program_reproducible(tmp_path / "p.py", "{out}")
    """
    )
    project.pytest(workers, "--expops-report=r.json", "--expops-report=r.html")
    found = json.loads((project.root / "r.json").read_text(encoding="utf-8"))
    subjects = {each["id"]: each for each in found["subjects"]}
    assert {key: (each["kind"], each["judgement"]["result"]) for key, each in subjects.items()} == {
        "test_it.py::test_same::same": ("function", "matched"),
        "test_it.py::test_other::other[seed 1]": ("function", "differed"),
        "test_it.py::test_other::other[seed 2]": ("function", "differed"),
        "test_it.py::test_whole[replay]": ("test", "differed"),
        "test_it.py::test_program::p.py": ("program", "matched"),
    }
    assert {each["name"]: each["result"] for each in found["checks"]} == {
        "test_same": "passed",
        "test_other": "failed",
        "test_whole[replay]": "failed",
        "test_program": "passed",
    }
    assert len(found["causes"]) == 2
    assert "2 causes" in (project.root / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("r.txt", "--expops-report: 'r.txt' is not a path that ends with .html (a page) or .json (data)"),
        (
            "folder.json",
            "--expops-report: 'folder.json' is not a file, but a folder; give the path of the file that is to be "
            "written",
        ),
    ],
)
def test_a_path_that_is_none_is_refused_at_once(project: Project, path: str, refused: str) -> None:
    (project.root / "folder.json").mkdir()
    outcome = project.pytest(f"--expops-report={path}")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert refused in outcome.text
    project.pytester.makeini(f"[pytest]\nexpops_report = {path}\n")
    assert f"{refused} (from pytest.ini)" in project.pytest().text or "tox.ini" in project.pytest().text


def test_a_library_that_is_missing_is_named_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, _=None: None)
    text = project.pytest("--expops-report=r.html").text
    assert "needs jinja2, which cannot be imported here; to install it: pip install 'pytest-expops[report]'" in text


def test_the_ini_file_names_paths_relative_to_itself(project: Project) -> None:
    project.write("load other", SCRIPT)
    project.pytester.makeini("[pytest]\nexpops_report =\n    out/a.json\n    out/b.html\n")
    text = project.run("-n0").text
    assert "expops: report: out/a.json, out/b.html" in text
    assert (project.root / "out/b.html").exists()


def test_a_report_that_cannot_be_written_is_said_and_changes_nothing_else(project: Project) -> None:
    project.write("load other", SCRIPT)
    (project.root / "file").write_text("", encoding="utf-8")
    outcome = project.run("-n0", "--expops-report=file/r.json")
    assert outcome.ret == 0
    assert "expops: the report was not written: " in outcome.text
    assert "expops: report:" not in outcome.text


def test_a_page_is_refreshed_until_the_session_is_over(project: Project) -> None:
    project.write("load other", SCRIPT.replace('print("other was here")', 'shutil.copy("r.html", "seen.html")'))
    project.script("import shutil\n" + (project.root / "models/model.py").read_text(encoding="utf-8"))
    project.pytester.makeconftest("import pytest_expops.plugin.reports._writer as writer\nwriter.EVERY = 0.0")
    assert project.run("-n0", "--expops-report=r.html").ret == 0
    pages = [(project.root / name).read_text(encoding="utf-8") for name in ("seen.html", "r.html")]
    assert ['http-equiv="refresh"' in each for each in pages] == [True, False]


def leftovers(root: Path) -> list[str]:
    return [path.name for path in root.rglob(".r.*")]


def test_nothing_is_left_beside_a_report(project: Project) -> None:
    project.write("load other", SCRIPT)
    project.run("-n0", "--expops-report=r.json", "--expops-report=r.html")
    assert leftovers(project.root) == []
