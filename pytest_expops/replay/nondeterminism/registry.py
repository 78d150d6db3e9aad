"""All sources of variation by name, and what a replay under given conditions needs of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from pytest_expops.replay.nondeterminism._children import informed_children
from pytest_expops.replay.nondeterminism._clock import Clock
from pytest_expops.replay.nondeterminism._entropy import Entropy
from pytest_expops.replay.nondeterminism._generators import Generators
from pytest_expops.replay.nondeterminism._hash_seed import FIRST_RUN, HashSeed, own_hash_seed
from pytest_expops.replay.nondeterminism._host import Host
from pytest_expops.replay.nondeterminism._imports import Imports
from pytest_expops.replay.nondeterminism._listing_order import ListingOrder
from pytest_expops.replay.nondeterminism._submissions import following
from pytest_expops.replay.nondeterminism._surroundings import (
    Collector,
    Environment,
    Locale,
    TemporaryFolder,
    keep_temporary_files_in,
)
from pytest_expops.replay.nondeterminism._threads import Threads
from pytest_expops.replay.nondeterminism._timezone import Timezone
from pytest_expops.replay.nondeterminism._uninitialised_memory import Memory
from pytest_expops.replay.nondeterminism.addresses import Addresses
from pytest_expops.replay.nondeterminism.base import NATURAL, Conditions, Mode, Source, Watcher
from pytest_expops.replay.nondeterminism.earlier_processes import EarlierProcesses
from pytest_expops.replay.nondeterminism.files import Files

__all__ = ["FIRST_RUN", "SOURCES", "applied", "interpreter_environment", "keep_temporary_files_in", "own_hash_seed"]

_ALL: tuple[Source, ...] = (
    HashSeed(),
    Timezone(),
    Locale(),
    Environment(),
    TemporaryFolder(),
    Collector(),
    Imports(),
    Files(),
    EarlierProcesses(),
    Entropy(),
    Generators(),
    Clock(),
    ListingOrder(),
    Threads(),
    Addresses(),
    Host(),
    Memory(),
)

SOURCES: Mapping[str, Source] = {source.name: source for source in _ALL}
"""In the order in which they are applied, and named in the manual."""


def interpreter_environment(conditions: Conditions, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to start an interpreter with that is to replay under `conditions`."""
    result = dict(environment)
    for name, setting in conditions.items():
        for variable, value in SOURCES[name].environment(setting, result).items():
            if value is None:
                result.pop(variable, None)
            else:
                result[variable] = value
    return result


@contextmanager
def applied(conditions: Conditions, watcher: Watcher) -> Iterator[None]:
    """Every source under its setting, and watched if `watcher` is watching."""
    with ExitStack() as stack:
        if watcher.watching or any(setting.mode is Mode.HELD for setting in conditions.values()):
            submissions = stack.enter_context(following(watcher))
            stack.enter_context(informed_children(conditions, watcher, submissions))
        for name, source in SOURCES.items():
            setting = conditions.get(name, NATURAL)
            if setting is not NATURAL or watcher.watching:
                stack.enter_context(source.apply(setting, watcher))
        yield
