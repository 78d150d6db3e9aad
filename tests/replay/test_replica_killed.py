"""A replica that is killed amid a held run, with its worker or without, leaves the files of the user as they were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_expops.errors import ExpopsWarning, ReplayTimeout, ReplicaDied
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay.folder import sweep
from pytest_expops.replay.nondeterminism.base import Mode, Setting
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import Request
from tests.conftest import Project

_HERE = Path(__file__).parents[2]
LONG_AGO = 1_000_000_000_123_456_789
SCRIPT = """
    import os, signal, tempfile, time
    from pathlib import Path
    from pytest_expops.core import process

    @process()
    def train(data):
        cache = Path("cache.txt")
        if not cache.exists():
            tempfile.mkstemp()
            cache.write_text("another")
            Path("beside.txt").touch()
            Path("marks/reached").touch()
            if Path("marks/dies").exists():
                os.kill(os.getpid(), signal.SIGSEGV)
            while True:
                time.sleep(0.001)
                cache.write_text("yet another")
        assert cache.read_text() == "precious"
        return {}
"""
WORKER = """
import sys
from pathlib import Path
from tests.replay.test_replica_killed import replay_held, session_of
replay_held(session_of(Path(sys.argv[1])))
"""


def session_of(root: Path) -> PipelineSession:
    folder = root / "session" / "1-project_config"
    folder.mkdir(parents=True, exist_ok=True)
    return PipelineSession(expand(load_config(root / Project.config)), folder)


def replay_held(session: PipelineSession, timeout: float = 100, pool: ReplicaPool | None = None) -> None:
    """Replay `train`, with its cache hidden and a folder of its own for temporary files."""
    cache = os.path.realpath(session.folder.parents[1] / "cache.txt")
    conditions = {"files": Setting(Mode.HELD, only=(cache,)), "tmpdir": Setting(Mode.HELD)}
    (pool or ReplicaPool(os.environ, 1)).replay(session, "train", Request(1, conditions), timeout=timeout)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, of replicas too."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def root(project: Project, temporary: Path) -> Path:
    """The project, with a cache that an earlier run has left."""
    project.write("train", SCRIPT)
    (project.root / "marks").mkdir()
    cache = project.root / "cache.txt"
    cache.write_text("precious", encoding="utf-8")
    cache.chmod(0o640)
    os.utime(cache, ns=(LONG_AGO, LONG_AGO))
    return project.root


def _is_as_it_was(root: Path) -> bool:
    found = (root / "cache.txt").stat()
    content = (root / "cache.txt").read_text(encoding="utf-8")
    return (content, found.st_mtime_ns, found.st_mode & 0o777) == ("precious", LONG_AGO, 0o640)


def test_killed_when_its_time_is_up(root: Path, temporary: Path) -> None:
    session, pool = session_of(root), ReplicaPool(os.environ, 1)
    for timeout in (1, 4, 16, 64):
        with pytest.raises(ReplayTimeout):
            replay_held(session, timeout, pool)
        assert _is_as_it_was(root)
        if (root / "marks/reached").exists():
            break
    assert (root / "marks/reached").exists()
    assert not (root / "beside.txt").exists()
    pool.close()
    assert list(temporary.iterdir()) == []


def test_ended_by_itself(root: Path, temporary: Path) -> None:
    (root / "marks/dies").touch()
    pool = ReplicaPool(os.environ, 1)
    with pytest.raises(ReplicaDied, match="SIGSEGV"):
        replay_held(session_of(root), pool=pool)
    assert (root / "marks/reached").exists()
    assert _is_as_it_was(root)
    pool.close()
    assert list(temporary.iterdir()) == []


@pytest.fixture
def worker(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose replica has overwritten the cache and is about to do so again."""
    with subprocess.Popen([sys.executable, "-c", WORKER, str(root)], cwd=_HERE, start_new_session=True) as worker:
        try:
            _wait(lambda: (root / "marks/reached").exists() or worker.poll() is not None)
            assert worker.poll() is None
            yield worker
        finally:
            worker.kill()


def test_ended_because_its_worker_was_killed(root: Path, temporary: Path, worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    _wait(lambda: not list(temporary.iterdir()))
    assert _is_as_it_was(root)
    assert not (root / "beside.txt").exists()


def test_killed_with_its_worker_it_is_put_right_by_the_next_session(
    project: Project, root: Path, temporary: Path, worker: subprocess.Popen[bytes]
) -> None:
    sweep()
    assert not _is_as_it_was(root)  # somebody is using it
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    with pytest.warns(ExpopsWarning, match="put back as it was before a replay that was killed") as warned:
        outcome = project.run("-n0")
    assert outcome.items == {"train": "passed"}
    assert _is_as_it_was(root)
    (message,) = {str(each.message) for each in warned}
    found = Path(message.rpartition(" ")[2])
    assert found.read_text(encoding="utf-8") in ("another", "yet another", "")
    assert [temporary] == [each.parents[1] for each in found.parents[:1]]


def test_killed_with_its_worker_it_is_put_right_at_the_end_of_the_session(
    project: Project, root: Path, temporary: Path
) -> None:
    """Another worker of the same session, say."""
    project.pytester.makepyfile(
        test_it=f"""
        import os, signal, subprocess, sys, time
        def test_it():
            worker = subprocess.Popen(
                [sys.executable, "-c", {WORKER!r}, {str(root)!r}], cwd={str(_HERE)!r}, start_new_session=True
            )
            while not os.path.exists("marks/reached") and worker.poll() is None:
                time.sleep(0.02)
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            assert open("cache.txt").read() != "precious"
        """
    )
    with pytest.warns(ExpopsWarning, match="put back as it was"):
        outcome = project.run("-n0", "-p", "no:cacheprovider")
    assert outcome.items == {"train": "passed", "test_it": "passed"}
    assert _is_as_it_was(root)


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert until()
