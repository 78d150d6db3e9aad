"""Sessions on Dask clusters of which something is struck at a random moment: a worker, its interpreter, the scheduler,
the store or the controller.

Each has a cluster of its own, of programs in folders of their own, or the one that a session starts. No process may be
run twice, whatever is struck; a session ends by itself, and says why it did not make all that it was asked for.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.clusters import KEY, RealCluster
from tests.faults import storm
from tests.faults.sessions import GOING, Process, Watched, faults_of, kill, marked, started, sweep, tracebacks
from tests.faults.table import Fault, Kind

VICTIMS = ("worker", "interpreter", "scheduler", "store", "controller")
PATIENCE = 8
"""So many seconds the sessions wait for a cluster that does not answer."""
LIMIT = 150.0
MARK = "EXPOPS_FAULTS_CLUSTER"
_MOST_LINES = 2 * 2 * len(storm.NAMES)
_SIGNALS = {
    "worker": (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP),
    "interpreter": (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGSTOP),
    "scheduler": (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP),
    "store": (signal.SIGKILL, signal.SIGSTOP),
    "controller": (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGINT, signal.SIGSTOP),
}
CLEAR = re.compile(
    r"the scheduler of the Dask cluster (is gone|has not)|no worker of the Dask cluster|the Dask cluster had no worker|"
    r"cannot be (read|written|made|removed|reached|used)|cannot take part|does not say what it is|"
    r"the session's own Dask cluster (was|ended)|had begun with it"
)
"""What says that a session could not go on, or why a process or a replay has no result."""
_STRUCK = "signals that met somebody"


@dataclass(frozen=True, slots=True)
class Blow:
    """A signal to one of the `victim`s, `after` so many seconds since so many `lines` were written by processes.

    What is stopped goes on after `stopped` seconds.
    """

    lines: int
    after: float
    victim: str
    number: signal.Signals
    stopped: float

    def __str__(self) -> str:
        again = f", which goes on after {self.stopped:.1f} s" if self.number == signal.SIGSTOP else ""
        return f"{self.number.name} to {self.victim} {self.after:.2f} s after {self.lines} lines{again}"


@dataclass(frozen=True, slots=True)
class DaskPlan:
    """Where a session runs (``own``: a cluster that it starts; ``plain``; ``nanny``), its store, and the blows."""

    cluster: str
    store: str
    blows: tuple[Blow, ...]


def plan_of(seed: int) -> DaskPlan:
    """What is done in the case of this seed."""
    rng = random.Random(f"dask {seed}")
    cluster = rng.choice(("own", "plain", "plain", "nanny", "nanny"))
    store = "folder" if cluster == "own" else rng.choice(("folder", "s3"))
    blows = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        victim = rng.choice(VICTIMS if cluster != "own" else ("worker", "interpreter", "scheduler", "controller"))
        number = rng.choice(_SIGNALS[victim])
        blows.append(Blow(rng.randint(0, _MOST_LINES), rng.uniform(0, 0.3), victim, number, rng.uniform(0.5, 4)))
    return DaskPlan(cluster, store, tuple(sorted(blows, key=lambda each: (each.lines, each.after))))


@dataclass
class Place:
    """What a session runs on: its cluster and its store."""

    plan: DaskPlan
    folder: Path
    mark: str
    runs: Path
    cluster: RealCluster | None = None
    s3: subprocess.Popen[bytes] | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def begin(self) -> list[str]:
        """Start it; return the arguments of pytest."""
        common = {"EXPOPS_CACHE_KEY": KEY, "STORM_RUNS": str(self.runs)}
        self.variables.update(common)
        s3 = self.plan.store == "s3" and importlib.util.find_spec("moto") is not None
        if s3:
            self._begin_s3()
        if self.plan.cluster == "own":
            return ["--expops-engine=dask", "--expops-engine-workers=2"]
        store = "s3://results/expops" if s3 else str(self.folder / "store")
        variables = {**self.variables, MARK: self.mark}
        settings = {MARK: self.mark}
        self.cluster = RealCluster(self.folder, {}, variables, self.plan.cluster == "nanny", settings)
        self.cluster.begin()
        return ["--expops-engine=dask", f"--expops-scheduler={self.cluster.address}", f"--expops-store={store}"]

    def _begin_s3(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        endpoint = f"http://127.0.0.1:{port}"
        with (self.folder / "s3.log").open("wb") as log:
            self.s3 = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{endpoint}/results", method="PUT"), timeout=10).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        names = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
        self.variables.update({**names, "FSSPEC_S3_ENDPOINT_URL": endpoint})

    def alive(self) -> list[Process]:
        """What is alive of the cluster, and all that it has started."""
        return list(marked(f"{MARK}={self.mark}".encode()))

    def strike_store(self, number: signal.Signals) -> int | None:
        """Take the store away; return the process that is to go on later, if there is one."""
        if self.s3 is not None:
            kill(self.s3.pid, number)
            return self.s3.pid
        with suppress(OSError):
            (self.folder / "store").rename(self.folder / "store-away")
            (self.folder / "store").write_text("no folder")
        return None

    def close(self) -> None:
        if self.cluster is not None:
            self.cluster.close()
        if self.s3 is not None:
            kill(self.s3.pid, signal.SIGKILL)
            self.s3.wait()


def run(seeds: Iterable[int], folder: Path) -> Iterator[tuple[int, list[Fault], dict[str, int]]]:
    """Run the cases of these seeds in a folder; give of each what went wrong, and counts for the notes."""
    for seed in seeds:
        yield seed, *_run(seed, folder / str(seed))


def _run(seed: int, folder: Path) -> tuple[list[Fault], dict[str, int]]:
    plan = plan_of(seed)
    project = folder / "project"
    storm.write(project)
    script = project / "models/model.py"
    text = script.read_text().replace('"runs.txt"', 'os.environ["STORM_RUNS"]')
    script.write_text(text.replace("time.sleep(0.06)", "time.sleep(0.2)"))  # longer than most of what is around it
    place = Place(plan, folder / "cluster", f"{seed}-{os.getpid()}", project / "runs.txt")
    place.folder.mkdir()
    found: list[Fault] = []
    try:
        arguments = place.begin()
        config = ["--expops-config", "configs/project_config.yaml", "--expops-replay=all", "-o", "expops_cache=off"]
        patience = f"--expops-engine-timeout={PATIENCE}"
        session = started(f"dask:{seed}", project, [*config, patience, *arguments], variables=place.variables)
        rng = random.Random(f"victims {seed}")
        struck = [each for each in plan.blows if _strike(session, place, each, rng)]
        session.wait(LIMIT)
        found += faults(session, struck, plan)
        found += left_on(place, session, struck)
    finally:
        place.close()
    found += left_of(place, session)
    counts = {_STRUCK: len(struck), f"{plan.cluster} cluster": 1, f"exit status {session.code}": 1}
    return found, {**counts, **{f"{each.victim} {each.number.name}": 1 for each in struck}}


def _strike(session: Watched, place: Place, blow: Blow, rng: random.Random) -> bool:
    """Wait for the moment, and for a victim to be there; False if the session has ended before."""
    deadline = None
    limit = session.began + LIMIT
    while session.process.poll() is None and time.monotonic() < limit:
        if deadline is None and len(storm._runs(session.project)) >= blow.lines:
            deadline = time.monotonic() + blow.after
        if deadline is not None and time.monotonic() >= deadline:
            met, pid = _meet(session, place, blow, rng)
            if met:
                if pid is not None and blow.number == signal.SIGSTOP:
                    time.sleep(blow.stopped)
                    kill(pid, signal.SIGCONT)
                return True
        time.sleep(0.02)
    return False


def _meet(session: Watched, place: Place, blow: Blow, rng: random.Random) -> tuple[bool, int | None]:
    if blow.victim == "store":
        return True, place.strike_store(blow.number)
    victims = [each for each in (*session.alive(), *place.alive()) if role_of(each, session) == blow.victim]
    if not victims:
        return False, None
    pid = rng.choice(victims).pid
    return kill(pid, blow.number), pid


def role_of(process: Process, session: Watched) -> str:
    """What a living process of a session or its cluster is."""
    if process.pid == session.process.pid:
        return "controller"
    for text, role in (
        ("_worker_main", "interpreter"),
        ("dask_worker", "worker"),
        ("dask worker", "worker"),
        ("spawn_main", "worker"),
        ("dask_scheduler", "scheduler"),
        ("dask scheduler", "scheduler"),
    ):
        if text in process.command:
            return role
    return "other"


def faults(session: Watched, struck: Sequence[Blow], plan: DaskPlan) -> Iterator[Fault]:
    """Yield what went wrong in a session that was struck so."""
    victims = {each.victim for each in struck}
    interrupted = any(each.number == signal.SIGINT for each in struck)
    yield from faults_of(session, may_write=storm._may_be_there, interrupted=interrupted)
    told = f"{plan.cluster}, {plan.store}, struck by: {'; '.join(map(str, struck)) or 'nothing'}; exit status "
    told += f"{session.code}\n{session.text[-5000:]}"
    results = storm._results(session.project)
    problems = [*storm._twice(session.project), *_results(results), *_ended(session, results, struck)]
    if victims <= {"worker", "interpreter"} and session.code in (0, 1):
        problems += _crashed(results, len(struck))
    for kind, what in problems:
        yield Fault(kind, session.case, f"{what}\n{told}")


def _results(results: Sequence[tuple[str, str]]) -> Iterator[tuple[Kind, str]]:
    names = [name for name, _ in results]
    for name in {each for each in names if names.count(each) > 1}:
        yield Kind.TWICE, f"`{name}` has several results"


def _ended(session: Watched, results: Sequence[tuple[str, str]], struck: Sequence[Blow]) -> Iterator[tuple[Kind, str]]:
    missing = storm.EXPECTED - {name for name, _ in results}
    clear = CLEAR.search(session.text) is not None
    at = [each.number for each in struck if each.victim == "controller"]
    if session.code < 0 and -session.code not in at:
        yield Kind.LOST, "nobody has killed the controller"
    if session.code == 2 and not {signal.SIGINT, signal.SIGTERM} & {*at}:
        yield Kind.LOST, "nobody has interrupted it"
    if session.code in (0, 1) and missing and not clear:
        yield Kind.LOST, f"these have no result, and the session does not say why: {missing}"
    if session.code > 2 and not clear:
        yield Kind.LOST, "the session ended otherwise than was to be expected"
    if session.code == 0 and missing:
        yield Kind.LOST, f"these have no result, and the session has passed: {missing}"
    if not struck and (session.code or missing):
        yield Kind.LOST, "nothing was struck, and it has not passed"


def _crashed(results: Sequence[tuple[str, str]], blows: int) -> Iterator[tuple[Kind, str]]:
    failed = [name for name, outcome in results if outcome == "failed"]
    if len(failed) > blows:
        yield Kind.LOST, f"{blows} blows have failed these: {failed}"


def left_on(place: Place, session: Watched, struck: Sequence[Blow]) -> Iterator[Fault]:
    """Yield what is left on workers that are still there after a session that could end well."""
    if place.cluster is None or session.code < 0 or {"scheduler", "store"} & {each.victim for each in struck}:
        return
    deadline = time.monotonic() + GOING
    while found := [each for each in place.alive() if "pytest_expops" in each.command]:
        if time.monotonic() > deadline:
            commands = "\n".join(f"    {each.pid} {each.command[:200]}" for each in found)
            yield Fault(Kind.LEFT, session.case, f"on workers there are still alive:\n{commands}")
            return
        time.sleep(0.1)


def left_of(place: Place, session: Watched) -> Iterator[Fault]:
    """Yield what of a cluster that was killed is left, and what the next session would not remove."""
    if place.cluster is None:
        return
    deadline = time.monotonic() + GOING
    while found := place.alive():
        if time.monotonic() > deadline:
            commands = "\n".join(f"    {each.pid} {each.command[:200]}" for each in found)
            yield Fault(Kind.LEFT, session.case, f"of the cluster that was ended there are still alive:\n{commands}")
            for each in found:
                kill(each.pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    for program in place.cluster.programs.values():
        sweep(program.place / "tmp", place.folder)
        left = [path.name for path in (program.place / "tmp").iterdir() if path.name.startswith("pytest-expops")]
        if left:
            yield Fault(Kind.LEFT, session.case, f"temporary files of {program.name} are left: {left}")
        for each in tracebacks(program.log):
            yield Fault(Kind.TRACEBACK, session.case, f"{program.name} has written:\n{each}")
