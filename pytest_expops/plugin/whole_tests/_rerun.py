"""Run one test, whole, in the interpreter of a replay: the function that the check of a test calls."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import CheckError
from pytest_expops.plugin.whole_tests._watching import RUN, RunWatcher, TestRun
from pytest_expops.plugin.whole_tests.marks import INSIDE, seed_of
from pytest_expops.replay.beginning import begin_anew

_LEFT_OUT = frozenset(
    {
        # what is collected
        *("file_or_dir", "plugins", "keyword", "markexpr", "deselect", "ignore", "ignore_glob", "keepduplicates"),
        *("collectonly", "lf", "failedfirst", "newfirst", "last_failed_no_failures", "stepwise", "stepwise_skip"),
        *("stepwise_reset", "cacheclear", "cacheshow", "maxfail", "continue_on_collection_errors"),
        # other places and reports
        *("basetemp", "xmlpath", "log_file", "pastebin", "debug", "durations", "durations_min", "help", "version"),
        *("setuponly", "setupshow", "setupplan", "showfixtures", "show_fixtures_per_test", "markers", "capture"),
        *("htmlpath", "report_log", "json_report", "json_report_file", "cov_source", "cov_report"),
        # who runs it, and how often
        *("usepdb", "usepdb_cls", "trace", "numprocesses", "maxprocesses", "dist", "tx", "px", "looponfail"),
        *("testrunuid", "reruns", "reruns_delay", "only_rerun", "count", "repeat_scope", "flake_finder", "flake_runs"),
    }
)
"""Options of pytest and of plugins that are not for a replay. Others are as in the session: they may matter."""
_CHECKS = "pytest_expops.reproducible"
_PLAIN = (str, int, float, bool, type(None), Path)


@dataclass(frozen=True, slots=True)
class Rerun:
    """Which test is run again, and under which options; `place` is a folder for temporary files of this session.

    `arguments` are by node id what pytest collects the test by, and other tests that may be run before it.
    """

    nodeid: str
    arguments: Mapping[str, str]
    options: Mapping[str, Any]
    plugins: Sequence[str]
    place: str


def rerun_of(item: pytest.Item, nodeid: str, place: Path) -> Rerun:
    """Return what `rerun_test` needs to run the same test under the options of this session that matter."""
    config = item.config
    options = {
        name: value
        for name, value in vars(config.option).items()
        if name not in _LEFT_OUT and (not name.startswith("expops_") or name == "expops_config") and _is_plain(value)
    }
    options["rootdir"] = _from_here(config, config.rootpath)
    options["inifilename"] = _from_here(config, config.inipath) if config.inipath is not None else None
    plugins = [each for each in config.getoption("plugins") or () if each != "no:terminal"]
    return Rerun(nodeid, {nodeid: argument_of(item, nodeid)}, options, plugins, str(place))


def argument_of(item: pytest.Item, nodeid: str) -> str:
    """Return what pytest collects a test by, from where the session was started."""
    return f"{_from_here(item.config, item.path)}::{nodeid.partition('::')[2]}"


def _from_here(config: pytest.Config, path: Path) -> str:
    """Return a path as a replay finds it from its working directory, in a copy of the project too."""
    return os.path.relpath(path, config.invocation_params.dir)


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(each) for pair in value.items() for each in pair)
    return isinstance(value, _PLAIN)


_before: list[str] = []
"""The node ids of the tests that are to be run first, in one session of pytest, so that they share its fixtures."""


def rerun_test(asked: Rerun, process: str) -> dict[str, Any]:
    """Run a test in this interpreter as pytest does, and return its outcome and what it recorded.

    Args:
        asked: how.
        process: what is to be run: where it is the node id of another test, that is noted, and done before the test.

    Raises:
        CheckError: pytest did not come to run it.
    """
    if process in asked.arguments:
        _before.append(process)
        return {}
    folder = Path(asked.place)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    again = _Again([*_before, asked.nodeid], RunWatcher(folder / "results"))
    options = {
        **asked.options,
        "basetemp": str(folder / "basetemp"),
        "capture": "no",
        "continue_on_collection_errors": True,  # of others
        "log_file": os.devnull,
        # Our own modules are imported already.
        "pythonwarnings": [*(asked.options.get("pythonwarnings") or ()), "ignore::pytest.PytestAssertRewriteWarning"],
    }
    words = [word for each in (*asked.plugins, "no:terminal") for word in ("-p", each)]
    try:
        arguments = [asked.arguments[nodeid] for nodeid in (*_before, asked.nodeid)]
        config = pytest.Config.fromdictargs(options, [*words, *arguments])
        config.pluginmanager.register(again, INSIDE)
        config.pluginmanager.register(again.watcher)
        config.hook.pytest_cmdline_main(config=config)
    except pytest.UsageError as error:
        again.problems.append(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if _CHECKS in sys.modules:  # the test checks functions itself; this interpreter runs nothing at its exit
            sys.modules[_CHECKS].end_checks()
    if again.run is not None:
        return again.run.outputs
    if again.uncollected:
        return TestRun(f"not collected: {again.uncollected}").outputs
    raise CheckError("; ".join(again.problems) or f"pytest does not find {asked.nodeid} in a fresh interpreter")


class _Again:
    """Hooks that leave the tests `nodeids`, in this order, and keep what came of the last."""

    def __init__(self, nodeids: Sequence[str], watcher: RunWatcher) -> None:
        self.watcher = watcher
        self.run: TestRun | None = None
        self.uncollected = ""
        self.problems: list[str] = []
        self._nodeids = nodeids
        self._nodeid = nodeids[-1]

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Leave what the session knows of the last failures as it is."""
        for name in ("lfplugin", "nfplugin", "stepwiseplugin"):
            if config.pluginmanager.has_plugin(name):
                config.pluginmanager.unregister(name=name)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave these tests."""
        found = {item.nodeid: item for item in reversed(items)}
        items[:] = [found[nodeid] for nodeid in self._nodeids if nodeid in found]
        for item in items:
            if item.nodeid == self._nodeid or seed_of(item) is not None:
                self.watcher.watch(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Forget what was seen of the tests before."""
        if nodeid == self._nodeid and len(self._nodeids) > 1:
            begin_anew()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why the test could not be collected."""
        if report.failed and (not report.nodeid or self._nodeid.startswith(report.nodeid)):
            self.uncollected = self.uncollected or report.longreprtext.strip().rpartition("\n")[2]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print how it failed, for the report of the replay."""
        if report.failed and report.nodeid == self._nodeid:
            print(f"in the replay, {report.when} of {report.nodeid}:\n{report.longreprtext}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep how the test ran."""
        for item in session.items:
            if item.nodeid == self._nodeid:
                self.run = item.stash.get(RUN, None)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Keep what went wrong in pytest or a plugin."""
        self.problems.append(f"pytest failed: {str(excrepr).strip().rpartition(chr(10))[2]}")
