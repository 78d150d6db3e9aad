"""What one `expops.run` of a small pipeline costs beyond the user's own work, in processor time.

Run `python benchmarks/variation.py [--runs 200]`. The pipeline is load -> part (in 3) -> merge, of 90 rows, so that a
run with other sizes calls four to five functions. Their own work is measured by calling them on the same rows outside.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from pytest_expops import expand, load_config
from pytest_expops.execution.results import Results
from pytest_expops.execution.session import PipelineSession

CONFIG = """
model:
  parameters:
    custom_script_path: model.py
    pipeline:
      process_adjlist: |
        load part
        part merge
      processes:
        - name: load
          data_parallelism: {size: 3, data_name: df}
        - name: part
        - name: merge
          data_parallelism: {aggregation: true}
"""
SCRIPT = """
import numpy as np
import pandas as pd


def load(data):
    return {"df": pd.DataFrame({"x": np.arange(90.0), "y": np.arange(90)})}


def part(data):
    df = data["load"]["df"]
    return {"sum": float(df["x"].sum()), "rows": len(df)}


def merge(data):
    parts = data["part"].values()
    return {"mean": sum(each["sum"] for each in parts) / sum(each["rows"] for each in parts)}
"""


def milliseconds(runs: int, work: Callable[[int], object]) -> float:
    """The median processor time of one call, of `runs` calls."""
    taken = []
    for number in range(runs):
        begin = time.process_time()
        work(number)
        taken.append(time.process_time() - begin)
    return median(taken) * 1e3


def own_work(frame: pd.DataFrame, sizes: list[int]) -> float:
    """What the functions of the script do, without a pipeline."""
    stops = np.cumsum(sizes)
    parts = [frame.iloc[stop - size : stop] for size, stop in zip(sizes, stops, strict=True)]
    sums = [(float(part["x"].sum()), len(part)) for part in parts]
    return sum(each for each, _ in sums) / sum(rows for _, rows in sums)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.py").write_text(SCRIPT, encoding="utf-8")
        (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
        expops = Results([PipelineSession(expand(load_config(folder / "config.yaml")), folder / "session")])
        frame = expops["load"]["df"]
        sizes = [[1 + number % 80, 5, 84 - number % 80] for number in range(runs)]
        expops.run("merge", partitions={"load": 2})
        whole = milliseconds(runs, lambda number: expops.run("merge", partitions={"load": sizes[number]}))
        own = milliseconds(runs, lambda number: own_work(frame, sizes[number]))
    print(f"a run of 4 processes {whole:6.2f} ms, of which the user's own work {own:5.2f} ms")


if __name__ == "__main__":
    main()
