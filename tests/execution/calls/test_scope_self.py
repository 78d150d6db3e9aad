"""`scope: self` runs one process once per seed, and by-name parameters get the seed (S2.2, S4.4)."""

from __future__ import annotations

from tests.conftest import Project


def test_each_duplicate_gets_its_seed_and_an_aggregation_all_of_them(project: Project) -> None:
    script = """
        def train(seed, random_state=None, random_seed=0):
            assert seed == random_state == random_seed
            return {"seed": seed}

        def again(data, hyperparameters):
            assert set(data["train"]) == {"seed1", "seed2"}
            return {"own": hyperparameters["random_seed"]}

        def check(own):
            assert own == {"seed8": 8, "seed9": 9}
            return {}
    """
    processes = {
        "train": {"seed_parallelism": {"seeds": [1, 2], "scope": "self"}},
        "again": {"seed_aggregation": True, "seed_parallelism": {"seeds": [8, 9], "scope": "self"}},
        "check": {"seed_aggregation": True},
    }
    project.write("train again\nagain check", script, processes)
    result = project.run("--expops-replay=all")
    assert set(result.items.values()) == {"passed"}
    assert {"train_seed1", "train_seed2[replay]", "again_seed8", "again_seed9[replay]", "check"} <= set(result.items)


def test_seed_is_the_base_seed_without_a_layer_and_a_parameter_of_that_name_goes_first(project: Project) -> None:
    script = """
        def base(seed, random_state=None):
            assert (seed, random_state) == (42, 42)
            return {}

        def own(seed, random_state=None):
            assert (seed, random_state) == (7, 42)
            return {"random_state": 5}

        def given(random_state=None, **others):
            assert random_state == 5 and not others
            return {}
    """
    project.write("own given\nbase", script, {"own": {"hyperparameters": {"seed": 7}}})
    assert project.run().items == {"own": "passed", "given": "passed", "base": "passed"}


def test_another_scope_is_an_error_that_says_which_there_are(project: Project) -> None:
    project.write("p", "def p(): return {}", {"p": {"seed_parallelism": {"seeds": [1], "scope": "slef"}}})
    text = project.run().text
    assert "`scope` is the text `slef`; expected `downstream`, or `self`" in text
    assert "did you mean `self`?" in text
