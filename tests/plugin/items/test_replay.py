"""A replay passes what is deterministic, fails what is not, and says where (S7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_expops.replay.nondeterminism._hash_seed import hash_seed_of
from tests.conftest import Project

EDGES = "start fit\nfit judge"
SEEDS = {"start": {"seed_parallelism": [7]}}
# True in the interpreter of the first replay, in a script that imports `os`.
REPLAYED = f"(os.environ.get('PYTHONHASHSEED') == '{hash_seed_of(1)}')"


def write(project: Project, body: str, **keywords: object) -> None:
    """start -> fit -> judge under one seed; `body` is what `fit` does, `REPLAYED` in it tells a replay."""
    body = body.replace("REPLAYED", REPLAYED)
    indented = "\n".join(f"    {line}" for line in body.strip().splitlines())
    project.write(
        EDGES,
        "import os, random, time, uuid\nimport numpy as np\nimport pandas as pd\n"
        "from pytest_expops.core import log_metric, step\n"
        "calls = []\n"
        "def start(data): return {'x': [1.0, 2.0, 3.0], 'frame': pd.DataFrame({'a': [1.5, 2.5]})}\n"
        f"def fit(data, hyperparameters, context):\n{indented}\n"
        "def judge(data): return {'ok': True}\n",
        keywords.pop("processes", SEEDS),  # type: ignore[arg-type]
        **keywords,  # type: ignore[arg-type]
    )


NONDETERMINISTIC = {
    "OS entropy": "return {'w': np.random.default_rng().random(4)}",
    "hash order": "return {'order': list({'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta'})}",
    "clock": "return {'t': time.time()}",
    "uuid": "return {'id': str(uuid.uuid4())}",
    "address": "return {'text': repr(object())}",
    "metric only": "log_metric('m', time.perf_counter()); return {'w': 1}",
    "process id": "return {'pid': os.getpid()}",
    "raises the second time": "assert not REPLAYED\nreturn {}",
}


@pytest.mark.parametrize("body", NONDETERMINISTIC.values(), ids=NONDETERMINISTIC.keys())
def test_what_is_nondeterministic_fails_its_own_replay_only(project: Project, body: str) -> None:
    """S7.1: `judge` is deterministic on the inputs that it was given, so its replay passes."""
    write(project, body)
    outcome = project.run()
    assert outcome.where("failed") == {"fit_seed7[replay]"}
    assert outcome.where("passed") == {"start", "fit_seed7", "judge_seed7", "judge_seed7[replay]"}
    message = outcome.message("fit_seed7[replay]")
    assert message.splitlines()[0].endswith("; not deterministic")
    assert "fit_seed7 was run again on the same inputs with the same seed" in message


DETERMINISTIC = {
    "global generators": "f = pd.DataFrame({'a': [1, 2]}).sample(2)\n"
    "return {'w': np.random.rand(4), 'p': random.random(), 'f': f}",
    "NaN and -0.0": "return {'w': np.array([np.nan, -0.0]), 'x': float('nan')}",
    "a set, and a dict made in set order": "names = {'alpha', 'beta', 'gamma', 'delta'}\n"
    "return {'s': names, 'd': {n: 1 for n in names}}",
    "shared or copied": "x = [1]\nreturn {'a': [x, x] if len(calls) else [[1], [1]]}",
    "generator from the seed": "return {'w': np.random.default_rng(hyperparameters['random_seed']).random(4)}",
    "a lambda": "k = 3\nreturn {'f': lambda x: x + k}",
    "changes its inputs": "data['start']['x'].append(4.0)\n"
    "data['start']['frame'].loc[0, 'a'] = 9\nreturn data['start']",
    "the environment it runs in": "return {'cwd': os.getcwd(), 'id': context.run_id, "
    "'p': os.environ['MLOPS_PROJECT_ID']}",
    "nothing": "return {}",
}


@pytest.mark.parametrize("body", DETERMINISTIC.values(), ids=DETERMINISTIC.keys())
def test_what_is_deterministic_passes(project: Project, body: str) -> None:
    write(project, body)
    outcome = project.run()
    assert outcome.items == dict.fromkeys(
        ["start", "fit_seed7", "fit_seed7[replay]", "judge_seed7", "judge_seed7[replay]"], "passed"
    )


def test_state_left_in_a_module_shows_as_the_difference_it_makes(project: Project) -> None:
    """`judge` sees what `fit` left; its replay is made on modules imported anew."""
    project.write(
        EDGES,
        """
        calls = []
        def start(data): return {}
        def fit(data):
            calls.append("fit")
            return {}
        def judge(data): return {"calls": list(calls)}
        """,
        SEEDS,
    )
    outcome = project.run()
    assert outcome.where("failed") == {"judge_seed7[replay]"}
    message = outcome.message("judge_seed7[replay]")
    assert "outputs['calls']" in message


def test_state_left_in_a_helper_module_shows_too(project: Project) -> None:
    project.script("calls = []\n", path="models/helper_of_state.py")
    project.write(
        EDGES,
        """
        import helper_of_state
        def start(data): return {}
        def fit(data):
            helper_of_state.calls.append("fit")
            return {}
        def judge(data): return {"calls": list(helper_of_state.calls)}
        """,
        SEEDS,
    )
    assert project.run().where("failed") == {"judge_seed7[replay]"}


def test_one_replay_leaves_nothing_for_the_next(project: Project) -> None:
    """Both replays see an empty list, as the first runs did, though one interpreter makes them all."""
    project.write(
        "start fit\nstart judge",
        """
        import os
        calls = []
        def start(data): return {}
        def fit(data):
            if REPLAYED: calls.append("replay")
            return {"calls": calls.count("first")}
        def judge(data):
            return {"calls": calls.count("replay")}
        """.replace("REPLAYED", REPLAYED),
        SEEDS,
    )
    outcome = project.run()
    assert outcome.where("failed") == set()
    assert outcome.items["judge_seed7[replay]"] == "passed"


def test_a_failure_says_where_and_how_much(project: Project) -> None:
    write(
        project,
        "w = np.zeros(10)\nw[3] = 0.5 if REPLAYED else 0.25\nreturn {'model': {'coef': w}, 'k': 1}",
    )
    outcome = project.run()
    message = outcome.message("fit_seed7[replay]")
    assert "outputs['model']['coef']" in message
    assert "1 of 10 elements" in message
    assert "0.25" in message
    assert "0.5" in message
    assert message.startswith("outputs['model']['coef']"), "also the line of the short summary"
    assert (
        "to see just this again: pytest --expops-config configs/project_config.yaml "
        "'configs/project_config.yaml::fit_seed7[replay]'"
    ) in message
    assert "outputs['k']" not in message
    assert "replayed 2: 1 matched, 1 differed" in outcome.text
    assert (
        "  the replay of `fit_seed7` differs: the cause was not looked for\n      fit_seed7: outputs['model']['coef']"
        in outcome.text
    )


def test_many_differences_are_cut_and_metrics_come_first(project: Project) -> None:
    write(
        project,
        "x = 1 if REPLAYED else 0\nlog_metric('accuracy', x)\nreturn {f'k{i:02}': x for i in range(40)}",
    )
    outcome = project.run()
    message = outcome.message("fit_seed7[replay]")
    assert message.startswith("metrics['accuracy']")
    assert "(and 40 more)" in message.splitlines()[0]
    assert outcome.text.count("first run:") == 5
    assert "and 36 more differences" in message
    assert "      fit_seed7: metrics['accuracy']" in outcome.text


def test_a_series_of_a_metric_is_one_difference(project: Project) -> None:
    """Named by its first reading that differs; how often it was logged is told on its own."""
    body = "late = 0.5 if REPLAYED else 0.0\nfor i in range(9):\n    log_metric('loss', 1.0 + (late if i > 6 else 0.0))"
    write(project, f"{body}\nreturn {{}}")
    message = project.run().message("fit_seed7[replay]")
    assert message.startswith("metrics['loss'][8]: 2 of 9 readings differ; max |delta| = 0.5")
    assert "more)" not in message.splitlines()[0]
    write(project, "for i in range(2 + REPLAYED):\n    log_metric('loss', 1.0)\nreturn {}")
    assert "metrics['loss'][3]" in project.run().message("fit_seed7[replay]")
    write(project, "for i in range(4 - REPLAYED):\n    log_metric('loss', 1.0 - REPLAYED / 4)\nreturn {}")
    message = project.run().message("fit_seed7[replay]")
    assert message.startswith(
        "metrics['loss'][1]: 3 of 3 readings differ; max |delta| = 0.25; 4 readings in the first run, 3 in the replay"
    )


def test_within_the_tolerance_of_its_process_and_key_a_difference_passes(project: Project) -> None:
    """S7.2."""
    body = "e = 1e-9 if REPLAYED else 0.0\nreturn {'a': 1.0 + e, 'b': 1.0 + e}"
    write(project, body, reproducibility={"tolerance": {"fit": {"rtol": 1e-6}}})
    assert project.run().where("failed") == set()
    write(project, body, reproducibility={"tolerance": {"fit": {"a": {"rtol": 1e-6}}}})
    outcome = project.run()
    assert outcome.where("failed") == {"fit_seed7[replay]"}
    assert "outputs['b']" in outcome.message("fit_seed7[replay]")
    assert "outputs['a']" not in outcome.message("fit_seed7[replay]")
    write(project, body, reproducibility={"tolerance": {"fit": {"rtol": 1e-12}}})
    assert project.run().where("failed") == {"fit_seed7[replay]"}


def test_declared_nondeterminism_is_a_strict_xfail(project: Project) -> None:
    """S7.3: expected where it differs, failed where it has turned deterministic."""
    declared = {"nondeterministic": {"fit": "draws from the OS, issue 12"}}
    write(project, "return {'t': time.time()}", reproducibility=declared)
    outcome = project.run("-rx")
    assert outcome.items["fit_seed7[replay]"] == "skipped"
    assert "draws from the OS, issue 12" in outcome.text
    assert "replayed 2: 1 matched, 1 differed (1 as declared)" in outcome.text
    assert "the replay of `fit_seed7` differs as declared\n      fit_seed7: outputs['t']" in outcome.text
    assert outcome.ret == 0
    write(project, "return {'t': 1.0}", reproducibility=declared)
    outcome = project.run()
    assert outcome.items["fit_seed7[replay]"] == "failed"
    assert "[XPASS(strict)] draws from the OS, issue 12" in outcome.message("fit_seed7[replay]")
    assert "fit_seed7 matched, though declared nondeterministic: draws from the OS, issue 12" in outcome.text


def test_which_processes_are_replayed(project: Project) -> None:
    write(project, "return {}")
    assert [n for n in project.run("--expops-replay=none").items if "[" in n] == []
    everything = project.run("--expops-replay=all").items
    assert [name for name in everything if "[" in name] == ["start[replay]", "fit_seed7[replay]", "judge_seed7[replay]"]
    assert set(everything.values()) == {"passed"}


def test_more_replays_each_under_a_hash_seed_of_its_own(project: Project) -> None:
    write(project, f"return {{'late': os.environ.get('PYTHONHASHSEED') == '{hash_seed_of(3)}'}}")
    assert project.run("--expops-replays=2").where("failed") == set()
    outcome = project.run("--expops-replays=3")
    assert outcome.where("failed") == {"fit_seed7[replay]"}
    assert "(replay 3 of 3)" in outcome.message("fit_seed7[replay]")
    assert outcome.properties("judge_seed7[replay]")["expops_replays"] == "3"


def test_an_interpreter_that_dies_fails_one_item_with_the_reason(
    project: Project, workers: Callable[[], list[str]]
) -> None:
    write(
        project,
        "if REPLAYED:\n    print('last words', flush=True)\n    os.kill(os.getpid(), 9)\nreturn {}",
    )
    outcome = project.run(*workers())
    assert outcome.where("failed") == {"fit_seed7[replay]"}
    assert outcome.items["judge_seed7[replay]"] == "passed"
    assert "was killed by SIGKILL" in outcome.message("fit_seed7[replay]")
    assert "last words" in outcome.message("fit_seed7[replay]")


def test_what_a_failed_replay_printed_is_shown(project: Project) -> None:
    write(project, "print('epoch 1')\nreturn {'t': time.time()}")
    assert "epoch 1" in project.run().text


def test_a_retry_plugin_cannot_hide_a_failed_replay(project: Project) -> None:
    """Its second run differs; a third, which a retry would make, would agree with the first."""
    pytest.importorskip("pytest_rerunfailures")
    body = (
        "with open('runs.txt', 'a+') as file:\n    file.write('x')\n    file.seek(0)\n    runs = len(file.read())\n"
        "return {'second': runs == 2}"
    )
    write(project, body)
    outcome = project.run("--reruns", "3")
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    outcome.result.assert_outcomes(passed=4, failed=1)
    assert (project.root / "runs.txt").read_text(encoding="utf-8") == "xx"


def test_a_type_that_is_registered_in_the_script_is_compared_as_it_says(project: Project) -> None:
    """In the script, so that the interpreter which replays knows it too."""
    body = "class Run:\n    def __init__(self, loss): self.loss, self.at = loss, time.time()\nreturn {'run': Run(0.5)}"
    write(project, body)
    assert project.run().where("failed") == {"fit_seed7[replay]"}
    path = project.root / "models/model.py"
    script = path.read_text(encoding="utf-8").replace(
        "def fit",
        "import pytest_expops\n"
        "class Run:\n    def __init__(self, loss): self.loss, self.at = loss, time.time()\n"
        "pytest_expops.register(Run, lambda run: run.loss)\n"
        "def fit",
    )
    path.write_text(
        script.replace("    class Run:\n        def __init__(self, loss): self.loss, self.at = loss, time.time()\n", "")
    )
    assert project.run().where("failed") == set()
