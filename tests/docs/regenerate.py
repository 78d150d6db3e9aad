"""Write every output that a page shows anew: ``python -m tests.docs.regenerate [PAGE ...]``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.pages import PAGES, runs


def regenerate(page: Path) -> int:
    """Replace the outputs that are not what the commands print now; return how many were."""
    changed = 0
    for run in reversed(list(runs(page))):  # from the end, so that places before it stay
        output = run.output()
        if not run.is_shown(output):
            text = page.read_text(encoding="utf-8")
            gap = "" if run.shown else "\n"
            page.write_text(f"{text[: run.start]}{gap}```text\n{output}```\n{text[run.end :]}", encoding="utf-8")
            changed += 1
    return changed


if __name__ == "__main__":
    wanted = [Path(each).resolve() for each in sys.argv[1:]]
    for each in PAGES:
        if not wanted or each in wanted:
            print(f"{each.name}: {regenerate(each)} changed")
