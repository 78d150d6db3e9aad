"""A cache never holds more bytes than it may, and lets go what was used longest ago."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.values.storage.byte_cache import ByteCache

operations = st.lists(st.tuples(st.sampled_from(["get", "put"]), st.integers(0, 5), st.integers(0, 12)), max_size=40)


@given(most=st.integers(0, 20), done=operations)
def test_it_keeps_what_was_used_last_within_its_limit(most: int, done: list[tuple[str, int, int]]) -> None:
    cache: ByteCache[str] = ByteCache(most)
    model: list[tuple[int, str, int]] = []  # the one used longest ago first
    for step, (what, key, size) in enumerate(done):
        known = next((entry for entry in model if entry[0] == key), None)
        if what == "get":
            assert cache.get(key) == (known[1] if known else None)
            kept = known
        else:
            cache.put(key, f"value {step}", size)
            kept = (key, f"value {step}", size) if size <= most else None
        model = [entry for entry in model if entry[0] != key] + ([kept] if kept else [])
        while sum(entry[2] for entry in model) > most:
            model.pop(0)
        assert cache.held == sum(entry[2] for entry in model) <= most
    assert {key: cache.get(key) for key in range(6)} == {
        key: next((entry[1] for entry in model if entry[0] == key), None) for key in range(6)
    }


def test_threads_may_share_it() -> None:
    cache: ByteCache[int] = ByteCache(50)

    def use(seed: int) -> None:
        for step in range(3000):
            key = (seed * 7 + step * 5) % 23
            cache.put(key, key, key)
            assert cache.get((key + step) % 23) in (None, (key + step) % 23)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.held == sum(key for key in range(23) if cache.get(key) is not None) <= 50
