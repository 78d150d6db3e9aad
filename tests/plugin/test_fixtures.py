"""`expops` and the aggregation fixtures."""

from __future__ import annotations

import pytest

from tests.conftest import Project

TWO = """
def load(data): return {"which": WHICH}
def merge(data): return {"which": WHICH}
"""
AGGREGATES = {"merge": {"data_parallelism": {"aggregation": True}}}


def test_the_users_own_fixture_of_that_name_wins(fan: Project) -> None:
    fan.pytester.makeconftest("import pytest\n@pytest.fixture\ndef merge(): return 'mine'\n")
    fan.pytester.makepyfile(
        test_a="def test_a(merge): assert merge == 'mine'",
        test_b="""
        import pytest

        @pytest.fixture
        def merge(): return "of the module"

        def test_b(merge): assert merge == "of the module"
        """,
    )
    outcome = fan.run("-k", "test_")
    assert outcome.items == {"test_a": "passed", "test_b": "passed"}


def test_an_aggregation_inside_an_outer_layer_gives_all_its_duplicates(project: Project) -> None:
    project.write(
        "rows fit\nfit best\nbest total",
        """
        def rows(data): return {"df": [1, 2]}
        def fit(data): return {"n": data["rows"]["df"][0]}
        def best(data): return {"seeds": sorted(data["fit"])}
        def total(data): return {"parts": sorted(data["best"])}
        """,
        {
            "rows": {"data_parallelism": {"size": 2, "data_name": "df"}, "seed_parallelism": [5, -3]},
            "best": {"seed_parallelism": {"aggregation": True}},
            "total": {"data_parallelism": {"aggregation": True}},
        },
    )
    project.pytester.makepyfile(
        test_it="""
        def test_it(best, total):
            assert best == {"best_1": {"seeds": ["seed-3", "seed5"]}, "best_2": {"seeds": ["seed-3", "seed5"]}}
            assert total == {"parts": ["data1", "data2"]}
        """
    )
    assert project.run("-k", "test_it").items == {"test_it": "passed"}


def test_every_test_of_a_name_that_is_not_there_is_told_what_is(fan: Project) -> None:
    fan.pytester.makepyfile(
        test_it="""
        import pytest

        def test_near(expops):
            with pytest.raises(KeyError, match="no process is called `merg`\\n    did you mean `merge`?"):
                expops["merg"]

        def test_base_name(expops):
            with pytest.raises(KeyError, match="`train` is duplicated per partition or seed: `train_1_seed40`"):
                expops["train"]
            with pytest.raises(KeyError, match="no process is called `trian`"):
                expops.outputs("trian")
            with pytest.raises(KeyError, match=r"that is an expanded process: use expops\\['train_1_seed40'\\]"):
                expops.outputs("train_1_seed40")
            assert "merge" in expops and "train" not in expops and "train_1_seed40" in expops
        """
    )
    assert fan.run("-k", "test_").items == {"test_near": "passed", "test_base_name": "passed"}


def test_without_a_config_the_fixture_says_how_to_give_one(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import pytest

        def test_it(expops):
            with pytest.raises(KeyError, match="--expops-config PATH"):
                expops["merge"]
        """
    )
    assert project.pytest().items == {"test_it": "passed"}


def test_what_a_test_does_to_outputs_harms_no_other_reader(fan: Project) -> None:
    """S2.4."""
    fan.pytester.makepyfile(
        test_it="""
        def test_it(expops):
            frame = expops["split"]["df"]
            frame.loc[0, "x"] = 99
            weights = expops["train_1_seed40"]["weights"]
            weights[:] = 0
            assert expops["split"]["df"].loc[0, "x"] == 0
            assert expops["train_1_seed40"]["weights"].all()
            assert expops["seeds_1"]["df"].loc[0, "x"] == 0
        """
    )
    assert fan.run("-k", "test_it").items == {"test_it": "passed"}


@pytest.mark.slow
def test_two_projects_with_scripts_and_helpers_of_the_same_names(project: Project) -> None:
    """S2.1."""
    for number in (1, 2):
        folder = f"project{number}"
        project.write(
            "load merge",
            f"""
            import helper

            class Model:
                where = {number}

            def load(data): return {{"which": helper.WHICH, "model": Model()}}

            def merge(data):
                import late_helper
                assert isinstance(data["load"]["model"], Model)
                return {{"which": late_helper.WHICH + data["load"]["which"], "model": data["load"]["model"]}}
            """,
            AGGREGATES,
            folder=folder,
        )
        project.script(f"WHICH = {number}\n", folder=folder, path="models/helper.py")
        project.script(f"WHICH = {10 * number}\n", folder=folder, path="models/late_helper.py")
    project.pytester.makepyfile(
        test_it="""
        import pytest

        def test_it(expops):
            with pytest.raises(KeyError, match="in several configs"):
                expops["merge"]
            for number in (1, 2):
                outputs = expops.config(f"project{number}/configs/project_config.yaml")["merge"]
                assert outputs["which"] == 11 * number
                assert outputs["model"].where == number
        """
    )
    configs = [f"project{number}/configs/project_config.yaml" for number in (1, 2)]
    for arguments in (["-n0"], ["-n2"]):
        outcome = project.run(
            "--expops-config", configs[1], "--expops-replay=all", *arguments, config=configs[0], subprocess=True
        )
        assert len(outcome.cases) == 9
        assert set(outcome.items.values()) == {"passed"}, outcome.text
