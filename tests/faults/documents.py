"""The valid configs and lock files that are made wrong: all that a config may say stands in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.pipeline.config.configs import classic_document, current_document

_ROOT = Path(__file__).parents[2]
_CLASSIC = """
metadata: {name: all, version: "1"}
data:
  sources: {training: {path: data/a.csv}, validation: {path: data/b.csv}}
  inputs: {extra: {path: data/c.csv}}
reproducibility:
  random_seed: 7
  tolerance: {train: {rtol: 1.0e-6, slope: {atol: 0.001}}}
  nondeterministic: {embed: "it draws, issue 12"}
  stability: {train: {slope: {min_mean: 1.9, max_range: 0.3, confidence: 0.9, better: lower}}}
  properties: {summary: [seed_invariant, partition_invariant], train: [order_invariant]}
reporting:
  static_entrypoint: models/charts.py
  charts:
    - {name: curve, probe_paths: {loss: 'train/loss', all: "//train[starts-with(@name, 'a') and contains(@name, 'b')]"}}
model:
  framework: custom
  parameters:
    custom_script_path: models/model.py
    hyperparameters: {rows: 600, nested: {a: [1, 2.5, null]}}
    pipeline:
      process_adjlist: |
        load embed  # comment
        embed train
        train summary
      processes:
        - name: load
          code_function: read
          timeout: 600
          data_parallelism: {size: 3, data_name: df}
        - name: embed
          seed_parallelism: {seeds: [40, 41], scope: self}
          replay: false
          replay_reason: slow
        - name: train
          code_function: "package.module:train"
          hyperparameters: {rate: 0.1}
          inputs: {x: df}
          outputs: {y: model}
          metrics: [{name: slope, from_result: y}, {name: other, fn: score, inputs: {a: y}, parameters: {b: 1}}]
        - name: summary
          data_parallelism: {aggregation: true}
          seed_parallelism: {aggregation: true}
"""
_CURRENT = """
scripts: {main: models/model.py, reporting: models/charts.py}
experiment:
  parameters: {rows: 600}
  pipeline:
    process_adjlist: |
      load fit
      fit predict
      load predict
      predict merge
    processes:
      load: {code: main.load, data_parallelism: [{size: [2, 3]}, {data_name: df}]}
      fit: {component: sklearn.fit, parameters: {estimator: linear_model.Ridge}, iterative_logging: {metric_name: loss}}
      predict: {code: main.predict, seed_parallelism: [1, 2], input_transform: {a: df}, output_mapping: {b: c}}
      merge: {data_aggregation: true, seed_aggregation: true, environment: {python: "3.11"}, cache: true}
      curve: {type: chart, chart_type: static, probe_paths: {loss: predict/loss}}
"""


def configs() -> dict[str, Any]:
    """Return valid configs by name: the examples of the contract in both spellings, the example project, and more."""
    found = {"classic": yaml.safe_load(_CLASSIC), "current": yaml.safe_load(_CURRENT)}
    examples = yaml.safe_load((_ROOT / "tests/pipeline/examples.yaml").read_text(encoding="utf-8"))
    for number, each in enumerate(examples):
        spell = classic_document if number % 2 else current_document
        found[f"example {number}"] = dict(spell(each["edges"], each["processes"]))
    for path in sorted((_ROOT / "example_project/configs").glob("*.yaml")):
        found[path.stem] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


LOCKED = """
import numpy as np
import pandas as pd
from pytest_expops.core import log_metric


def load(data):
    return {"df": pd.DataFrame({"x": range(6), "name": list("abcdef"), "y": [0.5, float("nan"), 1, 2, 3, 1e300]})}


def train(data, hyperparameters):
    rows = data["load"]["df"]
    for step in (1, 2, 5):
        log_metric("loss", 1 / step, step=step)
    log_metric("note", "text")
    weights = np.random.rand(3, 2)
    return {"weights": weights, "odd key": {"a": [1, {2, 3}], "b": (None, "ü", b"x")}, "rows": len(rows)}
"""
"""The script of the pipeline whose lock file is made wrong."""


def locked_config() -> Mapping[str, Any]:
    """Return the config of that pipeline."""
    processes = {"load": {"data_parallelism": {"size": 2, "data_name": "df"}, "seed_parallelism": {"seeds": [1, 2]}}}
    return classic_document("load train", {**processes, "train": {"hyperparameters": {"rate": 0.1, "list": [1, "a"]}}})
