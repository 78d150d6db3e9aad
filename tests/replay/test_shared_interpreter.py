"""One interpreter imports libraries for all workers of a machine; whoever needs another one starts that itself."""

from __future__ import annotations

import os
import resource
import signal
import stat
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_expops.errors import ReplicaDied
from pytest_expops.execution.records import Outcome
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay._import_server import CAN_FORK
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import Request
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.verdicts.replay import replay_conditions
from tests.conftest import Project
from tests.replay.installed import Installed

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="interpreters are not forked here")
SCRIPT = """
    import slow

    import os, signal, subprocess, time
    from pathlib import Path

    def train(data):
        Path("who.txt").write_text(str(os.getppid()))
        print("printed by", os.environ.get("PYTEST_XDIST_WORKER"))
        if Path("waits").exists():
            time.sleep(60)
        opened = subprocess.check_output(["ls", "/proc/self/fd"], close_fds=False, text=True)
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        assert os.environ["SET_BY_SLOW"] == "yes"
        assert "UNSET_BY_SLOW" not in os.environ
        return {"worker": worker, "hash": hash("text"), "imported": slow.IMPORTED, "opened": opened}
"""
LIBRARY = """
    import os, random

    with open(os.environ["IMPORTS"], "a") as file:
        print(os.getpid(), file=file)
    IMPORTED = random.random()
    os.environ["SET_BY_SLOW"] = "yes"
    os.environ.pop("UNSET_BY_SLOW", None)
"""
CONDITIONS = replay_conditions(1, ())
MANY = 1100
"""More open files than `select` knows."""


class Shared:
    """A session's folder with an interpreter that workers share, and the pools of some workers."""

    def __init__(self, installed: Installed) -> None:
        root = installed.project.root
        folder = root / "session" / "1-project_config"
        folder.mkdir(parents=True)
        self.root = root
        self.session = PipelineSession(expand(load_config(root / Project.config)), folder)
        self.pools: list[ReplicaPool] = []
        self.variables = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        self.controller = ReplicaPool(self.variables, 2)
        self.pools.append(self.controller)

    def pool(self, **variables: str) -> ReplicaPool:
        found = ReplicaPool({**self.variables, **variables}, 2, shared=self.session.folder.parent)
        self.pools.append(found)
        return found

    def share(self) -> None:
        self.controller.share(self.session.folder.parent, self.session, "train", CONDITIONS)

    def replay(self, pool: ReplicaPool) -> dict[str, object]:
        made = pool.replay(self.session, "train", Request(1, CONDITIONS))
        assert made.record.outcome is Outcome.PASSED, made.record.failure
        return {**self.session.load(made.record), "printed": made.printed}

    def server(self) -> int:
        """The process of which the last replay was forked."""
        return int((self.root / "who.txt").read_text(encoding="utf-8"))

    def is_shared(self) -> bool:
        """Whether the one of the last replay was forked itself."""
        command = Path(f"/proc/{self.server()}/cmdline").read_bytes().split(b"\0")
        assert b"shared" in command or b"forks" in command
        return b"shared" in command

    def importers(self) -> set[str]:
        return set((self.root / "imports.txt").read_text(encoding="utf-8").split())


@pytest.fixture
def shared(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    monkeypatch.setenv("IMPORTS", str(project.root / "imports.txt"))
    monkeypatch.setenv("UNSET_BY_SLOW", "no")
    installed = Installed(project, monkeypatch, "slow", LIBRARY)
    project.write("train", SCRIPT)
    found = Shared(installed)
    yield found
    for each in found.pools:
        each.close()


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert until()


def test_all_workers_have_what_it_has_imported_and_each_its_own_variables(shared: Shared) -> None:
    shared.share()
    results = []
    for worker in ("gw0", "gw1"):
        results.append(shared.replay(shared.pool(PYTEST_XDIST_WORKER=worker)))
        assert shared.is_shared()
    assert len(shared.importers()) == 1
    first, second = results
    assert first["imported"] == second["imported"]
    assert first["hash"] == second["hash"]
    assert [each["worker"] for each in results] == ["gw0", "gw1"]
    assert [str(each["printed"]).strip() for each in results] == ["printed by gw0", "printed by gw1"]


def test_it_gives_what_an_interpreter_of_ones_own_gives(shared: Shared) -> None:
    alone = shared.replay(shared.pool())
    assert not shared.is_shared()
    shared.share()
    together = shared.replay(shared.pool())
    assert shared.is_shared()
    assert {**alone, "imported": 0} == {**together, "imported": 0}
    assert len(shared.importers()) == 2


@pytest.mark.parametrize("other", ["", "variables", "import path", "hash seed", "errors", "options"])
def test_who_needs_another_one_starts_it(shared: Shared, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.share()
    variables = {"OMP_NUM_THREADS": "3"} if other == "variables" else {}
    if other == "import path":
        monkeypatch.syspath_prepend(str(shared.root / "elsewhere"))
    if other == "options":
        monkeypatch.setattr(UNPATCHED.subprocess, "_args_from_interpreter_flags", lambda: ["-O"])
    conditions = replay_conditions(2 if other == "hash seed" else 1, ())
    with warnings.catch_warnings():
        if other == "errors":
            warnings.simplefilter("error", BytesWarning)
        made = shared.pool(**variables).replay(shared.session, "train", Request(1, conditions))
    assert made.record.outcome is Outcome.PASSED
    assert shared.is_shared() == (not other)


def test_a_library_that_it_cannot_be_forked_with_is_left_to_each(shared: Shared, project: Project) -> None:
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n"
    library = shared.root / "env/site-packages/slow.py"
    library.write_text(thread + library.read_text(encoding="utf-8"), encoding="utf-8")
    shared.share()
    shared.replay(shared.pool())
    assert not shared.is_shared()


def test_a_library_that_asks_which_worker_it_is_in_is_left_to_each(shared: Shared) -> None:
    library = shared.root / "env/site-packages/slow.py"
    asks = "\nIMPORTED = os.environ.get('PYTEST_XDIST_WORKER')\n"
    library.write_text(library.read_text(encoding="utf-8") + asks, encoding="utf-8")
    shared.share()
    assert shared.replay(shared.pool(PYTEST_XDIST_WORKER="gw1"))["imported"] == "gw1"
    assert not shared.is_shared()


def test_those_that_it_was_forked_to_outlive_it(shared: Shared) -> None:
    shared.share()
    worker, other = shared.pool(), shared.pool()
    shared.replay(worker)
    forked = shared.server()
    shared.controller.close()
    shared.replay(worker)
    assert shared.server() == forked
    shared.replay(other)  # for which it is too late
    assert not shared.is_shared()


def test_one_that_is_killed_is_known_by_its_end_and_replaced(shared: Shared) -> None:
    shared.share()
    worker = shared.pool()
    shared.replay(worker)
    forked = shared.server()
    os.kill(forked, signal.SIGKILL)
    wait(lambda: not Path(f"/proc/{forked}").exists())
    shared.replay(worker)
    assert shared.server() != forked


def test_one_that_is_killed_while_it_replays_is_told_by_its_signal(shared: Shared) -> None:
    shared.share()
    worker = shared.pool()
    shared.replay(worker)
    (shared.root / "who.txt").unlink()
    (shared.root / "waits").touch()

    def kill() -> None:
        wait(lambda: (shared.root / "who.txt").exists() and bool((shared.root / "who.txt").read_text()))
        os.kill(shared.server(), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ReplicaDied, match="was killed by SIGKILL"):
        shared.replay(worker)
    killer.join()
    (shared.root / "waits").unlink()
    shared.replay(worker)
    assert shared.is_shared()


def test_nothing_is_left_when_its_worker_has_ended(shared: Shared) -> None:
    shared.share()
    worker = shared.pool()
    shared.replay(worker)
    forked = shared.server()
    worker.close()
    wait(lambda: not Path(f"/proc/{forked}").exists())


def test_one_that_nobody_is_left_to_tell_of_is_gone_all_the_same(shared: Shared) -> None:
    """Its end cannot be told by the interpreter that was killed before it."""
    shared.share()
    worker = shared.pool()
    shared.replay(worker)
    forked = shared.server()
    shared.controller.close()
    os.kill(forked, signal.SIGKILL)
    wait(lambda: not Path(f"/proc/{forked}").exists() or "Z" in Path(f"/proc/{forked}/stat").read_text().split()[2])
    shared.replay(worker)
    assert shared.server() != forked


def test_only_its_user_can_reach_it(shared: Shared) -> None:
    shared.share()
    socket = shared.session.folder.parent / "interpreter"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_what_it_was_started_with_is_in_no_file_and_nothing_of_it_stays(shared: Shared) -> None:
    """The session's folder may be kept, and handed on."""
    shared.variables["SOME_TOKEN"] = "secret-of-the-user"
    folder = shared.session.folder.parent
    before = set(folder.iterdir())
    shared.controller.environment = shared.variables
    shared.share()
    made = set(folder.iterdir()) - before
    assert len(made) == 2
    assert not [each for each in made if each.is_file() and b"secret-of-the-user" in each.read_bytes()]
    shared.replay(shared.pool())
    assert shared.is_shared()
    shared.controller.close()
    assert set(folder.iterdir()) == before


def test_many_files_may_be_open(shared: Shared) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * MANY:
        pytest.skip("so many files cannot be open here")
    shared.share()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * MANY), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY)]
    try:
        shared.replay(shared.pool())
        assert shared.is_shared()
    finally:
        for each in opened:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nobody_waits_for_what_it_cannot_tell(shared: Shared) -> None:
    shared.share()
    worker = shared.pool()
    shared.replay(worker)
    assert shared.is_shared()
    server = int(Path(f"/proc/{shared.server()}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGSTOP)
    goes_on = threading.Timer(30, os.kill, (server, signal.SIGCONT))
    goes_on.start()
    try:
        worker.close()
        assert not goes_on.finished.is_set()
    finally:
        goes_on.cancel()
        goes_on.join()
        os.kill(server, signal.SIGCONT)


def test_where_processes_cannot_be_held_each_starts_its_own(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refuses)
    with pytest.raises(PermissionError):
        shared.share()
    shared.replay(shared.pool())
    assert not shared.is_shared()


def test_its_place_may_have_a_long_path(shared: Shared) -> None:
    folder = shared.root / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    shared.controller.share(folder, shared.session, "train", CONDITIONS)
    pool = ReplicaPool(shared.variables, 2, shared=folder)
    shared.pools.append(pool)
    shared.replay(pool)
    assert shared.is_shared()


def test_a_session_with_workers_imports_libraries_once_for_all_replays(shared: Shared, project: Project) -> None:
    project.write(
        "start train\n",
        SCRIPT + "\n    def start(data):\n        return {}\n",
        {"start": {"seed_parallelism": [1, 2, 3, 4]}},
    )
    outcome = project.run("-n2", "--expops-replay=all", subprocess=True)
    assert not outcome.where("failed") - {f"train_seed{seed}[replay]" for seed in (1, 2, 3, 4)}, outcome.text
    # Two workers, and one for their replays; the interpreter of a diagnosis is not asked for.
    assert len(shared.importers()) == 3


def test_workers_that_run_a_part_start_their_own(shared: Shared, project: Project) -> None:
    """It is not known before they collect whether any replay is made."""
    project.write(
        "start train\n", SCRIPT + "\n    def start(data):\n        return {}\n", {"start": {"seed_parallelism": [1, 2]}}
    )
    outcome = project.run("-n2", "--expops-replay=all", "-k", "start", subprocess=True)
    assert set(outcome.items) == {"start", "start[replay]"}, outcome.text
    assert outcome.ret == 0
