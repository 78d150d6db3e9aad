"""The cluster of a session: started or joined, told what the session is, and let go of at the end."""

from __future__ import annotations

import importlib
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_expops.errors import ExpopsError, MissingExtra
from pytest_expops.execution.engines.base import Work
from pytest_expops.execution.engines.code_archive import make_archive
from pytest_expops.execution.engines.dask import DaskEngine, Submission
from pytest_expops.execution.engines.environment_check import described, refusal
from pytest_expops.execution.engines.shared_store import SharedStore
from pytest_expops.execution.provenance.environments import cores
from pytest_expops.execution.provenance.provenance import Provenance
from pytest_expops.plugin.cluster import tasks
from pytest_expops.plugin.cluster._made import MadeThere
from pytest_expops.plugin.cluster._own_cluster import OwnCluster
from pytest_expops.plugin.cluster.description import (
    DESCRIPTION,
    options_to_json,
    path_in,
    same_variables,
)
from pytest_expops.plugin.options.engine import EngineOptions, is_factory
from pytest_expops.plugin.state import SessionState
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.urls import KEY_VARIABLE


@dataclass
class Connection:
    """A cluster at work for this session. `where` says in words what it is."""

    engine: DaskEngine
    where: str

    def end(self) -> None:
        """End what still runs, and let go of the cluster."""
        self.engine.cancel()
        self.engine.close()


def connected(state: SessionState, filters: Sequence[Sequence[Any]], root: Path) -> Connection:
    """Start or join the cluster that the options name, and tell it of the session.

    Raises:
        ExpopsError: it cannot be reached, the store cannot be used, or a worker is not like this process.
    """
    options = state.options.engine
    try:
        import distributed
    except ImportError:
        raise MissingExtra("--expops-engine=dask needs Dask's scheduler (distributed)", extra="dask") from None
    session, key = secrets.token_hex(8), os.environ.get(KEY_VARIABLE, "").encode()
    place = options.store
    if not place:
        key, place = secrets.token_hex(32).encode(), str(state.folder / "store")
    store = SharedStore(place, session, key)
    variables = same_variables()  # a cluster that is started in this process may set some
    with ExitStack() as stack:
        stack.callback(store.remove_session)
        cluster = _cluster(options, state.folder / "dask", key, stack)
        client = stack.enter_context(_client(distributed, cluster, options))
        modules = _modules(state)
        here = described(modules)
        _write_description(state, store, {"modules": modules, "environment": here, "filters": list(filters)})
        _check_workers(client, modules, here, options)
        ticket = {
            "session": session,
            "store": place,
            "topic": f"expops-{session}",
            "variables": variables,
        }
        numbers = {path: number for number, path in enumerate(state.sessions)}
        graphs = {path: each.expanded for path, each in state.sessions.items()}
        made = MadeThere(store, state.sessions, numbers)

        def needs(work: Work) -> list[Work]:
            above = [Work(work.config, name) for name in graphs[work.config][work.name].upstream]
            return [*above, Work(work.config, work.name)] if work.replays else above

        def group(work: Work) -> str:
            # To Dask tasks are of one kind, and take as long, where they have the same before the first `-`.
            process = graphs[work.config][work.name].process.name.replace("-", "_")
            return f"{'replay' if work.replays else 'run'}_{numbers[work.config]}_{process}-{session}"

        submission = Submission(
            tasks.perform, ticket, lambda work: (numbers[work.config], work.name, work.replays), group, needs
        )
        client.run(tasks.prepare, ticket, on_error="ignore")  # each begins with it while the first work is given away
        release = stack.pop_all()
        engine = DaskEngine(
            client,
            submission,
            made,
            stop=lambda: client.run(tasks.stop, session, on_error="ignore"),
            release=release.close,
            patience=options.timeout,
        )
        return Connection(engine, _in_words(client, options))


def _cluster(options: EngineOptions, folder: Path, key: bytes, stack: ExitStack) -> Any:
    """Return what a client is to connect to: an address, a scheduler file, or a cluster; started if need be."""
    if is_factory(options.scheduler):
        module, _, name = options.scheduler.partition(":")
        try:
            cluster = getattr(importlib.import_module(module), name)()
        except Exception as error:
            text = f"--expops-scheduler={options.scheduler} raised {type(error).__name__}: {error}"
            raise ExpopsError(
                text, hint="fix: it must be a function without arguments that returns a Dask cluster"
            ) from error
        stack.callback(cluster.close)
        return cluster
    if options.scheduler:
        return options.scheduler
    cluster = OwnCluster(folder, options.workers or cores(), {KEY_VARIABLE: key.decode()})
    stack.callback(cluster.close)
    return str(cluster.scheduler_file)


def _client(distributed: Any, address: Any, options: EngineOptions) -> Any:
    try:
        if isinstance(address, str) and address.endswith(".json"):
            return distributed.Client(scheduler_file=address, timeout=options.timeout, set_as_default=False)
        return distributed.Client(address, timeout=options.timeout, set_as_default=False)
    except Exception as error:
        shown = address if isinstance(address, str) else "the cluster"
        hint = "fix: see that the scheduler runs there, that its port is open, and that both sides have certificates"
        raise ExpopsError(f"{shown} cannot be reached ({type(error).__name__}: {error})", hint=hint) from error


def _modules(state: SessionState) -> list[str]:
    """Return the top-level modules that the code of the session's projects imports, and that are not their own."""
    return sorted({name for session in state.sessions.values() for name in Provenance(session).libraries()})


def _write_description(state: SessionState, store: SharedStore, besides: Mapping[str, Any]) -> None:
    """Have the store say what the session is, and bring the code there."""
    options = state.options
    pipelines = []
    for path, session in state.sessions.items():
        pipeline = session.expanded.pipeline
        base, digest = os.path.realpath(pipeline.root), None
        if options.engine.code == "archive":
            target = state.folder / f"{session.folder.name}.tar.gz"
            archive = make_archive(pipeline, target, [state.folder.parent] if options.artifacts is not None else [])
            base, digest = archive.base, archive.digest
            store.put_code(digest, target)
            target.unlink()
        pipelines.append({"config": str(path), "base": base, "code": digest, "path": path_in(base)})
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


def _check_workers(client: Any, modules: list[str], here: Mapping[str, Any], options: EngineOptions) -> None:
    """Refuse workers with another Python or other libraries, or say that they have them.

    Raises:
        ExpopsError: one has, and the options do not allow it.
    """
    deadline = UNPATCHED.monotonic() + options.timeout
    while not client.scheduler_info().get("workers", {}):
        if UNPATCHED.monotonic() > deadline:
            raise ExpopsError(
                f"the Dask cluster had no worker for {options.timeout:g} s",
                hint="fix: start workers, or wait longer for them: --expops-engine-timeout=SECONDS",
            )
        UNPATCHED.sleep(0.1)
    found = client.run(tasks.described, modules, on_error="return")
    broken = {name: each for name, each in found.items() if isinstance(each, BaseException)}
    if broken:
        name, error = next(iter(broken.items()))
        text = f"worker {name} cannot take part: {type(error).__name__}: {error}"
        raise ExpopsError(text, hint="fix: install pytest-expops, in the same version, where the workers run")
    text = refusal(here, found)
    if text and options.strict:
        raise ExpopsError(text)
    if text:
        sys.stderr.write(f"expops: {text}\n")


def _in_words(client: Any, options: EngineOptions) -> str:
    count = len(client.scheduler_info().get("workers", {}))
    kind = "a Dask cluster" if options.scheduler else "a Dask cluster of its own on this machine"
    return f"{kind}, {count} worker{'s' if count != 1 else ''}"
