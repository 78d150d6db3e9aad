"""`expops`, and a fixture per aggregation process."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_expops.execution.results import Results
    from pytest_expops.plugin.state import SessionState


@pytest.fixture(scope="session")
def expops(request: pytest.FixtureRequest) -> Results:
    """The run of the configured pipelines: outputs and metrics by process name. See `Results`."""
    return results(request.config)


# What pytest and pytest-xdist give. A process of one of these names, or of our own fixture's, is reached by
# `expops[NAME]`: a test that asks for `tmp_path` means the folder.
TAKEN = frozenset(
    {
        "cache",
        "capfd",
        "capfdbinary",
        "caplog",
        "capsys",
        "capsysbinary",
        "capteesys",
        "LineMatcher",
        "doctest_namespace",
        "expops",
        "expops_seed",
        "linecomp",
        "monkeypatch",
        "pytestconfig",
        "pytester",
        "record_property",
        "record_result",
        "record_testsuite_property",
        "record_xml_attribute",
        "reproducible",
        "recwarn",
        "request",
        "subtests",
        "testdir",
        "testrun_uid",
        "testrunuid",
        "tmp_path",
        "tmp_path_factory",
        "tmpdir",
        "tmpdir_factory",
        "worker_id",
    }
)


def aggregation_fixtures(state: SessionState) -> ModuleType:
    """Return a plugin with one session fixture per aggregation process, named after it.

    A user's own fixture of that name goes before it, as one from a conftest or test module does before any plugin's.
    """
    plugin = ModuleType("expops_aggregation_fixtures")
    for identifier, name in fixture_names(state).items():
        setattr(plugin, f"fixture_{identifier}", pytest.fixture(scope="session", name=identifier)(_fixture(name)))
    return plugin


def fixture_names(state: SessionState) -> dict[str, str]:
    """Return the fixtures of aggregation processes, each with the name of its process."""
    names = {
        re.sub(r"\W", "_", process.name): process.name
        for session in state.sessions.values()
        for process in session.expanded.pipeline.processes.values()
        if process.aggregates
    }
    return {
        identifier: name
        for identifier, name in names.items()
        if identifier.isidentifier() and not keyword.iskeyword(identifier) and identifier not in TAKEN
    }


def results(config: pytest.Config) -> Results:
    """Return the run of the pipelines of this session; of none, if there are none."""
    from pytest_expops.execution.results import Results
    from pytest_expops.plugin.stash import STATE

    state = config.stash.get(STATE, None)
    return Results(list(state.sessions.values()) if state is not None else [])


def _fixture(name: str) -> Callable[..., Any]:
    # It does not ask for the fixture `expops`: which tests do, the scheduler wants to know.
    def aggregation(request: pytest.FixtureRequest) -> Any:
        from pytest_expops.execution.session import NotPassed
        from pytest_expops.plugin.items.base import stop_for

        failed = None
        try:
            found = results(request.config).outputs(name)
        except NotPassed as error:
            failed = error
        if failed is not None:
            stop_for(request.config, failed.path, failed.roots)
        return found[name] if list(found) == [name] else found

    aggregation.__doc__ = f"The output dict of the aggregation process `{name}`; one per expanded process if many."
    return aggregation
