"""What a replay of a process that does nothing takes: forked from an interpreter with its libraries, or in a new one.

Run `python benchmarks/replay_start.py [--imports numpy,pandas,sklearn] [--count 8]`. For each library that the script
imports there is one line: milliseconds for a replay forked and for one in a new interpreter, which are made in turn,
the best of `--count`, and the ratio. The first forked one, which imports the libraries, is not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import Request
from pytest_expops.verdicts.replay import replay_conditions

CONFIG = """
model:
  parameters:
    custom_script_path: model.py
    pipeline:
      process_adjlist: start
      processes:
        - name: start
"""
IMPORTS = {
    "nothing": "",
    "numpy": "import numpy",
    "pandas": "import pandas",
    "sklearn": "import pandas\nimport sklearn.ensemble",
}


def measure(folder: Path, imports: str, count: int) -> str:
    """One line of the table."""
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "model.py").write_text(f"{IMPORTS[imports]}\n\n\ndef start(data):\n    return {{}}\n", encoding="utf-8")
    session = PipelineSession(expand(load_config(folder / "config.yaml")), folder / "session" / "1-config")
    pool = ReplicaPool(os.environ, 2)
    best = dict.fromkeys((False, True), float("inf"))
    for number in range(count + 1):
        for fresh in best:
            begin = time.perf_counter()
            pool.replay(session, "start", Request(number + 1, replay_conditions(1, ())), fresh=fresh)
            if number:
                best[fresh] = min(best[fresh], 1000 * (time.perf_counter() - begin))
    pool.close()
    return f"{imports:8}{best[False]:10.0f}{best[True]:10.0f}{best[True] / best[False]:10.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imports", default=",".join(IMPORTS), help=f"a comma list of {', '.join(IMPORTS)}")
    parser.add_argument("--count", type=int, default=8)
    options = parser.parse_args()
    print(f"{'imports':8}{'forked':>10}{'new':>10}{'ratio':>10}")
    with tempfile.TemporaryDirectory() as name:
        for imports in options.imports.split(","):
            print(measure(Path(name) / imports, imports, options.count), flush=True)


if __name__ == "__main__":
    main()
