"""A session on a cluster, as the pytest process sees it: all is given away at once, and taken as it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import Any

import pytest

from pytest_expops.errors import ExpopsError, StorageTrouble
from pytest_expops.execution.engines.base import NOBODY, EngineLost, Work
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.plugin.cluster._connection import Connection, Heard, connected
from pytest_expops.plugin.cluster._waiting import WaitingItems, all_work, work_of
from pytest_expops.plugin.durations import MakesReport
from pytest_expops.plugin.items.base import OwnItem
from pytest_expops.plugin.progress.starting import LIVE
from pytest_expops.plugin.progress.workers import NAME
from pytest_expops.plugin.scheduling.collected import ANY
from pytest_expops.plugin.state import SessionState
from pytest_expops.replay.warning_filters import described_filters
from pytest_expops.urls import shown_url
from pytest_expops.wording import listed

WAIT_SECONDS = 1.0
MOST_NAMED = 8


def register_cluster(config: pytest.Config, state: SessionState, fixtures: Iterable[str]) -> None:
    """Have runs and replays made on a Dask cluster; to be called when the session is configured.

    Args:
        config: pytest's.
        state: the session.
        fixtures: those by which tests ask for the results of processes, besides `expops`.
    """
    hooks = ClusterHooks(config, state, {ANY, *fixtures})
    config.pluginmanager.register(hooks, "expops-cluster")
    if config.option.verbose >= 0:
        config.pluginmanager.register(WhoWorked(hooks), NAME)


class ClusterHooks:
    """Runs the items of a session as their work ends on a cluster."""

    def __init__(self, config: pytest.Config, state: SessionState, fixtures: Set[str]) -> None:
        self.where = ""
        """What the cluster is, in words, once it is there."""
        self._config = config
        self._state = state
        self._fixtures = fixtures
        self._filters: list[list[Any]] = []
        self._connection: Connection | None = None
        self._workers: dict[str, None] = {}
        self._ids: dict[Work, str] = {}
        self._over: dict[Work, Heard] = {}
        """What has ended on the cluster, and is not reported yet."""

    def pytest_report_header(self) -> list[str]:
        """Say where everything is run."""
        options = self._state.options.engine
        if not options.scheduler:
            return ["expops: processes are run and replayed on a Dask cluster of the session's own, on this machine"]
        place = "code shared" if options.code == "shared" else "code sent"
        where = f"on the Dask cluster at {options.scheduler}, store {shown_url(options.store)}, {place}"
        return [f"expops: processes are run and replayed {where}"]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> MakesReport:
        """Say of an item when and where its work was done, which is not when and where its result was taken."""
        ended = next((self._over.pop(work, None) for work in work_of(item)), None) if call.when == "call" else None
        if call.when == "call" and ended is None and next(work_of(item), None) is not None:
            item.worked = False  # type: ignore[attr-defined] # it is one of ours
        report = yield
        if ended is not None and ended.seconds is not None:
            report.start, report.stop, report.duration = ended.at - ended.seconds, ended.at, ended.seconds
            report.expops_worker = ended.worker  # type: ignore[attr-defined] # reports take extra attributes
        return report

    def pytest_collection_finish(self) -> None:
        """Remember the warning filters of the session, which are in force while it collects."""
        self._filters = described_filters()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """In place of pytest's own loop, which takes items in their order."""
        own = [item for item in session.items if isinstance(item, OwnItem)]
        tests = [item for item in session.items if not isinstance(item, OwnItem)]
        # Where no item of a config is selected, a test may ask for the results of processes all the same.
        if session.config.option.collectonly or not (own or any(map(self._asks, tests))):
            return None
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None
        try:
            connection = self._connection = connected(self._state, self._filters, self._tell)
        except ExpopsError as error:
            raise pytest.UsageError(f"--expops-engine=dask: {error}") from None
        self._state.engine = connection.engine
        self.where = connection.where
        self._ids = {work: item.nodeid for item in own for work in work_of(item)}
        connection.engine.waiting = self._hear
        try:
            connection.engine.begin(all_work(own))
            self._run(session, own, tests)
        except (EngineLost, StorageTrouble) as lost:
            self._tell(str(lost))
            session.shouldfail = lost.message.partition("\n")[0]
            raise session.Failed(session.shouldfail) from None
        finally:
            for note in connection.end():
                self._tell(note)
        return True

    def _asks(self, test: pytest.Item) -> bool:
        """Return whether a test asks for the results of processes."""
        return not self._fixtures.isdisjoint(getattr(test, "fixturenames", ()))

    def _run(self, session: pytest.Session, own: Sequence[OwnItem], tests: Sequence[pytest.Item]) -> None:
        """Run items of ours as their work ends, and then the tests, which may ask for their results."""
        one_file = len({item.path for item in own}) == 1
        waiting = WaitingItems(own)
        assert self._connection is not None
        while waiting:
            item = waiting.take()
            if item is None:
                waiting.note(self._connection.engine.ended(WAIT_SECONDS))
                continue
            self._hear()
            following: pytest.Item | None = waiting.any() if one_file else None
            if following is None and not waiting and tests:
                following = tests[0]
            _run_one(session, item, following)
            waiting.note(self._connection.engine.ended(0))
        for number, test in enumerate(tests):
            _run_one(session, test, tests[number + 1] if number + 1 < len(tests) else None)

    def _tell(self, note: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"expops: {note}", yellow=True)

    def _hear(self) -> None:
        """Pass on what workers have said of themselves since."""
        live = self._config.pluginmanager.get_plugin(LIVE)
        while self._connection is not None and self._connection.news:
            heard = self._connection.news.popleft()
            self._workers[heard.worker] = None
            if heard.seconds is not None:
                self._over[heard.work] = heard
            elif live is not None and heard.work in self._ids:
                live.begun_elsewhere(self._ids[heard.work], self._workers)


class WhoWorked:
    """Says at the end which worker of the cluster did what."""

    def __init__(self, hooks: ClusterHooks) -> None:
        self._hooks = hooks

    def line(self, records: Iterable[RunRecord]) -> str | None:
        """Return how many processes each worker has run; None if there was no cluster."""
        ran = (each for each in records if each.outcome is not Outcome.BLOCKED and each.worker != NOBODY)
        count = Counter(each.worker for each in ran)
        if not self._hooks.where or not count:
            return None
        shares = [f"{worker} {each} process{'' if each == 1 else 'es'}" for worker, each in sorted(count.items())]
        workers = f"{len(count)} worker{'' if len(count) == 1 else 's'}"
        return f"run on {workers} of {self._hooks.where}: {listed(shares, MOST_NAMED)}"

    def in_each_others_way(self, _: int) -> None:
        """Nothing is known of the threads of libraries there."""


def _run_one(session: pytest.Session, item: pytest.Item, following: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
