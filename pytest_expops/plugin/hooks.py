"""The pytest11 entry point: every hook a few lines that call down. Without a config it loads nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_expops.unpatched  # noqa: F401 (it keeps Python's own functions, before a conftest file replaces them)
from pytest_expops.errors import CheckFailed
from pytest_expops.plugin._fixtures import expops
from pytest_expops.plugin._reproducible import reproducible
from pytest_expops.plugin.options.options import add_options, graph_format, read_options
from pytest_expops.plugin.options.replay_tests import replays_tests
from pytest_expops.plugin.progress.starting import register_check_progress
from pytest_expops.plugin.reports.starting import register_reports
from pytest_expops.plugin.stash import ENVIRONMENT, OPTIONS, STATE
from pytest_expops.plugin.whole_tests.fixtures import expops_seed, record_result
from pytest_expops.plugin.whole_tests.marks import INSIDE, MARKER, WATCHER, parametrize
from pytest_expops.plugin.whole_tests.summary import show_replayed_tests

if TYPE_CHECKING:
    from pytest_expops.plugin.items.config_file import ConfigFile

__all__ = ["expops", "expops_seed", "record_result", "reproducible"]

MARKERS = (
    "expops: made from a pipeline config by pytest-expops (every such item)",
    "expops_process: runs one expanded process of a pipeline",
    "expops_chart: draws a chart of a pipeline",
    "expops_replay: runs an expanded process again and compares the results",
    "expops_split: checks that the partitions of a process are exactly the rows that it split",
    "expops_property: checks a property of a process, such as that its partitions do not matter",
    "expops_stability: checks what the config claims about a metric over seeds",
    "expops_baseline: compares the results of an expanded process with the lock file",
    "reproducible(seeds, replays, vary, rtol, atol, reason): run this test again, whole, in a fresh interpreter; its "
    "outcome and what it recorded with record_result must be the same",
)


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    # Plugins that set variables for the session (pytest-env) are first; pytest, which loads conftest files, is last.
    early_config.stash[ENVIRONMENT] = dict(os.environ)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if config.option.help or config.option.version:
        return None
    output = graph_format(config)
    if output is not None:
        from pytest_expops.plugin._setup import print_graphs

        print_graphs(read_options(config).configs, output)
        return 0
    options = read_options(config)
    if options.configs and options.cache.why:
        from pytest_expops.plugin._setup import print_why

        print_why(options)
        return 0
    return None


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.option.help:
        return
    options = config.stash[OPTIONS] = read_options(config)
    replays_tests(config)  # a value that cannot be used is refused here
    if not options.configs:
        if not config.pluginmanager.has_plugin(INSIDE):
            register_check_progress(config, options.progress)
            register_reports(config, None, options.reports)
        return
    from pytest_expops.plugin._setup import configure

    configure(config, options)
    register_reports(config, config.stash.get(STATE, None), options.reports)


def pytest_unconfigure(config: pytest.Config) -> None:
    state = config.stash.get(STATE, None)
    if state is not None:
        state.close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    state = config.stash.get(STATE, None)
    if state is None:
        return []
    from pytest_expops.plugin.summary.terminal import header

    return header(state, config.invocation_params.dir)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ConfigFile | None:
    state = parent.config.stash.get(STATE, None)
    if state is None or file_path not in state.sessions:
        return None
    from pytest_expops.plugin.items.config_file import ConfigFile

    node: ConfigFile = ConfigFile.from_parent(parent, path=file_path)
    return node


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize(metafunc)


@pytest.hookimpl(wrapper=True, trylast=True)  # so that wrappers of others, as of --lf, find the replays
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    config = collector.config
    if not report.passed or config.pluginmanager.has_plugin(INSIDE):
        return report
    every = replays_tests(config)
    if every or any(isinstance(each, pytest.Item) and each.get_closest_marker(MARKER) for each in report.result):
        from pytest_expops.plugin.whole_tests.items import add_replays

        add_replays(config, report, every=every)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    state = config.stash.get(STATE, None)
    if state is not None:
        from pytest_expops.plugin.items.config_file import process_names, put_in_order

        put_in_order(items)
    yield
    if state is not None:
        state.item_names = process_names(items)
    if config.pluginmanager.has_plugin(WATCHER):
        from pytest_expops.plugin.whole_tests.items import put_behind_tests

        put_behind_tests(items)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, pytest.FixtureLookupError) and error.argname is not None:
        from pytest_expops.plugin._missing_fixtures import advice_on

        advice = advice_on(error.argname, item.config.rootpath)
        if advice is not None:
            report.sections.append(("expops", advice))
    crash = getattr(report.longrepr, "reprcrash", None)
    if isinstance(error, CheckFailed) and crash is not None:
        crash.message = str(error).partition("\n")[0]  # the short summary would show only the name of its class
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    state = config.stash.get(STATE, None)
    # A worker's terminal is shown to nobody.
    if state is not None and not config.option.collectonly and not hasattr(config, "workerinput"):
        from pytest_expops.plugin.summary.terminal import summarize

        summarize(terminalreporter, state, config.invocation_params.dir)
    show_replayed_tests(terminalreporter)
