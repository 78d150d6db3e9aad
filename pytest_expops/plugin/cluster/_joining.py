"""The Dask cluster that the options name: started, if it is the session's own, and connected to."""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from pytest_expops.errors import ExpopsError
from pytest_expops.execution import scratch
from pytest_expops.execution.provenance.environments import cores
from pytest_expops.pipeline.model import Process
from pytest_expops.plugin.cluster._own_cluster import OwnCluster
from pytest_expops.plugin.cluster._workers import SOON
from pytest_expops.plugin.options.engine import INSECURE, EngineOptions, is_factory, is_insecure
from pytest_expops.plugin.state import SessionState
from pytest_expops.urls import KEY_VARIABLE


def cluster_of(state: SessionState, key: bytes, folder: Path | None, stack: ExitStack) -> Any:
    """Return what a client is to connect to: an address, a scheduler file, or a cluster; started if need be.

    A cluster of the session's own has all its files in `folder`, and its first worker has all that processes need, so
    that those run one at a time. What is started ends with `stack`.

    Raises:
        ExpopsError: it cannot be started, or what is sent to it would not be encrypted.
    """
    options = state.options.engine
    if is_factory(options.scheduler):
        module, _, name = options.scheduler.partition(":")
        try:
            with _importing_from(os.getcwd()):
                cluster = getattr(importlib.import_module(module), name)()
        except Exception as error:
            text = f"--expops-scheduler={options.scheduler} raised {type(error).__name__}: {error}"
            raise ExpopsError(
                text, hint="fix: it must be a function without arguments that returns a Dask cluster"
            ) from error
        return _given(cluster, options, stack)
    if options.scheduler:
        if options.scheduler.endswith(".json"):  # an address was looked at with the options
            _refuse_insecure(options.scheduler, options)
        return options.scheduler
    assert folder is not None
    resources: dict[str, float] = {}
    for process in processes_of(state):
        resources.update({name: max(most, resources.get(name, 0)) for name, most in process.resources.items()})
    count = options.workers or cores()
    stack.callback(scratch.remove, folder)
    cluster = OwnCluster(folder / "dask", count, {KEY_VARIABLE: key.decode()}, resources)
    stack.callback(cluster.close)
    return str(cluster.scheduler_file)


def _given(cluster: Any, options: EngineOptions, stack: ExitStack) -> Any:
    """Return what a function of the user's has returned: a cluster, or the address or the scheduler file of one."""
    if cluster is None:  # of which Dask would make a cluster of its own
        hint = "fix: it must return a Dask cluster, or the address of a scheduler"
        raise ExpopsError(f"--expops-scheduler={options.scheduler} has returned None", hint=hint)
    if hasattr(cluster, "close"):
        stack.callback(cluster.close)
    address = cluster if isinstance(cluster, str) else getattr(cluster, "scheduler_address", "")
    _refuse_insecure(str(address), options)
    return cluster


@contextmanager
def _importing_from(folder: str) -> Iterator[None]:
    """Have modules found in a folder, too, where the user may have written one for this."""
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _address_in(path: str) -> str:
    """Return the address of the scheduler that has written a scheduler file.

    Raises:
        ExpopsError: it is no such file.
    """
    try:
        return str(json.loads(Path(path).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "fix: give the path that the scheduler was started with: `dask scheduler --scheduler-file PATH`"
        raise ExpopsError(f"{path} is no scheduler file ({type(error).__name__}: {error})", hint=hint) from None


def _refuse_insecure(address: str, options: EngineOptions) -> None:
    """Refuse an address, or that in a scheduler file, to which something would be sent without TLS."""
    if address.endswith(".json"):
        address = _address_in(address)
    if address and not options.insecure and is_insecure(address):
        raise ExpopsError(f"the scheduler at {address} {INSECURE}")


def client_of(distributed: Any, address: Any, options: EngineOptions, tell: Callable[[str], None]) -> Any:
    """Return a client of a cluster; `tell` says that it has to be waited for.

    Raises:
        ExpopsError: the cluster cannot be reached.
    """

    class Client(distributed.Client):  # type: ignore[misc] # imported only where it is used
        def __del__(self) -> None:
            with suppress(Exception):  # it has never been connected
                super().__del__()

    shown = address if isinstance(address, str) else "the cluster"
    where = {"scheduler_file" if isinstance(address, str) and address.endswith(".json") else "address": address}
    waits = f"{shown} has not been reached yet; it is waited for, at most {options.timeout:g} s"
    teller = threading.Timer(SOON, tell, [waits])
    teller.start()
    try:
        return Client(**where, timeout=options.timeout, set_as_default=False)
    except Exception as error:
        hint = "fix: see that the scheduler runs there, that its port is open, and that both sides have certificates"
        raise ExpopsError(f"{shown} cannot be reached ({type(error).__name__}: {error})", hint=hint) from error
    finally:
        teller.cancel()


def processes_of(state: SessionState) -> list[Process]:
    """Return the configured processes of all pipelines."""
    return [each for session in state.sessions.values() for each in session.expanded.pipeline.processes.values()]
