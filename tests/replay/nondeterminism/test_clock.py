"""The clock: ahead when varied, its own when held, and true for whoever waits by it (S7.1)."""

from __future__ import annotations

import datetime
import pickle
import sys
import time
import timeit
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.nondeterminism._clock import SECOND, SHIFT, START, Clock
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe

SOURCE = Clock()
VARIED = Setting(Mode.VARIED, 1)
IMPORTS = "import datetime, time, timeit, warnings, pandas as pd\nwarnings.simplefilter('ignore')\n"

WALL = {
    "time.time()": "time.time()",
    "time.time_ns()": "time.time_ns()",
    "time.clock_gettime(time.CLOCK_REALTIME)": "time.clock_gettime()",
    "time.mktime(time.localtime())": "time.localtime()",
    "time.mktime(time.gmtime())": "time.gmtime()",
    "time.ctime()": "time.ctime()",
    "time.asctime()": "time.asctime()",
    "time.strftime('%Y-%m-%d %H:%M:%S')": "time.strftime()",
    "datetime.datetime.now()": "datetime.datetime.now()",
    "datetime.datetime.now(tz=datetime.timezone.utc)": "datetime.datetime.now()",
    "datetime.datetime.utcnow()": "datetime.datetime.utcnow()",
    "datetime.datetime.today()": "datetime.datetime.today()",
    "datetime.date.today()": "datetime.date.today()",
    "pd.Timestamp.now()": "datetime.datetime.now()",
    "pd.Timestamp('now')": "datetime.datetime.now()",
    "pd.to_datetime('now')": "datetime.datetime.now()",
    "pd.Timestamp.today('UTC')": "datetime.datetime.now()",
}
MEASURES = {
    "time.monotonic()": "time.monotonic()",
    "time.monotonic_ns()": "time.monotonic_ns()",
    "time.perf_counter()": "time.perf_counter()",
    "time.perf_counter_ns()": "time.perf_counter_ns()",
    "time.process_time()": "time.process_time()",
    "time.thread_time()": "time.thread_time()",
    "time.clock_gettime(time.CLOCK_MONOTONIC)": "time.clock_gettime()",
    "timeit.default_timer()": "time.perf_counter()",
}
FIXED = [
    "time.ctime(0)",
    "time.gmtime(0)",
    "time.strftime('%Y', time.gmtime(0))",
    "datetime.datetime.fromtimestamp(0, datetime.timezone.utc)",
    "datetime.datetime(2024, 5, 15)",
    "datetime.date.fromisoformat('2024-05-15')",
    "pd.Timestamp('2024-05-15')",
]
PATCHED = [
    *((time, name) for name in ("time", "time_ns", "monotonic", "perf_counter", "clock_gettime", "localtime", "sleep")),
    *((datetime.datetime, name) for name in ("now", "utcnow")),
    (datetime.date, "today"),
    (timeit, "default_timer"),
]


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """Every clock must be as it was found."""
    before = [vars(owner)[name] for owner, name in PATCHED]
    with warnings.catch_warnings():
        yield Probe(tmp_path)
    assert [vars(owner)[name] for owner, name in PATCHED] == before
    assert abs(datetime.datetime.now().timestamp() - time.time()) < 10


def _value(probe: Probe, setting: Setting, expression: str) -> Any:
    return probe.under(SOURCE, setting, f"{IMPORTS}value = {expression}")["value"]


@pytest.mark.parametrize("expression", WALL | MEASURES)
def test_a_held_clock_shows_the_same_in_every_replay(probe: Probe, expression: str) -> None:
    first = _value(probe, HELD, expression)
    time.sleep(0.002)
    assert _value(probe, HELD, expression) == first
    assert type(_value(probe, NATURAL, expression)) is type(first)


@pytest.mark.parametrize("expression", WALL)
def test_a_varied_clock_is_ahead_by_its_number_of_days(probe: Probe, expression: str) -> None:
    shown = [_value(probe, setting, expression) for setting in (NATURAL, VARIED, Setting(Mode.VARIED, 2))]
    assert len({str(each) for each in shown}) == 3
    if expression == "time.time_ns()":
        assert [round((each - shown[0]) / SHIFT, 3) for each in shown] == [0, 1, 2]


@pytest.mark.parametrize("expression", MEASURES)
def test_a_varied_clock_measures_as_ever(probe: Probe, expression: str) -> None:
    text = f"{IMPORTS}begin = {expression}\nduration = {expression} - begin"
    found = probe.under(SOURCE, VARIED, text)
    second = SECOND if expression.endswith("_ns()") else 1
    assert 0 <= found["duration"] < second
    assert found["begin"] - _value(probe, NATURAL, expression) > 80_000 * second


@pytest.mark.parametrize(("expression", "what"), (WALL | MEASURES).items())
def test_lines_that_read_a_clock_are_known(probe: Probe, expression: str, what: str) -> None:
    assert probe.sites(SOURCE, f"{IMPORTS}value = {expression}") == {3: {what}}


@pytest.mark.parametrize("expression", FIXED)
def test_a_time_that_is_given_is_no_reading(probe: Probe, expression: str) -> None:
    expected = _value(probe, NATURAL, expression)
    assert [_value(probe, setting, expression) for setting in (VARIED, HELD)] == [expected, expected]
    assert probe.sites(SOURCE, f"{IMPORTS}value = {expression}") == {}


def test_a_held_clock_is_one_clock_that_goes_on(probe: Probe) -> None:
    found = probe.under(
        SOURCE,
        HELD,
        """
        import datetime, time
        moment = datetime.datetime.now(datetime.timezone.utc)
        later = time.time()
        begin = time.perf_counter()
        time.sleep(0.01)
        duration = time.perf_counter() - begin
        turns = 0
        end = time.time() + 0.5
        while time.time() < end:
            turns += 1
        """,
    )
    start = datetime.datetime.fromtimestamp(START / SECOND, datetime.UTC)
    assert found["moment"] == start + datetime.timedelta(milliseconds=1)
    assert found["later"] == pytest.approx(START / SECOND + 0.002)
    assert found["duration"] == pytest.approx(0.011)
    assert 20 <= found["turns"] <= 500, "the clock goes on, and further at later readings"


def test_a_held_sleep_still_sleeps(probe: Probe) -> None:
    begin = time.perf_counter()
    probe.under(SOURCE, HELD, "import time\ntime.sleep(0.05)")
    assert time.perf_counter() - begin >= 0.05


def test_classes_of_times_stay_what_they_are(probe: Probe) -> None:
    found = probe.under(
        SOURCE,
        VARIED,
        """
        import datetime
        class Own(datetime.datetime):
            pass
        cls, now, own = datetime.datetime, datetime.datetime.now(), Own.now()
        day, read = datetime.date.today(), datetime.datetime.strptime("2024", "%Y")
        """,
    )
    assert found["cls"] is datetime.datetime
    assert type(found["now"]) is type(found["read"]) is datetime.datetime
    assert type(found["own"]) is found["Own"]
    assert type(found["day"]) is datetime.date
    assert pickle.loads(pickle.dumps(found["now"])) == found["now"]


@pytest.mark.parametrize("setting", [HELD, VARIED], ids=["held", "varied"])
def test_an_aware_time_is_of_its_zone(probe: Probe, setting: Setting) -> None:
    found = probe.under(
        SOURCE,
        setting,
        """
        import datetime, time
        zone = datetime.timezone(datetime.timedelta(hours=5))
        aware, seconds = datetime.datetime.now(zone), time.time()
        """,
    )
    assert found["aware"].tzinfo is found["zone"]
    assert found["aware"].timestamp() == pytest.approx(found["seconds"], abs=1)


def test_only_the_lines_asked_for_are_held(probe: Probe) -> None:
    setting = Setting(Mode.HELD, only=(f"{probe.path.resolve()}:3",))
    found = probe.under(SOURCE, setting, "import time\na = time.time_ns()\nb = time.time_ns()")
    assert abs(found["a"] - time.time_ns()) < 60 * SECOND
    assert found["b"] == START + SECOND // 1000


def test_a_library_reads_the_day_for_the_project_but_waits_by_the_true_clock(probe: Probe) -> None:
    library: dict[str, Any] = {}
    source = "import time\ndef read(): return time.time()\ndef measure(): return time.monotonic()"
    exec(compile(source, "/lib/library.py", "exec"), library)
    found = probe.under(SOURCE, HELD, "a, b = read(), measure()", read=library["read"], measure=library["measure"])
    assert found["a"] == START / SECOND + 0.001
    assert abs(found["b"] - time.monotonic()) < 60
    assert [site.what for site in probe.watcher.all_sites()[SOURCE.name]] == ["time.time()"]


def test_nobody_else_sees_another_time(probe: Probe) -> None:
    with SOURCE.apply(HELD, probe.watcher):
        shown = time.time(), datetime.datetime.now().timestamp()
    assert max(abs(each - time.time()) for each in shown) < 60
    assert probe.watcher.all_sites() == {}


@pytest.mark.parametrize("setting", [HELD, VARIED], ids=["held", "varied"])
def test_waiting_with_a_time_limit_takes_that_time(probe: Probe, setting: Setting) -> None:
    text = """
        import concurrent.futures, queue, threading
        event = threading.Event()
        waited = event.wait(0.05), threading.Condition().acquire(timeout=1)
        try:
            queue.Queue().get(timeout=0.05)
        except queue.Empty:
            pass
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(int, "5").result(timeout=5)
    """
    begin = time.perf_counter()
    found = probe.under(SOURCE, setting, text)
    assert 0.1 <= time.perf_counter() - begin < 5
    assert (found["waited"], found["answer"]) == ((False, True), 5)
    assert probe.watcher.all_sites() == {}


def test_log_records_are_held_but_not_worth_a_line(probe: Probe) -> None:
    text = """
        import io, logging
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log = logging.Logger("own")
        log.addHandler(handler)
        log.warning("hello")
        text = stream.getvalue()
    """
    assert probe.under(SOURCE, HELD, text)["text"] == probe.under(SOURCE, HELD, text)["text"]
    assert probe.watcher.all_sites() == {}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="deprecated since Python 3.12")
def test_the_warning_about_utcnow_is_still_on_the_callers_line(probe: Probe) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        probe.under(SOURCE, NATURAL, "import datetime\ndatetime.datetime.utcnow()")
        datetime.datetime.utcnow()
    assert [str(each.message) for each in caught] == [str(caught[0].message)] * 2
    assert (caught[0].category, caught[0].filename, caught[0].lineno) == (DeprecationWarning, str(probe.path), 2)


def test_a_clock_kept_beyond_the_replay_is_the_true_one_again(probe: Probe) -> None:
    kept = probe.under(SOURCE, HELD, "from time import time\nfrom datetime import datetime\nnow = datetime.now")
    assert abs(kept["time"]() - time.time()) < 60
    assert abs(kept["now"]().timestamp() - time.time()) < 60
    assert (kept["time"].__module__, kept["time"].__qualname__) == ("time", "time")


BUDGET = """
import time
begin, steps = {clock}, 0
while {clock} - begin < {seconds}:
    steps += 1
    {work}
"""


@pytest.mark.parametrize("clock", ["time.time()", "time.monotonic()", "time.perf_counter()", "time.process_time()"])
def test_a_varied_clock_goes_faster(probe: Probe, clock: str) -> None:
    work = "sum(range(20000))"
    text = BUDGET.format(clock=clock, seconds=0.2, work=work)
    spent = []
    for number in (0, 1, 3):
        begin = time.process_time()
        setting = Setting(Mode.VARIED, number) if number else NATURAL
        probe.under(SOURCE, setting, text)
        spent.append(time.process_time() - begin)
    # The load of the machine slows all of them, but no budget lasts longer than it says.
    assert spent[1] < 0.15
    assert spent[2] < 0.1
    if clock == "time.process_time()":
        assert spent[0] >= 0.19


def test_a_varied_clock_is_one_clock_however_it_is_read(probe: Probe) -> None:
    text = """
        import datetime, time
        a = time.time()
        time.sleep(0.05)
        b = datetime.datetime.now().timestamp()
        c = time.time()
    """
    found = probe.under(SOURCE, Setting(Mode.VARIED, 2), text)
    assert found["a"] + 0.14 < found["b"] <= found["c"]


def test_a_count_is_the_same_however_fast_time_goes(probe: Probe) -> None:
    text = "import time\nbegin = time.monotonic()\nsteps = sum(1 for _ in range(50))"
    assert [probe.under(SOURCE, setting, text)["steps"] for setting in (NATURAL, VARIED)] == [50, 50]


@pytest.mark.parametrize("clock", ["time.time()", "time.monotonic()"])
def test_a_long_budget_ends_under_a_held_clock_and_always_after_as_many_steps(probe: Probe, clock: str) -> None:
    text = BUDGET.format(clock=clock, seconds=3600, work="pass")
    steps = [probe.under(SOURCE, HELD, text)["steps"] for _ in range(2)]
    assert steps[0] == steps[1]
    assert 100 < steps[0] < 4000
