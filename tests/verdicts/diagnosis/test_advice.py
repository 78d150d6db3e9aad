"""What is advised names only what a function, a test or a program has: of these, none has a context or a config."""

from __future__ import annotations

import linecache
import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest

from pytest_expops.execution.calls.checked_call import SEED_NAMES
from pytest_expops.pipeline.model import Checked
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.diagnosis._advice import against, against_files
from pytest_expops.verdicts.diagnosis._remedies import WhatIsRun, remedy
from pytest_expops.verdicts.findings import Cause, CodeLine, Count, Place

OF_A_PROCESS = re.compile(
    r"context|hyperparameters|hparams|@process|@step|config|\bprocess\b|\bstep\b|an output\b|outputs,"
)


def cause(source: str, *lines: CodeLine) -> Cause:
    general = SOURCES["order" if source == "state" else source].remedy
    return Cause(source, ("outputs",), Count(5, 5), Count(0, 5), lines, general)


@pytest.mark.parametrize("checked", get_args(Checked))
def test_no_general_advice_names_what_only_a_process_has(checked: Checked) -> None:
    sources = {*SOURCES, "state"} - {"host", "order"}  # which names that of the system; which is told as `state`
    told = {source: against(cause(source), None, checked) for source in sources}
    told["read back"] = against_files(checked)
    assert {source: text for source, text in told.items() if OF_A_PROCESS.search(text)} == {}


def test_a_process_is_told_what_it_has() -> None:
    assert "`context.checkpoint_dir`" in against_files(None)
    assert against(cause("files"), None, None) == against_files(None)
    assert against(cause("imports"), None, None) == "draw them in a process or step, which is seeded"


def test_generators_of_a_test_are_seeded_by_its_mark_where_a_seed_reaches_the_draw() -> None:
    def advised(function: str) -> str:
        return against(cause("generators"), Place("test_x.py", 3, function, None, "return", ""), "test")

    assert "`@pytest.mark.reproducible(seeds=[1])`" in advised("rows")
    assert advised("<module>").startswith("draw in a function or a fixture")


def told(tmp_path: Path, script: str, checked: Checked, what: str = "numpy.random.default_rng() without a seed") -> str:
    """The remedy for the line of a script that ends in ``# here``."""
    file = tmp_path / "model.py"
    text = "import numpy as np\nimport pytest, random, uuid\n" + textwrap.dedent(script).strip("\n")
    file.write_text(text, encoding="utf-8")
    linecache.clearcache()
    line = next(number for number, each in enumerate(text.split("\n"), 1) if each.endswith("# here"))
    drawn = CodeLine(str(file), line, "", what, "")
    function = {"function": "train", "test": "test_it", "program": ""}[checked]
    names = SEED_NAMES if checked == "function" else ()
    return remedy(cause("entropy", drawn), None, WhatIsRun(str(file), function, checked, names))


NEW, OLD = "`np.random.default_rng({})` in place of ", "`np.random.default_rng()`"
SCRIPTS: dict[str, tuple[Checked, str, str]] = {
    "a program": ("program", "X = np.random.default_rng().normal()  # here", NEW.format(42) + OLD),
    "a function of a program": (
        "program",
        "def main(context, hyperparameters):\n    return np.random.default_rng()  # here",
        f"{NEW.format('random_seed')}{OLD}; add the parameter `random_seed` to `main`, "
        "and give it `42` where it is called",
    ),
    "a function of a program that has a seed": (
        "program",
        "def main(seed):\n    return np.random.default_rng()  # here",
        NEW.format("seed") + OLD,
    ),
    "a test": ("test", "def test_it(context):\n    assert np.random.default_rng()  # here", NEW.format(42) + OLD),
    "a fixture": (
        "test",
        "@pytest.fixture(scope='module')\ndef rows():\n    return np.random.default_rng()  # here",
        NEW.format(42) + OLD,
    ),
    "a function with classic names": (
        "function",
        "def train(context, hyperparameters):\n    return np.random.default_rng()  # here",
        f"{NEW.format('random_seed')}{OLD}; add the parameter `random_seed` to `train`: it gets the seed",
    ),
    "a function that has a seed": (
        "function",
        "def train(x, random_state=None):\n    return np.random.default_rng()  # here",
        NEW.format("random_state") + OLD,
    ),
}


@pytest.mark.parametrize(("checked", "script", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_the_seed_is_one_that_there_is(tmp_path: Path, checked: Checked, script: str, expected: str) -> None:
    assert told(tmp_path, script, checked) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("rng_seed",), "; add the parameter `rng_seed` to `train`: it gets the seed"),
        ((), "; add the parameter `random_seed` to `train`, and give it a number"),
    ],
)
def test_a_function_whose_seed_goes_elsewhere_is_not_said_to_get_it_as_usual(
    tmp_path: Path, names: tuple[str, ...], expected: str
) -> None:
    file = tmp_path / "model.py"
    file.write_text("import random\ndef train(seed):\n    return random.Random()\n", encoding="utf-8")
    linecache.clearcache()
    drawn = CodeLine(str(file), 3, "", "random.Random() without a seed", "")
    found = remedy(cause("entropy", drawn), None, WhatIsRun(str(file), "train", "function", names))
    assert found.endswith(expected)


RANDOM = {
    "function": "`random` is seeded for each call that is checked",
    "test": "seed `random` before, as by `random.seed(42)` in a fixture",
    "program": "seed `random` before, as by `random.seed(42)`",
}


@pytest.mark.parametrize(("checked", "expected"), RANDOM.items(), ids=RANDOM)
def test_random_is_said_to_be_seeded_where_it_is(tmp_path: Path, checked: Checked, expected: str) -> None:
    script = "def train():\n    return uuid.uuid4()  # here"
    assert told(tmp_path, script, checked, "uuid.uuid4()").endswith(f"; {expected}, or leave it out of the output")
