"""gevent, which replaces much of Python's standard library once a conftest file is imported."""

from __future__ import annotations

import pytest

from tests.conftest import Project

pytestmark = pytest.mark.plugins
pytest.importorskip("gevent", reason="needs gevent (extra `plugins`)")


def test_what_differs_fails_and_nothing_else(project: Project) -> None:
    project.write(
        "train\nstamp\n",
        "import time\ndef train(data): return {'x': 1}\ndef stamp(data): return {'at': time.time_ns()}\n",
    )
    project.pytester.makeconftest("from gevent import monkey\nmonkey.patch_all()\n")
    project.pytester.makepyfile(
        test_it="""
        import time
        import pytest
        from pytest_expops import assert_reproducible

        def same(): return 1
        def other(): return time.time()

        def test_same(): assert_reproducible(same)
        def test_other(): assert_reproducible(other)

        @pytest.mark.reproducible
        def test_whole(record_result): record_result("x", 1)

        @pytest.mark.reproducible
        def test_clock(record_result): record_result("at", time.time())
        """
    )
    outcome = project.run("-n0", "--expops-replay=all", subprocess=True)
    failed = {"stamp[replay]", "test_other", "test_clock[replay]"}
    assert outcome.where("failed") | outcome.where("error") == failed, outcome.text


def test_what_a_whole_test_read_is_named_and_not_the_order_of_tests(project: Project) -> None:
    """Its `patch_all` fails where another thread runs, such as the one that watches threads (see `controlled`)."""
    project.pytester.makeconftest("from gevent import monkey\nmonkey.patch_all()\n")
    project.pytester.makepyfile(
        test_it="""
        import time
        import pytest

        def test_before(): time.time()

        @pytest.mark.reproducible
        def test_clock(record_result): record_result("at", time.time())
        """
    )
    outcome = project.pytest("-n0", diagnose=True, subprocess=True)
    message = outcome.message("test_clock[replay]")
    assert "why:    the clock\n" in message
    assert message.count("why: ") == 1
