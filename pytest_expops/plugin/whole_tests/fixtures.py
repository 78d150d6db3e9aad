"""The fixtures `record_result` and `expops_seed`."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_expops.errors import CheckError
from pytest_expops.plugin.stash import RESULTS, WATCHED

__all__ = ["expops_seed", "record_result"]


class ResultRecorder:
    """Records results of one test by name: `record_result("auc", 0.93)`. Its replay must record the same."""

    def __init__(self, item: pytest.Item) -> None:
        self._results: dict[str, Any] = {}
        self._take = item.stash.get(WATCHED, None)
        item.stash[RESULTS] = self._results

    def __call__(self, name: str, value: Any) -> None:
        """Record a value as it is now.

        Raises:
            CheckError: the name is taken already, or is no text. (It is a ValueError.)
            FingerprintError, StoreError: the test is to be replayed, and the value cannot be compared or stored.
        """
        __tracebackhide__ = True
        if not isinstance(name, str):
            raise CheckError(f"record_result: the name of a result is text, not {name!r}")
        if name in self._results:
            raise CheckError(f"record_result: this test has recorded {name!r} already", hint="use another name")
        self._results[name] = value if self._take is None else self._take(name, value)


@pytest.fixture
def record_result(request: pytest.FixtureRequest) -> ResultRecorder:
    """Record a result of this test: `record_result("auc", 0.93)`. The replay of the test must record the same."""
    return ResultRecorder(request.node)


@pytest.fixture
def expops_seed(request: pytest.FixtureRequest) -> int:
    """The seed that this test is run under, of those in `@pytest.mark.reproducible(seeds=[1, 2])`."""
    if not hasattr(request, "param"):
        hint = "give it seeds: @pytest.mark.reproducible(seeds=[1, 2])"
        raise CheckError(f"{request.node.name} asks for `expops_seed`, and has no seeds", hint=hint)
    seed: int = request.param
    return seed
