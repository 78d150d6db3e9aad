"""A variable matters if what a function gives can depend on it, by assignment, by mutation or by the way taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.verdicts.diagnosis._relevance import Function


def function(folder: Path, body: str) -> Function:
    path = folder / "script.py"
    path.write_text("def f(data, rows):\n" + "".join(f"    {line}\n" for line in body.split("\n")), encoding="utf-8")
    return Function(str(path), "f", 1)


@pytest.mark.parametrize(
    ("body", "matter", "harmless"),
    [
        ("a = b\nc = d\nreturn a", {"a", "b"}, {"c", "d"}),
        ("print(t, a)\nreturn a", {"a"}, {"t"}),
        ("logger.info('%s', t)\nreturn 1", set(), {"t", "logger"}),
        ("a.append(t)\nreturn a", {"a", "t"}, set()),
        ("fill(a, t)\nreturn a", {"a", "t", "fill"}, set()),
        ("a.x[0] = t\nreturn a", {"a", "t"}, set()),
        ("a += t\nreturn a", {"a", "t"}, set()),
        ("if t:\n    a = 1\nreturn a", {"a", "t"}, set()),
        ("if t:\n    b = 1\nreturn a", {"a"}, {"t", "b"}),
        ("for t in s:\n    a.add(1)\nreturn a", {"a", "s"}, set()),
        ("with t as s:\n    a = s\nreturn a", {"a", "s", "t"}, set()),
        ("def g():\n    return t\na = g()\nreturn a", {"a", "g", "t"}, set()),
        ("yield t\nreturn 1", {"t"}, set()),
        ("log_metric('m', t)\nreturn 1", {"t"}, set()),
        ("global t\nt = s\nreturn 1", {"t", "s"}, set()),
        ("try:\n    a = t\nexcept E:\n    a = s\nreturn a", {"a", "t", "s"}, set()),
    ],
)
def test_what_can_reach_the_result_matters(tmp_path: Path, body: str, matter: set[str], harmless: set[str]) -> None:
    found = function(tmp_path, body).reaching([])
    assert found >= matter
    assert not found & harmless


def test_what_is_given_matters_if_it_is_changed(tmp_path: Path) -> None:
    found = function(tmp_path, "rows.append(t)\nreturn 1")
    assert "t" not in found.reaching([])
    assert found.reaching(["rows"]) >= {"rows", "t"}


@pytest.mark.parametrize(
    ("body", "marks"),
    [
        ("t = time.time()\nreturn time.time() - t", {"t"}),
        ("t = perf_counter_ns()\nprint(perf_counter_ns() - t)", {"t"}),
        ("t = time.monotonic() + 2\nwhile time.monotonic() < t: pass", {"t"}),
        ("t = time.time()\nreturn t", set()),
        ("t = time.time()\nreturn time.time() - t, t", set()),
        ("t = random.random()\nreturn 5 - t", set()),
        ("t = time.time()\nreturn t - 5", set()),
        ("t = time.time()", set()),
    ],
)
def test_a_time_that_is_only_measured_from_is_a_mark(tmp_path: Path, body: str, marks: set[str]) -> None:
    assert function(tmp_path, body).marks() == marks


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("t = time.time()\nwhile time.time() - t < 1:\n    a = 1\nreturn a", 3),
        ("t = time.time()\na = time.time() - t\nreturn a", 3),
        ("t = time.time()\na = time.time() - t\nprint(a)\nreturn 1", None),
        ("t = time.time()\nprint(time.time() - t)\nreturn 1", None),
        ("a = rows - data\nreturn a", None),
    ],
)
def test_the_statement_that_lets_a_result_depend_on_a_time_is_found(
    tmp_path: Path, body: str, line: int | None
) -> None:
    found = function(tmp_path, body).measuring()
    assert (found.line if found else None) == line


def test_names_and_attributes_are_mentioned(tmp_path: Path) -> None:
    assert function(tmp_path, "return data.salt + other(PEPPER)").mentions() >= {"data", "salt", "other", "PEPPER"}


def test_the_only_statement_of_its_kind_is_found_and_none_of_several(tmp_path: Path) -> None:
    found = function(tmp_path, "data.x = 1\nrows.pop()\nrows.pop()\nreturn 1")
    changing, returning = found.changing("data"), found.returning()
    assert changing is not None
    assert returning is not None
    assert (changing.line, found.changing("rows"), returning.line) == (2, None, 5)


def test_a_file_that_cannot_be_read_tells_nothing() -> None:
    found = Function("/none.py", "f", 1)
    assert (found.statements, found.reaching(["a"]), found.marks(), found.mentions()) == ([], {"a"}, set(), set())
