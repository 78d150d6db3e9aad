"""A plugin or conftest file of the user's whose hooks raise, or change the list of items: each process runs once."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterator

import pytest
import scipy.special  # noqa: F401 - which bears to be imported only once, see conftest.py

from tests.conftest import Project

CONFTEST = """
import builtins, pytest
builtins.in_session = True  # the interpreters of replays load no conftest file

def is_meant(each):
    return "{name}" == getattr(each, "name", None) or getattr(each, "nodeid", "").endswith("::{name}")

{hook}
"""
SCRIPT = """
import builtins

def note(name):
    if hasattr(builtins, "in_session"):
        with open("log.txt", "a") as file:
            file.write(name + "\\n")

def load(data):
    note("load")
    return {"x": 1}

def train(data):
    note("train")
    return {"y": data["load"]["x"] + 1}
"""
RAISES = "def pytest_runtest_{0}(item):\n    if is_meant(item): raise RuntimeError('of the hook')\n"
RAISES_AFTER = (
    "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_{0}(item):\n    yield\n"
    "    if is_meant(item): raise RuntimeError('of the hook')\n"
)
OF_ITEMS = {
    "setup": RAISES.format("setup"),
    "call": RAISES.format("call"),
    # One that comes first keeps pytest from tearing down, and fails the next item as well.
    "teardown": "@pytest.hookimpl(trylast=True)\n" + RAISES.format("teardown"),
    "after call": RAISES_AFTER.format("call"),
    "after teardown": RAISES_AFTER.format("teardown"),
}
OF_SESSIONS = {
    "makereport": RAISES.format("makereport").replace("(item)", "(item, call)"),
    "logreport": RAISES.format("logreport").replace("item", "report"),
    "protocol": "def pytest_runtest_protocol(item):\n    if is_meant(item): raise RuntimeError('of the hook')\n",
    "itemcollected": "def pytest_itemcollected(item):\n    if is_meant(item): raise RuntimeError('of the hook')\n",
    "modifyitems": "def pytest_collection_modifyitems(items): raise RuntimeError('of the hook')\n",
}
OTHER_ITEMS = {
    "reversed": "def pytest_collection_modifyitems(items): items.reverse()\n",
    "doubled": "def pytest_collection_modifyitems(items): items += items[:]\n",
    "dropped": "def pytest_collection_modifyitems(items): items[:] = [each for each in items if not is_meant(each)]\n",
    "done by others": "def pytest_runtest_protocol(item): return True if is_meant(item) else None\n",
}
WHERE = [("-n0", "load"), ("-n0", "load[replay]"), pytest.param("-n2", "load", marks=pytest.mark.slow)]


@pytest.fixture(autouse=True)
def _after_runs_in_this_process() -> Iterator[None]:
    yield
    vars(builtins).pop("in_session", None)


def ran(project: Project) -> Counter[str]:
    log = project.root / "log.txt"
    return Counter(log.read_text(encoding="utf-8").split()) if log.exists() else Counter()


def written(project: Project, hook: str, name: str) -> None:
    project.write("load train\n", SCRIPT)
    project.pytester.makeconftest(CONFTEST.format(hook=hook, name=name))


@pytest.mark.parametrize(("workers", "name"), WHERE)
@pytest.mark.parametrize("hook", OF_ITEMS.values(), ids=OF_ITEMS.keys())
def test_that_item_fails_with_the_exception_of_the_hook(project: Project, hook: str, name: str, workers: str) -> None:
    written(project, hook, name)
    outcome = project.run(workers, "--expops-replay=all", subprocess=workers != "-n0")
    assert outcome.where("failed") | outcome.where("error") == {name}, outcome.text
    assert "RuntimeError: of the hook" in outcome.text
    assert "pytest_expops/" not in outcome.message(name)
    assert ran(project) == {"load": 1, "train": 1}


@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n2", marks=pytest.mark.slow)])
@pytest.mark.parametrize("hook", OF_SESSIONS.values(), ids=OF_SESSIONS.keys())
def test_a_session_that_a_hook_ends_runs_nothing_twice(project: Project, hook: str, workers: str) -> None:
    written(project, hook, "load")
    outcome = project.run(workers, "--expops-replay=all", subprocess=workers != "-n0")
    assert "of the hook" in outcome.text
    assert outcome.ret
    assert max(ran(project).values(), default=0) <= 1


@pytest.mark.parametrize(("workers", "name"), WHERE)
@pytest.mark.parametrize("hook", OTHER_ITEMS.values(), ids=OTHER_ITEMS.keys())
def test_other_items_or_another_order_run_each_process_once(
    project: Project, hook: str, name: str, workers: str
) -> None:
    written(project, hook, name)
    outcome = project.run(workers, "--expops-replay=all", subprocess=workers != "-n0")
    assert outcome.ret == 0, outcome.text
    assert not outcome.where("failed") | outcome.where("error")
    assert ran(project) == {"load": 1, "train": 1}


@pytest.mark.parametrize("hook", ["setup", "call", "after call"])
def test_a_check_over_seeds_fails_with_the_exception_of_the_hook(project: Project, hook: str) -> None:
    check = "train[stability:y]"
    seeds = {"load": {"seed_parallelism": {"seeds": [1, 2, 3]}}}
    claims = {"stability": {"train": {"y": {"min_mean": 0.0}}}}
    project.write("load train\n", SCRIPT, seeds, reproducibility=claims)
    project.pytester.makeconftest(CONFTEST.format(hook=OF_ITEMS[hook], name=check))
    outcome = project.run("-n0", "--expops-replay=none")
    assert outcome.where("failed") | outcome.where("error") == {check}, outcome.text
    assert "RuntimeError: of the hook" in outcome.text
    assert "pytest_expops/" not in outcome.message(check)
    assert ran(project) == {"load": 1, "train": 3}
