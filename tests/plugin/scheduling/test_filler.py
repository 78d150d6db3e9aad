"""Who sees the item that fills the end of a batch: those that watch what runs, and none that reports it."""

from __future__ import annotations

import pytest

from tests.conftest import Project

CONFTEST = """
    import os
    from pathlib import Path
    import pytest

    FOLDER = Path(__file__).parent

    class Watcher:
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item):
            with open(FOLDER / f"{type(self).__name__}.txt", "a") as file:
                file.write(f"{item.name}\\n")
            return (yield)

    class MakesReports(Watcher):
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(self, item, call):
            return (yield)

    class TakesReports(Watcher):
        def pytest_runtest_logreport(self, report): pass

    def pytest_configure(config):
        for kind in (Watcher, MakesReports, TakesReports):
            config.pluginmanager.register(kind())
"""
TESTS = """
    import warnings
    import pytest

    @pytest.fixture(scope="module")
    def ends():
        yield
        warnings.warn("from its end")

    def test_one(ends): pass
    def test_two(): pass
"""


@pytest.fixture
def mixed(project: Project) -> Project:
    pytest.importorskip("xdist")
    project.write("a b", "def a(): return {'x': 1}\ndef b(x): return {}\n")
    project.pytester.makeconftest(CONFTEST)
    project.pytester.makepyfile(test_ends=TESTS, test_others="def test_three(): pass\ndef test_four(): pass\n")
    return project


def seen(project: Project, who: str) -> list[str]:
    return (project.root / f"{who}.txt").read_text(encoding="utf-8").splitlines()


def test_reporters_do_not_see_it_and_those_that_watch_do(mixed: Project) -> None:
    outcome = mixed.run("-n2", ".", subprocess=True)
    assert outcome.ret == 0
    items = sorted(outcome.items)
    for who in ("MakesReports", "TakesReports"):
        assert sorted(seen(mixed, who)) == items
    assert set(seen(mixed, "Watcher")) == {*items, "expops filler"}


def test_what_fixtures_warn_of_at_their_end_is_reported_as_without_workers(mixed: Project) -> None:
    for workers in ("-n0", "-n2"):
        assert "UserWarning: from its end" in mixed.run(workers, ".", subprocess=True).text
    for workers in ("-n0", "-n2"):
        outcome = mixed.run(workers, ".", "-W", "error:from its end", subprocess=True)
        assert outcome.ret == 1
        assert "1 error" in outcome.text
