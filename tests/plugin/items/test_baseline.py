"""The baseline from the command line: recorded, checked, changed, updated, stale; by any number of workers."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Outcome, Project

LOCK = "configs/project_config.expops-lock.json"

CHAIN = "load train\ntrain evaluate"
SCRIPT = """
import numpy as np
from pytest_expops.core import log_metric

SCALE = 2.0

def load():
    return {"x": np.arange(6.0)}

def train(x, rate):
    for epoch in range(3):
        log_metric("loss", rate / (epoch + 1))
    return {"weights": scaled(x), "rate": rate}

def scaled(x):
    return x * SCALE

def evaluate(weights):
    log_metric("score", float(weights.sum()))
    return {"score": {"sum": float(weights.sum())}}
"""
PARAMETERS = {"train": {"hyperparameters": {"rate": 0.5}}}


@pytest.fixture
def chain(project: Project) -> Project:
    """load -> train -> evaluate, without seeds, and with a recorded baseline."""
    project.write(CHAIN, SCRIPT, PARAMETERS)
    recorded = project.run("--expops-baseline=new")
    assert recorded.ret == 0, recorded.text
    return project


def lock(project: Project) -> Any:
    return json.loads((project.root / LOCK).read_text())


def edit_lock(project: Project, edit: Callable[[Any], object]) -> None:
    document = lock(project)
    edit(document)
    (project.root / LOCK).write_text(json.dumps(document))


def baselines(outcome: Outcome) -> dict[str, str]:
    """Outcome by process of the `[baseline]` items."""
    found = outcome.items.items()
    return {name.removesuffix("[baseline]"): each for name, each in found if name.endswith("[baseline]")}


ALL = {"load": "passed", "train": "passed", "evaluate": "passed"}


def test_without_a_lock_there_are_no_items_and_nothing_is_written_or_said(project: Project) -> None:
    project.write(CHAIN, SCRIPT, PARAMETERS)
    outcome = project.run()
    assert set(outcome.items) == {"load", "train", "evaluate"}
    assert "baseline" not in outcome.text.lower()
    assert not (project.root / LOCK).exists()


def test_new_records_what_is_missing_and_check_then_passes(chain: Project) -> None:
    entries = lock(chain)["entries"]
    assert list(entries) == ["load", "train", "evaluate"]
    assert entries["train"]["metrics"] == {"loss": [0.5, 0.25, 0.16666666666666666]}
    assert entries["train"]["sketch"]["weights"] == {
        "dtype": "float64", "shape": [6], "min": 0.0, "max": 10.0, "mean": 5.0, "weighted": 2.420793070830881,
        "values": [0.0, 2.0, 4.0, 10.0],
    }  # fmt: skip
    before = (chain.root / LOCK).read_bytes()
    outcome = chain.run()
    assert outcome.ret == 0
    assert baselines(outcome) == ALL
    assert f"compared 3 with {LOCK}: 3 the same" in outcome.text
    assert "another environment" not in outcome.text
    assert (chain.root / LOCK).read_bytes() == before


def test_items_come_after_their_process_and_are_selected_as_any(chain: Project) -> None:
    listed = re.findall(
        r"<(?:Process|Replay|Baseline) (\S+?)(?: <-.*)?>", chain.run("--co", "--expops-replay=all").text
    )
    assert listed[:4] == ["load", "load[replay]", "load[baseline]", "train"]
    assert set(chain.run("-m", "expops_baseline").items) == {"load[baseline]", "train[baseline]", "evaluate[baseline]"}
    config = chain.config
    common = ("-o", "expops_replay=seeded", "--expops-config", config)
    assert set(chain.pytest(*common, f"{config}::train").items) == {"train", "train[baseline]"}
    assert set(chain.pytest(*common, f"{config}::train[baseline]").items) == {"train[baseline]"}
    assert baselines(chain.run("--expops-baseline=off")) == {}


def test_a_changed_result_fails_and_tells_key_expected_obtained_and_the_code(chain: Project) -> None:
    chain.script(SCRIPT.replace("x * SCALE", "x * SCALE + 1"))
    outcome = chain.run()
    assert baselines(outcome) == {"load": "passed", "train": "failed", "evaluate": "failed"}
    message = outcome.message("train[baseline]")
    assert message.startswith("baseline differs: outputs['weights']: ")
    assert f"train no longer gives what {LOCK} records:" in message
    assert "  outputs['weights']: min, max, mean, values differ; max |delta| = 1.0\n" in message
    assert "      expected: float64 (6,): min 0.0, max 10.0, mean 5.0, values [0.0, 2.0, 4.0, 10.0]\n" in message
    assert "      obtained: float64 (6,): min 1.0, max 11.0, mean 6.0, values [1.0, 3.0, 5.0, 11.0]\n" in message
    told = message.partition("what else changed since it was recorded:\n")[2].partition("\nas it was:\n")[0]
    assert told == "    the code of `scaled` in models/model.py (used by `train`)"
    assert f"--expops-baseline=update {chain.config}::train" in message
    # What comes later differs because of it, and says so first.
    later = outcome.message("evaluate[baseline]")
    assert "expected 30.0, obtained 36.0 (and 1 more); `train` already differs from the baseline" in later
    assert "the code of" not in later
    assert f"compared 3 with {LOCK}: 1 the same, 2 different" in outcome.text


def test_metrics_are_told_by_value(chain: Project) -> None:
    chain.script(SCRIPT.replace("rate / (epoch + 1)", "rate / (epoch + 1) if epoch else 0.75"))
    message = chain.run().message("train[baseline]")
    assert "metrics['loss'][1]: expected 0.5, obtained 0.75; the code of `train` changed" in message


@pytest.mark.parametrize(
    ("old", "new", "processes", "told"),
    [
        ("SCALE = 2.0", "SCALE = 3.0", PARAMETERS, "the code of `SCALE` in models/model.py (used by `train`)"),
        ("", "", {"train": {"hyperparameters": {"rate": 0.25}}}, "the parameter rate (0.5 -> 0.25)"),
    ],
)
def test_what_else_changed_is_told(
    chain: Project, old: str, new: str, processes: dict[str, dict[str, Any]], told: str
) -> None:
    chain.write(CHAIN, SCRIPT.replace(old, new), processes)
    message = chain.run().message("train[baseline]")
    assert f"what else changed since it was recorded:\n    {told}\nas it was:\n" in message


def test_other_input_data_is_told_where_it_comes_in(project: Project) -> None:
    script = "def load(path):\n    return {'n': int(open(path).read())}\ndef train(n):\n    return {'n': n}\n"
    project.write("load train", script, parameters={"path": "data.txt"})
    (project.root / "data.txt").write_text("1")
    project.run("--expops-baseline=new")
    (project.root / "data.txt").write_text("2")
    outcome = project.run()
    assert "expected 1, obtained 2; the file data.txt changed" in outcome.message("load[baseline]")
    assert "expected 1, obtained 2; `load` already differs" in outcome.message("train[baseline]")


@pytest.mark.parametrize("own", [True, False])
def test_a_file_that_only_a_later_process_reads_is_told(project: Project, own: bool) -> None:
    script = "def load():\n    return {'n': 1}\ndef train(n, path):\n    return {'n': int(open(path).read())}\n"
    parameters = {"path": "data.txt"}
    processes = {"train": {"hyperparameters": parameters}} if own else None
    project.write("load train", script, processes, parameters={} if own else parameters)
    (project.root / "data.txt").write_text("1")
    project.run("--expops-baseline=new")
    (project.root / "data.txt").write_text("2")
    outcome = project.run()
    assert "expected 1, obtained 2; the file data.txt changed" in outcome.message("train[baseline]")


def test_where_all_that_is_recorded_is_as_it_was_that_is_said_and_no_more(chain: Project) -> None:
    edit_lock(chain, lambda document: document["entries"]["train"]["metrics"].update(loss=[0.5, 0.25, 0.125]))
    message = chain.run().message("train[baseline]")
    assert message.startswith("baseline differs: metrics['loss'][3]: ")
    assert "; what is recorded of it is as it was\n" in message
    assert (
        "what is recorded of it is as it was:\n"
        "    its code, parameters, seed, inputs, libraries, machine\n"
        "    not recorded: the files that it reads, the network, the clock\n"
    ) in message


def _recorded_with_another_numpy(document: Any) -> None:
    document["environment"]["libraries"]["numpy"] = "1.0.1"


def _move_results(document: Any, by: float) -> None:
    train = document["entries"]["train"]
    train["outputs"]["weights"] = "0" * 32
    train["metrics"]["loss"][0] *= 1 + by
    train["sketch"]["weights"]["mean"] *= 1 + by


def test_elsewhere_metrics_and_sketches_are_compared_within_a_tolerance_and_that_is_said(chain: Project) -> None:
    edit_lock(chain, lambda document: (_recorded_with_another_numpy(document), _move_results(document, 1e-9)))
    outcome = chain.run()
    assert outcome.ret == 0
    assert f"compared 3 with {LOCK}: 2 the same, 1 within tolerance" in outcome.text
    assert "all recorded in another environment (numpy 1.0.1 -> " in outcome.text
    assert "compared within rtol=1e-6 atol=1e-9, or the tolerance in the config" in outcome.text
    assert outcome.properties("train[baseline]")["expops_baseline"] == "within"


def test_elsewhere_more_than_the_tolerance_fails_and_nothing_but_the_library_is_blamed(chain: Project) -> None:
    edit_lock(chain, lambda document: (_recorded_with_another_numpy(document), _move_results(document, 1e-3)))
    outcome = chain.run()
    assert baselines(outcome) == {**ALL, "train": "failed"}
    message = outcome.message("train[baseline]")
    assert re.search(r"; of what is recorded, only this changed: numpy 1\.0\.1 -> \d\S*\n", message)
    assert "\nof what is recorded, only this changed:\n    numpy 1.0.1 -> " in message
    assert "\nas it was:\n    its code, parameters, seed, inputs, machine\n" in message
    assert "(recorded in another environment, so compared within rtol=1e-6 atol=1e-9)" in message
    # With code that changed as well it is another message.
    chain.script(SCRIPT.replace("rate / (epoch + 1)", "rate * 2 / (epoch + 1)"))
    message = chain.run().message("train[baseline]")
    assert "; the code of `train` changed (the environment changed too)\n" in message


def test_elsewhere_a_text_that_changed_amid_a_table_is_no_rounding(project: Project) -> None:
    column = "pd.Series(list('abcdefg'), dtype='string')"
    script = f"import pandas as pd\ndef load():\n    return {{'df': pd.DataFrame({{'t': {column}}})}}\n"
    project.write("load", script)
    project.run("--expops-baseline=new")
    edit_lock(project, _recorded_with_another_numpy)
    project.script(script.replace("abcdefg", "abcdXfg"))
    outcome = project.run()
    assert baselines(outcome) == {"load": "failed"}
    message = outcome.message("load[baseline]")
    assert "outputs['df']['t']: digest differs\n" in message
    assert "; the code of `load` changed (the environment changed too)\n" in message


@pytest.mark.parametrize("in_baseline", [True, False])
def test_elsewhere_the_library_is_not_blamed_alone_for_other_inputs(project: Project, in_baseline: bool) -> None:
    script = "def load():\n    return {'x': 1.0}\ndef train(x):\n    return {'x': (x - 1.0) * 1e9}\n"
    project.write("load train", script)
    project.run("--expops-baseline=new")
    edit_lock(project, _recorded_with_another_numpy)
    if not in_baseline:
        edit_lock(project, lambda document: document["entries"].pop("load"))
    # What `load` gives is within the tolerance, but it is made in another way.
    project.script(script.replace("1.0}", "1.0 + 1e-8}"))
    outcome = project.run()
    assert baselines(outcome) == {"train": "failed"} | ({"load": "passed"} if in_baseline else {})
    message = outcome.message("train[baseline]")
    assert "; what it receives from `load` changed (the environment changed too)\n" in message


def test_in_the_recorded_environment_the_same_deviation_fails(chain: Project) -> None:
    edit_lock(chain, lambda document: _move_results(document, 1e-9))
    assert baselines(chain.run()) == {**ALL, "train": "failed"}


@pytest.mark.parametrize("how", ["config", "ini"])
def test_a_declared_tolerance_goes_before_the_default(chain: Project, how: str) -> None:
    if how == "config":
        chain.write(CHAIN, SCRIPT, PARAMETERS, reproducibility={"tolerance": {"train": {"rtol": 0.01}}})
    else:
        chain.pytester.makeini("[pytest]\nexpops_tolerance =\n    train: rtol=0.01\n")
    edit_lock(chain, lambda document: _move_results(document, 1e-3))
    outcome = chain.run()
    assert baselines(outcome) == ALL
    assert f"compared 3 with {LOCK}: 2 the same, 1 within tolerance" in outcome.text
    edit_lock(chain, lambda document: _move_results(document, 1e-1))
    assert baselines(chain.run()) == {**ALL, "train": "failed"}


def test_the_tolerance_of_other_environments_can_be_set(chain: Project) -> None:
    edit_lock(chain, lambda document: (_recorded_with_another_numpy(document), _move_results(document, 1e-3)))
    chain.pytester.makeini("[pytest]\nexpops_baseline_tolerance = rtol=1e-2\n")
    assert baselines(chain.run()) == ALL
    chain.pytester.makeini("[pytest]\nexpops_baseline_tolerance = exact\n")
    outcome = chain.run()
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "expops_baseline_tolerance: 'exact' is not `rtol=NUMBER` or `atol=NUMBER` (from tox.ini)" in outcome.text


def test_new_adds_only_what_is_missing(chain: Project) -> None:
    edit_lock(chain, lambda document: document["entries"].pop("load"))
    before = lock(chain)["entries"]
    assert "not in the baseline: load (--expops-baseline=new records them)" in chain.run().text
    chain.script(SCRIPT.replace("x * SCALE", "x + SCALE"))
    outcome = chain.run("--expops-baseline=new")
    assert baselines(outcome) == {"load": "passed", "train": "failed", "evaluate": "failed"}
    assert f"baseline {LOCK}: 1 added\n  added load\n" in outcome.text
    after = lock(chain)["entries"]
    assert {name: after[name] for name in before} == before
    assert list(after) == ["load", "train", "evaluate"]


def test_update_rewrites_what_changed_says_so_and_leaves_the_rest(chain: Project) -> None:
    before = (chain.root / LOCK).read_text()
    outcome = chain.run("--expops-baseline=update")
    assert f"baseline {LOCK}: 3 unchanged\n" in outcome.text
    assert (chain.root / LOCK).read_text() == before
    chain.script(SCRIPT.replace("x * SCALE", "x + SCALE"))
    outcome = chain.run("--expops-baseline=update")
    assert outcome.ret == 0
    assert f"baseline {LOCK}: 2 updated, 1 unchanged\n" in outcome.text
    assert "  updated train: outputs weights\n  updated evaluate: metrics score; outputs score\n" in outcome.text
    assert baselines(chain.run()) == ALL


def test_update_of_one_process_keeps_what_did_not_run_and_lies_about_nothing(chain: Project) -> None:
    edit_lock(chain, _recorded_with_another_numpy)
    chain.script(SCRIPT.replace("x * SCALE", "x + SCALE"))
    chain.pytest("--expops-config", chain.config, "--expops-baseline=update", f"{chain.config}::train")
    document = lock(chain)
    assert document["environment"]["libraries"]["numpy"] == "1.0.1"
    (own,) = document["environments"].values()
    assert own["libraries"]["numpy"] != "1.0.1"
    assert [name for name, entry in document["entries"].items() if "environment" in entry] == ["train"]
    assert baselines(chain.run()) == {"load": "passed", "train": "passed", "evaluate": "failed"}


def test_entries_that_the_config_no_longer_has_are_stale(chain: Project) -> None:
    chain.write("load train", SCRIPT, PARAMETERS)
    outcome = chain.run()
    assert outcome.ret == 0
    assert "stale entries: evaluate (--expops-baseline=update removes them)" in outcome.text
    strict = chain.run("--expops-baseline-strict")
    assert baselines(strict) == {"load": "passed", "train": "passed", "evaluate": "failed"}
    assert f"stale: {LOCK} has an entry for `evaluate`" in strict.message("evaluate[baseline]")
    updated = chain.run("--expops-baseline=update", "--expops-baseline-strict")
    assert updated.ret == 0
    assert f"baseline {LOCK}: 1 removed, 2 unchanged\n  removed evaluate\n" in updated.text
    assert chain.run("--expops-baseline-strict").ret == 0


def test_deselected_entries_are_not_stale(chain: Project) -> None:
    outcome = chain.run("--expops-baseline-strict", "-k", "load")
    assert baselines(outcome) == {"load": "passed"}
    assert outcome.ret == 0
    assert "stale entries" not in outcome.text
    chain.run("--expops-baseline=update", "-k", "load")
    assert list(lock(chain)["entries"]) == ["load", "train", "evaluate"]


def test_a_missing_output_and_a_new_one_are_told(chain: Project) -> None:
    chain.script(SCRIPT.replace('"rate": rate}', '"speed": rate}'))
    message = chain.run().message("train[baseline]")
    assert "  outputs['rate']: key in one of the two only\n      expected: a value\n      obtained: (absent)" in message
    assert (
        "  outputs['speed']: key in one of the two only\n      expected: (absent)\n      obtained: a value" in message
    )


def test_only_collecting_writes_nothing(project: Project) -> None:
    project.write(CHAIN, SCRIPT, PARAMETERS)
    project.run("--co", "--expops-baseline=new")
    assert not (project.root / LOCK).exists()


def test_in_ci_nothing_is_written_unless_forced(chain: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_lock(chain, lambda document: document["entries"].pop("load"))
    before = (chain.root / LOCK).read_bytes()
    monkeypatch.setenv("CI", "true")
    for mode in ("new", "update"):
        outcome = chain.run(f"--expops-baseline={mode}")
        assert outcome.ret == pytest.ExitCode.USAGE_ERROR
        assert f"--expops-baseline: {mode!r} would write the lock file, but this is CI (CI=true)" in outcome.text
    assert (chain.root / LOCK).read_bytes() == before
    assert chain.run().ret == 0  # checking is what a CI is for
    assert chain.run("--expops-baseline=new", "--expops-baseline-force").ret == 0
    assert list(lock(chain)["entries"]) == ["load", "train", "evaluate"]
    monkeypatch.setenv("CI", "false")
    assert chain.run("--expops-baseline=update").ret == 0


@pytest.mark.parametrize(
    ("mode", "text", "message"),
    [
        ("check", '{"format": 1, "entries": {', ":1:27: the lock file is not JSON"),
        ("new", '{"format": 3}', "is of format 3; this version of pytest-expops reads formats up to 2"),
        ("update", "{\n<<<<<<< HEAD\n", ":2:1: the lock file has merge-conflict markers"),
    ],
)
def test_a_lock_that_cannot_be_used_is_an_error_and_stays_as_it_is(
    project: Project, mode: str, text: str, message: str
) -> None:
    project.write(CHAIN, SCRIPT, PARAMETERS)
    (project.root / LOCK).write_text(text)
    outcome = project.run(f"--expops-baseline={mode}")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert message in outcome.text
    assert (project.root / LOCK).read_text() == text
    assert project.run("--expops-baseline=off").ret == 0


def test_a_lock_that_breaks_meanwhile_is_not_written_over(project: Project) -> None:
    script = SCRIPT.replace("def load():", f'def load():\n    open("{LOCK}", "w").write("<<<<<<< HEAD\\n")')
    project.write(CHAIN, script, PARAMETERS)
    outcome = project.run("--expops-baseline=new")
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    assert "the baseline was not written: " in outcome.text
    assert "merge-conflict markers" in outcome.text
    assert (project.root / LOCK).read_text() == "<<<<<<< HEAD\n"


def test_what_another_session_recorded_meanwhile_is_kept(chain: Project) -> None:
    edit_lock(chain, lambda document: document["entries"].pop("load"))
    other = lock(chain)
    other["entries"]["another"] = other["entries"]["evaluate"]
    (chain.root / "other.json").write_text(json.dumps(other))
    chain.script(SCRIPT.replace("def evaluate(weights):", f"import shutil\ndef evaluate(weights):\n"
                                                          f"    shutil.copy('other.json', '{LOCK}')"))  # fmt: skip
    chain.run("--expops-baseline=new")
    assert list(lock(chain)["entries"]) == ["load", "train", "evaluate", "another"]


def test_a_lock_that_cannot_be_written_fails_the_session(project: Project) -> None:
    project.write(CHAIN, SCRIPT, PARAMETERS)
    project.pytester.makeini("[pytest]\nexpops_baseline_file = missing/{stem}.json\n")
    outcome = project.run("--expops-baseline=new")
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    assert "the baseline was not written: " in outcome.text
    assert "No such file or directory" in outcome.text


def test_the_lock_file_can_stand_elsewhere_but_not_be_shared(project: Project) -> None:
    project.write(CHAIN, SCRIPT, PARAMETERS)
    other = project.write(CHAIN, SCRIPT, PARAMETERS, config="configs/other.yaml")
    project.pytester.makeini("[pytest]\nexpops_baseline_file = ../{stem}.lock\n")
    project.run("--expops-baseline=new", "--expops-config", str(other))
    assert {path.name for path in project.root.glob("*.lock")} == {"project_config.lock", "other.lock"}
    project.pytester.makeini("[pytest]\nexpops_baseline_file = one.lock\n")
    outcome = project.run("--expops-config", str(other))
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "the same file" in outcome.text
    assert "use {stem}" in outcome.text


def test_what_failed_upstream_leaves_nothing_to_compare_and_is_no_pass(chain: Project) -> None:
    chain.script(SCRIPT.replace("return x * SCALE", "raise ValueError('broken')"))
    outcome = chain.run()
    assert baselines(outcome) == {"load": "passed", "train": "skipped", "evaluate": "skipped"}
    assert "nothing to compare with the baseline: `train` failed" in outcome.message("evaluate[baseline]")
    # Where the root has no item of its own in the session, the check itself fails.
    alone = chain.pytest("--expops-config", chain.config, f"{chain.config}::evaluate[baseline]")
    assert alone.items == {"evaluate[baseline]": "failed"}


def test_a_process_that_becomes_nondeterministic_by_declaration_is_skipped_and_taken_out(chain: Project) -> None:
    chain.write(CHAIN, SCRIPT, PARAMETERS, reproducibility={"nondeterministic": {"train": "it is a fair coin"}})
    outcome = chain.run("-rs")
    assert baselines(outcome)["train"] == "skipped"
    assert "it is a fair coin" in outcome.message("train[baseline]")
    assert "SKIPPED [1] configs/project_config.yaml:" in outcome.text
    updated = chain.run("--expops-baseline=update")
    assert "removed train" in updated.text
    # What comes after it stands on nothing firm.
    assert "not recorded: evaluate: `train` is declared nondeterministic" in updated.text


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_damaged_lock_file_stops_the_session_with_one_error(chain: Project, workers: str) -> None:
    path = chain.root / LOCK
    deep = f'"sketch": {{"é": {"[" * 400}{"]" * 400},'
    path.write_text(path.read_text(encoding="utf-8").replace('"sketch": {', deep, 1), encoding="utf-8")
    before = path.read_bytes()
    outcome = chain.run("--expops-baseline=update", workers)
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    (error,) = [line for line in outcome.text.splitlines() if "nests more than 150 deep" in line]
    assert re.match(rf"ERROR: \S+/{LOCK}:\d+:\d+: entries\.load\.sketch: ", error)
    assert "Traceback" not in outcome.text
    assert "INTERNALERROR" not in outcome.text
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_to_is_told_once(chain: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "fsync", refused)
    (chain.root / LOCK).unlink()
    outcome = chain.run("--expops-baseline=new", "-p", "no:cacheprovider", "--expops-replay=none")
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    assert outcome.text.count("Read-only file system") == 1
    assert f"{LOCK}: the lock file cannot be written: Read-only file system\n    nothing was changed; " in outcome.text
    assert "Traceback" not in outcome.text
