"""Break sessions, configs, lock files, disks and processes in many ways, and print what came of it.

Every part must end without a fault. `--case PART:SEED` repeats one case, and prints what it printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults import parts
from tests.faults.table import Fault, Row, explained, render


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--case", help="the case to repeat, as it was printed")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--jobs", type=int, default=2, help="so many sessions at a time (default 2)")
    for name, part in parts.PARTS.items():
        parser.add_argument(f"--{name}", type=int, default=part.many, metavar="N", help=f"{part.help}; {part.many}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        if options.case is not None:
            rows = [parts.repeated(options.case, Path(folder))]
            print(explained(rows))
        else:
            counts = {name: getattr(options, name) for name in parts.PARTS}
            rows = parts.run(counts, Path(folder), seed=options.seed, jobs=options.jobs, tell=_tell)
    print(f"\n{render(rows)}", flush=True)
    return any(row.faults for row in rows)


def _tell(row: Row, case: str, faults: Sequence[Fault]) -> None:
    print(f"{render([row]).splitlines()[-1]} last: {case}", file=sys.stderr, flush=True)
    if faults:
        print(explained([Row(row.part, faults=[*faults])]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
