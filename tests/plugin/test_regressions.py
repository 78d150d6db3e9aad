"""Defects that were found by trying to break things: each has a test of its own, so that it stays mended."""

from __future__ import annotations

import shutil

from tests.conftest import Project

SEEDS = {"a": {"seed_parallelism": [1]}}


def test_two_configs_of_one_script_share_no_modules(project: Project) -> None:
    """S2.1: one project's state in its script is not another's, and what it returns is of its own helper's classes."""
    project.script("class Thing:\n    pass\n", path="models/helper_of_two.py")
    path = project.write(
        "a b\nb c",
        """
        from helper_of_two import Thing
        calls = []
        def a(data): return {}
        def b(data):
            calls.append("b")
            return {"thing": Thing(), "calls": len(calls)}
        def c(data): return {"same": type(data["b"]["thing"]) is Thing}
        """,
        SEEDS,
    )
    shutil.copy(path, path.with_name("other.yaml"))
    project.pytester.makepyfile(
        test_results="""
        import pytest

        @pytest.mark.parametrize("config", ["project_config.yaml", "other.yaml"])
        def test_it(expops, config):
            run = expops.config(config)
            assert run["b_seed1"]["calls"] == 1
            assert run["c_seed1"] == {"same": True}
        """
    )
    outcome = project.run("--expops-config", "configs/other.yaml")
    assert outcome.where("failed") == set()
    assert outcome.ret == 0
