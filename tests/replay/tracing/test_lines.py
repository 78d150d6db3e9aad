"""The lines of one call: which statements ran, with what in the variables before each, and how the call ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.tracing import Line, Target, Trace
from pytest_expops.replay.tracing import _lines as lines
from pytest_expops.replay.tracing.digests import Digester
from tests.replay.tracing.traced import BACKENDS, Traced, calls_of, use_backend

Make = Callable[[str], Traced]


@pytest.fixture(params=BACKENDS)
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    use_backend(request.param, monkeypatch)
    return lambda source: Traced(tmp_path, source)


def digests(**values: Any) -> dict[str, str]:
    digester = Digester(lambda file: False, 20.0)
    return {name: digester.text(value) for name, value in values.items()}


def lines_of(project: Traced, function: str, call: int = 1, **options: Any) -> Trace:
    target = calls_of(project.run(import_within=True), function)[call - 1].target
    trace = project.run(lines=target, import_within=True, **options)
    assert trace.target == target
    assert trace.calls == ()
    return trace


def numbers(trace: Trace) -> list[int]:
    return [each.line for each in trace.lines]


def test_with_all_calls_come_the_lines_of_the_first_if_they_are_few(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make("""
        def inner(x):
            return x + 1

        def main():
            found = inner(1)
            return found
        """)
    trace = project.run(import_within=True)
    (main,) = calls_of(trace, "main")
    assert trace.target == main.target
    assert trace.lines == project.run(lines=main.target, import_within=True).lines
    monkeypatch.setattr(lines, "LINES", 1)
    trace = project.run(import_within=True)
    assert (trace.target, trace.lines, len(calls_of(trace, "inner"))) == (None, (), 1)
    assert trace.complete


def test_each_statement_has_the_variables_before_it_and_the_end_its_value(make: Make) -> None:
    trace = lines_of(
        make(
            """
            def main():
                a = 1
                b = [a]
                b.append(2)
                del a
                return b
            """
        ),
        "main",
    )
    assert [(each.line, each.locals) for each in trace.lines] == [
        (2, {}),
        (3, digests(a=1)),
        (4, digests(a=1, b=[1])),
        (5, digests(a=1, b=[1, 2])),
        (6, digests(b=[1, 2])),
        (6, digests(b=[1, 2])),
    ]
    assert [each.returned for each in trace.lines[:-1]] == [None] * 5
    assert trace.lines[-1].returned is not None
    assert [path for path, _ in trace.lines[-1].returned["leaves"]] == ["return[0]", "return[1]"]
    assert trace.complete, trace.note


def test_a_statement_over_many_lines_is_one_place_and_its_blocks_are_their_own(make: Make) -> None:
    trace = lines_of(
        make(
            """
            def main():
                total = sum(
                    [
                        1,
                        2,
                    ],
                )
                if (
                    total
                    and True
                ):
                    total += (
                        1
                    )
                return dict(
                    a=total,
                )
            """
        ),
        "main",
    )
    assert numbers(trace) == [2, 8, 12, 15, 15]


def test_a_loop_shows_every_turn_of_it(make: Make) -> None:
    trace = lines_of(
        make(
            """
            def main():
                for i in range(2):
                    x = i
                else:
                    y = 1
            """
        ),
        "main",
    )
    assert numbers(trace) == [2, 3, 2, 3, 2, 5, 5]


def test_of_several_calls_the_one_that_is_asked_for_is_shown(make: Make) -> None:
    project = make(
        """
        def down(n):
            m = n * 10
            if n:
                down(n - 1)
            return m
        def main():
            down(2)
            down(5)
        """
    )
    second = lines_of(project, "down", 2)
    assert [each.locals for each in second.lines] == [
        digests(n=1),
        *[digests(n=1, m=10)] * 4,
    ]
    fourth = lines_of(project, "down", 4)
    assert fourth.lines[0].locals == digests(n=5)


def test_a_comprehension_is_part_of_its_line(make: Make) -> None:
    trace = lines_of(
        make(
            """
            def main():
                a = [x for x in range(3)]
                b = sum(
                    x
                    for x in a
                )
                return b
            """
        ),
        "main",
    )
    assert numbers(trace) == [2, 3, 7, 7]
    assert [set(each.locals) for each in trace.lines] == [set(), {"a"}, {"a", "b"}, {"a", "b"}]


def test_an_exception_that_leaves_ends_the_lines_by_its_name(make: Make) -> None:
    trace = lines_of(
        make(
            """
            def fail(x):
                y = x
                raise KeyError(y)
            def main():
                try:
                    fail(1)
                except KeyError:
                    pass
            """
        ),
        "fail",
    )
    assert trace.lines[-1] == Line(3, digests(x=1, y=1), trace.lines[-1].rng, raised="KeyError")
    assert numbers(trace) == [2, 3, 3]


def test_a_generator_shows_what_it_hands_out_and_goes_on(make: Make) -> None:
    trace = lines_of(
        make(
            """
            def stream():
                for i in range(2):
                    yield i
            def other():
                return 1
            def main():
                for _ in stream():
                    other()
            """
        ),
        "stream",
    )
    assert [(each.line, each.yielded is not None, each.returned is not None) for each in trace.lines] == [
        *[(2, False, False), (3, False, False), (3, True, False)] * 2,
        *[(2, False, False), (2, False, True)],
    ]


def test_the_body_of_a_module_is_lines_too(make: Make) -> None:
    trace = lines_of(
        make(
            """
            import math
            A = 1
            def main():
                return A
            """
        ),
        "<module>",
    )
    assert numbers(trace) == [1, 2, 3, 3]
    assert trace.lines[2].locals["A"] == digests(A=1)["A"]
    assert set(trace.lines[-1].locals) == {"math", "A", "main"}


def test_a_call_in_a_thread_is_found_by_what_it_was_given(make: Make) -> None:
    project = make(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        def work(x):
            y = x + 1
            return y
        def main():
            work(8)
            with ThreadPoolExecutor(2) as pool:
                return list(pool.map(work, [1, 2, 3, 8]))
        """
    )
    target = next(each.target for each in project.run().calls if each.arguments == digests(x=3))
    trace = project.run(lines=target)
    assert [each.locals for each in trace.lines] == [digests(x=3), digests(x=3, y=4), digests(x=3, y=4)]
    assert [each.rng for each in trace.lines] == [{}] * 3


def test_random_states_show_line_by_line(make: Make) -> None:
    trace = lines_of(
        make(
            """
            import random
            def main():
                x = 1
                random.random()
                return x
            """
        ),
        "main",
    )
    states = [each.rng["python"] for each in trace.lines]
    assert states[0] == states[1] != states[2] == states[3]


def test_long_loops_are_skipped_and_what_was_skipped_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "VISITS", 3)
    trace = lines_of(
        make(
            """
            def main():
                for i in range(50):
                    x = i
                return x
            """
        ),
        "main",
    )
    assert numbers(trace) == [2, 3, 2, 3, 2, 3, 4, 4]
    assert [each.skipped for each in trace.lines] == [()] * 6 + [(2, 3)] + [()]
    assert trace.lines[-2].locals == digests(i=49, x=49)
    assert (trace.complete, trace.note) == (False, f"at most 3 runs of a line and {lines.LINES} lines were recorded")


def test_a_target_that_is_not_met_has_no_lines(make: Make) -> None:
    project = make("def main():\n    return 1\n")
    trace = project.run(lines=Target(str(project.path), "main", 1, 2))
    assert trace == Trace((), (), Target(str(project.path), "main", 1, 2), True, "")
