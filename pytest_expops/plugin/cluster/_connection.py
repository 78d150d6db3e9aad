"""The cluster of a session: started or joined, told what the session is, and let go of at the end."""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pytest_expops.errors import ExpopsError, MissingExtra
from pytest_expops.execution import scratch
from pytest_expops.execution.engines.base import Work
from pytest_expops.execution.engines.cluster_watch import workers_of
from pytest_expops.execution.engines.code_archive import make_archive
from pytest_expops.execution.engines.dask import DaskEngine, Submission
from pytest_expops.execution.engines.environment_check import described
from pytest_expops.execution.engines.shared_store import SharedStore, folder_of
from pytest_expops.execution.provenance.provenance import Provenance
from pytest_expops.plugin.cluster import _tasks
from pytest_expops.plugin.cluster._description import (
    DESCRIPTION,
    options_to_json,
    path_from,
    same_variables,
)
from pytest_expops.plugin.cluster._joining import client_of, cluster_of, processes_of
from pytest_expops.plugin.cluster._made import MadeThere
from pytest_expops.plugin.cluster._workers import LATE, Workers, check_resources
from pytest_expops.plugin.options.engine import EngineOptions, is_factory
from pytest_expops.plugin.state import SessionState
from pytest_expops.replay.interpreter_options import interpreter_options
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.urls import KEY_VARIABLE


@dataclass(frozen=True, slots=True)
class Heard:
    """A worker has begun with some work, or has ended it after so many `seconds`; `at` is when that was heard."""

    work: Work
    worker: str
    at: float
    seconds: float | None


@dataclass
class Connection:
    """A cluster at work for this session. `where` says in words what it is.

    `news` are what workers say.
    """

    engine: DaskEngine
    where: str
    news: deque[Heard]

    def end(self) -> list[str]:
        """End what still runs, and let go of the cluster; return what could not be done."""
        self.engine.cancel()
        try:
            self.engine.close()
        except ExpopsError as error:
            return [str(error)]
        except Exception as error:  # of a cluster that a function of the user's has made
            return [f"the Dask cluster could not be closed ({type(error).__name__}: {error})"]
        return []


def connected(state: SessionState, filters: Sequence[Sequence[Any]], tell: Callable[[str], None]) -> Connection:
    """Start or join the cluster that the options name, and have it know the session.

    Args:
        state: the session.
        filters: its warning filters.
        tell: is called with what the user is to know.

    Raises:
        ExpopsError: it cannot be reached, the store cannot be used, or a worker is not like this process.
    """
    options = state.options.engine
    try:
        import distributed
    except ImportError:
        raise MissingExtra("it needs Dask's scheduler (distributed)", extra="dask") from None
    session, key = secrets.token_hex(8), os.environ.get(KEY_VARIABLE, "").encode()
    place = options.store
    if not place:
        key, place = secrets.token_hex(32).encode(), str(state.folder / "store")
    store = SharedStore(place, session, key)
    variables = same_variables()  # a cluster that is started in this process may set some
    with ExitStack() as stack:
        stack.callback(store.remove_session)
        folder = None if options.scheduler else scratch.new_folder("cluster")
        cluster = cluster_of(state, key, folder, stack)
        client = stack.enter_context(client_of(distributed, cluster, options, tell))
        modules = _modules(state)
        here = described(modules)
        besides = {"modules": modules, "environment": here, "filters": list(filters)}
        for note in _write_description(state, store, besides):
            tell(note)
        machines = _machines(client, state, modules, here, tell)
        topic = f"expops-{session}"
        ticket = {
            "session": session,
            "store": place,
            "topic": topic,
            "variables": variables,
            "options": interpreter_options(),
            "folder": None if folder is None else str(folder),
        }
        numbers = {path: number for number, path in enumerate(state.sessions)}
        made = MadeThere(store, state.sessions, numbers)
        client.run(_tasks.prepare, ticket, on_error="ignore")  # each begins with it while the first work is given away
        release = stack.pop_all()
        engine = DaskEngine(
            client,
            _submission(state, ticket, numbers, machines),
            made,
            stop=lambda: client.run(_tasks.stop, session, on_error="ignore"),
            release=release.close,
            patience=options.timeout,
        )
        news = _news(client, topic, [*state.sessions])
        return Connection(engine, _in_words(options), news)


_SIDES = ("for first runs", "for replays on another machine")


def _machines(
    client: Any, state: SessionState, modules: list[str], here: Mapping[str, Any], tell: Callable[[str], None]
) -> tuple[list[str], list[str]] | None:
    """Wait for workers and check them; return those for first runs and for replays, where these are to be apart.

    Raises:
        ExpopsError: there is no worker, one is not like this process, or none has what a process needs.
    """
    options = state.options.engine
    workers = Workers.of(client, modules, options.timeout, tell)
    unlike = workers.unlike(here)
    if unlike and options.strict:
        raise ExpopsError(unlike)
    if unlike:
        tell(unlike)
    demanding = [process for process in processes_of(state) if process.resources]
    machines = workers.on_two_machines() if "host" in state.options.vary else None
    if options.scheduler and not is_factory(options.scheduler):  # others start workers as they are needed
        sides = zip(_SIDES, machines, strict=True) if machines else [("of the cluster", None)]
        for which, names in sides:
            check_resources(demanding, partial(_offered, client, names), min(LATE, options.timeout), which)
    return machines


def _submission(
    state: SessionState,
    ticket: Mapping[str, Any],
    numbers: Mapping[Path, int],
    machines: tuple[list[str], list[str]] | None,
) -> Submission:
    """Return how work is given to Dask."""
    graphs = {path: each.expanded for path, each in state.sessions.items()}

    def needs(work: Work) -> list[Work]:
        above = [Work(work.config, name) for name in graphs[work.config][work.name].upstream]
        return [*above, Work(work.config, work.name)] if work.replays else above

    def group(work: Work) -> str:
        # To Dask tasks are of one kind, and take as long, where they have the same before the first `-`.
        process = graphs[work.config][work.name].process.name.replace("-", "_")
        return f"{'replay' if work.replays else 'run'}_{numbers[work.config]}_{process}-{ticket['session']}"

    return Submission(
        _tasks.perform,
        ticket,
        lambda work: (numbers[work.config], work.name, work.replays),
        group,
        needs,
        lambda work: graphs[work.config][work.name].process.resources,
        lambda work: machines[work.replays] if machines is not None else (),
    )


def _news(client: Any, topic: str, paths: Sequence[Path]) -> deque[Heard]:
    """Return where what workers say of a session will be found."""
    news: deque[Heard] = deque()

    def heard(event: tuple[float, Mapping[str, Any]]) -> None:
        said = event[1]
        work = Work(paths[said["number"]], said["name"], said["replays"])
        news.append(Heard(work, said["worker"], UNPATCHED.time(), said.get("seconds")))

    client.subscribe_topic(topic, heard)
    return news


def _modules(state: SessionState) -> list[str]:
    """Return the top-level modules that the code of the session's projects imports, and that are not their own."""
    return sorted({name for session in state.sessions.values() for name in Provenance(session).libraries()})


def _write_description(state: SessionState, store: SharedStore, besides: Mapping[str, Any]) -> list[str]:
    """Have the store say what the session is, and bring the code there; return what of it is not sent."""
    options = state.options
    pipelines, notes = [], []
    for path, session in state.sessions.items():
        pipeline = session.expanded.pipeline
        base, digest = os.path.realpath(pipeline.root), None
        if options.engine.code == "archive":
            target = state.folder / f"{session.folder.name}.tar.gz"
            archive = make_archive(pipeline, target, _not_of_the_project(state))
            base, digest = archive.base, archive.digest
            store.put_code(digest, target)
            target.unlink()
            notes += [f"not sent to workers: {name} ({why})" for name, why in archive.left_out.items()]
        entries = path_from(base, outside=digest is None)  # where workers see the project, they see what is beside it
        pipelines.append({"config": str(path), "base": base, "code": digest, "path": entries})
    store.write(
        DESCRIPTION,
        DESCRIPTION,
        {
            "options": options_to_json(options),
            "pipelines": pipelines,
            "check": options.engine.strict,
            **besides,
        },
    )
    return notes


def _not_of_the_project(state: SessionState) -> list[Path]:
    """Return folders of ours that may stand in the project."""
    store = folder_of(state.options.engine.store)
    kept = [state.folder.parent] if state.options.artifacts is not None else []
    return [*kept, Path(store)] if store else kept


def _offered(client: Any, among: Collection[str] | None) -> list[Mapping[str, float]]:
    """Return what each worker has that is there, of all or of some."""
    return [each.get("resources", {}) for name, each in workers_of(client).items() if among is None or name in among]


def _in_words(options: EngineOptions) -> str:
    """Return what the cluster is."""
    return "a Dask cluster" if options.scheduler else "a Dask cluster of the session's own"
