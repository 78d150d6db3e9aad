"""The pytest11 entry point: every hook a few lines that call down. Without a config it loads nothing heavy."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_expops.plugin._fixtures import expops
from pytest_expops.plugin._reproducible import reproducible
from pytest_expops.plugin.options.options import add_options, graph_format, read_options
from pytest_expops.plugin.stash import STATE

if TYPE_CHECKING:
    from pytest_expops.plugin.items.config_file import ConfigFile

__all__ = ["expops", "reproducible"]

MARKERS = (
    "expops: made from a pipeline config by pytest-expops (every such item)",
    "expops_process: runs one expanded process of a pipeline",
    "expops_chart: draws a chart of a pipeline",
    "expops_replay: runs an expanded process again and compares the results",
    "expops_split: checks that the partitions of a process are exactly the rows that it split",
    "expops_property: checks a property of a process, such as that its partitions do not matter",
    "expops_stability: checks what the config claims about a metric over seeds",
    "expops_baseline: compares the results of an expanded process with the lock file",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if config.option.help or config.option.version:
        return None
    output = graph_format(config)
    if output is None:
        return None
    from pytest_expops.plugin._setup import print_graphs

    print_graphs(read_options(config).configs, output)
    return 0


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.option.help:
        return
    options = read_options(config)
    if not options.configs:
        return
    from pytest_expops.plugin._setup import configure

    configure(config, options)


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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    state = config.stash.get(STATE, None)
    if state is None:
        return (yield)
    from pytest_expops.plugin.items.config_file import process_names, put_in_order

    put_in_order(items)
    yield
    state.item_names = process_names(items)
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
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    state = config.stash.get(STATE, None)
    # A worker's terminal is shown to nobody.
    if state is not None and not config.option.collectonly and not hasattr(config, "workerinput"):
        from pytest_expops.plugin.summary.terminal import summarize

        summarize(terminalreporter, state, config.invocation_params.dir)
