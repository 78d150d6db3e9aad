"""The marker and the fixtures, and what is said where they are used wrongly."""

from __future__ import annotations

import pytest

from tests.conftest import Project

WRONG = {
    "seed=1": "there is no keyword `seed`\n    did you mean `seeds`?",
    "'x'": "it takes keywords only",
    "seeds=3": "seeds is a list of whole numbers, not 3",
    "seeds=[1.5]": "seed: a whole number of at most 39 digits is expected, not 1.5",
    "seeds=[1, 1]": "seeds: 1 and 1 has a seed twice",
    "replays=0": "replays: a whole number from 1 to 1,000,000 is expected, not 0",
    "rtol=-1": "rtol: a number from 0 to 1e300 is expected, not -1",
    "vary='hash'": "vary: there is no source 'hash'\n    did you mean `hashseed`?",
    "vary=['clock', 'timezome']": "vary: there is no source 'timezome'\n    did you mean `timezone`?",
    "vary='weather'": "vary: there is no source 'weather'\n    known are hashseed, threads, ",
    "vary=[3]": "vary is a text such as 'clock,env', or a list of names, not [3]",
    "sedes=[1]": "there is no keyword `sedes`\n    did you mean `seeds`?",
    "vary=3": "vary is a text such as 'clock,env', or a list of names, not 3",
}


@pytest.mark.parametrize("written", WRONG)
@pytest.mark.parametrize("body", ["def test_it(): pass", "class Test(unittest.TestCase):\n    def test_it(self): pass"])
def test_a_marker_that_cannot_be_used_is_an_error_with_the_place_of_the_test(
    project: Project, written: str, body: str
) -> None:
    code = f"import pytest, unittest\n\n@pytest.mark.reproducible({written})\n{body}\n"
    project.pytester.makepyfile(test_a=code)
    outcome = project.pytest("-n0")
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    assert f"@pytest.mark.reproducible of test_it: {WRONG[written]}" in outcome.text
    assert "test_a.py:" in outcome.text
    assert "Traceback" not in outcome.text


def test_methods_of_testcase_cannot_have_seeds(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import unittest, pytest

        class Case(unittest.TestCase):
            @pytest.mark.reproducible(seeds=[1])
            def test_it(self): pass
        """
    )
    outcome = project.pytest("-n0")
    assert "test_a.py::Case::test_it: methods of unittest.TestCase cannot be run under several seeds" in outcome.text


def test_a_seed_reaches_the_test_the_generators_and_its_own_fixtures(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import random
        import numpy as np
        import pytest

        @pytest.fixture
        def noise(expops_seed):
            return expops_seed, random.random(), np.random.rand()

        drawn = {}

        @pytest.mark.reproducible(seeds=[1, 2])
        def test_it(noise, record_result):
            drawn[noise[0]] = noise[1:]
            record_result("noise", noise)

        def test_they_differ():
            assert len({each for pair in drawn.values() for each in pair}) == 4
        """
    )
    outcome = project.pytest("-n0")
    assert outcome.items == dict.fromkeys(
        ["test_it[seed1]", "test_it[seed1-replay]", "test_it[seed2]", "test_it[seed2-replay]", "test_they_differ"],
        "passed",
    )


def test_a_seed_without_the_marker_is_an_error(project: Project) -> None:
    project.pytester.makepyfile(test_a="def test_it(expops_seed): pass")
    outcome = project.pytest("-n0")
    assert outcome.items == {"test_it": "error"}
    assert "test_it asks for `expops_seed`, and has no seeds" in outcome.text


def test_a_result_is_recorded_once_by_text_and_as_it_is_then(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import pytest
        from pytest_expops.errors import CheckError, FingerprintError

        @pytest.mark.reproducible
        def test_it(record_result):
            record_result("a", 1)
            with pytest.raises(CheckError, match="this test has recorded 'a' already"):
                record_result("a", 2)
            with pytest.raises(CheckError, match="the name of a result is text, not 3"):
                record_result(3, 2)
            with pytest.raises(FingerprintError, match=r"results\\['b'\\]"):
                record_result("b", (each for each in [1]))

        LEFT = []

        @pytest.mark.reproducible
        def test_later(record_result):
            value = [1]
            record_result("value", value)
            LEFT.append(1)
            value += [len(LEFT), id(object())]
        """
    )
    outcome = project.pytest("-n0")
    assert set(outcome.items.values()) == {"passed"}, outcome.text


def test_the_marker_says_how_often_and_what_is_varied(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import os
        import pytest

        @pytest.mark.reproducible(vary="timezone", replays=2, reason="reported to users")
        def test_it(record_result): record_result("zone", os.environ.get("TZ"))

        @pytest.mark.reproducible
        def test_other(record_result): record_result("zone", os.environ.get("TZ"))

        @pytest.mark.reproducible(replays=2)
        def test_twice(): pass

        @pytest.mark.reproducible(vary=["gc", " tmpdir"])
        def test_list(): pass
        """
    )
    outcome = project.pytest("-n0")
    assert outcome.where("failed") == {"test_it[replay]"}
    message = outcome.message("test_it[replay]")
    assert ", and with another timezone, and the second run" in message
    assert "again: pytest 'test_a.py::test_it[replay]'" in message
    assert outcome.properties("test_twice[replay]")["expops_replays"] == "2"


def test_options_stand_in_for_what_the_marker_does_not_say(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import os
        import pytest

        def test_it(record_result): record_result("zone", os.environ.get("TZ"))
        """
    )
    outcome = project.pytest("--expops-replay-tests", "--expops-vary=timezone", "-n0")
    assert "again: pytest --expops-replay-tests --expops-vary=timezone 'test_a.py::test_it[replay]'" in outcome.message(
        "test_it[replay]"
    )


def test_a_test_that_cannot_be_run_again_is_not_called_different(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import os, sys
        import pytest

        FIRST = sys.argv[0] != "-c"  # as it is in a replay

        @pytest.mark.reproducible
        def test_dies():
            if not FIRST:
                os._exit(3)

        if FIRST:
            @pytest.mark.reproducible
            def test_is_not_there(): pass
        """
    )
    outcome = project.pytest(subprocess=True)
    assert outcome.where("failed") == {"test_dies[replay]", "test_is_not_there[replay]"}
    assert "ended with exit status 3" in outcome.message("test_dies[replay]")
    message = outcome.message("test_is_not_there[replay]")
    assert "test_is_not_there could not be run again in a fresh interpreter" in message
    assert "not deterministic" not in message
