"""What is told to help does help: each remedy is pasted into the script that was at fault, and its replay passes."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest

from tests.conftest import Project

SEEDS = {"start": {"seed_parallelism": {"seeds": [7]}}}

DRAWS = """
    import os
    import random
    import secrets
    import uuid
    from uuid import uuid4

    import numpy as np
    from numpy.random import default_rng

    WORDS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]

    def start():
        return {"ready": True}

    def numpy_generator(ready):
        return {"drawn": np.random.default_rng().normal()}

    def numpy_generator_by_name(ready, random_seed):
        rng = default_rng()
        return {"drawn": rng.normal()}

    def numpy_legacy(data, hyperparameters):
        return {"drawn": np.random.RandomState().uniform()}

    def numpy_bits(context):
        rng = np.random.Generator(np.random.PCG64())
        return {"drawn": rng.normal()}

    def numpy_sequence(ready):
        return {"drawn": np.random.default_rng(np.random.SeedSequence()).normal()}

    def numpy_seed(ready):
        np.random.seed()
        return {"drawn": np.random.rand()}

    def python_generator(ready):
        return {"drawn": random.Random().random()}

    def python_seed(ready):
        random.seed()
        return {"drawn": random.random()}

    def python_reseeded(ready):
        rng = random.Random(5)
        rng.seed()
        return {"drawn": rng.random()}

    def system_generator(ready, **others):
        rng = random.SystemRandom()
        return {"drawn": rng.sample(range(1_000_000), 5)}

    def secret_generator(ready):
        return {"drawn": secrets.SystemRandom().random()}

    def secret_bytes(ready):
        return {"drawn": secrets.token_bytes()}

    def secret_text(ready):
        return {"drawn": secrets.token_hex(8) + secrets.choice(WORDS)}

    def secret_number(ready):
        return {"drawn": secrets.randbelow(1_000_000_000)}

    def system_bytes(ready):
        seed = int.from_bytes(os.urandom(4), "little")
        return {"drawn": np.random.default_rng(seed).normal()}

    def name(ready):
        return {"drawn": f"run-{uuid.uuid4()}"}

    def name_by_name(ready):
        return {"drawn": uuid4().hex}

    def initial(size):
        return np.random.default_rng().normal(size=size)

    def in_a_helper(ready, hyperparameters):
        return {"drawn": initial(3)}

    def initial_or_seeded(size, seed=None):
        return np.random.default_rng(seed).normal(size=size)

    def in_a_helper_that_was_given_no_seed(ready):
        return {"drawn": initial_or_seeded(3)}

    class Noise:
        def __init__(self):
            self.rng = np.random.default_rng()

    def in_a_class(ready):
        return {"drawn": Noise().rng.normal()}
"""

ORDERS = """
    def start():
        return {"words": [f"word{number}" for number in range(40)]}

    def listed(words):
        return {"order": list(set(words))}

    def looped(words):
        known = {word.upper() for word in words}
        order = []
        for word in known:
            order.append(word)
        return {"order": order}

    def comprehended(words):
        return {"order": [word for word in frozenset(words) - {"word1"}]}

    def joined(words):
        kinds = set(words)
        return {"order": ", ".join(kinds)}

    def keyed(words):
        return {"order": list(dict.fromkeys(set(words)))}

    def hashed(words):
        return {"place": [hash(word) % 8 for word in words]}

    def most(words):
        return {"order": sorted(set(words), key=len)}
"""

VARIED = """
    import datetime
    import glob
    import os
    import time
    from pathlib import Path

    import numpy as np

    def start():
        return {"ready": True}

    def listdir(ready):
        return {"found": [name for name in os.listdir("data")]}

    def globbed(ready):
        return {"found": glob.glob("data/*.txt")}

    def iterated(ready):
        return {"found": [path.name for path in Path("data").iterdir()]}

    def scanned(ready):
        return {"found": [entry.name for entry in os.scandir("data")]}

    def local_hour(ready):
        return {"hour": datetime.datetime.fromtimestamp(1_700_000_000).hour}

    def local_time(ready):
        return {"hour": time.localtime(1_700_000_000).tm_hour}

    def made(ready):
        return {"seconds": time.mktime((2024, 1, 2, 3, 4, 5, 0, 0, 0))}

    def empty(ready):
        table = np.empty((40, 40))
        return {"table": table * 1}
"""


def names(script: str) -> list[str]:
    """The processes of a script: what takes what `start` gives, or the classic arguments."""
    tree = ast.parse("if True:\n" + script)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inputs = {"ready", "words", "data", "context"}
    return [node.name for node in found if node.args.args and node.args.args[0].arg in inputs]


def diagnoses(project: Project, session: int) -> dict[str, Any]:
    kept = [json.loads(path.read_text()) for path in project.root.glob(f"kept/session-{session}/*/verdicts/*.json")]
    return {each["process"].removesuffix("_seed7"): each["diagnosis"] for each in kept if each["diagnosis"]}


def paste(script: str, remedy: str, line: int, process: str) -> str:
    """Do what a remedy says: replace, import, add a parameter, hand over the seed."""
    lines = script.split("\n")
    for fix in remedy.split("\n"):
        for new, old, other in re.findall(r"`([^`]+)` in place of `([^`]+)`(?: \(line (\d+)\))?", fix):
            place = int(other or line) - 1
            assert old in lines[place], (fix, lines[place])
            lines[place] = lines[place].replace(old, new)
    script = "\n".join(lines)
    for helper, given in re.findall(r"`([\w.]+)`, and give it `([^`]+)` where it is called", remedy):
        script = _handed_over(_with_parameter(script, helper), helper, f"random_seed={given}")
    for helper, given in re.findall(r"give `([\w.]+)` a seed where it is called: `([^`]+)`", remedy):
        script = _handed_over(script, helper, given)
    for owner in re.findall(r"add the parameter `random_seed` to `(\w+)`: it gets the seed", remedy):
        assert owner == process
        script = _with_parameter(script, owner)
    return "\n".join([*re.findall(r"`(import [^`]+)`", remedy), script])


def _with_parameter(script: str, function: str) -> str:
    def added(found: re.Match[str]) -> str:
        named, rest, keywords = found[1], found[2], found[3] or ""
        return f"{named}{rest}, random_seed{keywords})"

    return re.sub(rf"(def {function.rpartition('.')[2]}\()([^)*]*?)(, \*\*\w+)?\)", added, script)


def _handed_over(script: str, function: str, argument: str) -> str:
    def called(found: re.Match[str]) -> str:
        return f"{found[1]}({', '.join(filter(None, [found[2], argument]))})"

    return re.sub(rf"(?<!def )\b({function.removesuffix('.__init__')})\(([^)]*)\)", called, script)


SCRIPTS = {
    "entropy": (DRAWS, []),
    "hash seed": (ORDERS, []),
    "what is varied": (VARIED, ["--expops-vary=cwd-listing-order,timezone,memory"]),
}
FIRST = 3
"""So many processes of each script are enough for every push."""


@pytest.mark.parametrize("script", SCRIPTS)
def test_first_remedies_can_be_pasted_and_help(project: Project, script: str) -> None:
    _paste_each(project, *SCRIPTS[script], most=FIRST)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_each_remedy_can_be_pasted_and_helps(project: Project, script: str) -> None:
    _paste_each(project, *SCRIPTS[script])


def _paste_each(project: Project, script: str, options: list[str], most: int | None = None) -> None:
    (project.root / "data").mkdir()
    for number in range(8):
        (project.root / f"data/{number}.txt").write_text(str(number), encoding="utf-8")
    processes = names(script)[:most]
    edges = "\n".join(f"start {name}" for name in processes)
    project.write(edges, script, SEEDS)
    wanted = {f"{name}_seed7[replay]" for name in processes}
    outcome = project.run("-n0", "--expops-artifacts=kept", *options, diagnose=True)
    assert outcome.where("failed") == wanted, outcome.text[-3000:]
    path = project.root / "models/model.py"
    text = path.read_text(encoding="utf-8")
    found = diagnoses(project, 1)
    told = {}
    for name in reversed(processes):  # imports are put on top, below which lines move
        lines = text.count("\n")
        for cause in found[name]["causes"]:
            site = cause["sites"][0] if cause["sites"] else found[name]["place"]
            moved = lines - path.read_text(encoding="utf-8").count("\n")
            told[name] = cause["remedy"]
            text = paste(text, cause["remedy"], site["line"] + moved, name)
    path.write_text(text, encoding="utf-8")
    again = project.run("-n0", *options, diagnose=True)
    failed = {name: told[name.removesuffix("_seed7[replay]")] for name in again.where("failed") & wanted}
    assert not failed, again.text[-3000:]
    assert again.where("passed") >= wanted


def test_what_has_its_seed_is_not_to_be_given_it(project: Project) -> None:
    """As a generator with a seed, which a task of a pool seeds anew."""
    script = """
        from concurrent.futures import ThreadPoolExecutor
        import numpy as np

        def start(data):
            return {}

        def train(data, random_seed):
            generator = np.random.RandomState(random_seed)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(generator.seed).result()
            return {"x": generator.normal()}
        """
    project.write("start train", script, SEEDS)
    outcome = project.run("-n0", diagnose=True)
    message = outcome.message("train_seed7[replay]")
    assert "why:    the operating system's randomness" in message
    assert "in place of `np.random.RandomState(random_seed)`" not in message
    assert "is called by what this line calls" in message
