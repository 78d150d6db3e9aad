"""Every call of a project function is recorded once, with what went in and what came out, on every kind of hook."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.tracing import Call, Trace
from pytest_expops.replay.tracing import _calls as calls
from pytest_expops.replay.tracing.digests import Digester
from tests.replay.tracing.traced import BACKENDS, Traced, calls_of, use_backend

Make = Callable[[str], Traced]


@pytest.fixture(params=BACKENDS)
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    use_backend(request.param, monkeypatch)
    return lambda source: Traced(tmp_path, source)


def digest(value: Any) -> str:
    return Digester(lambda file: False, 20.0).text(value)


def shape(trace: Trace) -> list[tuple[str, int, int, int | None]]:
    names = {call.entry: call.function for call in trace.calls}
    assert trace.complete, trace.note
    return [(call.function, call.call, call.depth, names.get(call.caller)) for call in trace.calls]  # type: ignore[misc]


def leaves(call: Call) -> dict[str, str]:
    assert call.returned is not None
    return dict(call.returned["leaves"])


def test_calls_stand_in_the_order_of_their_ends_under_their_callers(make: Make) -> None:
    trace = make(
        """
        def leaf(x):
            return x + 1
        def branch(x):
            return leaf(x) + leaf(x + 1)
        def main():
            return branch(1) + leaf(5)
        """
    ).run()
    assert shape(trace) == [
        ("leaf", 1, 2, "branch"),
        ("leaf", 2, 2, "branch"),
        ("branch", 1, 1, "main"),
        ("leaf", 3, 1, "main"),
        ("main", 1, 0, None),
    ]
    second = trace.calls[1]
    assert (second.file, second.line, second.thread, second.step) == (trace.calls[0].file, 1, 0, None)
    assert second.arguments == {"x": digest(2)}
    assert leaves(second) == {"return": digest(3)}
    assert (second.raised, second.after, second.rng_after) == (None, {}, {})
    assert set(second.rng) >= {"python", "numpy", "metrics"}


def test_recursion_nests(make: Make) -> None:
    trace = make(
        """
        def down(n):
            return 0 if n == 0 else down(n - 1)
        def main():
            return down(2)
        """
    ).run()
    assert shape(trace) == [
        ("down", 3, 3, "down"),
        ("down", 2, 2, "down"),
        ("down", 1, 1, "main"),
        ("main", 1, 0, None),
    ]


def test_all_kinds_of_arguments_and_what_is_closed_over_go_in(make: Make) -> None:
    trace = make(
        """
        def main():
            factor = 3
            def scale(a, /, b, *rest, c=4, **more):
                return a * factor
            scale(1, 2, 5, 6, d=7)
        """
    ).run()
    (call,) = calls_of(trace, "main.<locals>.scale")
    expected = {"a": 1, "b": 2, "rest": (5, 6), "c": 4, "more": {"d": 7}, "factor": 3}
    assert call.arguments == {name: digest(value) for name, value in expected.items()}


def test_methods_are_given_their_object_and_show_what_they_change_in_it(make: Make) -> None:
    trace = make(
        """
        class Model:
            scale = 2
            def __init__(self, w):
                self.w = w
            def predict(self, x):
                return self.w * x
            @classmethod
            def of(cls, w):
                return cls(w)
            @property
            def double(self):
                return self.w * 2
        def main():
            return Model.of(3).predict(2) + Model(4).double
        """
    ).run()
    assert [name for name, *_ in shape(trace)] == [
        *("Model.__init__", "Model.of", "Model.predict", "Model.__init__", "Model.double", "main")
    ]
    made, predicted = calls_of(trace, "Model.__init__")[0], calls_of(trace, "Model.predict")[0]
    assert set(made.arguments) == {"self", "w"}
    assert set(made.after) == {"self"}
    assert predicted.arguments["self"] == made.after["self"]
    assert predicted.after == {}


def test_an_argument_changed_in_place_shows_and_one_whose_name_is_rebound_does_not(make: Make) -> None:
    trace = make(
        """
        def change(rows):
            rows.append(1)
        def rebind(rows):
            rows = rows + [1]
            return len(rows)
        def main():
            change([])
            rebind([])
        """
    ).run()
    assert calls_of(trace, "change")[0].after == {"rows": digest([1])}
    assert calls_of(trace, "rebind")[0].after == {}


def test_exceptions_end_a_call_whether_they_are_caught_or_not(make: Make) -> None:
    project = make(
        """
        def fail():
            raise KeyError("x")
        def through():
            fail()
        def main():
            try:
                through()
            except KeyError:
                return 1
        """
    )
    trace = project.run()
    assert [name for name, *_ in shape(trace)] == ["fail", "through", "main"]
    assert [call.raised is None for call in trace.calls] == [False, False, True]
    assert [call.returned is None for call in trace.calls] == [True, True, False]
    assert {call.raised for call in trace.calls[:2]} <= {"KeyError", "exception"}


def test_a_process_that_raises_is_traced_to_the_end(make: Make) -> None:
    project = make("def main():\n    raise SystemExit(3)\n")
    with pytest.raises(SystemExit):
        project.run()


def test_a_generator_is_one_call_with_all_that_it_hands_out(make: Make) -> None:
    trace = make(
        """
        def double(x):
            return 2 * x
        def numbers(n):
            for i in range(n):
                yield double(i)
            return "end"
        def main():
            return list(numbers(3))
        """
    ).run()
    assert shape(trace) == [
        *((("double", number, 2, "numbers")) for number in (1, 2, 3)),
        ("numbers", 1, 1, "main"),
        ("main", 1, 0, None),
    ]
    (call,) = calls_of(trace, "numbers")
    assert leaves(call) == {
        **{f"yield[{place}]": digest(2 * place) for place in range(3)},
        "return": digest("end"),
    }


@pytest.mark.parametrize("ending", ["del stream", "stream.close()", "pass"])
def test_a_generator_that_is_not_read_to_its_end_stands_where_it_last_handed_out(make: Make, ending: str) -> None:
    trace = make(
        f"""
        def numbers():
            while True:
                yield 4
        def read(stream):
            return next(stream)
        def other():
            return 1
        def main():
            stream = numbers()
            read(stream)
            other()
            {ending}
            other()
        """
    ).run()
    assert [name for name, *_ in shape(trace)] == ["numbers", "read", "other", "other", "main"]
    assert leaves(trace.calls[0]) == {"yield[0]": digest(4)}


def test_a_generator_that_is_never_started_is_no_call(make: Make) -> None:
    trace = make(
        """
        def numbers():
            yield 4
        def main():
            stream = numbers()
            del stream
        """
    ).run()
    assert shape(trace) == [("main", 1, 0, None)]


def test_a_coroutine_is_one_call_that_ends_when_it_returns(make: Make) -> None:
    trace = make(
        """
        import asyncio
        def late():
            return 2
        async def inner():
            await asyncio.sleep(0)
            return late()
        async def outer():
            return await inner()
        def main():
            return asyncio.run(outer())
        """
    ).run()
    assert [name for name, *_ in shape(trace)] == ["late", "inner", "outer", "main"]


def test_comprehensions_are_part_of_their_function(make: Make) -> None:
    trace = make(
        """
        def f(x):
            return x
        def main():
            a = [f(x) for x in range(2)]
            b = {f(x) for x in range(2)}
            c = {f(x): 1 for x in range(2)}
            d = sum(f(x) for x in range(2))
        """
    ).run()
    assert shape(trace) == [*(("f", number, 1, "main") for number in range(1, 9)), ("main", 1, 0, None)]


def test_lambdas_and_decorated_functions_are_calls_like_others(make: Make) -> None:
    trace = make(
        """
        import functools
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)
            return wrapper
        @logged
        def f(x):
            return x
        def main():
            return (lambda y: f(y))(3)
        """
    ).run()
    assert [name for name, *_ in shape(trace)] == ["f", "logged.<locals>.wrapper", "main.<locals>.<lambda>", "main"]
    assert calls_of(trace, "f")[0].line == 7  # where its decorators begin, as `co_firstlineno` has it


def test_only_the_project_is_traced_but_through_the_frames_of_others(make: Make) -> None:
    trace = make(
        """
        import statistics
        from functools import reduce
        def key(x):
            return -x
        def main():
            statistics.median([1, 2, 3])
            sorted([1, 2], key=key)
            exec("def g(): return 1\\ng()")
        """
    ).run()
    assert shape(trace) == [("key", 1, 1, "main"), ("key", 2, 1, "main"), ("main", 1, 0, None)]


def test_the_body_of_a_module_tells_the_names_that_it_makes(make: Make) -> None:
    project = make(
        """
        import math
        LIMIT = 4
        _hidden = [1]
        class Settings:
            rate = 0.5
        def main():
            import math
        """
    )
    trace = project.run(import_within=True)
    assert shape(trace) == [("Settings", 1, 1, "<module>"), ("<module>", 1, 0, None), ("main", 1, 0, None)]
    body, module = trace.calls[:2]
    assert leaves(body) == {"rate": digest(0.5)}
    assert {name: leaves(module)[name] for name in ("LIMIT", "_hidden")} == {
        "LIMIT": digest(4),
        "_hidden": digest([1]),
    }
    assert not any(name.startswith("__") for name in leaves(module))
    assert (body.namespace, module.namespace, trace.calls[2].namespace) == (True, True, False)
    assert (module.rng, module.arguments) == ({}, {})


def test_a_step_is_named_at_its_own_function_only(make: Make) -> None:
    trace = make(
        """
        from pytest_expops.core import step
        def helper():
            return 1
        @step(name="fit the model")
        def fit():
            return helper()
        @step()
        def score():
            return fit()
        def main():
            return score() + helper()
        """
    ).run()
    assert [(call.function, call.step) for call in trace.calls] == [
        *(("helper", None), ("fit", "fit the model"), ("score", "score"), ("helper", None), ("main", None))
    ]


def test_random_states_and_metrics_show_before_and_after(make: Make) -> None:
    trace = make(
        """
        import random
        from pytest_expops.core import log_metric
        def draw():
            return random.random()
        def tell():
            log_metric("m", 1.0)
        def quiet():
            return 1
        def main():
            draw(), tell(), quiet()
        """
    ).run()
    draw, tell, quiet, main = trace.calls
    assert [set(call.rng_after) for call in trace.calls] == [{"python"}, {"metrics"}, set(), {"python", "metrics"}]
    assert draw.rng["python"] == main.rng["python"] != quiet.rng["python"] == draw.rng_after["python"]
    assert tell.rng_after["metrics"] == quiet.rng["metrics"] != tell.rng["metrics"]


def test_calls_in_threads_are_counted_by_what_they_are_given(make: Make) -> None:
    project = make(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        def inner(x):
            return x
        def work(x):
            return inner(x)
        def main():
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(work, [1, 2, 3, 3]))
            thread = threading.Thread(target=work, args=(9,))
            thread.start()
            thread.join()
            work(1)
        """
    )
    one, other = project.run(), project.run()
    assert one.complete, one.note
    assert {call.target for call in one.calls} == {call.target for call in other.calls}
    work = calls_of(one, "work")
    assert sorted((call.call, call.thread > 0, call.caller is None) for call in work) == [
        *[(1, False, False)],
        *[(1, True, True)] * 4,
        *[(2, True, True)],
    ]
    assert work[-1].inputs == ""
    assert len(calls_of(one, "inner")) == 6


def test_a_trace_survives_json(make: Make) -> None:
    project = make(
        """
        def f(x):
            x.append(1)
            return {"a": [x]}
        def main():
            f([])
            try:
                f(None)
            except AttributeError:
                pass
        """
    )
    trace = project.run(import_within=True)
    assert Trace.from_json(json.loads(json.dumps(trace.to_json()))) == trace
    target = calls_of(trace, "f")[0].target
    lines = project.run(lines=target)
    assert len(lines.lines) == 3
    assert lines.target == target
    assert Trace.from_json(json.loads(json.dumps(lines.to_json()))) == lines


def test_beyond_the_budget_only_the_first_calls_of_each_function_are_recorded(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "ALL", 30)
    monkeypatch.setattr(calls, "EACH", 5)
    trace = make(
        """
        def often(x):
            return rare(x) if x == 99 else x
        def rare(x):
            return x
        def main():
            for x in range(100):
                often(x)
            for x in range(10):
                rare(x)
        """
    ).run()
    assert (len(calls_of(trace, "often")), len(calls_of(trace, "rare"))) == (29, 5)
    assert [call.call for call in calls_of(trace, "rare")] == [1, 2, 3, 4, 5]
    assert not trace.complete
    assert trace.note == f"after {calls.ALL} calls at most {calls.EACH} of each function were recorded"


def test_without_time_for_digests_the_structure_remains(make: Make) -> None:
    trace = make(
        """
        def f(x):
            return x
        def main():
            return f(1)
        """
    ).run(seconds=-1.0)
    assert [(call.function, call.depth, call.digested) for call in trace.calls] == [("f", 1, False), ("main", 0, False)]
    assert [(call.arguments, call.rng, call.returned, call.raised) for call in trace.calls] == [
        ({}, {}, None, None)
    ] * 2
    assert not trace.complete
    assert trace.note == "after -1 s of fingerprints only the structure was recorded"


def test_code_that_runs_for_a_digest_is_not_traced(make: Make) -> None:
    trace = make(
        """
        def noise():
            return 1
        class Odd:
            def __getstate__(self):
                noise()
                return {"x": 1}
        def f(odd):
            return 2
        def main():
            return f(Odd())
        """
    ).run()
    assert [name for name, *_ in shape(trace)] == ["f", "main"]


def test_a_running_thread_does_not_disturb_the_end(make: Make) -> None:
    project = make(
        """
        import threading
        def wait(entered, leave):
            entered.set()
            leave.wait()
        def main(leave):
            entered = threading.Event()
            thread = threading.Thread(target=wait, args=(entered, leave))
            thread.start()
            entered.wait()
            return thread
        """
    )
    event = threading.Event()
    trace = project.run(event)
    event.set()
    project.result.join()
    (call,) = calls_of(trace, "wait")
    assert (call.returned, call.raised) == (None, None)
    assert trace.complete, trace.note
