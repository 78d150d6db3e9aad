"""An end of an interpreter in words: what was seen, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.execution.interpreter_end import OomKills, ended, since


@pytest.mark.parametrize(
    ("code", "limit", "oom_kills", "words"),
    [
        (-9, "", "", "was killed by SIGKILL"),
        (-9, "", "; it rose", "was killed by SIGKILL; it rose"),
        (-9, "a limit", "; it rose", "was killed by SIGKILL while it had a limit; it rose"),
        (-11, "", "; it rose", "was killed by SIGSEGV"),
        (-200, "", "", "was killed by signal 200"),
        (3, "a limit", "; it rose", "ended with exit status 3 while it had a limit"),
        (None, "a limit", "; it rose", "had a limit"),
        (None, "", "; it rose", ""),
    ],
)
def test_what_is_said(code: int | None, limit: str, oom_kills: str, words: str) -> None:
    assert ended(code, limit, oom_kills) == words


def test_only_a_count_that_rose_is_told(tmp_path: Path) -> None:
    file = tmp_path / "memory.events"
    before = OomKills(str(file), 3)
    for text in ("oom 9\noom_kill 3\noom_group_kill 7\n", "oom_kill 2\n", "", "oom_kill x"):
        file.write_text(text)
        assert since(before) == ""
    file.write_text("oom 9\noom_kill 5\n")
    assert since(before) == f"; the kernel's count of OOM kills ({file}) rose by 2 meanwhile"
    file.unlink()
    assert since(before) == ""
    assert since(None) == ""


def test_the_kernel_of_this_machine_says_how_many() -> None:
    now = OomKills.now()
    if now is None:
        pytest.skip("no file of this system tells of OOM kills")
    assert f"oom_kill {now.count}" in Path(now.file).read_text(encoding="ascii").splitlines()
