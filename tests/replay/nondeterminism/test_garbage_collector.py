"""The garbage collector: weak caches show it, strong ones do not, and it is as before afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism._surroundings import Collector
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe

SOURCE = Collector()
OFF, EAGER = Setting(Mode.VARIED, 1), Setting(Mode.VARIED, 2)
CACHE = """
    import weakref

    class Node:
        def __init__(self):
            self.me = self

    cache, most = KIND, 0
    for number in range(3000):
        cache[number] = Node()
        most = max(most, len(cache))
    found = [most, len(cache)]
"""


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    def state() -> list[object]:
        return [gc.isenabled(), gc.get_threshold(), gc.collect, vars(weakref.WeakValueDictionary)["__len__"]]

    before = state()
    yield Probe(tmp_path)
    assert state() == before


def _cached(probe: Probe, setting: Setting, kind: str) -> list[int]:
    """How many were in the cache at most, and at the end."""
    return list(probe.under(SOURCE, setting, CACHE.replace("KIND", kind))["found"])


def test_a_weak_cache_differs_between_off_on_and_often(probe: Probe) -> None:
    weak = "weakref.WeakValueDictionary()"
    assert _cached(probe, OFF, weak) == _cached(probe, HELD, weak) == [3000, 3000]
    assert _cached(probe, EAGER, weak)[0] < 200 < _cached(probe, NATURAL, weak)[0] < 3000


@pytest.mark.slow
def test_a_plain_dict_does_not(probe: Probe) -> None:
    assert [_cached(probe, setting, "{}") for setting in (OFF, EAGER, HELD, NATURAL)] == [[3000, 3000]] * 4


def test_held_begins_without_old_garbage(probe: Probe) -> None:
    class Node:
        def __init__(self) -> None:
            self.me = self

    gc.disable()
    try:
        old = weakref.ref(Node())
        assert old() is not None
        with SOURCE.apply(HELD, probe.watcher):
            assert old() is None
            new = weakref.ref(Node())
            assert new() is not None
        assert new() is None
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.slow
def test_what_the_process_itself_switches_is_undone(probe: Probe) -> None:
    before = gc.isenabled(), gc.get_threshold()
    for setting in (OFF, EAGER, HELD):
        probe.under(SOURCE, setting, "import gc; gc.enable(); gc.set_threshold(7, 7, 7)")
        assert (gc.isenabled(), gc.get_threshold()) == before
    probe.under(SOURCE, EAGER, "import gc; gc.disable()")
    assert (gc.isenabled(), gc.get_threshold()) == before


def test_natural_changes_nothing(probe: Probe) -> None:
    found = probe.under(SOURCE, NATURAL, "import gc; found = gc.isenabled(), gc.get_threshold()")["found"]
    assert found == (gc.isenabled(), gc.get_threshold())


def test_lines_that_ask_the_collector_or_read_a_weak_container_are_seen(probe: Probe) -> None:
    assert probe.sites(
        SOURCE,
        """\
        import gc, weakref
        class Node: pass
        node = Node()
        cache = weakref.WeakValueDictionary(a=node)
        keys, group = weakref.WeakKeyDictionary({node: 1}), weakref.WeakSet([node])
        gc.collect(); known = len(gc.get_objects())
        size = len(cache)
        every = list(cache.items())
        found = [*keys], cache.get("a"), node in group
        plain = len({}), list({}.items())
        """,
    ) == {
        6: {"gc.collect()", "gc.get_objects()"},
        7: {"weakref.WeakValueDictionary"},
        8: {"weakref.WeakValueDictionary"},
        9: {"weakref.WeakKeyDictionary", "weakref.WeakValueDictionary", "weakref.WeakSet"},
    }
