"""pyfakefs: files that no other interpreter finds are refused by name, or not needed."""

from __future__ import annotations

import pytest

from tests.conftest import Project

pytestmark = pytest.mark.plugins
pytest.importorskip("pyfakefs", reason="needs pyfakefs (extra `plugins`)")


def test_a_check_within_fake_files_is_refused_and_one_while_they_pause_works(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import time
        from pyfakefs.fake_filesystem_unittest import Pause
        from pytest_expops import assert_reproducible

        def same(): return 1
        def other(): return time.time()

        def test_within(fs): assert_reproducible(same)

        def test_paused(fs):
            with Pause(fs):
                assert_reproducible(same)

        def test_other(fs):
            with Pause(fs):
                assert_reproducible(other)

        def test_after(): assert_reproducible(same)
        """
    )
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.items == {
        "test_within": "failed",
        "test_paused": "passed",
        "test_other": "failed",
        "test_after": "passed",
    }, outcome.text
    assert "something stands in for the system's files (`os` is a " in outcome.message("test_within")
    assert "returned: value differs" in outcome.message("test_other")


def test_whole_tests_are_replayed_with_fake_files(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import time
        import pytest

        @pytest.mark.reproducible
        def test_same(fs, record_result):
            with open("/fake", "w") as file:
                file.write("x")
            record_result("size", len(open("/fake").read()))

        @pytest.mark.reproducible
        def test_other(fs, record_result): record_result("at", time.time())
        """
    )
    outcome = project.pytest("-n0", diagnose=True, subprocess=True)
    assert outcome.items["test_same[replay]"] == "passed", outcome.text
    assert outcome.items["test_other[replay]"] == "failed"
    assert "why:    the clock" in outcome.message("test_other[replay]")


def test_a_large_result_that_cannot_be_kept_is_an_error_and_no_difference(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import numpy as np, pytest

        @pytest.mark.reproducible
        def test_large(fs, record_result): record_result("rows", np.arange(5_000_000))
        """
    )
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.ret == 1, outcome.text
    assert "not deterministic" not in outcome.text
