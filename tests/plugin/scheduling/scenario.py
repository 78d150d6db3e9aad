"""What a run of the model is given, and what is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from pytest_expops.plugin.scheduling._graph_view import Need

if TYPE_CHECKING:
    from tests.plugin.scheduling.workers import Node


class Moment(Enum):
    """When, in the run of an item, its worker dies of it."""

    BEFORE_LOGSTART = "before logstart"
    AFTER_LOGSTART = "after logstart"
    MIDWAY = "midway"
    BEFORE_LOGFINISH = "reported, before logfinish"
    BEFORE_COMPLETE = "after logfinish, before complete"


@dataclass(frozen=True)
class Scenario:
    """What is collected, how long it takes, and what goes wrong. All times in seconds."""

    ids: tuple[str, ...]
    graph: Mapping[str, Need]
    seconds: tuple[float, ...]
    workers: int = 2
    history: Mapping[str, float] = field(default_factory=dict)
    deadly: Mapping[int, tuple[Moment, int]] = field(default_factory=dict)
    """Items of which so many runs kill their worker."""
    kills: tuple[tuple[float, int], ...] = ()
    """At this time, the worker of this number (modulo those alive) is killed, whatever it is at."""
    reruns: int = 0
    """So often a plugin asks for an item again, of which a worker died."""
    late_reruns: bool = False
    """It asks when who waits for the item has been released already."""
    failing: frozenset[int] = frozenset()
    gives_some: bool = False
    """Whether a worker gives back what it can, as in xdist 3.6, or all that it is asked for or nothing."""
    maxfail: int = 0
    max_restart: int | None = None
    collects: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """What workers collect that collect something else, by number; replacements count on. Those with nothing end."""
    boot: tuple[float, ...] = (0.5,)
    """From a worker's start until its collection is sent, in turn."""
    latency: float = 0.0005
    jitter: float = 0.0
    """A message takes `latency`, times one plus an exponential variate of this mean."""
    controller: float = 0.0
    """What the controller takes for each event."""
    seed: int = 0


class Watcher:
    """Is told of all that happens; here, nothing is made of it. `before` and `after` stand around each event."""

    def sent(self, node: Node, indices: Sequence[int]) -> None: ...
    def asked(self, node: Node, indices: Sequence[int]) -> None: ...
    def unreachable(self, node: Node) -> None: ...
    def started(self, node: Node, index: int) -> None: ...
    def ended(self, node: Node, index: int) -> None: ...
    def collected(self, node: Node, ids: tuple[str, ...]) -> None: ...
    def before(self, name: str, node: Node, value: Any) -> None: ...
    def blamed(self, node: Node, node_id: str | None) -> None: ...
    def wanted_again(self, index: int) -> None: ...
    def given_up(self, index: int) -> None: ...
    def scheduled(self) -> None: ...
    def after(self, name: str, node: Node, scheduler: Any) -> None: ...


@dataclass
class Outcome:
    """How a run ended: finished, stopped (-x), restarts (too many), no workers, or hang."""

    ended: str
    starts: Counter[int]
    crashed: set[int]
    over: set[int]
    """Items of which the controller knows what became."""
    sends: int
    steals: int
    deaths: int
    first_start: float
    last_end: float

    @property
    def makespan(self) -> float:
        """From the first start to the last end, in seconds."""
        return self.last_end - self.first_start
