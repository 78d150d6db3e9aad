"""The first run of a process in a child of its own, made as a replay is: nothing that it leaves reaches another one."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

from pytest_expops.errors import ReplicaDied
from pytest_expops.execution.records import Failure, Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay.nondeterminism.base import Mode, Setting
from pytest_expops.replay.nondeterminism.registry import FIRST_RUN, own_hash_seed
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import Request


def run_apart(pool: ReplicaPool, session: PipelineSession, name: str) -> RunRecord:
    """Run `name` for the first time, in a child; print what it printed, and warn of what it warned of.

    Raises:
        ReplayError: there is no such child, or it could not set up the project.
    """
    seed = {"hashseed": Setting(Mode.VARIED, FIRST_RUN)} if own_hash_seed() is not None else {}
    try:
        run = pool.replay(session, name, Request(0, seed, apart=True))
    except ReplicaDied as died:
        text = str(died)
        failure = Failure(type(died).__name__, text, text)
        return RunRecord(name, 0, Outcome.CRASHED, worker=session.worker, failure=failure)
    sys.stdout.write(run.printed)
    for each in run.warned:
        warn_again(*each)
    return replace(run.record, worker=session.worker)


def warn_again(home: str, name: str, text: str, file: str, line: int) -> None:
    """Warn here of what a process has warned of elsewhere.

    Args:
        home: the module of the class of the warning.
        name: its name there.
        text: what it says.
        file: where it was warned.
        line: the line there.
    """
    category = getattr(sys.modules.get(home), name, None)
    if not (isinstance(category, type) and issubclass(category, Warning)):
        category, text = UserWarning, f"{name}: {text}"  # its class is not here
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # the filters were those of here, and let it pass
        warnings.warn_explicit(text, category, file, line)
