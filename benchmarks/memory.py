"""Memory and disk that a split frame takes: 1 GB of floats in 100 partitions, over 2 workers.

    python benchmarks/memory.py                            # 1 GB; about half a minute
    python benchmarks/memory.py --gigabytes 0.25 --partitions 20

`load` makes the frame, `work` adds up one partition, `merge` takes what the 100 of `work` return, and `gather` stands
below the split itself, and adds up all partitions. Beside it, plain tests do the same with `numpy.load(mmap_mode="c")`,
which is as little as can be. Each worker looks at its own memory every 2 ms, and around each item. In MB, the largest
of each kind of item:

- *own*: memory of its own, at its peak, beyond that before the item; for `load` beyond the frame that it makes;
- *mapped*: pages of files, at their peak. They are in the page cache once, however often they are mapped (here once for
  each partition), and Linux maps the pages around one that is touched as well, up to 2 MB, if they are there;
- *PSS*: its share of all pages, at its peak as far as it was seen, every 0.1 s. Each page counts once;
- *left*: what is more after the item than before the first: private pages, and PSS.

*sum* is what the workers have of their own at their largest beyond the frame in `load`, in proportion to the data: the
aim is below 5%. Items with brackets are the plugin's own checks, and not in it. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CONFIG = """
model:
  parameters:
    custom_script_path: model.py
    pipeline:
      process_adjlist: |
        load work
        work merge
        load gather
      processes:
        - name: load
          data_parallelism: {{size: {partitions}, data_name: df}}
        - name: work
        - name: merge
          data_parallelism: {{aggregation: true}}
        - name: gather
          data_parallelism: {{aggregation: true}}
"""
SCRIPT = """
import os

import numpy as np
import pandas as pd

ROWS = int(os.environ["BENCHMARK_ROWS"])


def load():
    columns = np.empty((10, ROWS))
    for index in range(10):
        columns[index] = 1 / (index + 3)
        np.cumsum(columns[index], out=columns[index])
    return {"df": pd.DataFrame(columns.T, copy=False)}


def total(df):
    # In pieces: the sum of a frame makes an array of booleans as large as an eighth of it.
    blocks = (df.iloc[start : start + 10_000].to_numpy() for start in range(0, len(df), 10_000))
    return float(sum(block.sum() for block in blocks))


def work(df):
    return {"total": total(df)}


def merge(total):
    return {"total": sum(total.values())}


def gather(df):
    return {"total": sum(total(part) for part in df.values())}
"""
TESTS = """
import numpy as np
import pandas as pd
import pytest
import model

COUNT = {partitions}
PARTS = [(index * model.ROWS // COUNT, (index + 1) * model.ROWS // COUNT) for index in range(COUNT)]


def mapped():
    return pd.DataFrame(np.load("data.npy", mmap_mode="c").T, copy=False)


@pytest.mark.parametrize("part", PARTS)
def test_work(part):
    model.total(mapped().iloc[slice(*part)])


def test_gather():
    model.total(mapped())
"""
CONFTEST = """
import itertools
import json
import os
import resource
import threading
import time

import pytest

PEAK = [0, 0, 0]


def now():
    pages = [int(word) * resource.getpagesize() for word in open("/proc/self/statm").read().split()]
    return [pages[1] - pages[2], pages[2]]  # of its own, of files


def watch():
    for count in itertools.count():
        found = [*now(), 0 if count % 50 else at_rest()[1]]
        PEAK[:] = list(map(max, PEAK, found))
        time.sleep(0.002)


def at_rest():
    with open("/proc/self/smaps_rollup") as file:
        found = {key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in list(file)[1:])}
    return [found["Private_Clean"] + found["Private_Dirty"], found["Pss"]]


if "PYTEST_XDIST_WORKER" in os.environ:
    threading.Thread(target=watch, daemon=True).start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    rest = at_rest()
    before = [*now(), rest[1]]
    PEAK[:] = before
    result = yield
    with open(f"{os.environ['PYTEST_XDIST_WORKER']}.{os.environ['BENCHMARK_NOTES']}", "a") as file:
        print(json.dumps([item.name, before, list(PEAK), rest, at_rest()]), file=file)
    return result
"""


def run(folder: Path, rows: int, notes: str, *arguments: str) -> list[list[Any]]:
    """The notes of each worker on its items, after a pytest run over two workers."""
    environment = {**os.environ, "BENCHMARK_ROWS": str(rows), "BENCHMARK_NOTES": notes}
    command = [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "no:cacheprovider", *arguments]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stdout + found.stderr)
    return [[json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in folder.glob(f"*.{notes}")]


def show(title: str, workers: list[list[Any]], data: float) -> None:
    """The table of one run."""
    print(f"{title}\n  {'item':16} {'own':>7} {'mapped':>7} {'PSS':>7} {'left: private':>14} {'PSS':>7}")
    largest: dict[int, float] = dict.fromkeys(range(len(workers)), 0.0)
    kinds: dict[str, list[float]] = {}
    for number, items in enumerate(workers):
        _, first, _, first_rest, _ = items[0]
        for name, before, peak, _, rest in items:
            kind = re.sub(r"test_|_\d+|\[part\d+\]", "", name)
            made = data if kind == "load" else 0
            figures = [peak[0] - before[0] - made, peak[1] - before[1], peak[2] - before[2]]
            figures += [after - earlier for after, earlier in zip(rest, first_rest, strict=True)]
            if "[" not in kind:
                largest[number] = max(largest[number], peak[0] - first[0] - made)
            kinds[kind] = [max(pair) for pair in zip(kinds.get(kind, figures), figures, strict=True)]
    for kind, figures in kinds.items():
        own, mapped, share, private, left = (each / 1e6 for each in figures)
        print(f"  {kind:16} {own:7.1f} {mapped:7.0f} {share:7.0f} {private:14.1f} {left:7.1f}")
    print(f"  sum: {sum(largest.values()) / data:.1%} of the data")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--partitions", type=int, default=100)
    options = parser.parse_args()
    rows = int(options.gigabytes * 1e9 / 80)
    data = rows * 80.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {"config.yaml": CONFIG, "test_plain.py": TESTS}
        for path, text in files.items():
            (folder / path).write_text(text.format(partitions=options.partitions), encoding="utf-8")
        (folder / "model.py").write_text(SCRIPT, encoding="utf-8")
        (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
        kept = folder / "kept"
        arguments = ("--expops-config", "config.yaml", "config.yaml", "--expops-artifacts=kept", "--expops-cache=off")
        pipeline = run(folder, rows, "pipeline", *arguments)
        show("pipeline", pipeline, data)
        size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
        print(f"  on disk: {size / data:.3f} of the data")
        code = "import numpy, model; numpy.save('data.npy', model.load()['df'].to_numpy().T)"
        environment = {**os.environ, "BENCHMARK_ROWS": str(rows)}
        subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
        show("plain tests of a mapped file", run(folder, rows, "plain", "test_plain.py"), data)


if __name__ == "__main__":
    main()
