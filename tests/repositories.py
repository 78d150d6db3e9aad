"""A git repository with a small pipeline in it, for tests that compare with a revision."""

from __future__ import annotations

import os
import subprocess
import textwrap
from pathlib import Path

CONFIG = "configs/project_config.yaml"

PIPELINE = """
scripts: {main: models/model.py}
data: {inputs: {raw: {path: data/raw.csv}}}
experiment:
  hyperparameters: {rate: 1}
  pipeline:
    process_adjlist: |
      load seeds
      seeds train
      train report
    processes:
      - name: load
      - name: seeds
        seed_parallelism: {seeds: [1, 2]}
      - name: train
        hyperparameters: {depth: 2}
      - name: report
        seed_parallelism: {aggregation: true}
"""

MODEL = """
import random
from helpers.maths import double

BY = 3


def load(data):
    with open("data/raw.csv") as file:
        return {"x": len(file.read())}


def train(data, hyperparameters):
    return {"x": double(data["seeds"]["x"]) * hyperparameters["depth"] + random.random()}


def report(data):
    return {"x": BY}
"""

MATHS = """
def double(x):
    return x * 2


def unused(x):
    return x
"""

FILES = {
    CONFIG: PIPELINE,
    "models/model.py": MODEL,
    "helpers/__init__.py": "",
    "helpers/maths.py": MATHS,
    "data/raw.csv": "1,2\n",
    "notes.txt": "first\n",
    "README.md": "# A project\n",
    ".gitignore": "junit.xml\n",
}

ALL = {"load", "seeds", "train_seed1", "train_seed2", "report"}


class Repository:
    """A repository at `root`; `git` runs a command of git in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", ".")

    @classmethod
    def of_pipeline(cls, root: Path) -> Repository:
        """Make one with the pipeline in it, as its first commit."""
        made = cls(root)
        for path, text in FILES.items():
            made.write(path, text)
        made.commit()
        return made

    def git(self, *words: str) -> str:
        """Run git as a user whom no configuration of the machine concerns."""
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        names = {f"GIT_{who}_{what}": f"a@{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", "-C", self.root, *words], env={**os.environ, **settings, **names}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> Path:
        """Write a file, in a folder that is made if need be."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text), encoding="utf-8")
        return target

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace what is in a file once."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, (path, old)
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")

    def commit(self) -> str:
        """Commit all there is, and return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "more")
        return self.git("rev-parse", "HEAD")
