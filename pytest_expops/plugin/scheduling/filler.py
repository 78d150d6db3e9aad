"""The filler: an item at the end of every batch, so that xdist's worker begins what stands before it.

xdist's worker runs an item only when it knows the next one, because fixtures that the next one shares are to be kept.
The filler is that next item. It is in `session.items` behind those whose ids the controller knows, runs nothing, calls
no hook, and reports nothing; when it is its turn it does the one thing that is left to do, and tears down the fixtures
that the real next item does not share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

NAME = "expops filler"


class Filler(pytest.Item):
    """Stands where the item before it stood: so fixtures of modules and classes live until the real next is known."""

    before: pytest.Item | None = None

    @property
    def nodeid(self) -> str:
        """That of the item before it: xdist sends only reports of the node id that is running."""
        return self.before.nodeid if self.before is not None else super().nodeid

    def runtest(self) -> None:
        """Nothing."""

    def listchain(self) -> list[Any]:
        """As if it were in the same class and module as the item before it."""
        parent = self.before.parent if self.before is not None else None
        return [*(parent or self.session).listchain(), self]

    def pass_on(self, nextitem: pytest.Item | None) -> pytest.TestReport | None:
        """Tear down what `nextitem` does not share; the report of a finalizer that fails, as of the item before."""
        stack = self.session._setupstate
        call = pytest.CallInfo.from_call(lambda: stack.teardown_exact(nextitem), when="teardown", reraise=_STOPPING)
        if call.excinfo is None:
            return None
        return pytest.TestReport.from_item_and_call(self.before or self, call)


_STOPPING = (pytest.exit.Exception, KeyboardInterrupt)


class FillerHooks:
    """Appends the filler in a worker whose controller sends it, and runs it."""

    def __init__(self) -> None:
        self._filler: Filler | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Iterator[None]:
        """When the ids have been sent, the first index behind them is the filler's."""
        yield
        filler: Filler = Filler.from_parent(session, name=NAME)
        self._filler = filler
        session.items.append(filler)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        """Before an item that the filler follows, put the filler in its place."""
        filler = self._filler
        if filler is not None and nextitem is filler and item is not filler:
            filler.before = item
        return (yield)

    @pytest.hookimpl(tryfirst=True, specname="pytest_runtest_protocol")
    def pytest_run_filler(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """The filler has no protocol of its own."""
        if item is not self._filler:
            return None
        if nextitem is not item:
            report = self._filler.pass_on(nextitem)
            if report is not None:
                item.ihook.pytest_runtest_logreport(report=report)
        return True
