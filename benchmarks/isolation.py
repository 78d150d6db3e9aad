"""What it costs to make the first run of a process in a child of its own, against one in its worker.

Run `python benchmarks/isolation.py`. Both kinds are items of one session, in turn; the times are those of its JUnit
report, without the first of each kind, which starts the interpreter that children are forked from.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import yaml

COUNT = 20
SCRIPTS = {
    "nothing imported": "def step(data):\n    return {'x': 1}\n",
    "NumPy and pandas": "import numpy as np\nimport pandas as pd\ndef step(data):\n    return {'x': np.arange(10)}\n",
    "NumPy, 80 MB given": "import numpy as np\ndef step(data):\n    return {'x': np.arange(10_000_000)}\n",
}


def per_process(script: str) -> tuple[float, float]:
    """Return the seconds of a process in its worker, and of an isolated one: the means."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "models").mkdir()
        (root / "models/model.py").write_text(script, encoding="utf-8")
        names = [f"{kind}{number}" for number in range(100, 101 + COUNT) for kind in ("here", "apart")]
        processes = [{"name": each, "code_function": "step", "isolate": each.startswith("apart")} for each in names]
        pipeline = {"process_adjlist": "\n".join(names), "processes": processes}
        document = {"model": {"parameters": {"custom_script_path": "models/model.py", "pipeline": pipeline}}}
        (root / "config.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--expops-replay=none", "--junitxml=report.xml"]
        command = [sys.executable, "-m", "pytest", *options, "--expops-config", "config.yaml", "--expops-cache=off"]
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
        times = {
            case.get("name", ""): float(case.get("time", 0)) for case in ET.parse(root / "report.xml").iter("testcase")
        }
    here, apart = (
        statistics.fmean(seconds for name, seconds in times.items() if name.startswith(kind) and name != f"{kind}100")
        for kind in ("here", "apart")
    )
    return here, apart


def main() -> None:
    print(f"{'process':<20} {'in its worker':>14} {'isolated':>10} {'ratio':>7} {'more':>9}")
    for name, script in SCRIPTS.items():
        here, apart = (1000 * each for each in per_process(script))
        ratio = f"{apart / here:.0f}x" if here else "?"  # the report has whole milliseconds
        print(f"{name:<20} {here:>11.1f} ms {apart:>7.1f} ms {ratio:>7} {apart - here:>6.1f} ms")


if __name__ == "__main__":
    main()
