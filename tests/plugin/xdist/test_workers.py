"""Workers share one store: each process once, and a killed worker costs one item (S6.2, S6.4)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import FAN_CHECKS, FAN_NAMES, Project


@pytest.mark.parametrize("mode", ["load", "worksteal", "loadscope", "loadfile", "loadgroup", "each"])
def test_any_dist_mode_gives_the_right_results(fan: Project, mode: str) -> None:
    fan.pytester.makepyfile(
        test_results="def test_it(merge): assert merge['parts']['data2']['seed41']['rows'] == [3, 4]"
    )
    outcome = fan.run("-n2", "--dist", mode)
    assert outcome.ret == 0
    assert {name.split("@")[0] for name in outcome.items} == {
        *FAN_NAMES,
        *FAN_CHECKS,
        "test_it",
    }
    assert set(outcome.items.values()) == {"passed"}
    assert "ran 13 of 13 processes" in outcome.text
    assert "replayed 8: 8 matched" in outcome.text


KILLED = """
import os
import signal


def a(data): return {"x": 1}


def b(data):
    os.kill(os.getpid(), signal.SIGKILL)


def c(data): return {}


def d(data): return {"y": data["a"]["x"]}


def e(data): return {}
"""


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_killed_worker_fails_one_item_and_hangs_nothing(project: Project, count: int) -> None:
    project.write("a b\nb c\na d\nd e", KILLED)
    project.pytester.makepyfile(test_other="def test_one(): pass\ndef test_two(): pass\ndef test_three(): pass")
    outcome = project.run(f"-n{count}")
    failed = {name: each for name, each in outcome.items.items() if each == "failed"}
    others = {name: outcome.items.get(name) for name in ("a", "d", "e", "test_one", "test_two", "test_three")}
    assert others == dict.fromkeys(others, "passed")
    assert outcome.items["c"] == "skipped" or "c" in _crashed_items(outcome.text)
    assert "crashed while running" in outcome.text
    assert len(failed) <= 2
    assert "b crashed: WorkerDied: worker gw" in outcome.text
    assert len(_crashed_items(outcome.text)) == 1, "nobody ran again what had killed a worker"


def _crashed_items(text: str) -> set[str]:
    marker = "crashed while running '"
    return {
        line.split(marker, 1)[1].rstrip("'\"").rpartition("::")[2]
        for line in text.splitlines()
        if marker in line and line.startswith("worker '")
    }


def test_the_temporary_folder_is_removed_and_one_asked_for_is_kept(
    fan: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert fan.run("-n2").ret == 0
    assert [path.name for path in scratch.iterdir() if path.name.startswith("pytest-expops-")] == []
    assert fan.run("-n2", "--expops-artifacts", "kept").ret == 0
    assert fan.run("-n0", "--expops-artifacts", "kept").ret == 0
    assert sorted(path.name for path in (fan.root / "kept").iterdir()) == ["session-1", "session-2"]
    for number in (1, 2):
        journals = (fan.root / f"kept/session-{number}/1-project_config/records").glob("*.jsonl")
        records = [json.loads(line) for journal in journals for line in journal.read_text("utf-8").splitlines()]
        assert sorted(record["process"] for record in records) == sorted(FAN_NAMES)
        assert {record["outcome"] for record in records} == {"passed"}


ENDS = [
    ("-n0", signal.SIGINT),
    ("-n2", signal.SIGINT),
    ("-n0", signal.SIGTERM),
    ("-n2", signal.SIGTERM),
    ("-n0", signal.SIGHUP),
]


@pytest.mark.parametrize(("workers", "sent"), ENDS)
def test_ctrl_c_or_a_signal_ends_the_run_and_every_process_of_it(
    project: Project, workers: str, sent: signal.Signals, tmp_path: Path
) -> None:
    """The replica is asked to replay for ever, and pytest is interrupted."""
    project.write(
        "a b",
        """
        import os, time

        def a(data): return {}

        def b(data):
            with open("pids.txt", "a") as file:
                file.write(f"{os.getpid()}\\n")
            if len(open("pids.txt").read().split()) > 1:
                time.sleep(600)
            return {}
        """,
        {"a": {"seed_parallelism": [1]}},
    )
    begin = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    begin += "os.execv(sys.executable, sys.argv[1:])"
    words = [sys.executable, "-m", "pytest", "--expops-config", project.config, workers, "-p", "no:cacheprovider"]
    command = [sys.executable, "-c", begin, *words]  # who runs the tests may ignore the signal, as `nohup` does
    places = {"env": {**os.environ, "TMPDIR": str(tmp_path)}, "cwd": project.root}
    with subprocess.Popen(command, **places, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        pids = project.root / "pids.txt"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (pids.exists() and len(pids.read_text().split()) > 1):
            time.sleep(0.05)
        run.send_signal(sent)
        output = run.communicate(timeout=60)[0].decode()
    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in output or "Interrupted" in output
    assert sent == signal.SIGINT or f"KeyboardInterrupt: ended by {sent.name}" in output
    assert "ran 2 of 2 processes" in output
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("pytest-expops-")] == []
    replica = int(pids.read_text().split()[1])
    deadline = time.monotonic() + 20
    while _alive(replica) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(replica)


def test_a_second_signal_does_not_cut_short_the_report_of_the_first(project: Project) -> None:
    """A CI sends its signal to a group, and a container's init once more."""
    project.write("a b", "import os, signal\ndef a(data): os.kill(os.getpid(), signal.SIGTERM)\ndef b(data): return {}")
    project.pytester.makeconftest(
        """
        import os, signal
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_keyboard_interrupt():
            os.kill(os.getpid(), signal.SIGTERM)

        def pytest_sessionfinish():
            os.kill(os.getpid(), signal.SIGHUP)
        """
    )
    outcome = project.run("-n0", subprocess=True)
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt: ended by SIGTERM" in outcome.text
    assert "SIGHUP" not in outcome.text
    assert "ran 1 of 2 processes" in outcome.text


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_what_a_killed_session_leaves_the_next_one_removes(
    fan: Project, workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    fan.pytester.makeconftest(
        """
        import os, signal

        def pytest_sessionfinish(session):
            if os.environ.get("KILLED") and not hasattr(session.config, "workerinput"):
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    monkeypatch.setenv("KILLED", "1")
    assert fan.run(workers, subprocess=True).ret == -signal.SIGKILL
    left = [path for path in tmp_path.iterdir() if path.name.startswith("pytest-expops-")]
    assert left
    monkeypatch.delenv("KILLED")
    assert fan.run(workers, subprocess=True).ret == 0
    assert [path for path in tmp_path.iterdir() if path.name.startswith("pytest-expops-")] == []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
