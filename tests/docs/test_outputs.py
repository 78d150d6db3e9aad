"""What the README and the pages show of a terminal is what the commands print (`python -m tests.docs.regenerate`)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Run, alike, runs

RUNS = [run for page in PAGES for run in runs(page)]
MARK = re.compile(r"<!-- (run|not run): [^\n]* -->")


@pytest.mark.shown
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_output_shown_is_that_of_the_command(run: Run) -> None:
    pytest.importorskip("sklearn")
    output = run.output()
    assert run.is_shown(output), f"{run.name} shows\n\n{run.shown}\nand printed is\n\n{output}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_output_shown_is_made_by_running_or_says_why_not(page: Path) -> None:
    """A text block after a command, or with pytest's own lines in it, has a comment before it."""
    text = page.read_text(encoding="utf-8")
    unmarked = []
    for found in re.finditer(r"^```text\n(.*?)^```", text, re.M | re.S):
        before = text[: found.start()].rstrip()
        by_command = (
            before.endswith("```") and MARK.search(before[max(0, before.rfind("```console") - 400) :]) is not None
        )
        marked = MARK.search(before[before.rfind("\n") + 1 :]) is not None
        if not (by_command or marked):
            unmarked.append(f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}")
    assert unmarked == []


def test_an_output_that_is_not_what_is_printed_any_more_is_found() -> None:
    shown = "ran 8 of 8 processes in 0.02 s of work: 8 passed\nreplayed 6: 6 matched\n"
    assert alike(shown, shown.replace("0.02", "17.31"))
    assert not alike(shown, shown.replace("6 matched", "5 matched, 1 differed"))
    assert not alike(shown, shown.replace("8 passed", "7 passed"))
    assert alike("mean 0.9125", "mean 0.91250001")
    assert not alike("mean 0.9125", "mean 0.9225")
    assert alike("mean 0.9125", "mean 0.9225", varies=True)
