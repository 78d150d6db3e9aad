"""freezegun and time-machine: what a test freezes is its own, and what reads the true clock is still found."""

from __future__ import annotations

import pytest

from tests.conftest import Project

pytestmark = pytest.mark.plugins
pytest.importorskip("freezegun", reason="needs freezegun (extra `plugins`)")
pytest.importorskip("time_machine", reason="needs time-machine (extra `plugins`)")

FROZEN = {
    "freezegun": "freezegun.freeze_time('2020-01-01')",
    "time-machine": "time_machine.travel('2020-01-01', tick=False)",
}
SCRIPT = """
def train(data): return {"x": 1}
"""
TESTS = """
    import time
    import freezegun, pytest, time_machine
    from pytest_expops import assert_reproducible

    def same(): return 1
    def other(): return time.time()

    @pytest.fixture(autouse=True)
    def frozen():
        with {frozen}:
            yield

    def test_same(): assert_reproducible(same)
    def test_reads_the_clock(): assert_reproducible(other)
    """
WHOLE_TEST = """
    import time
    import freezegun, pytest, time_machine

    @pytest.fixture
    def frozen():
        with {frozen}:
            yield

    @pytest.mark.reproducible
    def test_frozen(frozen, record_result): record_result("at", int(time.time()))

    @pytest.mark.reproducible
    def test_not(record_result): record_result("at", time.time())
    """


@pytest.mark.parametrize("frozen", FROZEN.values(), ids=FROZEN.keys())
def test_functions_and_processes_are_replayed_without_the_frozen_clock(project: Project, frozen: str) -> None:
    project.write("train\n", SCRIPT)
    project.pytester.makepyfile(test_it=TESTS.format(frozen=frozen))
    outcome = project.run("-n0", "--expops-replay=all", diagnose=True, subprocess=True)
    assert outcome.where("passed") == {"train", "train[replay]", "test_same"}, outcome.text
    assert "why:    the clock" in outcome.message("test_reads_the_clock")


def test_a_whole_test_that_freezegun_freezes_is_replayed_frozen(project: Project) -> None:
    project.pytester.makepyfile(test_it=WHOLE_TEST.format(frozen=FROZEN["freezegun"]))
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.where("failed") == {"test_not[replay]"}, outcome.text


def test_a_whole_test_that_travels_is_not_said_to_differ(project: Project) -> None:
    """It can be killed by SIGSEGV while the clock is watched, which is chance; it must be told as that."""
    project.pytester.makepyfile(test_it=WHOLE_TEST.format(frozen=FROZEN["time-machine"]))
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.items["test_not[replay]"] == "failed"
    assert outcome.items["test_frozen[replay]"] == "passed" or "SIGSEGV" in outcome.message("test_frozen[replay]")


def test_a_decorated_function_differs_by_the_addresses_of_the_decorator(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import time
        from freezegun import freeze_time
        from pytest_expops import assert_reproducible

        @freeze_time("2020-01-01")
        def decorated(): return time.time()

        def within():
            with freeze_time("2020-01-01"):
                return time.time()

        def test_decorated(): assert_reproducible(decorated)
        def test_within(): assert_reproducible(within)
        """
    )
    outcome = project.pytest("-n0", diagnose=True, subprocess=True)
    assert outcome.items == {"test_decorated": "failed", "test_within": "passed"}, outcome.text
    assert "not deterministic" in outcome.message("test_decorated")
    assert "why:    memory addresses" in outcome.message("test_decorated")
