"""pytest-socket and pytest-subprocess: what they forbid or replace in tests does not reach replays."""

from __future__ import annotations

import pytest

from tests.conftest import Project

pytestmark = pytest.mark.plugins
pytest.importorskip("pytest_socket", reason="needs pytest-socket (extra `plugins`)")
pytest.importorskip("pytest_subprocess", reason="needs pytest-subprocess (extra `plugins`)")

SCRIPT = """
import random
def train(data): return {"x": 1}
def draws(data): return {"x": random.SystemRandom().random()}
"""
REPLAYED = {"train": "passed", "train[replay]": "passed", "draws": "passed", "draws[replay]": "failed"}
WITHOUT_SOCKETS = """
    import random, socket
    import pytest, pytest_socket
    from pytest_expops import assert_reproducible

    def same(): return 1
    def other(): return random.SystemRandom().random()

    {marker}
    def test_same({fixture}): assert_reproducible(same)

    {marker}
    def test_other({fixture}): assert_reproducible(other)

    {marker}
    @pytest.mark.reproducible
    def test_refused({fixture}):
        with pytest.raises(pytest_socket.SocketBlockedError):
            socket.socket()
    """
WAYS = {
    "option": (["--disable-socket"], "", ""),
    "marker": ([], "@pytest.mark.disable_socket", ""),
    "fixture": ([], "", "socket_disabled"),
}


@pytest.mark.parametrize(("options", "marker", "fixture"), WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_replays_are_made_where_sockets_are_refused(
    project: Project, options: list[str], marker: str, fixture: str, workers: str
) -> None:
    project.write("train\ndraws\n", SCRIPT)
    project.pytester.makepyfile(test_it=WITHOUT_SOCKETS.format(marker=marker, fixture=fixture))
    diagnosed = workers == "-n0" and bool(options)
    outcome = project.run(workers, *options, "--expops-replay=all", diagnose=diagnosed, subprocess=True)
    assert outcome.items == {
        **REPLAYED,
        "test_same": "passed",
        "test_other": "failed",
        "test_refused": "passed",
        "test_refused[replay]": "passed",
    }, outcome.text
    assert "not deterministic" in outcome.message("draws[replay]")
    if diagnosed:
        assert "random.SystemRandom" in outcome.message("test_other")


def test_replays_are_made_where_programs_are_replaced(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import subprocess, time
        import pytest
        from pytest_expops import assert_reproducible

        def same(): return 1
        def test_same(fp): assert_reproducible(same)
        def test_varied(fp): assert_reproducible(same, vary="all")
        @pytest.mark.reproducible
        def test_whole(fp, record_result):
            fp.register(["no-such-program"], stdout="said")
            record_result("said", subprocess.check_output(["no-such-program"]))

        @pytest.mark.reproducible
        def test_clock(fp, record_result): record_result("at", time.time())
        """
    )
    outcome = project.pytest("-n0", diagnose=True, subprocess=True)
    assert outcome.where("failed") | outcome.where("error") == {"test_clock[replay]"}, outcome.text
    assert "why:    the clock" in outcome.message("test_clock[replay]")
