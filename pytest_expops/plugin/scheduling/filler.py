"""The filler: an item at the end of every batch, so that xdist's worker begins what stands before it.

xdist's worker runs an item only when it knows the next one, because fixtures that the next one shares are to be kept.
The filler is that next item. It is in `session.items` behind those whose ids the controller knows, runs nothing, and
reports nothing; when it is its turn it does the one thing that is left to do, and tears down the fixtures that the real
next item does not share. Plugins that limit or watch what an item does (time, warnings) have it pass as an item; those
that report items do not see it.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterator
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
    """Appends the filler in a worker whose controller sends it."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Iterator[None]:
        """When the ids have been sent, the first index behind them is the filler's."""
        yield
        filler: Filler = Filler.from_parent(session, name=NAME)
        session.items.append(filler)
        plugins = session.config.pluginmanager  # what is registered last, once all others are, is called first
        around = _Around(filler)
        plugins.register(_Turn(filler), "expops-filler-turn")
        plugins.register(_Within(filler, around, plugins), "expops-filler-within")
        plugins.register(around, "expops-filler-around")


class _Passed(Exception):
    """The filler has had its turn."""


class _Around:
    """The first to be asked: ends a filler's turn, and puts the filler in the place of the item that it follows."""

    def __init__(self, filler: Filler) -> None:
        self._filler = filler

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, bool | None, bool | None]:
        """Before an item that the filler follows, put the filler in its place."""
        if nextitem is self._filler and item is not self._filler:
            self._filler.before = item
        try:
            return (yield)
        except _Passed:
            return True


class _Within:
    """The second to be asked: has only those asked about a filler that report nothing."""

    def __init__(self, filler: Filler, around: _Around, plugins: pytest.PytestPluginManager) -> None:
        self._filler = filler
        self._around = around
        self._plugins = plugins

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, bool | None, bool | None]:
        """No other hook sees a filler: what is raised before the `yield` keeps them from being called.

        Raises:
            _Passed: for `_Around`, which stands outside.
        """
        if item is not self._filler:
            return (yield)
        self._ask(item=item, nextitem=nextitem)
        raise _Passed

    @functools.cached_property
    def _ask(self) -> Any:
        """The same hook, without the plugins that make or take reports."""
        hook = self._plugins.hook
        reporters = {each.plugin for name in _REPORTING for each in getattr(hook, name).get_hookimpls()}
        return self._plugins.subset_hook_caller("pytest_runtest_protocol", [self, self._around, *reporters])


_REPORTING = ("pytest_runtest_makereport", "pytest_runtest_logreport", "pytest_runtest_logfinish")


class _Turn:
    """What is done when it is the filler's turn."""

    def __init__(self, filler: Filler) -> None:
        self._filler = filler

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """The filler has no protocol of its own."""
        if item is not self._filler:
            return None
        if nextitem is not item:
            report = self._filler.pass_on(nextitem)
            if report is not None:
                item.ihook.pytest_runtest_logreport(report=report)
        return True
