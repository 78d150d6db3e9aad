"""What a baseline records as the origin of a result: the user's packages, their libraries, data files, replays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.plugin.items.test_baseline import LOCK, baselines, edit_lock, lock

SCRIPT = """
from shop.train import fit

def load():
    return {"x": 3}

def train(x):
    return {"y": fit(x)}
"""
FIT = """
from shop.numbers import RATE

def fit(x):
    if x < 0:
        import sklearn
    return x * RATE

def unused(x):
    return x
"""


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


@pytest.fixture(params=["pythonpath", "editable", "conftest"])
def shop(project: Project, request: pytest.FixtureRequest) -> Project:
    """load -> train, which uses a package under `src/`; with a recorded baseline."""
    project.write("load train", SCRIPT)
    write(project.root, "src/shop/__init__.py", "")
    write(project.root, "src/shop/train.py", FIT)
    write(project.root, "src/shop/numbers.py", "RATE = 2\n")
    if request.param == "pythonpath":
        project.pytester.makeini("[pytest]\npythonpath = src\n")
    elif request.param == "editable":
        libraries = project.root / "venv/site-packages"
        write(libraries, "shop.pth", f"{project.root / 'src'}\n")
        write(libraries, "shop-0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: shop\nVersion: 0.1\n")
        origin = {"url": project.root.as_uri(), "dir_info": {"editable": True}}
        write(libraries, "shop-0.1.dist-info/direct_url.json", json.dumps(origin))
        write(project.root, "conftest.py", f"import site\nsite.addsitedir({str(libraries)!r})\n")
    else:
        write(project.root, "conftest.py", "import sys\nsys.path.append('src')\n")
    recorded = project.run("--expops-baseline=new")
    assert recorded.ret == 0, recorded.text
    return project


def test_a_function_that_changed_in_the_users_package_is_named_with_its_file(shop: Project) -> None:
    codes = lock(shop)["code"][lock(shop)["entries"]["train"]["code"]]
    assert set(codes) == {"models/model.py:train", "src/shop/train.py:fit", "src/shop/numbers.py:RATE"}
    assert "scikit-learn" in lock(shop)["environment"]["libraries"]
    assert "shop" not in lock(shop)["environment"]["libraries"]
    write(shop.root, "src/shop/train.py", FIT.replace("x * RATE", "x * RATE + 1"))
    outcome = shop.run()
    assert baselines(outcome) == {"load": "passed", "train": "failed"}
    message = outcome.message("train[baseline]")
    assert "; the code of `fit` in src/shop/train.py (used by `train`) changed\n" in message
    # The look-alike: other code of the same file.
    write(shop.root, "src/shop/train.py", FIT.replace("return x\n", "return -x\n"))
    edit_lock(shop, lambda document: document["entries"]["train"]["outputs"].update(y="0" * 32))
    edit_lock(shop, lambda document: document["entries"]["train"]["sketch"].update(y=7))
    message = shop.run().message("train[baseline]")
    assert "; what is recorded of it is as it was\n" in message


def test_an_entry_of_an_early_version_is_not_changed_by_what_it_does_not_tell_of(shop: Project) -> None:
    def early(document: Any) -> None:
        document["format"] = 1
        del document["environment"]["libraries"]["scikit-learn"]
        for code in document["code"].values():
            for label in [label for label in code if label.startswith("src/")]:
                del code[label]
        for entry in document["entries"].values():
            del entry["covers"]
        document["entries"]["train"]["outputs"]["y"] = "0" * 32
        document["entries"]["train"]["sketch"]["y"] = 7

    edit_lock(shop, early)
    outcome = shop.run()
    assert baselines(outcome) == {"load": "passed", "train": "failed"}
    assert "another environment" not in outcome.text
    message = outcome.message("train[baseline]")
    assert "; what is recorded of it is as it was\n" in message
    assert "    not recorded: code that it imports from packages of yours elsewhere, and their libraries, " in message
    updated = shop.run("--expops-baseline=update")
    assert "updated train: outputs y; more is recorded of it\n" in updated.text
    assert set(baselines(shop.run()).values()) == {"passed"}


PLUGINS = """
import importlib

def train(name):
    return {"y": importlib.import_module(f"plugins.{name}").value()}
"""


def test_a_module_that_only_the_run_tells_of_counts(project: Project) -> None:
    project.write("train", PLUGINS, {"train": {"hyperparameters": {"name": "one"}}})
    project.pytester.makeini("[pytest]\npythonpath = src\n")
    for name in ("one", "two"):
        write(project.root, f"src/plugins/{name}.py", "def value():\n    return 1\n")
    assert project.run("--expops-baseline=new", "--expops-replay=all").ret == 0
    assert lock(project)["entries"]["train"]["modules"] == ["plugins.one"]
    write(project.root, "src/plugins/two.py", "def value():\n    return 3\n")
    assert baselines(project.run()) == {"train": "passed"}
    write(project.root, "src/plugins/one.py", "def value():\n    return 2\n")
    message = project.run().message("train[baseline]")
    assert "expected 1, obtained 2; the code of `value` in src/plugins/one.py (used by `train`) changed\n" in message


READER = """
import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "data"
WORDS = open("data/words.txt").read().split()

def load():
    Path("cache").mkdir(exist_ok=True)
    Path("cache/made.txt").write_text("1")
    read = [Path("cache/made.txt").read_text(), Path(".hidden/x.txt").read_text()]
    return {"total": sum(map(float, (FOLDER / "rows.csv").read_text().split())), "words": len(WORDS), "read": read}

def train(total):
    return {"total": total * float(open(os.path.join("data", "factor.txt")).read())}
"""


@pytest.fixture
def reader(project: Project) -> Project:
    project.write("load train", READER)
    write(project.root, "data/rows.csv", "1 2 3")
    write(project.root, "data/words.txt", "a b")
    write(project.root, "data/factor.txt", "2")
    write(project.root, "data/never.txt", "2")
    write(project.root, ".hidden/x.txt", "2")
    return project


@pytest.mark.parametrize("replay", ["all", "none"])
def test_the_data_files_that_a_run_was_seen_to_read_are_recorded(reader: Project, replay: str) -> None:
    assert reader.run("--expops-baseline=new", f"--expops-replay={replay}").ret == 0
    entries = lock(reader)["entries"]
    assert list(entries["load"]["files"]) == ["data/rows.csv", "data/words.txt"]
    assert "data/factor.txt" in entries["train"]["files"]
    assert entries["load"]["covers"] == ["packages", "files read"]
    write(reader.root, "data/factor.txt", "3")
    write(reader.root, "data/never.txt", "3")
    outcome = reader.run()
    assert baselines(outcome) == {"load": "passed", "train": "failed"}
    assert "; the file data/factor.txt changed\n" in outcome.message("train[baseline]")
    (reader.root / "data/factor.txt").write_text("2")
    (reader.root / "data/rows.csv").write_text("1 2 4")
    assert "; the file data/rows.csv changed\n" in reader.run().message("load[baseline]")


def test_what_it_says_of_files_is_what_was_recorded(reader: Project) -> None:
    reader.run("--expops-baseline=new")
    edit_lock(reader, lambda document: document["entries"]["load"]["outputs"].update(total="0" * 32))
    edit_lock(reader, lambda document: document["entries"]["load"]["sketch"].update(total=7.0))
    message = reader.run().message("load[baseline]")
    assert "what is recorded of it is as it was:\n    its code, seed, libraries, machine, its files data/" in message
    assert "rows.csv and data/words.txt\n    not recorded: other files, the network, the clock\n" in message


def test_files_of_another_process_are_not_said_to_be_its_own(project: Project) -> None:
    script = "def load(path):\n    return {'n': int(open(path).read())}\ndef train(n):\n    return {'n': n}\n"
    project.write("load train", script, parameters={"path": "data.txt"})
    write(project.root, "data.txt", "1")
    project.run("--expops-baseline=new")
    for name in ("load", "train"):
        edit_lock(project, lambda document, name=name: document["entries"][name]["outputs"].update(n="0" * 32))
        edit_lock(project, lambda document, name=name: document["entries"][name]["sketch"].update(n=7))
    outcome = project.run()
    assert "machine, its files data.txt\n    not recorded: other files," in outcome.message("load[baseline]")
    assert "data.txt" not in outcome.message("train[baseline]")
    assert "    not recorded: the files that it reads, " in outcome.message("train[baseline]")


def test_a_check_watches_nothing(reader: Project) -> None:
    reader.run("--expops-baseline=new")
    before = (reader.root / LOCK).read_bytes()
    outcome = reader.run("--expops-artifacts=kept")
    assert outcome.ret == 0
    journals = [path.read_text() for path in (reader.root / "kept").rglob("records/*")]
    assert journals
    assert not any('"seen"' in text for text in journals)
    assert (reader.root / LOCK).read_bytes() == before


SHAKY = """
import random, uuid

def load():
    return {"x": 1}

def train(x):
    return {"y": x + VALUE}

def evaluate(y):
    return {"z": y}
"""
CHAIN = "load train\ntrain evaluate"
RECORD = "record it: pytest"


@pytest.fixture
def chain(project: Project) -> Project:
    project.write(CHAIN, SHAKY.replace("VALUE", "1"))
    assert project.run("--expops-baseline=new").ret == 0
    return project


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_where_the_replay_differed_the_baseline_refers_to_it_and_offers_nothing(chain: Project, workers: str) -> None:
    chain.script(SHAKY.replace("VALUE", "uuid.uuid4().int % 10**9"))
    outcome = chain.run(workers, "--expops-replay=all")
    assert outcome.items["train[replay]"] == "failed"
    for name in ("train", "evaluate"):
        message = outcome.message(f"{name}[baseline]")
        assert message.partition("\n")[0].endswith("did not match either, see `train[replay]`")
        assert "in this session did not match either: see `train[replay]`." in message
        assert "Does it replay?" not in message
        assert RECORD not in message
    assert "the code of `train` changed" not in outcome.message("train[baseline]").partition("\n")[0]
    assert "    the code of `train`\n" in outcome.message("train[baseline]")
    assert "  evaluate differs from the baseline: " in outcome.text


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_where_the_replay_matched_that_is_said_and_the_new_result_may_be_recorded(chain: Project, workers: str) -> None:
    chain.script(SHAKY.replace("VALUE", "2"))
    outcome = chain.run(workers, "--expops-replay=all")
    message = outcome.message("train[baseline]")
    assert "; the code of `train` changed\n" in message
    assert "\nits replay in this session matched.\n" in message
    assert RECORD in message


def test_where_it_was_not_replayed_that_is_said(chain: Project) -> None:
    chain.script(SHAKY.replace("VALUE", "2"))
    reasons = {
        ("--expops-replay=none",): "--expops-replay=none",
        ("--expops-replay=seeded",): "under no seed layer",
        ("--expops-replay=all", "-k", "not replay"): "its `[replay]` item gave no verdict",
    }
    for words, reason in reasons.items():
        message = chain.run(*words).message("train[baseline]")
        assert f"it was not replayed in this session ({reason}): whether it repeats is not known." in message
        assert RECORD in message


def test_what_stands_on_something_nondeterministic_by_declaration_is_not_to_be_recorded(chain: Project) -> None:
    chain.write(CHAIN, SHAKY.replace("VALUE", "2"), reproducibility={"nondeterministic": {"train": "a fair coin"}})
    message = chain.run().message("evaluate[baseline]")
    assert "`train`, upstream, is declared nondeterministic, so this is not recorded." in message
    assert RECORD not in message
