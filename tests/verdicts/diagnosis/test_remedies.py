"""A remedy is made of the call that was seen, under the names of its script; what was not seen is not in it.

That they help when they are pasted is shown in `tests/plugin/items/test_remedies.py`.
"""

from __future__ import annotations

import linecache
import textwrap
from pathlib import Path

import pytest

from pytest_expops.verdicts.diagnosis._remedies import WhatIsRun, remedy
from pytest_expops.verdicts.findings import Cause, CodeLine, Count, Place


def told(tmp_path: Path, script: str, source: str, what: str, *, seeded: bool = True, function: str = "train") -> str:
    """The remedy for the line of a script that ends in ``# here``."""
    file = tmp_path / "model.py"
    text = textwrap.dedent(script).strip("\n")
    file.write_text(text, encoding="utf-8")
    linecache.clearcache()
    line = next(number for number, each in enumerate(text.split("\n"), 1) if each.endswith("# here"))
    cause = Cause(source, ("outputs",), Count(5, 5), Count(0, 5), (CodeLine(str(file), line, "", what, ""),), "general")
    place = Place(str(file), line, function, None, "return", "")
    return remedy(cause, place, WhatIsRun(str(file), function, has_settings=seeded))


SEED_NAMES = {
    "random_seed": "random_seed",
    "random_seed=None": "random_seed",
    "seed": "seed",
    "seed=None": "seed",
    "*, random_state=0, **others": "random_state",
    "hyperparameters": 'hyperparameters["random_seed"]',
    "data, hparams": 'hparams["random_seed"]',
    "df, context": 'context.hyperparameters["random_seed"]',
}


@pytest.mark.parametrize(("parameters", "seed"), SEED_NAMES.items(), ids=SEED_NAMES)
def test_the_seed_has_the_name_that_the_function_gives_it(tmp_path: Path, parameters: str, seed: str) -> None:
    script = f"""
        import random
        def train({parameters}):
            return random.Random().random()  # here
    """
    found = told(tmp_path, script, "entropy", "random.Random() without a seed")
    assert found == f"`random.Random({seed})` in place of `random.Random()`"


@pytest.mark.parametrize("parameters", ["df", "hyperparameters=None"])
def test_a_function_that_is_not_given_the_seed_gets_a_parameter_for_it(tmp_path: Path, parameters: str) -> None:
    script = f"""
        import random
        def train({parameters}):
            return random.Random().random()  # here
    """
    found = told(tmp_path, script, "entropy", "random.Random() without a seed")
    added = "add the parameter `random_seed` to `train`: it gets the seed"
    assert found == f"`random.Random(random_seed)` in place of `random.Random()`; {added}"


def test_hyperparameters_have_no_seed_where_there_is_no_seed_layer(tmp_path: Path) -> None:
    script = """
        import random
        def train(data, hyperparameters):
            return random.Random().random()  # here
    """
    found = told(tmp_path, script, "entropy", "random.Random() without a seed", seeded=False)
    assert found.endswith("; add the parameter `random_seed` to `train`: it gets the seed")


def test_a_helper_that_has_a_seed_uses_it(tmp_path: Path) -> None:
    script = """
        import numpy as np
        def initial(size, seed):
            return np.random.default_rng().normal(size)  # here
        def train(df):
            return initial(3, 5)
    """
    found = told(tmp_path, script, "entropy", "numpy.random.default_rng() without a seed")
    assert found == "`np.random.default_rng(seed)` in place of `np.random.default_rng()`"


def test_names_that_mean_something_else_in_the_script_are_not_used(tmp_path: Path) -> None:
    script = """
        from uuid import uuid4 as fresh
        from numpy import random
        def train(df):
            return str(fresh())  # here
    """
    found = told(tmp_path, script, "entropy", "uuid.uuid4()")
    new = "`uuid.UUID(int=random_.getrandbits(128), version=4)` in place of `fresh()`"
    assert found.startswith(f"{new}, with `import random as random_` and `import uuid`; ")


def test_a_generator_that_has_a_seed_is_left_alone(tmp_path: Path) -> None:
    script = """
        import random
        def train(df, random_seed):
            return random.Random(3).random() + random.Random().random()  # here
    """
    found = told(tmp_path, script, "entropy", "random.Random() without a seed")
    assert found == "`random.Random(random_seed)` in place of `random.Random()`"


def test_a_draw_within_a_library_is_not_said_to_be_a_generator_or_an_identifier_of_ones_own(tmp_path: Path) -> None:
    script = """
        def train(figure, buffer):
            figure.savefig(buffer, format="svg")  # here
    """
    found = told(tmp_path, script, "entropy", "uuid.uuid4()")
    assert found == (
        "`uuid.uuid4()` is called by what this line calls: give that a seed or a name of its own, if it takes one, "
        "or leave what depends on it out of the output"
    )
    assert "`" not in told(tmp_path, script, "entropy", "a generator of numpy.random without a seed")


def test_what_is_made_on_import_has_no_seed_to_be_given(tmp_path: Path) -> None:
    script = """
        import numpy as np
        RNG = np.random.default_rng()  # here
        def train(df):
            return RNG.normal()
    """
    found = told(tmp_path, script, "entropy", "numpy.random.default_rng() without a seed")
    assert found == "make `np.random.default_rng()` in the function that uses it, and seed it there"


def test_a_generator_of_pytorch_is_given_the_seed_by_its_own_method(tmp_path: Path) -> None:
    script = """
        import torch
        def train(df, random_seed):
            generator = torch.Generator()
            generator.seed()  # here
            return torch.rand(2, generator=generator)
    """
    found = told(tmp_path, script, "entropy", "torch.Generator.seed()")
    assert found == "`generator.manual_seed(random_seed)` in place of `generator.seed()`"


def test_results_are_taken_in_the_order_of_the_tasks(tmp_path: Path) -> None:
    script = """
        from concurrent.futures import as_completed
        def train(futures):
            return [future.result() for future in as_completed(futures, timeout=3)]  # here
    """
    found = told(tmp_path, script, "threads", "concurrent.futures.as_completed()")
    assert found == "`futures` in place of `as_completed(futures, timeout=3)`"
    script = """
        def train(pool, rows):
            return list(pool.imap_unordered(abs, rows))  # here
    """
    found = told(tmp_path, script, "threads", "multiprocessing.Pool.imap_unordered()")
    assert found == "`pool.imap(abs, rows)` in place of `pool.imap_unordered(abs, rows)`"


GENERAL = {
    "a folder that is entered": ("cwd-listing-order", "with os.scandir('.') as entries:  # here\n        pass"),
    "a walk": ("cwd-listing-order", "return [names for _, _, names in os.walk('.')]  # here"),
    "the clock": ("clock", "return time.time()  # here"),
    "another thread": ("threads", "return pool.map(abs, rows)  # here"),
}


@pytest.mark.parametrize(("source", "line"), GENERAL.values(), ids=GENERAL)
def test_where_no_code_can_be_put_in_place_the_general_remedy_is_told(tmp_path: Path, source: str, line: str) -> None:
    script = f"import os, time\ndef train(pool, rows):\n    {line}\n"
    assert told(tmp_path, script, source, "os.scandir()") == "general"


ORDERLESS = {
    "a test of membership": "return [word for word in words if word in set(words)]  # here",
    "a count": "return len(set(words))  # here",
    "sorted already": "return sorted(set(words))  # here",
    "a list": "return [word for word in list(words)]  # here",
    "a variable that is a list at times": "kinds = words\n    kinds = set(words)\n    return list(kinds)  # here",
    "a difference of numbers": "return [words - 1]  # here",
    "a set of a set": "return {word for word in set(words)}  # here",
}


@pytest.mark.parametrize("line", ORDERLESS.values(), ids=ORDERLESS)
def test_no_set_is_named_where_no_order_is_taken_of_one(tmp_path: Path, line: str) -> None:
    found = told(tmp_path, f"def train(words):\n    {line}\n", "hashseed", "")
    assert found.startswith("sort what comes from a set"), found


def test_a_generator_of_a_child_process_is_no_call(tmp_path: Path) -> None:
    script = """
        from joblib import Parallel, delayed
        def train(df):
            return Parallel(n_jobs=2)(delayed(draw)() for _ in range(2))  # here
    """
    what = "the global generator of numpy in a child process, which nobody seeded"
    assert told(tmp_path, script, "entropy", what).startswith("seed it in the function that runs there, ")
