"""The live line in real terminals: in every mode of pytest's output it is never in the way, and leaves no trace."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.conftest import Project
from tests.plugin.progress.pseudo_terminal import Screen, Watched, run_in_terminal

CONFIG = "configs/project_config.yaml"
PLAIN = ["-p", "no:hypothesispytest", "-p", "no:cacheprovider", "--expops-replay=none", "--expops-config", CONFIG]
LIVE = re.compile(r"^expops: \d+ of", re.MULTILINE)

SCRIPT = """
import logging
import time

def load(data): return {"df": list(range(6))}

def seeds(data): return data["load"]

def train(data):
    time.sleep(0.2)
    logging.getLogger("train").warning("slow " * 12)
    return {}

def broken(data): raise ValueError("重" * 60)

def after(data): return {}
"""
EDGES = "load seeds\nseeds train\nload broken\nbroken after"
SPLITS = {"load": {"data_parallelism": {"size": 2, "data_name": "df"}}, "seeds": {"seed_parallelism": [40, 41]}}
TELLS_AT_ONCE = """
import sys

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Teller(config))

class Teller:
    def __init__(self, config):
        self.plugins = config.pluginmanager

    def pytest_runtest_logreport(self, report):
        if report.failed:
            sys.stderr.write(f"to stderr: {report.nodeid}\\n")
            self.plugins.get_plugin("terminalreporter").write_line(report.longreprtext.splitlines()[-1])
"""
LONG = f"test_{'long_' * 20}"


@pytest.fixture
def training(project: Project) -> Project:
    """11 processes: 4 trainings of 0.2 s each, 2 that fail and 2 that these block; and a test of a long name."""
    project.write(EDGES, SCRIPT, SPLITS)
    project.pytester.makepyfile(test_long=f"def {LONG}(): pass")
    return project


def watch(
    project: Project,
    *arguments: str,
    columns: int = 80,
    rows: int = 24,
    react: Callable[[Screen], str | None] = lambda screen: None,
) -> Watched:
    return run_in_terminal(*PLAIN, *arguments, folder=project.root, columns=columns, rows=rows, react=react)


@pytest.mark.parametrize(
    ("arguments", "columns", "rows", "failures"),
    [("-n0 -v -o log_cli=true", 60, 10, 2), ("-n2 -v --dist=each", 47, 9, 4)],
)
def test_it_never_garbles_and_leaves_no_trace(
    training: Project, arguments: str, columns: int, rows: int, failures: int
) -> None:
    training.pytester.makeconftest(TELLS_AT_ONCE)
    run = watch(training, *arguments.split(), columns=columns, rows=rows)
    assert run.returned == pytest.ExitCode.TESTS_FAILED, run.final.text
    assert run.drawn
    run.assert_never_garbled()
    assert not LIVE.search(run.final.text)
    whole = re.sub(r"\s", "", run.final.text)
    assert "ran9of11processes" in whole
    assert whole.count("重" * 60) >= failures + 2, "each failure is told whole, and both again in the summary"
    if "each" in arguments:
        # A process is run once, and the other worker that has its item says so.
        by = re.findall(
            r"\[(gw\d)\]\[\d+%\]PASSED(?:\(runby(gw\d)\))?configs/project_config.yaml::load(?!\[[a-z]+\])", whole
        )
        assert sorted(by) == [("gw0", ""), ("gw1", "gw0")] or sorted(by) == [("gw0", "gw1"), ("gw1", "")]
        assert re.search(r"on2workers,busy\d+%of[\d.]+s:gw0\d+process(es)?,[\d.]+s;gw1\d+process(es)?,[\d.]+s", whole)
    else:
        assert "runby" not in whole


def test_the_screen_is_the_same_without_it(training: Project) -> None:
    def untimed(screen: Screen) -> list[str]:
        return [re.sub(r"[\d.]+s =+|=+ (?=2 failed)|in [\d.]+ s", "", line) for line in screen.lines]

    only = ["-m", "expops_process or not expops"]
    run = watch(training, *only, columns=100, rows=12)
    off = watch(training, *only, "--expops-progress=off", columns=100, rows=12)
    assert "\x1b7" not in off.written
    assert untimed(run.final) == untimed(off.final)
    run.assert_never_garbled()
    assert run.drawn[0] == "expops: 0 of 11 processes, 1 running, 10 waiting; now load"
    told = "expops: 7 of 11 processes, 1 running, 3 waiting; 2 failed; now train_1_seed40"
    assert told in run.drawn
    stands = re.escape(told) + r"\x1b\[\?7h\x1b8(?=\x1b\[32m\.)"
    assert re.search(stands, run.written), "until that process has passed"


def test_it_is_out_of_the_way_of_pdb(training: Project) -> None:
    prompts: list[str] = []

    def type_continue(screen: Screen) -> str | None:
        lines = screen.lines
        if lines[-1:] != ["(Pdb)"] or len(lines) == (prompts and prompts[-1].count("\n") + 1):
            return None
        prompts.append(screen.text)
        return "p 6 * 7\nc\n" if len(prompts) == 1 else "c\n"

    run = watch(training, "--pdb", "-k", "load or broken", react=type_continue)
    assert run.returned == pytest.ExitCode.TESTS_FAILED, run.final.text
    assert run.final.lines.count("(Pdb) c") == 2
    assert "42" in run.final.lines
    assert not any(LIVE.search(prompt) for prompt in prompts)
    assert run.drawn
    run.assert_never_garbled()


def test_it_is_gone_after_an_interruption(training: Project) -> None:
    training.script(SCRIPT.replace("sleep(0.2)", "sleep(60)"))
    typed: list[str] = []

    def interrupt(screen: Screen) -> str | None:
        if typed or "now train" not in screen.text:
            return None
        typed.append(screen.text)
        return "\x03"

    run = watch(training, "-n0", columns=120, react=interrupt)
    assert run.returned == pytest.ExitCode.INTERRUPTED
    assert LIVE.search(typed[0])
    assert not LIVE.search(run.final.text)
    assert "KeyboardInterrupt" in run.final.text
    run.assert_never_garbled()
