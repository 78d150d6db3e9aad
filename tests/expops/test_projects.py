"""Whole projects, laid out and written as those of ExpOps are, in each spelling: they run as they are."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import Outcome, Project

RUNTIME = """
metadata: {name: own, description: "a project", version: "1.0.0"}
reproducibility: {random_seed: 43}
"""
CURRENT = (
    RUNTIME
    + """
scripts:
  main: src/model.py
  reporting: src/charts.py
  browser: src/charts.js
environment:
  own-env: {venv: [requirements.txt]}
  own-env-reporting: {venv: [requirements-charts.txt]}
data: {path: data/rows.csv}
execution: {workspace: {base_dir: /tmp}}
experiment:
  cache: {backend: {type: local}}
  parameters: {test_size: 0.5, scale: 2}
  pipeline:
    process_adjlist: |
      load rows
      rows seeds
      seeds train_a
      seeds train_b
      train_a best
      train_b best
      best merge
      merge compare
      load counts
    processes:
      - name: load
      - {name: rows, data_parallelism: {size: 2, data_name: df}}
      - {name: seeds, seed_parallelism: {seeds: [41, 42]}}
      - {name: train_a, code: define_train, parameters: {rate: 0.5, branch: a}, outputs: {model: model_a}}
      - {name: train_b, code: main.define_train, parameters: {rate: 0.25, branch: b}, outputs: {model: model_b}}
      - name: best
        metrics: [{name: chosen, from_result: rate}]
      - {name: merge, data_aggregation: true, seed_aggregation: true}
      - name: compare
        code: reporting.compare
        environment: own-env-reporting
        probe_paths:
          one: "//*[@partition='p1']/*[@seed='41']/*[@name='train_a']/*[@name='fit']"
          all: "//*[@name='train_b']/*[@name='fit']"
          best: "//*[@partition='p2']/*[@seed='42']/*[@name='best']"
      - {name: counts, code: reporting.counts, probe_paths: {read: "//*[@name='read']"}}
      - {name: live, code: browser.live, chart_type: dynamic, probe_paths: {all: "//*[@name='train_a']"}}
"""
)
CURRENT_MODEL = """
from __future__ import annotations

from pathlib import Path

from expops.core import SerializableData, log_metric, process, step


@step()
def fit(values: SerializableData, params: dict | None = None):
    import random
    log_metric("loss", params["rate"] * sum(values))
    log_metric("loss", params["rate"])
    return {"model": [params["rate"], random.random()]}


@process(description="Reads the rows")
def load():
    @step()
    def read():
        rows = [int(line) for line in Path("data/rows.csv").read_text().split()]
        log_metric("rows", len(rows))
        return {"rows": rows}
    return {"df": read()["rows"], "columns": ["n"]}


@process()
def rows(df, scale: int = 1):
    return [scale * each for each in df]


@process()
def define_train(df, random_seed, branch: str = "", **model_params):
    result = fit(df, params=model_params)
    return {**result, "seed_" + branch: random_seed, "left": sorted(model_params)}


@process()
def best(model_a, model_b, seed_a):
    chosen = max(model_a, model_b)
    return {"rate": chosen[0], "seed": seed_a}


@process()
def merge(rate, seed):
    return {"rates": rate, "seeds": seed}
"""
CURRENT_CHARTS = """
import json
from pathlib import Path

from expops.reporting import chart


def _draw(name, metrics):
    Path(name + ".svg").write_text("<svg><!--" + json.dumps(metrics) + "--></svg>")


@chart()
def compare(metrics):
    assert metrics.pop("one") == {"loss": {"1": 3.0, "2": 0.5}}, metrics
    assert metrics.pop("best") == {"chosen": {"1": 0.5}}, metrics
    keys = "//*[@partition='p{}']/*[@seed='{}']/process[@name='train_b']/step[@name='fit']"
    also = [metrics.pop(each) for each in ("train_a", "train_b", "train_b__2", "train_b__3", "train_b__4")]
    assert sorted(metrics) == [keys.format(p, s) for p in (1, 2) for s in (41, 42)], metrics
    assert all(each in also for each in metrics.values())
    assert {each["loss"]["2"] for each in metrics.values()} == {0.25}
    _draw("compare", metrics)


@chart()
def counts(metrics, ctx):
    assert metrics == ctx.metrics == {"read": {"rows": {"1": 3.0}}, "load": {"rows": {"1": 3.0}}}
    _draw("counts", metrics)
"""
CURRENT_FILES = {
    "configs/compute_config.yaml": "provider: slurm\nnum_workers: 2\n",
    "configs/project_config.yaml": CURRENT,
    "data/rows.csv": "1\n2\n3\n",
    "requirements.txt": "numpy\n",
    "src/charts.js": "import { chart } from '/charts.js';\n",
    "src/charts.py": CURRENT_CHARTS,
    "src/model.py": CURRENT_MODEL,
}
CLASSIC = (
    RUNTIME
    + """
environment:
  venv:
    name: own-env
    requirements_file: projects/own/requirements.txt
    reporting: {name: own-env-reporting, requirements_file: projects/own/charts/requirements.txt}
model:
  framework: custom
  language: python
  name: own
  version: "1.0.0"
  parameters:
    custom_script_path: projects/own/models/model.py
    cache: {backend: {type: memory}, object_store: {type: gcs, bucket: b}}
    executor: {n_workers: 2}
    hyperparameters: {scale: 2, nested: {a: 1, b: 2}}
    pipeline:
      process_adjlist: |
        load split
        split train
        train merge
        load counts
      processes:
        - {name: load, description: Reads, code_function: define_load}
        - name: split
          data_parallelism:
            - size: 2
            - data_name: df
          seed_parallelism: {seeds: [41, 42]}
          code_function: define_split
        - {name: train, code_function: define_train, hyperparameters: {nested: {a: 9}}}
        - name: merge
          data_parallelism: {aggregation: true}
          seed_parallelism: {aggregation: true}
        - {name: counts, type: chart, description: Draws}
reporting:
  static_entrypoint: projects/own/charts/plots.py
  dynamic_entrypoint: projects/own/charts/plots.js
  charts:
    - {name: counts, probe_paths: {read: load/read, train: train_2_seed42}}
    - {name: live, type: dynamic, probe_paths: {losses: train}}
    - {name: also, probe_paths: {losses: train/fit}}
"""
)
CLASSIC_MODEL = """
import os
from pathlib import Path

from mlops.core import get_current_context, log_metric, process, step


def _path():
    context = get_current_context()
    project = Path(os.environ["MLOPS_WORKSPACE_DIR"]) / "projects" / os.environ["MLOPS_PROJECT_ID"]
    assert context.project_id == project.name and Path("projects/own/data/rows.csv").exists()
    return project / "data" / "rows.csv"


@process(description="Reads")
def define_load(data):
    @step()
    def read():
        log_metric("rows", 3, step=1)
        return {"rows": [int(line) for line in _path().read_text().split()]}
    assert data == {}
    return {"df": read()["rows"]}


@process()
def define_split(data, hyperparameters):
    return {"df": [hyperparameters["scale"] * each for each in data["load"]["df"]]}


@process()
def define_train(context, hyperparameters, data):
    @step()
    def fit(rows, hyperparameters):
        log_metric("loss", sum(rows))
        return {"sum": sum(rows)}
    log_metric("nested", hyperparameters["nested"])
    result = fit(data["split"]["df"], hyperparameters=hyperparameters)
    assert context.get_step_result("fit") == result
    return {**result, "seed": hyperparameters["random_seed"]}


@process()
def merge(data, hparams):
    return {"train": data["train"], "scale": hparams["scale"]}
"""
CLASSIC_CHARTS = """
from mlops.reporting import ChartContext, chart


@chart()
def counts(metrics, ctx: ChartContext):
    assert metrics == {"read": {"rows": {"1": 3.0}}, "train": {"nested": {"a": 9}}}, metrics
    (ctx.output_dir / "counts.png").write_bytes(b"image")


@chart(name="also")
def drawn(metrics, ctx):
    assert {each["loss"]["1"] for each in metrics.values()} == {6.0}, metrics
    (ctx.output_dir / "also.png").write_bytes(b"image")
"""
CLASSIC_FILES = {
    "configs/cluster_config.yaml": "provider: slurm\n",
    "configs/project_config.yaml": CLASSIC,
    "data/rows.csv": "1\n2\n3\n",
    "charts/plots.js": "import { chart } from '/charts.js';\n",
    "charts/plots.py": CLASSIC_CHARTS,
    "charts/requirements.txt": "matplotlib\n",
    "models/model.py": CLASSIC_MODEL,
}


def _write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(textwrap.dedent(text), encoding="utf-8")
    return root / "configs" / "project_config.yaml"


def _items(outcome: Outcome) -> dict[str, str]:
    """Processes, their replays and tests; without the other checks that there may be."""
    return {name: each for name, each in outcome.items.items() if "[" not in name or name.endswith("[replay]")}


def _images(artifacts: Path) -> list[str]:
    return sorted(path.name for path in artifacts.glob("session-1/*/charts/*/*"))


CURRENT_NAMES = {
    *("load", "rows", "seeds_1", "seeds_2", "merge", "compare", "counts"),
    *(f"{name}_{p}_seed{s}" for name in ("train_a", "train_b", "best") for p in (1, 2) for s in (41, 42)),
}


@pytest.mark.parametrize("how", [["-n0"], ["-n2"], ["-n0", "--expops-isolate"]])
def test_a_project_in_the_current_spelling(project: Project, how: list[str]) -> None:
    path = _write(project.root / "own", CURRENT_FILES)
    project.pytester.makepyfile(
        """
        def test_results(expops, merge):
            assert merge["rates"] == {f"data{p}": {"seed41": 0.5, "seed42": 0.5} for p in (1, 2)}
            assert merge["seeds"] == {f"data{p}": {"seed41": 41, "seed42": 42} for p in (1, 2)}
            trained = expops["train_a_2_seed41"]
            assert trained["left"] == ["rate", "scale", "test_size"], trained
            assert len({tuple(each["model_a"]) for each in expops.outputs("train_a").values()}) == 4
        """
    )
    outcome = project.run(*how, "-rs", "--expops-artifacts", "kept", config=str(path))
    replays = {f"{name}[replay]" for name in CURRENT_NAMES if "_seed" in name}
    expected = dict.fromkeys([*CURRENT_NAMES, *replays, "test_results"], "passed") | {"live": "skipped"}
    assert _items(outcome) == expected, outcome.text
    assert f"expops: its `environment` has no effect: processes run in {sys.executable}\n" in outcome.text
    assert re.search(r"SKIPPED \[1\] own/configs/project_config.yaml:\d+: a dynamic chart is drawn", outcome.text)
    assert _images(project.root / "kept") == ["compare.svg", "counts.svg"]
    assert outcome.properties("compare")["expops_images"] == "compare.svg"


@pytest.mark.parametrize("how", [["-n0"], ["-n2"]], ids=str)
def test_its_second_session_reuses_all_but_what_is_not_replayed(project: Project, how: list[str]) -> None:
    """A chart in JavaScript, and splits without functions, are in the way of no plan."""
    # What a library sets in the environment when the controller imports it, workers would be started with.
    once = """
import os
assert "SET_ON_IMPORT" not in os.environ
os.environ["SET_ON_IMPORT"] = "yes"
"""
    line = "from __future__ import annotations\n"
    model = CURRENT_FILES["src/model.py"].replace(line, line + once)
    path = _write(project.root / "own", {**CURRENT_FILES, "src/model.py": model})
    project.pytester.makefile(".ini", tox="[pytest]\nexpops_cache = configs/.expops_cache\n")
    more = [*how, "--expops-replay=all", "--expops-cache-audit=none"]
    first = project.run(*more, config=str(path), subprocess=True)
    assert first.ret == 0, first.text
    second = project.run(*more, config=str(path), subprocess=True)
    assert _items(second) == _items(first), second.text
    run = {name for name in second.items if "[" not in name and not second.properties(name).get("expops_reused")}
    assert run == {"seeds_1", "seeds_2", "compare", "counts", "live"}, second.text


@pytest.mark.parametrize(
    ("file", "old", "new", "is_reused"),
    [
        ("src/model.py", "CANNOT BE FOUND", "", True),
        ("data/rows.csv", "2", "7", False),
        ("configs/project_config.yaml", "size: 2", "size: 3", False),
        ("configs/project_config.yaml", "[41, 42]", "[41, 42, 43]", True),
    ],
    ids=["nothing", "data", "partitions", "seeds"],
)
def test_what_comes_after_a_split_without_a_function_is_planned_by_what_that_gets(
    project: Project, file: str, old: str, new: str, *, is_reused: bool
) -> None:
    path = _write(project.root / "own", CURRENT_FILES)
    project.pytester.makefile(".ini", tox="[pytest]\nexpops_cache = configs/.expops_cache\n")
    assert project.run("--expops-replay=all", config=str(path)).ret == 0
    changed = project.root / "own" / file
    changed.write_text(changed.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    outcome = project.run("--expops-replay=all", "--expops-why=train_a", config=str(path))
    told = re.findall(r"^train_a_1_seed41: (.*)", outcome.text, re.MULTILINE)
    assert (told == ["is reused"]) == is_reused, outcome.text


def test_a_project_in_the_classic_spelling(project: Project) -> None:
    path = _write(project.root / "projects" / "own", CLASSIC_FILES)
    project.pytester.makepyfile(
        """
        def test_results(merge):
            assert merge["scale"] == 2
            assert merge["train"] == {
                f"data{p}": {f"seed{s}": {"sum": 6, "seed": s} for s in (41, 42)} for p in (1, 2)
            }
        """
    )
    outcome = project.run("--expops-artifacts", "kept", config=str(path))
    trained = {f"train_{p}_seed{s}" for p in (1, 2) for s in (41, 42)}
    replays = {f"{name}[replay]" for name in trained}
    passed = [*trained, *replays, "load", "split", "merge", "counts", "also", "test_results"]
    assert _items(outcome) == dict.fromkeys(passed, "passed") | {"live": "skipped"}, outcome.text
    assert _images(project.root / "kept") == ["also.png", "counts.png"]


@pytest.mark.parametrize("package", ["expops", "mlops"])
def test_a_real_package_of_that_name_does_not_come_between(project: Project, package: str) -> None:
    """S2.1: what is installed beside is left to the tests."""
    real = project.root / "site" / package
    for path, text in {"__init__.py": "REAL = True", "core.py": "", "reporting.py": ""}.items():
        (real / path).parent.mkdir(parents=True, exist_ok=True)
        (real / path).write_text(text)
    model = f"from {package}.core import process\n\n@process()\ndef load(data):\n    return {{'n': 1}}\n"
    project.write("load", model)
    project.pytester.makepyfile(
        f"""
        import {package}

        def test_the_real_one(expops):
            assert expops["load"] == {{"n": 1}}
            import {package}.core
            assert {package}.REAL and not hasattr({package}.core, "process")
        """
    )
    project.pytester.syspathinsert(project.root / "site")
    assert project.run().items == {"load": "passed", "test_the_real_one": "passed"}


def _chart_project(project: Project, body: str) -> Outcome:
    files = {**CURRENT_FILES, "src/charts.py": CURRENT_CHARTS.replace('_draw("counts", metrics)', body)}
    path = _write(project.root / "own", files)
    return project.pytest("--expops-config", str(path), f"{path}::counts", f"{path}::merge")


def test_a_chart_without_an_image_fails_and_nothing_else_does(project: Project) -> None:
    outcome = _chart_project(project, "pass")
    assert outcome.items == {"counts": "failed", "merge": "passed", "merge[replay]": "passed"}
    assert "chart `counts` wrote no image" in outcome.message("counts")


def test_a_chart_that_raises_shows_its_own_frames(project: Project) -> None:
    outcome = _chart_project(project, "raise ValueError('no ink')")
    assert outcome.items == {"counts": "failed", "merge": "passed", "merge[replay]": "passed"}
    assert "raise ValueError('no ink')" in outcome.message("counts")
    assert "pytest_expops" not in outcome.message("counts")


def test_a_chart_is_skipped_where_what_it_probes_fails_in_the_session(project: Project) -> None:
    """S6.3, also for what the chart is not downstream of; `-m expops_chart` selects charts."""
    model = CURRENT_MODEL.replace("    result = fit(df,", "    assert branch == 'a', 'no b'\n    result = fit(df,")
    path = _write(project.root / "own", {**CURRENT_FILES, "src/model.py": model})
    alone = project.pytest("--expops-config", str(path), "-m", "expops_chart")
    assert alone.items == {"compare": "failed", "counts": "passed", "live": "skipped"}
    assert "no b" in alone.message("compare")
    outcome = project.run("--expops-replay=none", config=str(path))
    assert outcome.items["compare"] == "skipped"
    assert "`train_b_1_seed41` failed" in outcome.message("compare")
