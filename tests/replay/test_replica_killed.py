"""A replica that is killed, with its worker or without, leaves nothing that runs, and no file but the process's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_expops.errors import ReplayError, ReplayTimeout, ReplicaDied
from pytest_expops.execution.scratch import TEMPORARY
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay.nondeterminism.base import Mode, Setting
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import Request
from tests.conftest import Project

_HERE = Path(__file__).parents[2]
SCRIPT = """
    import os, signal, tempfile, time
    from pathlib import Path
    from pytest_expops.core import process

    @process()
    def train(data):
        tempfile.mkstemp()
        Path("marks/reached").write_text(str(os.getpid()))
        if Path("marks/dies").exists():
            os.kill(os.getpid(), signal.SIGSEGV)
        while True:
            time.sleep(0.001)
"""
WORKER = """
import sys
from pathlib import Path
from tests.replay.test_replica_killed import replay, session_of
replay(session_of(Path(sys.argv[1])))
"""


def session_of(root: Path) -> PipelineSession:
    folder = root / "session" / "1-project_config"
    folder.mkdir(parents=True, exist_ok=True)
    return PipelineSession(expand(load_config(root / Project.config)), folder)


def replay(session: PipelineSession, timeout: float = 100, pool: ReplicaPool | None = None) -> None:
    """Replay `train`, with a folder of its own for temporary files."""
    conditions = {"tmpdir": Setting(Mode.HELD)}
    (pool or ReplicaPool(os.environ, 1)).replay(session, "train", Request(1, conditions), timeout=timeout)


@pytest.fixture
def root(project: Project) -> Path:
    project.write("train", SCRIPT)
    (project.root / "marks").mkdir()
    return project.root


def _replica(root: Path) -> int:
    """The process id of the replica that has begun to run `train`."""
    _wait(lambda: (root / "marks/reached").exists() and bool((root / "marks/reached").read_text()))
    return int((root / "marks/reached").read_text())


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_killed_when_its_time_is_up(root: Path) -> None:
    session, pool = session_of(root), ReplicaPool(os.environ, 1)
    for timeout in (1, 4, 16, 64):
        with pytest.raises(ReplayTimeout):
            replay(session, timeout, pool)
        if (root / "marks/reached").exists():
            break
    assert not _is_alive(_replica(root))
    pool.close()


def test_asked_when_its_session_is_over_it_makes_nothing(root: Path) -> None:
    """As one is whose worker was killed with a question still to be read: nobody would remove what it makes."""
    session, pool = session_of(root), ReplicaPool(os.environ, 1)
    shutil.rmtree(session.folder.parent)
    with pytest.raises(ReplayError, match="is not there any more"):
        replay(session, pool=pool)
    pool.prepare(session, "train", {})
    pool.close()
    assert not session.folder.parent.exists()
    assert not (root / "marks/reached").exists()


def test_ended_by_itself(root: Path) -> None:
    (root / "marks/dies").touch()
    pool = ReplicaPool(os.environ, 1)
    with pytest.raises(ReplicaDied, match="SIGSEGV"):
        replay(session_of(root), pool=pool)
    pool.close()


@pytest.fixture
def worker(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose replica is running `train`."""
    with subprocess.Popen([sys.executable, "-c", WORKER, str(root)], cwd=_HERE, start_new_session=True) as worker:
        try:
            _wait(lambda: (root / "marks/reached").exists() or worker.poll() is not None)
            assert worker.poll() is None
            yield worker
        finally:
            worker.kill()


def test_ended_because_its_worker_was_killed(root: Path, worker: subprocess.Popen[bytes]) -> None:
    replica = _replica(root)
    assert _is_alive(replica)
    worker.kill()
    worker.wait()
    _wait(lambda: not _is_alive(replica))
    left = {path.name for path in root.iterdir()} - {"session"}
    assert left == {"configs", "models", "marks"}
    assert [path.name for path in (root / "session").iterdir() if path.name != "child_modules"] == [
        "1-project_config",
        TEMPORARY,
    ]


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert until()
