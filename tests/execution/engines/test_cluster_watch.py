"""What the scheduler of a cluster is asked for; `test_dask.py` and `test_unanswered.py` have what is made of it."""

from __future__ import annotations

from typing import Any

from pytest_expops.execution.engines.cluster_watch import workers_of


class Client:
    """A client of a release that asks for five workers unless it is told how many (distributed 2025.4, say)."""

    def scheduler_info(self, n_workers: int = 5, **_: Any) -> dict[str, Any]:
        return {"workers": {f"tcp://127.0.0.1:{n}": {} for n in range(20 if n_workers == -1 else n_workers)}}


def test_all_workers_are_asked_for() -> None:
    assert len(workers_of(Client())) == 20
