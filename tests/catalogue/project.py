"""Cases become a project on disk: a script and a config for each theme, and the files that some processes read."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from tests.catalogue.cases import FOLDER, Case

SEED = 40
"""The one seed of the layer under which every case stands."""


def write_project(folder: Path, cases: Iterable[Case]) -> dict[Path, tuple[Case, ...]]:
    """Write a config for each theme among `cases` into `folder`; the paths of the configs, with the cases of each.

    All themes share one project, and so its working directory. The process of a case is called NAME_seed40 there.
    """
    scripts = folder / "models"
    (folder / "configs").mkdir(parents=True)
    scripts.mkdir()
    shutil.copy(FOLDER / "load.py", scripts / "load.py")
    _write_data(folder / "data")
    written = {}
    for (kind, theme), group in groupby(cases, key=lambda case: (case.kind, case.theme)):
        chosen = tuple(group)
        (scripts / kind).mkdir(exist_ok=True)
        shutil.copy(chosen[0].path, scripts / kind / f"{theme}.py")
        path = folder / "configs" / f"{kind}_{theme}.yaml"
        path.write_text(_config(f"models/{kind}/{theme}.py", chosen), encoding="utf-8")
        written[path] = chosen
    return written


def process_name(case: Case) -> str:
    """The expanded name of a case's process."""
    return f"{case.name}_seed{SEED}"


def _config(script: str, cases: Sequence[Case]) -> str:
    """One seed layer, so that each case is replayed; what runs before a case stands outside of it, and is not."""
    helpers = list(dict.fromkeys(name for case in cases for name in case.after))
    edges = [f"load {name}" for name in ["fan_out", *helpers]]
    edges += [f"fan_out {case.name}" for case in cases]
    edges += [f"{before} {case.name}" for case in cases for before in case.after]
    processes = [
        *["{name: load, code: load.load}", f"{{name: fan_out, seed_parallelism: [{SEED}]}}"],
        *[f"{{name: {name}}}" for name in helpers + [case.name for case in cases]],
    ]
    return "\n".join(
        [
            f"scripts: {{theme: {script}, load: models/load.py}}",
            "experiment:",
            "  pipeline:",
            "    process_adjlist: |",
            *[f"      {edge}" for edge in edges],
            "    processes:",
            *[f"      - {each}" for each in processes],
            "",
        ]
    )


def _write_data(folder: Path) -> None:
    for number in range(12):
        shard = folder / "shards" / f"part-{number:02d}.csv"
        shard.parent.mkdir(parents=True, exist_ok=True)
        rows = "".join(f"{number},{row},{(number * 37 + row * 11) % 101 / 7}\n" for row in range(5))
        shard.write_text("shard,row,value\n" + rows, encoding="utf-8")
    for number, label in enumerate(["cat", "dog", "eel", "fox", "gnu", "hen"]):
        for picture in range(4):
            image = folder / "images" / label / f"{label}-{picture}.txt"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_text(f"{number} {picture}\n", encoding="utf-8")
    for fold in range(8):
        checkpoint = folder / "checkpoints" / f"epoch-{9 if fold > 1 else fold}-fold{fold}.txt"
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text(f"{fold}\n", encoding="utf-8")
