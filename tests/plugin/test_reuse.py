"""Sessions that reuse what earlier ones have left: what is run, what is not, and what is said of it."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import Any

import pytest

from pytest_expops.execution.user_code.scripts import PREFIX
from pytest_expops.values.storage.store import ArtifactStore
from tests.conftest import FAN, FAN_PROCESSES, FAN_SCRIPT, Outcome, Project

SCRIPT = """
import helper


def load(data):
    return {"x": [1.0, 2.0, 3.0]}


def train(data, rate=1.0):
    return {"w": [rate * helper.scale(each) for each in data["load"]["x"]]}


def report(data):
    return {"sum": sum(data["train"]["w"])}
"""
HELPER = "FACTOR = 2.0\n\ndef scale(x):\n    return FACTOR * x\n\ndef unused(x):\n    return x\n"
EDGES = "load train\ntrain report"


class Sessions:
    """Sessions one after the other in one project; `ran` are the processes that the last one ran."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.ran: list[str] = []

    def run(self, *args: str, audit: str = "none") -> Outcome:
        options = ["--expops-cache=kept", f"--expops-cache-audit={audit}", "--expops-replay=all"]
        outcome = self.project.run(*options, *args)
        found = re.findall(r"^ran (\d+) of", outcome.text, re.MULTILINE)
        self.ran = [name for name, each in self.statuses(outcome).items() if each == "run"]
        assert not found or int(found[0]) == len(self.ran), outcome.text
        return outcome

    def statuses(self, outcome: Outcome) -> dict[str, str]:
        return {
            name: "reused" if outcome.properties(name).get("expops_reused") else "run"
            for name in outcome.items
            if "[" not in name
        }


@pytest.fixture
def sessions(project: Project) -> Sessions:
    project.write(EDGES, SCRIPT, parameters={"rate": 1.0})
    project.script(HELPER, path="models/helper.py")
    return Sessions(project)


def test_what_is_as_it_was_is_reused_and_said_so(sessions: Sessions) -> None:
    first = sessions.run()
    assert sessions.ran == ["load", "train", "report"]
    assert "reused 3" not in first.text
    second = sessions.run()
    assert sessions.ran == []
    assert second.where("passed") == first.where("passed") == {*first.items}
    assert re.search(r"^reused 3 of 3; [\d.]+ s saved$", second.text, re.MULTILINE)
    assert "replayed 0; 3 matched in earlier sessions" in second.text
    assert "uuuuuu" in second.text
    assert "REUSED" in sessions.run("-v").text


def test_nothing_is_kept_or_reused_where_it_is_off(sessions: Sessions) -> None:
    for _ in range(2):
        sessions.project.run("--expops-cache=off")
    assert not (sessions.project.root / "kept").exists()
    assert not (sessions.project.root / "configs/.expops_cache").exists()


def test_refresh_runs_all_and_keeps_it(sessions: Sessions) -> None:
    sessions.run()
    sessions.project.run("-o", "expops_cache=refresh", "--expops-replay=all")
    assert (sessions.project.root / "configs/.expops_cache/entries").is_dir()


EDITS = (
    ("models/model.py", "rate * helper", "2 * rate * helper", ["train", "report"]),
    ("models/model.py", "rate * helper", "1 * rate * helper", ["train"]),  # with the same result
    ("models/model.py", 'sum(data["train"]["w"])', 'max(data["train"]["w"])', ["report"]),
    ("models/model.py", "[1.0, 2.0, 3.0]", "[1.0, 2.0, 4.0]", ["load", "train", "report"]),
    ("models/helper.py", "FACTOR = 2.0", "FACTOR = 3.0", ["train", "report"]),
    ("models/helper.py", "return FACTOR * x", "return FACTOR + x", ["train", "report"]),
    ("models/helper.py", "return x\n", "return x + 1\n", []),
    ("models/model.py", "def train", "# a comment\n\n\ndef train", []),
    ("configs/project_config.yaml", "rate: 1.0", "rate: 3.0", ["load", "train", "report"]),
    ("configs/project_config.yaml", "rate: 1.0", "rate: 1", ["load", "train", "report"]),
)


def test_what_changed_is_run_and_what_comes_after_it(sessions: Sessions) -> None:
    sessions.run()
    for file, old, new, ran in EDITS:
        path = sessions.project.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        sessions.run()
        assert sessions.ran == ran, (file, new)
        path.write_text(text, encoding="utf-8")
    sessions.run()
    assert sessions.ran == []  # what was kept before the changes is as good as ever


USES = {
    "opens": "open('data/' + 'a.txt').read()",
    "reads": "Path('data', 'a' + '.txt').read_text()",
    "looks": "os.path.exists('data/' + 'b.txt')",
    "lists": "sorted(os.listdir('data'))",
    "globs": "sorted(each.name for each in Path('data').glob('*.txt'))",
    "variable": "os.environ.get('EXPOPS_TEST_' + 'VARIABLE', '')",
    "variables": "dict(os.environ).get('EXPOPS_TEST_' + 'VARIABLE', '')",
    "nothing": "1",
}


def test_what_it_was_seen_to_use_counts_and_nothing_else(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = [f"def {name}(data):\n    return {{'x': {code}}}\n" for name, code in USES.items()]
    project.write("\n".join(USES), "import os\nfrom pathlib import Path\n\n" + "\n".join(functions))
    (project.root / "data").mkdir()
    (project.root / "data/a.txt").write_text("before")
    sessions = Sessions(project)
    sessions.run()
    sessions.run()
    assert sessions.ran == []
    (project.root / "unrelated.txt").write_text("after")
    sessions.run()
    assert sessions.ran == []
    monkeypatch.setenv("EXPOPS_TEST_OTHER", "after")
    sessions.run()
    assert sessions.ran == ["variables"]
    monkeypatch.setenv("EXPOPS_TEST_VARIABLE", "after")
    sessions.run()
    assert sorted(sessions.ran) == ["variable", "variables"]
    (project.root / "data/a.txt").write_text("after!")
    sessions.run()
    assert sorted(sessions.ran) == ["opens", "reads"]
    (project.root / "data/b.txt").write_text("new")
    sessions.run()
    assert sorted(sessions.ran) == ["globs", "lists", "looks"]


def test_a_file_that_a_library_in_c_opens_counts(project: Project) -> None:
    pytest.importorskip("pyarrow")
    script = """
    import pandas as pd
    def read(data):
        name = "".join(["data/", "a", ".parquet"])
        return {"x": pd.read_parquet(name)["x"].tolist()}
    """
    project.write("read", script)
    (project.root / "data").mkdir()
    import pandas as pd

    pd.DataFrame({"x": [1]}).to_parquet(project.root / "data/a.parquet")
    options = ["--expops-cache=kept", "--expops-cache-audit=none", "--expops-replay=all"]
    project.run(*options)
    assert "reused 1 of 1" in project.run(*options).text
    pd.DataFrame({"x": [2]}).to_parquet(project.root / "data/a.parquet")
    assert "reused" not in project.run(*options).result.stdout.str().partition("= expops:")[2]


NEVER = {
    "network": "s = socket.socket()\n    s.settimeout(1)\n    s.connect_ex(('127.0.0.1', 9))\n    return {'x': 1}",
    "program": "subprocess.run([sys.executable, '-c', 'pass'])\n    return {'x': 1}",
    "date": "return {'x': str(datetime.date.today())}",
    "host": "return {'x': platform.node()}",
    "read_back": (
        "if not os.path.exists('cache.txt'):\n        open('cache.txt', 'w').write('1')\n"
        "    return {'x': open('cache.txt').read()}"
    ),
    "timed": "began = time.time()\n    return {'x': 1}",
}


def test_what_no_key_can_know_is_not_kept_and_said_so(project: Project) -> None:
    functions = [f"def {name}(data):\n    {code}\n" for name, code in NEVER.items()]
    imports = "import datetime, os, platform, socket, subprocess, sys, time\n"
    project.write("\n".join(NEVER), imports + "\n".join(functions))
    sessions = Sessions(project)
    outcome = sessions.run()
    assert outcome.where("passed") == {*outcome.items}
    (line,) = re.findall("^not kept 5: .*$", outcome.text, re.MULTILINE)
    assert "network (it connects to a network)" in line
    assert "program (it starts a program (`python" in line
    assert "date (it gives something else when varied: clock)" in line
    assert "host (it gives something else when varied: host)" in line
    assert "read_back (its replay read what this session had written: " in line
    sessions.run()
    assert sorted(sessions.ran) == ["date", "host", "network", "program", "read_back"]


def test_what_failed_differed_is_declared_or_was_not_replayed_is_not_reused(project: Project) -> None:
    script = """
    import uuid
    def fails(data): raise ValueError
    def differs(data): return {"x": uuid.uuid4().hex}
    def declared(data): return {"x": uuid.uuid4().hex}
    def unreplayed(data): return {"x": 1}
    def fine(data): return {"x": 1}
    """
    processes = {"unreplayed": {"replay": False, "replay_reason": "too long"}}
    declared = {"nondeterministic": {"declared": "it is"}}
    project.write("fails\ndiffers\ndeclared\nunreplayed\nfine", script, processes, reproducibility=declared)
    options = ["--expops-cache=kept", "--expops-replay=all", "--expops-cache-audit=none"]
    project.run(*options)
    outcome = project.run(*options)
    assert "reused 1 of 5" in outcome.text
    assert outcome.properties("fine")["expops_reused"] == "True"


def test_more_replays_or_variations_than_were_made_are_made(sessions: Sessions) -> None:
    sessions.run()
    sessions.run("--expops-replays=2")
    assert sessions.ran == ["load", "train", "report"]
    sessions.run("--expops-replays=2", "--expops-vary=gc")
    assert sessions.ran == ["load", "train", "report"]
    sessions.run()
    assert sessions.ran == []
    sessions.run("--expops-replay=none")
    assert sessions.ran == []


def test_a_session_without_replays_keeps_nothing(sessions: Sessions) -> None:
    sessions.run("--expops-replay=none")
    sessions.run("--expops-replay=none")
    assert sessions.ran == ["load", "train", "report"]


def test_warnings_as_errors_are_not_hidden_by_reuse(project: Project) -> None:
    project.write("f", "import warnings\ndef f(data):\n    warnings.warn('odd')\n    return {'x': 1}")
    options = ["--expops-cache=kept", "--expops-replay=all", "--expops-cache-audit=none"]
    assert project.run(*options).items == {"f": "passed", "f[replay]": "passed"}
    assert project.run(*options, "-W", "error").items["f"] == "failed"


class TestAudit:
    """Some of what could be reused is run all the same."""

    def test_one_is_at_least(self, sessions: Sessions) -> None:
        sessions.run()
        outcome = sessions.run(audit="2%")
        assert len(sessions.ran) == 1
        assert f"run again, to check what was kept: {sessions.ran[0]}" in outcome.text
        assert outcome.where("passed") == {*outcome.items}

    def test_all_are_if_asked_for(self, sessions: Sessions) -> None:
        sessions.run()
        outcome = sessions.run(audit="all")
        assert sessions.ran == ["load", "train", "report"]
        assert outcome.where("passed") == {*outcome.items}

    @pytest.mark.parametrize("workers", ["-n0", "-n2"])
    def test_what_a_script_sets_on_import_is_there_for_all_of_them(self, sessions: Sessions, workers: str) -> None:
        """The first that is run again imports the script, and its environment ends with it."""
        script = SCRIPT.replace('"sum"', '"set": os.environ.get("SET_ON_IMPORT"), "sum"')
        sessions.project.script("import os\nos.environ['SET_ON_IMPORT'] = 'yes'\n" + script)
        options = ["--expops-cache=kept", "--expops-cache-audit=all", "--expops-replay=all", workers]
        for _ in range(2):
            outcome = sessions.project.run(*options, subprocess=True)
            assert outcome.where("passed") == {*outcome.items}, outcome.text
        assert "to check what was kept: load, train, report" in outcome.text

    @pytest.mark.parametrize("workers", ["-n0", "-n2"])
    def test_a_kept_result_that_is_another_fails_loudly_and_is_removed(
        self,
        project: Project,
        workers: str,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        hidden = tmp_path_factory.mktemp("elsewhere") / "value.bin"
        hidden.write_bytes(b"1")
        installed = tmp_path_factory.mktemp("installed") / "some_library-1.0.dist-info"
        installed.mkdir()
        monkeypatch.setenv("PYTHONPATH", str(installed.parent))
        # NumPy reads the file without Python's `open`, outside of the project, by a name that is in no text.
        script = f"""
        import ctypes
        def f(data):
            libc = ctypes.CDLL(None)
            libc.fopen.restype = ctypes.c_void_p
            file = libc.fopen(bytes.fromhex("{os.fsencode(hidden).hex()}"), b"r")
            return {{"x": libc.fgetc(ctypes.c_void_p(file))}}
        """
        project.write("f", script)
        options = ["--expops-cache=kept", "--expops-replay=all", workers]
        project.run(*options, subprocess=True)
        hidden.write_bytes(b"2")
        installed.rename(installed.with_name("some_library-2.0.dist-info"))
        assert "reused 1 of 1" in project.run(*options, "--expops-cache-audit=none", subprocess=True).text
        outcome = project.run(*options, subprocess=True)
        assert outcome.items == {"f": "failed", "f[replay]": "passed"}
        assert "what was kept of `f` on 20" in outcome.message("f")
        assert "outputs['x']: 49 != 50" in outcome.message("f") or "49" in outcome.message("f")
        assert "What was kept is removed" in outcome.message("f")
        assert "the versions of libraries changed: some_library\n" in outcome.message("f")
        assert project.run(*options).items == {"f": "passed", "f[replay]": "passed"}


def test_the_name_that_a_script_happens_to_have_in_an_interpreter_does_not_count(sessions: Sessions) -> None:
    """Where two projects have a script of one path, one of these gets a number; in another interpreter it has none."""
    assert PREFIX  # whose module stays while sessions in this interpreter come and go, with the names that it gave
    sessions.project.write("load train\ntrain report", SCRIPT, folder="other")
    (sessions.project.root / "other/models/helper.py").write_text(HELPER)
    sessions.project.run("--expops-cache=off", config="other/configs/project_config.yaml")
    sessions.run()
    sessions.run("-n2")
    assert sessions.ran == []


class TestWhy:
    """`--expops-why` says what changed, and runs nothing."""

    def why(self, sessions: Sessions, name: str = "train") -> str:
        outcome = sessions.run(f"--expops-why={name}")
        assert not outcome.items
        return outcome.text

    def test_nothing_was_kept_yet(self, sessions: Sessions) -> None:
        assert "train: no earlier session has left a result of it" in self.why(sessions)

    def test_it_is_reused(self, sessions: Sessions) -> None:
        sessions.run()
        assert "train: is reused" in self.why(sessions)

    def test_code_changed(self, sessions: Sessions) -> None:
        sessions.run()
        sessions.project.script(HELPER.replace("2.0", "3.0"), path="models/helper.py")
        assert "train: the code of models/helper.py:FACTOR changed" in self.why(sessions)
        assert "report: its inputs are not known before" in self.why(sessions, "report")

    def test_no_such_process(self, sessions: Sessions) -> None:
        text = self.why(sessions, "trian")
        assert "--expops-why: `trian` is no process" in text
        assert "did you mean `train`?" in text


def test_a_damaged_entry_is_not_used_and_is_told(sessions: Sessions) -> None:
    sessions.run()
    entries = sorted((sessions.project.root / "kept/entries").glob("*/*.json"))
    for path, damage in zip(entries, (b"", b"garbage", None), strict=True):
        path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    outcome = sessions.run()
    assert sessions.ran == ["load", "train", "report"]
    assert outcome.where("passed") == {*outcome.items}
    assert outcome.text.count("a kept result was damaged, and was removed: ") >= 1
    sessions.run()
    assert sessions.ran == []


def test_a_damaged_artifact_is_not_used(project: Project) -> None:
    project.write("f", "import numpy as np\ndef f(data):\n    return {'x': np.arange(10_000.0)}")
    options = ["--expops-cache=kept", "--expops-replay=all", "--expops-cache-audit=none"]
    project.run(*options)
    (artifact,) = (project.root / "kept/artifacts").iterdir()
    data = bytearray(artifact.read_bytes())
    data[-1] ^= 1
    artifact.write_bytes(data)
    outcome = project.run(*options)
    assert outcome.items == {"f": "passed", "f[replay]": "passed"}
    assert "a kept result was damaged, and was removed: " in outcome.text
    assert "reused 1 of 1" in project.run(*options).text


def test_outputs_of_reused_processes_are_there_for_tests(project: Project) -> None:
    project.write(FAN, FAN_SCRIPT, FAN_PROCESSES)
    test = "def test_merge(merge):\n    assert merge\n"
    project.pytester.makepyfile(test_merge=test)
    options = ["--expops-cache=kept", "--expops-replay=all", "--expops-cache-audit=none", "-n2", "test_merge.py"]
    first, second = project.run(*options), project.run(*options)
    assert first.items == second.items
    assert second.items["test_merge"] == "passed"
    assert re.search(r"reused (\d+) of \1;", second.text)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(sessions: Sessions) -> None:
    folder = sessions.project.root / "kept"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    text = sessions.run().text
    assert re.search(r"--expops-cache: \S+/kept belongs to user 12345, expected 0", text)


def test_a_folder_that_others_can_write_is_refused(sessions: Sessions) -> None:
    folder = sessions.project.root / "kept"
    folder.mkdir()
    folder.chmod(0o777)
    assert "others than its owner may write in" in sessions.run().text


def test_the_folder_ignores_itself_and_is_private(sessions: Sessions) -> None:
    sessions.run()
    folder = sessions.project.root / "kept"
    assert (folder / ".gitignore").read_text() == "*\n"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_size_that_is_too_small_keeps_the_latest(project: Project) -> None:
    script = "import numpy as np\ndef f(data, n=1):\n    return {'x': np.full(100_000, float(n))}"
    kept: dict[str, Any] = {}
    for number in (1, 2, 3):
        project.write("f", script, parameters={"n": number})
        project.run("--expops-cache=kept", "--expops-replay=all", "--expops-cache-size=1700K")
        kept[str(number)] = sum(each.stat().st_size for each in (project.root / "kept").rglob("*") if each.is_file())
    assert kept["3"] < 1_800_000
    options = ["--expops-cache=kept", "--expops-replay=all", "--expops-cache-audit=none", "--expops-cache-size=1700K"]
    assert "reused 1 of 1" in project.run(*options).text
    project.write("f", script, parameters={"n": 1})
    assert "ran 1 of 1" in project.run(*options).text


def test_what_differs_from_the_baseline_within_the_tolerance_is_not_read_again(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sessions.project.run("--expops-baseline=new", "--expops-cache=off").ret == 0
    path = sessions.project.root / "configs/project_config.expops-lock.json"
    recorded = path.read_text(encoding="utf-8")

    def record(weight: float) -> None:
        lock = json.loads(recorded)
        lock["entries"]["train"]["outputs"]["w"] = "0" * 32
        found = lock["entries"]["train"]["sketch"]["w"]
        assert found["max"] == found["values"][2] == 6.0
        found["max"] = found["values"][2] = weight
        lock["environment"]["libraries"]["numpy"] = "1.0.1"
        path.write_text(json.dumps(lock), encoding="utf-8")

    read: list[str] = []
    get = ArtifactStore.get
    monkeypatch.setattr(ArtifactStore, "get", lambda *a, **b: read.append(a[1].digest) or get(*a, **b))
    record(6.000001)
    first = sessions.run()
    assert first.properties("train[baseline]")["expops_baseline"] == "within", first.text
    assert read
    read.clear()
    second = sessions.run()
    assert second.properties("train[baseline]")["expops_baseline"] == "within", second.text
    assert sessions.ran == read == []
    record(7.0)
    third = sessions.run()
    assert third.where("failed") == {"train[baseline]"}
    assert sessions.ran == []
    assert "max |delta| = 1.0" in third.message("train[baseline]")


@pytest.mark.parametrize("option", ["--pdb", "--trace"])
def test_nothing_is_reused_while_somebody_debugs(sessions: Sessions, option: str) -> None:
    sessions.run()
    text = sessions.project.run("--expops-cache=kept", option, "--co").text
    assert "expops: no results are kept or reused, for --pdb and --trace" in text


def test_json_only(sessions: Sessions) -> None:
    sessions.run()
    for path in (sessions.project.root / "kept/latest").iterdir():
        json.loads(path.read_text())
    shutil.rmtree(sessions.project.root / "kept")
    sessions.run()
    assert sessions.ran == ["load", "train", "report"]
