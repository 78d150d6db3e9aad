"""The time zone: what depends on it shows, what does not agrees, and everything is as before afterwards (S7.1)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism._timezone import ZONES, Timezone, zone_of
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting, Watcher
from tests.replay.nondeterminism.probe import Probe, started_with

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="no time.tzset")

SOURCE = Timezone()
MOMENTS = [0, 1_700_000_000, 1_720_000_000]
NAIVE = """
    import datetime, time
    hours = [datetime.datetime.fromtimestamp(each).isoformat() for each in moments]
    seconds = [time.mktime((2024, month, 1, 12, 0, 0, 0, 0, -1)) for month in (1, 7)]
    named = [time.localtime(each)[:5] for each in moments]
"""
AWARE = """
    import calendar, datetime, time
    hours = [datetime.datetime.fromtimestamp(each, tz=datetime.timezone.utc).isoformat() for each in moments]
    seconds = [calendar.timegm((2024, month, 1, 12, 0, 0, 0, 0, -1)) for month in (1, 7)]
    named = [time.gmtime(each)[:5] for each in moments]
"""


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """The zone must be as it was found."""
    before = os.environ.get("TZ"), time.tzname, [time.localtime(each)[:6] for each in MOMENTS]
    yield Probe(tmp_path)
    assert (os.environ.get("TZ"), time.tzname, [time.localtime(each)[:6] for each in MOMENTS]) == before


def _results(probe: Probe, setting: Setting, text: str) -> list[object]:
    found = probe.under(SOURCE, setting, text, moments=MOMENTS)
    return [found["hours"], found["seconds"], found["named"]]


def test_each_variation_and_the_hold_have_naive_times_of_their_own(probe: Probe) -> None:
    settings = [HELD, *(Setting(Mode.VARIED, number) for number in range(1, len(ZONES) + 1))]
    results = [_results(probe, setting, NAIVE) for setting in settings]
    for which in range(3):
        assert len({str(result[which]) for result in results}) == len(settings)


def test_aware_times_are_the_same_in_all_of_them(probe: Probe) -> None:
    expected = _results(probe, NATURAL, AWARE)
    for setting in (HELD, Setting(Mode.VARIED, 1), Setting(Mode.VARIED, 2)):
        assert _results(probe, setting, AWARE) == expected


def test_the_same_number_is_the_same_zone_whatever_the_machines_own(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for own in ("Asia/Tokyo", "UTC"):
        with monkeypatch.context() as patch:
            patch.setenv("TZ", own)
            time.tzset()
            found.append([_results(probe, setting, NAIVE) for setting in (HELD, Setting(Mode.VARIED, 1))])
        time.tzset()
    assert found[0] == found[1]


def test_held_is_utc(probe: Probe) -> None:
    assert _results(probe, HELD, NAIVE) == [
        ["1970-01-01T00:00:00", "2023-11-14T22:13:20", "2024-07-03T09:46:40"],
        [1704110400.0, 1719835200.0],
        [(1970, 1, 1, 0, 0), (2023, 11, 14, 22, 13), (2024, 7, 3, 9, 46)],
    ]


@pytest.mark.parametrize("number", range(1, len(ZONES) + 1))
def test_rule_and_name_of_a_zone_tell_the_same_time(probe: Probe, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    name, rule = ZONES[number - 1]
    try:
        zoneinfo.ZoneInfo(name)
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no zone database, of the machine's or installed")
    text = """
        import datetime, zoneinfo
        local = [datetime.datetime.fromtimestamp(each) for each in moments]
        expected = [datetime.datetime.fromtimestamp(each, zoneinfo.ZoneInfo(name)).replace(tzinfo=None)
                    for each in moments]
    """
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    assert zone_of(number) == rule
    year = range(1_704_067_200, 1_735_689_600, 86_400)
    found = probe.under(SOURCE, Setting(Mode.VARIED, number), text, moments=year, name=name)
    assert found["local"] == found["expected"]


def test_an_interpreter_started_so_is_in_that_zone() -> None:
    code = "import time; print(time.localtime(0)[:5])"
    printed = []
    for setting in (HELD, Setting(Mode.VARIED, 1)):
        environment = started_with(SOURCE, setting, os.environ)
        printed.append(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True).stdout)
    assert [line.strip() for line in printed] == [b"(1970, 1, 1, 0, 0)", b"(1970, 1, 1, 12, 45)"]
    assert started_with(SOURCE, NATURAL, {"A": "b"}) == {"A": "b"}


def test_lines_that_ask_for_local_time_are_seen(probe: Probe) -> None:
    assert probe.sites(
        SOURCE,
        """\
        import datetime as dt, time
        plain = time.gmtime(0), dt.datetime.fromtimestamp(0, dt.timezone.utc), dt.datetime.now(tz=dt.timezone.utc)
        again = plain[1].timestamp(), plain[1].astimezone(dt.timezone.max), dt.datetime(2024, 5, 6).isoformat()
        time.localtime(0)
        time.mktime(time.gmtime(0)); time.strftime("%H")
        naive = dt.datetime.fromtimestamp(0), dt.datetime.now()
        naive[0].timestamp()
        plain[1].astimezone()
        """,
    ) == {
        4: {"time.localtime()"},
        5: {"time.mktime()", "time.strftime()"},
        6: {"datetime.datetime.fromtimestamp()", "datetime.datetime.now()"},
        7: {"datetime.datetime.timestamp()"},
        8: {"datetime.datetime.astimezone()"},
    }


def test_watched_classes_are_what_they_were(probe: Probe) -> None:
    text = """
    import datetime as dt, pandas as pd
    class Mine(dt.datetime): pass
    found = [type(Mine.fromtimestamp(0)).__name__, pd.Timestamp.fromtimestamp(0), dt.datetime.fromtimestamp(0),
             pd.Timestamp(0).to_pydatetime().astimezone(dt.timezone.utc), isinstance(dt.datetime.now(), dt.datetime)]
    """
    with SOURCE.apply(NATURAL, Watcher(lambda file: False)):
        expected = probe.run(text)["found"]
    assert probe.under(SOURCE, NATURAL, text)["found"] == expected
    assert expected[0] == "Mine"


def test_a_platform_without_tzset_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SOURCE.unavailable() is None
    monkeypatch.delattr(time, "tzset")
    assert SOURCE.unavailable() == "Python cannot change the time zone here (`time.tzset` is missing)"
