"""Defects that were found by trying to break things: each has a test of its own, so that it stays mended."""

from __future__ import annotations

import shutil
import sys

import pytest

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


def test_a_replica_imports_nothing_of_the_current_folder_for_itself(project: Project) -> None:
    """S7.1: `pytest` does not put the current folder on the import path, so `queue` is the standard library's."""
    project.write("a b", "import queue\ndef a(data): return {}\ndef b(data): return {'q': queue.__name__}", SEEDS)
    (project.root / "queue.py").write_text("raise RuntimeError('not this one')\n")
    assert project.run().items == {"a": "passed", "b_seed1": "passed", "b_seed1[replay]": "passed"}


def test_a_replica_finds_the_environment_that_the_first_run_found(project: Project) -> None:
    """S7.1: what a script sets when it is imported is not there yet when a fresh interpreter imports it."""
    project.write(
        "a b\nb c",
        """
        import os
        before = os.environ.get("MODE_OF_SCRIPT")
        os.environ["MODE_OF_SCRIPT"] = "set on import"
        def a(data): return {}
        def b(data): return {"before": before, "now": os.environ["MODE_OF_SCRIPT"]}
        def c(data): return {"before": before, "now": os.environ["MODE_OF_SCRIPT"]}
        """,
        SEEDS,
    )
    assert project.run(subprocess=True).where("failed") == set()


def test_a_replay_may_print_whatever_a_first_run_may(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """S7.1: pytest captures in UTF-8, whatever the locale."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    project.write("a b", "def a(data): return {}\ndef b(data):\n    print('\\u03b1')\n    return {}", SEEDS)
    assert project.run().where("failed") == set()


def test_a_script_that_can_be_imported_once_an_interpreter_is_replayed_all_the_same(project: Project) -> None:
    """S7.1: importing the project's modules anew is our doing; what only that breaks says nothing of the process."""
    project.write(
        "a b\nb c",
        """
        import sys
        if hasattr(sys, "registered_by_script"): raise ValueError("registered already")
        sys.registered_by_script = True
        def a(data): return {}
        def b(data): return {}
        def c(data): return {}
        """,
        SEEDS,
    )
    outcome = project.run(subprocess=True)
    assert outcome.items == dict.fromkeys(["a", "b_seed1", "b_seed1[replay]", "c_seed1", "c_seed1[replay]"], "passed")


def test_an_interpreter_that_died_between_replays_is_not_the_next_process_fault(project: Project) -> None:
    project.write(
        "a b\nb c\nc d",
        """
        import os, threading, time
        def a(data): return {}
        def b(data):
            if os.getpid() != int(open("pid").read()):
                threading.Timer(0.2, os._exit, [3]).start()
            return {}
        def c(data):
            time.sleep(0.6)
            return {}
        def d(data): return {}
        """,
        SEEDS,
    )
    project.pytester.makeconftest("import os\nopen('pid', 'w').write(str(os.getpid()))\n")
    outcome = project.run("-n0", subprocess=True)
    assert set(outcome.items.values()) == {"passed"}


def test_a_replica_runs_under_the_options_of_its_interpreter(project: Project) -> None:
    """S7.1: without assertions here, without assertions there."""
    project.write("a b", "def a(data): return {}\ndef b(data): return {'debug': __debug__}", SEEDS)
    command = [sys.executable, "-O", "-m", "pytest", "--expops-config", project.config]
    result = project.pytester.run(*command)
    result.assert_outcomes(passed=4)


def test_a_process_of_any_name_has_a_checkpoint_folder(project: Project) -> None:
    """S2.2."""
    name = "p" * 260
    project.write(
        f"{name} b",
        "def write(context): return {'n': (context.checkpoint_dir / 'x').write_text('1')}\ndef b(data): return {}",
        {name: {"code_function": "write"}},
    )
    assert project.run().items == {name: "passed", "b": "passed"}


def test_one_process_is_selected_from_another_folder_and_through_a_link(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S6.1: `PATH::NAME` selects the process with its checks and nothing else, however the path is written."""
    project.write("a b\nb c", "def a(data): return {}\ndef b(data): return {}\ndef c(data): return {}", SEEDS)
    (project.root / "tests").mkdir()
    (project.root / "link").symlink_to(project.root)
    monkeypatch.chdir(project.root / "tests")
    for path in ("../configs/project_config.yaml", "../link/configs/project_config.yaml"):
        outcome = project.pytest("--expops-config", path, f"{path}::b_seed1")
        assert outcome.items == {"b_seed1": "passed", "b_seed1[replay]": "passed"}


def test_a_root_cause_is_told_from_its_namesake_in_another_config(project: Project) -> None:
    """S6.3: `a` of the other config is in the session, the one that failed is not, so nothing else would tell of it."""
    project.write("a b", "def a(data): raise ValueError('broken')\ndef b(data): return {}")
    good = "def a(data): return {}\ndef b(data): return {}"
    project.write("a b", good, config="configs/other.yaml", script_path="models/other.py")
    outcome = project.run("--expops-config", "configs/other.yaml", f"{project.config}::b", "configs/other.yaml::a")
    assert outcome.items == {"a": "passed", "b": "failed"}
    assert "ValueError: broken" in outcome.message("b")


def test_an_aggregation_named_as_what_every_fixture_has_is_reached_by_name(project: Project) -> None:
    project.write(
        "a request\na expops",
        "def a(data): return {}\ndef request(data): return {'x': 1}\ndef expops(data): return {'x': 2}",
        {name: {"seed_aggregation": True} for name in ("request", "expops")},
    )
    project.pytester.makepyfile(
        "def test_it(expops, request): assert (expops['request'], expops['expops']) == ({'x': 1}, {'x': 2})"
    )
    outcome = project.run()
    assert outcome.where("failed") | outcome.where("error") == set()
    assert len(outcome.items) == 4


def test_a_failure_met_elsewhere_is_summed_up_by_what_was_raised(project: Project) -> None:
    """S6.3: pytest's short summary shows the first line."""
    project.write("a b", "def a(data): raise ValueError('broken')\ndef b(data): return {}")
    project.pytester.makeconftest(
        "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_collection_modifyitems(items): items.reverse()\n"
    )
    outcome = project.run("--reruns", "1")
    assert outcome.items == {"a": "failed", "b": "skipped"}
    outcome.result.stdout.fnmatch_lines(["*_ a _*", "ValueError: broken"], consecutive=True)


def test_what_a_script_adds_to_the_import_path_is_for_its_project_alone(project: Project) -> None:
    """S2.1: also where it imports from there only when it runs."""
    for name in ("first", "second"):
        project.write(
            "a b\nb c",
            """
            import pathlib, sys
            sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lib"))
            sys.path.append(pathlib.Path("no-text"))
            def a(data): return {}
            def b(data):
                import late_in_lib
                return {"where": late_in_lib.WHERE, "thing": late_in_lib.Thing()}
            def c(data):
                import late_in_lib
                return {"same": type(data["b"]["thing"]) is late_in_lib.Thing}
            """,
            SEEDS,
            folder=name,
        )
        project.script(f"WHERE = {name!r}\nclass Thing: pass\n", folder=name, path="lib/late_in_lib.py")
    project.pytester.makepyfile(
        test_results="""
        import pytest

        @pytest.mark.parametrize("name", ["first", "second"])
        def test_it(expops, name):
            run = expops.config(f"{name}/configs/project_config.yaml")
            assert run["b_seed1"]["where"] == name
            assert run["c_seed1"] == {"same": True}
        """
    )
    second = "second/configs/project_config.yaml"
    outcome = project.run("--expops-config", second, config="first/configs/project_config.yaml")
    assert outcome.where("failed") == set()
    assert outcome.ret == 0


def test_state_left_in_a_module_from_a_folder_that_the_script_added_shows_too(project: Project) -> None:
    """S7.1: such a module is the project's own, wherever it stands."""
    project.write(
        "a b\nb c",
        """
        import pathlib, sys
        sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "shared_lib"))
        import state_in_lib
        def a(data): return {}
        def b(data):
            state_in_lib.calls.append("b")
            return {}
        def c(data): return {"calls": list(state_in_lib.calls)}
        """,
        SEEDS,
        folder="project",
    )
    project.script("calls = []\n", path="shared_lib/state_in_lib.py")
    outcome = project.run("--expops-replay=seeded", config="project/configs/project_config.yaml")
    assert outcome.where("failed") == {"c_seed1[replay]"}


def test_a_number_whose_list_form_is_itself_can_be_logged(project: Project) -> None:
    project.write(
        "a",
        "import numpy as np\nfrom pytest_expops.core import log_metric\n"
        "def a(data):\n    log_metric('x', np.longdouble(0.5))\n    return {}\n",
    )
    outcome = project.run()
    assert outcome.items == {"a": "passed"}
    assert outcome.properties("a")["expops_metric:x[1]"] == "0.5"


def test_a_replay_runs_under_the_warning_filters_of_the_first_run(project: Project) -> None:
    """S7.1: under `-W error` a process catches what elsewhere is a line on standard error."""
    project.write(
        "a b",
        """
        import warnings
        def a(data): return {}
        def b(data):
            try:
                warnings.warn("one: of them", RuntimeWarning)
                warnings.warn("other", RuntimeWarning)
            except RuntimeWarning as error:
                return {"caught": str(error)}
            return {"caught": None}
        """,
        SEEDS,
    )
    for arguments in ([], ["-W", "error"], ["-W", "error", "-W", "ignore:one"]):
        assert project.run(*arguments).where("failed") == set(), arguments


def test_the_frames_of_pytest_fail_are_hidden_in_a_process_too(project: Project) -> None:
    """S6.3: the user's frames."""
    project.write("a", "import pytest\ndef a(data):\n    pytest.fail('by hand')\n")
    message = project.run().message("a")
    assert "by hand" in message
    assert "outcomes.py" not in message


def _project_with_helpers_of_one_name(project: Project) -> None:
    project.write(
        "load fit",
        """
        import utils
        def load(data): return {}
        def fit(data):
            import utils as again
            assert again is utils
            return {"where": utils.WHERE, "thing": utils.Thing()}
        """,
        {"load": {"seed_parallelism": [1]}},
    )
    project.script("WHERE = 'project'\nclass Thing: pass\n", path="models/utils.py")
    project.script("WHERE = 'tests'\ndef check(): return True\n", path="tests/utils.py")


def test_a_test_module_of_a_helpers_name_stays_the_tests_own(project: Project) -> None:
    """S2.1: the config is collected first, and yet `utils` of the tests is not that of the script."""
    _project_with_helpers_of_one_name(project)
    project.script(
        """
        from utils import WHERE, check

        def test_it(expops):
            assert check() and WHERE == "tests"
            assert expops["fit_seed1"]["where"] == "project"
            import utils
            assert utils.WHERE == "tests"
        """,
        path="tests/test_u.py",
    )
    outcome = project.run()
    assert outcome.items == dict.fromkeys(["load", "fit_seed1", "fit_seed1[replay]", "test_it"], "passed"), outcome.text


def test_a_conftest_that_imported_a_module_of_a_helpers_name_does_not_change_the_pipeline(project: Project) -> None:
    _project_with_helpers_of_one_name(project)
    project.script("import utils\nassert utils.WHERE == 'tests'\n", path="tests/conftest.py")
    project.script(
        """
        import utils

        def test_it(expops):
            assert utils.check()
            assert expops["fit_seed1"]["where"] == "project"
        """,
        path="tests/test_u.py",
    )
    outcome = project.run("tests")
    assert outcome.items == dict.fromkeys(["load", "fit_seed1", "fit_seed1[replay]", "test_it"], "passed"), outcome.text


def test_tests_that_can_import_a_helper_share_its_classes_and_others_can_still_pickle_them(project: Project) -> None:
    _project_with_helpers_of_one_name(project)
    project.script("class Alone: pass\n", path="models/alone.py")
    script = (project.root / "models/model.py").read_text(encoding="utf-8")
    (project.root / "models/model.py").write_text(
        script.replace("import utils\n", "import utils, alone\n", 1).replace("utils.Thing()", "alone.Alone()"),
        encoding="utf-8",
    )
    project.pytester.makepyfile(
        test_it="""
        import pickle, sys

        def test_pickle(expops):
            assert "alone" not in sys.modules
            thing = expops["fit_seed1"]["thing"]
            assert type(pickle.loads(pickle.dumps(thing))) is type(thing)

        def test_share(expops):
            from alone import Alone
            assert isinstance(expops["fit_seed1"]["thing"], Alone)
        """
    )
    assert project.run("-k", "test_").items == {"test_pickle": "passed", "test_share": "passed"}
    project.pytester.makeini("[pytest]\npythonpath = models\n")
    assert project.run("-k", "test_share").items == {"test_share": "passed"}


def test_what_a_process_does_to_the_environment_ends_with_it(project: Project) -> None:
    """S6.4: else it would depend on the number of workers who sees it."""
    project.write(
        "load fit\nfit judge",
        """
        import os
        def load(data): return {}
        def fit(data):
            os.environ["LEFT_BY_FIT"] = "1"
            os.environ.pop("HOME", None)
            return {}
        def judge(data):
            return {"left": os.environ.get("LEFT_BY_FIT"), "home": "HOME" in os.environ}
        """,
        {"load": {"seed_parallelism": [1]}},
    )
    project.pytester.makepyfile(
        test_it="""
        import os

        def test_it(expops):
            assert expops["judge_seed1"] == {"left": None, "home": True}
            assert "LEFT_BY_FIT" not in os.environ and "HOME" in os.environ
        """
    )
    outcome = project.run()
    assert set(outcome.items.values()) == {"passed"}
    assert len(outcome.items) == 6


@pytest.mark.parametrize("name", ["tmp_path", "cache", "request", "monkeypatch"])
def test_an_aggregation_called_like_a_fixture_of_pytest_leaves_it_alone(project: Project, name: str) -> None:
    project.write(
        f"load {name}",
        f"def load(data): return {{}}\ndef {name}(data): return {{'own': 1}}\n",
        {"load": {"seed_parallelism": [1]}, name: {"seed_parallelism": {"aggregation": True}}},
    )
    project.pytester.makepyfile(
        test_it=f"""
        def test_it({name}, expops):
            assert not isinstance({name}, dict)
            assert expops[{name!r}] == {{"own": 1}}
        """
    )
    assert project.run("-k", "test_it").items == {"test_it": "passed"}


def test_every_fixture_of_pytest_is_known(pytester: pytest.Pytester) -> None:
    from pytest_expops.plugin._fixtures import TAKEN

    result = pytester.runpytest_inprocess("--fixtures", "-q", "-p", "pytester")
    of_pytest = [line for line in result.outlines if " -- " in line and ("/_pytest/" in line or "/xdist/" in line)]
    names = {line.split()[0] for line in of_pytest}
    assert "tmp_path" in names
    assert names - TAKEN == set()
