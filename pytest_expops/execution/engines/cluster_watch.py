"""Is anybody there who could do something? The scheduler of a Dask cluster is asked for its workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_expops.execution.engines.asking import Question
from pytest_expops.execution.engines.base import EngineLost
from pytest_expops.unpatched import UNPATCHED

_LOOK_SECONDS = 1.0
"""How often to ask the scheduler which workers there are."""
_ALONE = "no worker of the Dask cluster has been connected"
_NO_WORKER = "fix: start workers, or wait longer for them: --expops-engine-timeout=SECONDS"
_RERUN = "fix: see why in the scheduler's log, and run pytest again; what had ended is reported"


def workers_of(client: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return what the scheduler says of each worker that is connected, by its address."""
    # Of some releases a client asks for five of them, unless it is told.
    found: Mapping[str, Mapping[str, Any]] = client.scheduler_info(n_workers=-1).get("workers", {})
    return found


class ClusterWatch:
    """Asks for the workers beside all else, as the scheduler may not answer.

    Args:
        client: a `distributed.Client`.
        patience: so many seconds it is waited for a scheduler, or a worker, where there is none.
    """

    def __init__(self, client: Any, patience: float) -> None:
        self._client = client
        self._patience = patience
        self._question: Question | None = None
        self._asked = float("-inf")
        self._trouble, self._trouble_since = "", 0.0

    def is_connected(self) -> bool:
        """Return whether there is a connection to the scheduler, as far as the client knows."""
        return bool(self._client.status == "running")

    def look(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the workers that the scheduler has just told of, as `workers_of` does; none, where it has not.

        Raises:
            EngineLost: nothing can end any more, or there has been nobody for too long.
        """
        now = UNPATCHED.monotonic()
        if self._client.status in ("closed", "closing"):
            raise EngineLost("the scheduler of the Dask cluster is gone: it has closed the connection", hint=_RERUN)
        workers: Mapping[str, Mapping[str, Any]] = {}
        if self.is_connected():
            trouble, workers = self._asked_for_workers(now)
        else:
            trouble = "the scheduler of the Dask cluster has not been reached"
        if trouble != self._trouble:
            self._trouble, self._trouble_since = trouble, now
        if trouble and now - self._trouble_since > self._patience:
            raise EngineLost(f"{trouble} for {self._patience:g} s", hint=_NO_WORKER if trouble == _ALONE else _RERUN)
        return workers

    def _asked_for_workers(self, now: float) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
        """Return what is wrong, as far as is known, and the workers, if they were told of just now."""
        if self._question is None:
            if now - self._asked >= _LOOK_SECONDS:
                self._asked, self._question = now, Question(lambda: workers_of(self._client))
            return self._trouble, {}
        if not self._question.returns():
            late = now - self._asked > _LOOK_SECONDS
            return "the scheduler of the Dask cluster has not answered" if late else "", {}
        question, self._question = self._question, None
        try:
            workers = question.answer()
        except Exception:  # the connection was lost meanwhile
            return self._trouble, {}
        return "" if workers else _ALONE, workers
