"""What happens once at the start of a session that has a pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.plugin.fixtures import aggregation_fixtures
from pytest_expops.plugin.options import Options, absolute
from pytest_expops.plugin.state import RUN, start


def configure(config: pytest.Config, options: Options) -> None:
    """Load the configs, add them to what is collected, and register what only such a session needs.

    Raises:
        pytest.UsageError: a config cannot be run.
    """
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        folder = Path(worker_input["expops_folder"])
        run = start(options, folder=folder, shared=True, worker=worker_input["workerid"])
    else:
        run = start(options, folder=None, shared=_distributes(config), worker="main")
    config.stash[RUN] = run
    _add_arguments(config, options)
    config.pluginmanager.register(aggregation_fixtures(run), "expops-aggregation-fixtures")
    if worker_input is None and config.pluginmanager.hasplugin("xdist"):
        from pytest_expops.plugin.xdist_hooks import ControllerHooks

        config.pluginmanager.register(ControllerHooks(run), "expops-xdist")


def _distributes(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("xdist") and config.getoption("dist", "no") != "no"


def _add_arguments(config: pytest.Config, options: Options) -> None:
    """Have the configs collected too, except those of which the arguments name single processes."""
    invocation = config.args_source is pytest.Config.ArgsSource.ARGS
    if options.on_demand and invocation:
        return
    directory = config.invocation_params.dir
    named = {absolute(directory / argument.partition("::")[0]) for argument in config.args}
    if pytest.version_tuple < (9, 0):
        # Given a folder and a file in it, pytest 8 collects the file alone. The folder will lead to the config.
        named |= {path for path in options.configs if any(path.is_relative_to(each) for each in named)}
    config.args += [str(path) for path in options.configs if path not in named]
