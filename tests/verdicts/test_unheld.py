"""What could not be held fixed is never said to have been held without effect (S7.1)."""

from __future__ import annotations

from pathlib import Path

from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.findings import Cause, Count, Diagnosis, Tried, Unheld
from pytest_expops.verdicts.replay_text import HELD_WHERE, diagnosed

NONE = Count(0, 2)
UNTRIED = "not tried: " + ", ".join(
    source.title for name, source in SOURCES.items() if source.can_hold and name not in ("threads", "clock", "entropy")
)
TRIED = (Tried(("threads",), NONE), Tried(("clock",), NONE), Tried(("clock", "entropy", "threads"), NONE))


def _text(diagnosis: Diagnosis) -> list[str]:
    return [line.strip() for line in diagnosed(diagnosis, Path("."))]


def test_threads_that_escaped_are_named_with_the_remedy_of_their_library() -> None:
    unheld = (Unheld("threads", "gensim", 4), Unheld("threads", "tasks that wait for one another", 1))
    text = _text(Diagnosis(tried=TRIED, unheld=unheld))
    assert text[1:-1] == [
        "held fixed without effect, one at a time: the clock",
        "held fixed without effect, all at once: the clock, the operating system's randomness",
        f"({HELD_WHERE})",
        UNTRIED,
        "threads could not be held here: 4 started by gensim and tasks that wait for one another",
        "fix: gensim: `workers=1`",
    ]


def test_where_none_escaped_they_were_held_without_effect() -> None:
    text = _text(Diagnosis(tried=TRIED, threads={"gensim": 4}))
    assert "held fixed without effect, one at a time: the number of threads, the clock" in text
    assert not any("could not be held" in line for line in text)


def test_another_source_that_escaped_is_named_as_it_is() -> None:
    unheld = (Unheld("entropy", "programs in child processes that do not take part", 1),)
    text = _text(Diagnosis(tried=(Tried(("entropy",), NONE),), unheld=unheld))
    assert text[-2] == (
        "the operating system's randomness could not be held here: programs in child processes that do not take part"
    )
    assert not any("without effect" in line for line in text)


def test_threads_that_are_the_cause_are_named_with_the_remedy_of_their_library() -> None:
    cause = Cause("threads", ("outputs['x']",), Count(5, 5), NONE, (), "take them in order")
    text = _text(Diagnosis(causes=(cause,), threads={"duckdb": 3, "the project": 2}))
    assert text[-4:-1] == ["fix: take them in order", "threads started: 3 by duckdb", "fix: duckdb: `SET threads TO 1`"]
    alone = _text(Diagnosis(causes=(cause,), threads={"the project": 2}))
    assert not any(line.startswith("threads started") for line in alone)


def test_of_addresses_only_their_choice_by_the_system_is_said_to_have_been_held() -> None:
    """What a process allocates, and when, depends on threads, say: objects may lie elsewhere all the same."""
    text = _text(Diagnosis(tried=(Tried(("addresses",), NONE), Tried(("addresses", "gc"), NONE))))
    assert text[1] == "held fixed without effect, one at a time: the system's random choice of addresses"
    assert text[2].startswith("held fixed without effect, all at once: the system's random choice of addresses, ")
    assert "memory addresses" not in "\n".join(text)
