"""A text of the user's is cut in the middle wherever we show it: reports, summaries, JUnit files, records."""

from __future__ import annotations

import pytest

from tests.conftest import Project

SCRIPT = """
import sys
from pytest_expops.core import log_metric

MANY = 1_000_000


def nest(value, deep):
    for _ in range(deep):
        value = {"inner": value}
    return value


class Refuses:
    def __reduce__(self): raise ValueError("r" * MANY)


def raises(data): raise ValueError("begin" + "v" * MANY + "end")
def lines(data): raise ValueError("v\\n" * MANY)
def refused(data): return {"x": Refuses()}
def deep(data): return {"x": nest(Refuses(), 5000)}
def key(data): return {"k" * MANY: Refuses()}
def other(data): return {("k" * MANY,): 1}
def name(data): log_metric("n" * MANY, object())
def again(data): return {} if "pytest" in sys.modules else raises(data)
def metric(data):
    log_metric("n" * MANY, "v" * MANY)
    return {}
"""
FAILING = ("raises", "lines", "refused", "deep", "key", "other", "name")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_no_text_of_the_users_fills_reports(project: Project, workers: str) -> None:
    project.write("\n".join(f"{name} {name}_end" for name in (*FAILING, "again")) + "\nmetric again_end", _with_ends())
    outcome = project.run(workers, "--expops-replay=all", "--expops-artifacts=kept", "-rA")
    assert outcome.where("failed") == {*FAILING, "again[replay]"}
    for name in (*FAILING, "again[replay]", *(f"{name}_end" for name in FAILING)):
        assert 0 < len(outcome.message(name)) < 30_000, name
    for words in ("ValueError: beginv", "vend", "characters are left out here"):
        assert words in outcome.message("raises")
    assert len(outcome.text) < 400_000
    assert (project.root / "junit.xml").stat().st_size < 300_000
    journals = (project.root / "kept").glob("*/*/records/*.jsonl")
    lines = [line for journal in journals for line in journal.read_text(encoding="utf-8").splitlines()]
    assert max(len(line) for line in lines if '"metric"' not in line) < 60_000


def _with_ends() -> str:
    return SCRIPT + "".join(f"\ndef {name}_end(data): return {{}}\n" for name in (*FAILING, "again"))
