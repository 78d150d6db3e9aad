"""What happens once at the start of a session that has a pipeline: it is set up, or its graph is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import NotLimitedWarning, StoreError
from pytest_expops.execution.memory_limit import limits_memory
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.render import to_dot, to_mermaid, to_text
from pytest_expops.plugin._baseline_writing import BaselineHooks
from pytest_expops.plugin._changed import register_changed
from pytest_expops.plugin._ending import Ending
from pytest_expops.plugin._fixtures import aggregation_fixtures, fixture_names
from pytest_expops.plugin.durations import Durations, WorkMarks
from pytest_expops.plugin.items.replay import ReplayItem
from pytest_expops.plugin.node_ids import readable_argument
from pytest_expops.plugin.options.options import Options, absolute
from pytest_expops.plugin.progress.starting import register_progress, register_worker_times
from pytest_expops.plugin.progress.workers import NativeThreads
from pytest_expops.plugin.reuse import ReuseHooks
from pytest_expops.plugin.stash import STATE
from pytest_expops.plugin.state import Seat, SessionState, expanded_pipelines, start
from pytest_expops.verdicts.replay import why_not_replayed

_RENDERERS = {"text": to_text, "mermaid": to_mermaid, "dot": to_dot}


def configure(config: pytest.Config, options: Options) -> None:
    """Load the configs, add them to what is collected, and register what only such a session needs.

    Raises:
        pytest.UsageError: a config cannot be run, or the session's folder not be made or found.
    """
    worker_input = getattr(config, "workerinput", None)
    try:
        state = config.stash[STATE] = start(options, _seat(config, worker_input))
        register_changed(config, state)
    except (StoreError, OSError) as error:
        message = f"expops: the session cannot begin: {error}"
        if worker_input is None:
            raise pytest.UsageError(message) from error
        config.pluginmanager.register(NotBegun(message), "expops-not-begun")
        return
    if worker_input is None:
        _warn_where_not_limited(config, state)
        state.reuse.plan()
    _add_arguments(config, options)
    config.pluginmanager.register(aggregation_fixtures(state), "expops-aggregation-fixtures")
    config.pluginmanager.register(WorkMarks(), "expops-work-marks")
    config.pluginmanager.register(PreparingHooks(state), "expops-preparing")
    config.pluginmanager.register(ReuseHooks(), "expops-reuse")
    if worker_input is not None:
        _register_in_worker(config, state, worker_input)
    else:
        config.pluginmanager.register(Ending(), "expops-ending")
        durations = Durations(config)
        config.pluginmanager.register(durations, "expops-durations")
        config.pluginmanager.register(BaselineHooks(state), "expops-baseline")
        register_progress(config, state, durations)
        if options.engine.name == "dask":
            from pytest_expops.plugin.cluster.controller import register_cluster

            register_cluster(config, state, fixture_names(state))
        if config.pluginmanager.hasplugin("xdist"):
            _register_in_controller(config, state, durations)


def _warn_where_not_limited(config: pytest.Config, state: SessionState) -> None:
    """Say once that a limit has no effect on this system.

    Raises:
        pytest.UsageError: warnings are to be errors.
    """
    processes = (each for session in state.sessions.values() for each in session.expanded.pipeline.processes.values())
    if not (state.options.memory_limit or any(each.memory for each in processes)) or limits_memory():
        return
    text = "memory limits (`memory:`, --expops-memory-limit) have no effect: this system does not enforce RLIMIT_DATA"
    try:
        config.issue_config_time_warning(NotLimitedWarning(text), stacklevel=2)
    except NotLimitedWarning as error:
        raise pytest.UsageError(str(error)) from None


class NotBegun:
    """Has a worker that has no folder of its session collect nothing, and say why; a worker that raises is replaced."""

    def __init__(self, message: str) -> None:
        self._message = message

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport:
        """In place of collecting anything."""
        return pytest.CollectReport(collector.nodeid, "failed", self._message, [])


def _seat(config: pytest.Config, worker_input: Mapping[str, Any] | None) -> Seat:
    if worker_input is None:
        return Seat(shared=config.pluginmanager.hasplugin("xdist") and config.getoption("dist", "no") != "no")
    return Seat(worker_input["workerid"], Path(worker_input["expops_folder"]), shared=True)


def _register_in_worker(config: pytest.Config, state: SessionState, worker_input: Mapping[str, Any]) -> None:
    config.pluginmanager.register(NativeThreads(), "expops-native-threads")
    if "expops_filler" not in worker_input:
        return
    from pytest_expops.plugin.scheduling.filler import FillerHooks
    from pytest_expops.plugin.xdist.hooks import WorkerHooks

    config.pluginmanager.register(WorkerHooks(state, fixture_names(state)), "expops-worker")
    config.pluginmanager.register(FillerHooks(), "expops-filler")


def _register_in_controller(config: pytest.Config, state: SessionState, durations: Durations) -> None:
    from pytest_expops.plugin.xdist.hooks import ControllerHooks, SchedulerHooks, graph_scheduling

    if config.getoption("dist", "no") != "no":
        config.pluginmanager.register(ControllerHooks(state), "expops-xdist")
    register_worker_times(config)
    if state.options.schedule == "graph" and graph_scheduling(config):
        config.pluginmanager.register(SchedulerHooks(state, durations), "expops-scheduler")


def _add_arguments(config: pytest.Config, options: Options) -> None:
    """Have the configs collected too, except those of which the arguments name single processes.

    Raises:
        pytest.UsageError: pytest cannot be told to collect a path.
    """
    directory = config.invocation_params.dir
    if not config.option.pyargs:
        config.args[:] = [readable_argument(each, directory) for each in config.args]
    if options.on_demand and config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    named = {absolute(directory / argument.partition("::")[0]) for argument in config.args}
    if pytest.version_tuple < (9, 0):
        # Given a folder and a file in it, pytest 8 collects the file alone. The folder will lead to the config.
        named |= {path for path in options.configs if any(path.is_relative_to(each) for each in named)}
    config.args += [readable_argument(str(path), directory) for path in options.configs if path not in named]


class PreparingHooks:
    """Starts the interpreter for replays as soon as a process that runs items knows that it will need one.

    It takes a while to start and to import what the scripts import. Meanwhile this process imports them, too, and until
    the first replay there are processes to run.
    """

    def __init__(self, state: SessionState) -> None:
        self._state = state

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Start it before anything is collected, where all replays are going to be made."""
        if not session.config.pluginmanager.hasplugin("dsession"):
            self._prepare(session.config, self._expected(session.config), all_of_it=False)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: Sequence[Any]) -> None:
        """Start one that the workers on this machine share, before they begin."""
        expected = self._expected(config)
        if len(expected) >= len(specs) and all(each.popen for each in specs) and not config.option.collectonly:
            with suppress(Exception):  # each worker starts its own
                self._state.share_replays(*expected[0])

    def _expected(self, config: pytest.Config) -> list[tuple[PipelineSession, str]]:
        """Return the replays of a session in which all are made; of others it is not known before collection."""
        if _selects(config):
            return []
        return [
            (pipeline, name)
            for pipeline in self._state.sessions.values()
            for name, each in pipeline.expanded.processes.items()
            if why_not_replayed(each, self._state.options.replay) is None and self._is_made(pipeline, name)
        ]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start it, unless there are more workers than replays, and this one may well get none."""
        items = [(item.pipeline_session, item.expanded.name) for item in session.items if isinstance(item, ReplayItem)]
        self._prepare(session.config, [each for each in items if self._is_made(*each)], all_of_it=True)

    def _prepare(self, config: pytest.Config, replays: list[tuple[PipelineSession, str]], *, all_of_it: bool) -> None:
        workers = getattr(config, "workerinput", {}).get("workercount", 1)
        if replays and len(replays) >= workers and not config.option.collectonly:
            with suppress(Exception):  # the first replay will meet it, in its own item
                self._state.prepare_replays(*replays[0], all_of_it=all_of_it)

    def _is_made(self, pipeline: PipelineSession, name: str) -> bool:
        """Return whether the replay is to be made: of a result that is kept, it has been made before."""
        return name not in self._state.reuse.kept(pipeline)


def _selects(config: pytest.Config) -> bool:
    """Return whether some of the items may not be run."""
    chosen = any(getattr(config.option, name, None) for name in ("keyword", "markexpr", "lf", "deselect", "stepwise"))
    return chosen or any("::" in each for each in config.args)


def print_why(options: Options) -> None:
    """Print, of each expanded process that the user named, why it is not reused, or that it is.

    Raises:
        pytest.UsageError: a config cannot be run, nothing is kept, or there is no such process.
    """
    try:
        state = start(options, Seat())
    except (StoreError, OSError) as error:
        raise pytest.UsageError(f"expops: the session cannot begin: {error}") from error
    try:
        for line in state.reuse.why(options.cache.why, state.sessions.values()):
            print(line)
    finally:
        state.close()


def print_graphs(configs: tuple[Path, ...], output: str) -> None:
    """Print each pipeline in the format `output`.

    Raises:
        pytest.UsageError: a config cannot be run.
    """
    for pipeline in expanded_pipelines(configs).values():
        print(_RENDERERS[output](pipeline).rstrip("\n"))
