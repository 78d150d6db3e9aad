"""The words for operations of PyTorch without a fixed order: a remedy only where they may matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.verdicts.findings import CodeLine, Diagnosis
from pytest_expops.verdicts.replay_text import diagnosed

ELSEWHERE = "index_add: nondeterministic when called on CUDA tensor, says PyTorch's documentation; here on the CPU"
ON_CUDA = ELSEWHERE.replace("the CPU", "CUDA")
WARNED = "put_: PyTorch warns that it has no deterministic implementation"


@pytest.mark.parametrize(
    ("named", "where", "remedy"),
    [([ELSEWHERE], " on CUDA", False), ([ON_CUDA], "", True), ([ELSEWHERE, WARNED], "", True)],
)
def test_a_remedy_is_for_what_ran_here(named: list[str], where: str, remedy: bool) -> None:
    alerts = tuple(CodeLine("/p/m.py", line, "train", what, "") for line, what in enumerate(named, 1))
    lines = diagnosed(Diagnosis(alerts=alerts), Path("/p"))
    begin = lines.index(f"seen:   operations of PyTorch that may have no fixed order{where}:")
    assert lines[begin + 1 : begin + 1 + len(named)] == [f"            m.py:{n} {w}" for n, w in enumerate(named, 1)]
    assert "        this was seen in one more run, and not shown to be the cause" in lines
    assert ("        fix: torch.use_deterministic_algorithms(True), or another operation" in lines) is remedy


def test_nothing_is_said_of_what_was_not_seen() -> None:
    assert not [line for line in diagnosed(Diagnosis(), Path("/p")) if "PyTorch" in line]


def test_it_survives_the_way_through_json() -> None:
    found = Diagnosis(alerts=(CodeLine("/p/m.py", 1, "train", WARNED, "x.put_(i, y)"),))
    assert Diagnosis.from_json(found.to_json()) == found
