"""A trace stands beside coverage, debuggers and profilers: what was hooked before is hooked afterwards."""

from __future__ import annotations

import cProfile
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.tracing import _monitoring as monitoring
from pytest_expops.replay.tracing._calls import CallRecorder
from tests.replay.tracing.traced import BACKENDS, Traced, calls_of, use_backend

Make = Callable[[str], Traced]
MONITORING: Any = getattr(sys, "monitoring", None)
needs_monitoring = pytest.mark.skipif(MONITORING is None, reason="sys.monitoring came with Python 3.12")

SOURCE = """
def helper(x):
    y = x
    return y
def main():
    a = helper(1)
    return a
"""


@pytest.fixture(params=BACKENDS)
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    use_backend(request.param, monkeypatch)
    return lambda source: Traced(tmp_path, source)


def hooks() -> tuple[Any, ...]:
    tools = [MONITORING.get_tool(each) for each in range(6)] if MONITORING else []
    events = [MONITORING.get_events(each) for each in range(6) if MONITORING.get_tool(each)] if MONITORING else []
    return sys.getprofile(), sys.gettrace(), threading.getprofile(), threading.gettrace(), tools, events


@contextmanager
def traced_by(function: Any) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(function)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def profiled_by(function: Any) -> Iterator[None]:
    before = sys.getprofile()
    sys.setprofile(function)
    try:
        yield
    finally:
        sys.setprofile(before)


def test_hooks_are_as_before_whatever_happens_within(make: Make) -> None:
    before = hooks()
    project = make(SOURCE)
    target = calls_of(project.run(), "helper")[0].target
    assert hooks() == before
    assert len(project.run(lines=target).lines) == 3
    assert hooks() == before
    with pytest.raises(ZeroDivisionError):
        make("def main():\n    1 / 0\n").run()
    assert hooks() == before


def test_one_trace_after_the_other_sees_everything(make: Make) -> None:
    project = make(SOURCE)
    assert [len(project.run().calls) for _ in range(3)] == [2, 2, 2]


def test_a_profile_function_is_put_back(make: Make) -> None:
    heard = []

    def profile(frame: Any, event: str, value: Any) -> None:
        heard.append(event)

    with profiled_by(profile):
        trace = make(SOURCE).run()
        assert sys.getprofile() is profile
        heard.clear()
        len([])
    assert heard
    assert len(trace.calls) == 2


def test_a_profiler_goes_on_after_a_trace(make: Make) -> None:
    def afterwards() -> None:
        """Is profiled."""

    profiler = cProfile.Profile()
    profiler.enable()
    try:
        trace = make(SOURCE).run()
        afterwards()
    finally:
        profiler.disable()
    assert len(trace.calls) == 2
    assert "afterwards" in {getattr(each.code, "co_name", "") for each in profiler.getstats()}


def test_a_tracer_hears_of_every_line_but_those_below_the_target(make: Make) -> None:
    project = make(SOURCE)
    helper, main = (each.target for each in project.run().calls)
    heard: list[tuple[str, str, int]] = []

    def tracer(frame: Any, event: str, value: Any) -> Any:
        if frame.f_code.co_filename == str(project.path) and frame.f_code.co_name != "<module>":
            heard.append((frame.f_code.co_name, event, frame.f_lineno))
        return tracer

    def hear(**options: Any) -> list[tuple[str, str, int]]:
        heard.clear()
        with traced_by(tracer):
            trace = project.run(**options)
            assert sys.gettrace() is tracer
        assert trace.complete, trace.note
        return list(heard)

    everything = hear(lines=helper)
    assert [event for _, event, _ in everything] == [
        *("call", "line", "call", "line", "line", "return", "line", "return")
    ]
    of_main = [each for each in everything if each[0] == "main"]
    assert [each for each in hear(lines=main) if each[0] == "main"] == of_main
    assert [each for each in hear() if each[0] == "main"] == of_main


@needs_monitoring
def test_a_monitoring_tool_keeps_its_events_and_hears_them_during_a_trace(tmp_path: Path) -> None:
    project = Traced(tmp_path, SOURCE)
    heard: list[int] = []
    events = MONITORING.events
    MONITORING.use_tool_id(MONITORING.COVERAGE_ID, "test")
    try:

        def line(code: Any, number: int) -> Any:
            if code.co_filename == str(project.path) and code.co_name != "<module>":
                heard.append(number)
            return MONITORING.DISABLE

        MONITORING.register_callback(MONITORING.COVERAGE_ID, events.LINE, line)
        MONITORING.set_events(MONITORING.COVERAGE_ID, events.LINE)
        trace = project.run()
        assert MONITORING.get_events(MONITORING.COVERAGE_ID) == events.LINE
    finally:
        MONITORING.set_events(MONITORING.COVERAGE_ID, 0)
        MONITORING.register_callback(MONITORING.COVERAGE_ID, events.LINE, None)
        MONITORING.free_tool_id(MONITORING.COVERAGE_ID)
    assert heard == [5, 2, 3, 6]
    assert len(trace.calls) == 2


@needs_monitoring
def test_where_no_tool_id_is_free_the_profile_function_serves(tmp_path: Path) -> None:
    taken = [each for each in monitoring._IDS if MONITORING.get_tool(each) is None]
    for each in taken:
        MONITORING.use_tool_id(each, "test")
    try:
        assert monitoring._free_id() is None
        trace = Traced(tmp_path, SOURCE).run()
        assert [MONITORING.get_tool(each) for each in taken] == ["test"] * len(taken)
    finally:
        for each in taken:
            MONITORING.free_tool_id(each)
    assert [call.function for call in trace.calls] == ["helper", "main"]
    assert trace.complete, trace.note


def test_a_process_that_takes_the_profile_function_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend("profiling", monkeypatch)
    before = sys.getprofile()
    try:
        trace = Traced(tmp_path, "import sys\ndef main():\n    sys.setprofile(None)\n").run()
    finally:
        sys.setprofile(before)
    assert (trace.complete, trace.note) == (False, "the process took the profile function")


def test_what_goes_wrong_in_recording_is_told_and_does_not_reach_the_process(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, frame: Any, info: Any, value: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(CallRecorder, "returned", broken)
    project = make(SOURCE)
    trace = project.run()
    assert project.result == 1
    assert (trace.complete, trace.note) == (False, "a call could not be recorded (RuntimeError: broken)")


def test_threads_that_start_after_a_trace_are_not_traced(make: Make) -> None:
    project = make(SOURCE)
    trace = project.run()
    seen = []
    thread = threading.Thread(target=lambda: seen.append(sys.getprofile()))
    thread.start()
    thread.join()
    assert seen == [threading.getprofile()]
    assert len(trace.calls) == 2
