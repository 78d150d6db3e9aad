"""Whether memory grows over a long session: the replays of a process of scikit-learn, at many seeds.

Run `python benchmarks/memory_growth.py [--replays N] [--each N] [--workers N]`. Resident memory is that of each
interpreter that stays (pytest, its workers, the interpreters that replays are forked from), as Linux tells it in
`/proc`; the children that make one replay each come and go. The growth is from the first samples after 500 replays to
the last ones. pytest keeps the reports of all items, in its workers too: some 4 kB an item, whatever the item does.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import yaml

FIRST = 500
EVERY = 0.25
SAMPLES = 20
"""So many samples at each end are averaged."""
SCRIPT = """
import os, sys
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

def train(data):
    if "_pytest" not in sys.modules:  # a replay
        descriptor = os.open(r"{count}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b".")
        os.close(descriptor)
    rows, labels = make_classification(200, 10, random_state=0)
    return {{"model": RandomForestClassifier(5, random_state=0).fit(rows, labels)}}
"""


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes, without what it only shares with its children by a fork."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


def below(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for each in found:
        with suppress(OSError):  # it has just ended
            for task in Path(f"/proc/{each}/task").glob("*/children"):
                found += map(int, task.read_text(encoding="ascii").split())
    return found


def role(pid: int, session: int) -> str:
    """Return what an interpreter does in a session."""
    if pid == session:
        return "pytest"
    words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    return f"a worker ({pid})" if "exec(eval(" in words else f"replays ({pid})"


def sampled(root: Path, replays: int, each: int, workers: int) -> dict[str, list[tuple[int, int]]]:
    """Run the session; return by interpreter how many replays had begun, and how much memory it had, at each sample."""
    count = root / "count"
    (root / "models").mkdir()
    (root / "models/model.py").write_text(SCRIPT.format(count=count), encoding="utf-8")
    layer = {"seed_parallelism": {"seeds": list(range(1, replays // each + 1)), "scope": "self"}}
    pipeline = {"process_adjlist": "train", "processes": [{"name": "train", **layer}]}
    document = {"model": {"parameters": {"custom_script_path": "models/model.py", "pipeline": pipeline}}}
    (root / "config.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", f"-n{workers}", f"--expops-replays={each}"]
    command = [sys.executable, "-m", "pytest", *options, "--expops-config", "config.yaml", "--expops-cache=off"]
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as session:
        while session.poll() is None:
            made = count.stat().st_size if count.exists() else 0
            for pid in below(session.pid):
                try:
                    found[role(pid, session.pid)].append((made, resident(pid)))
                except (OSError, IndexError):
                    continue
            time.sleep(EVERY)
    if session.returncode:
        sys.exit("the session failed")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replays", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=20, help="so many replays, each with its hash seed, at each seed")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = sampled(Path(folder), given.replays, given.each, given.workers)
    print(f"{'interpreter':<18} {'samples':>8} {'replays':>8} {f'after {FIRST}':>12} {'at the end':>12} {'growth':>8}")
    for name, samples in found.items():
        later = [(made, size) for made, size in samples if made >= FIRST]
        if len(later) < 2 * SAMPLES:
            continue
        begin, end = (statistics.fmean(size for _, size in part) for part in (later[:SAMPLES], later[-SAMPLES:]))
        sizes = f"{begin / 2**20:>8.1f} MiB {end / 2**20:>8.1f} MiB"
        print(f"{name:<18} {len(later):>8} {later[-1][0]:>8} {sizes} {end / begin - 1:>+8.1%}")


if __name__ == "__main__":
    main()
