"""A session that has been run before is rehearsed: with which priorities would it have been over sooner?

The longest path first is a good rule and not the best order: where workers are about as many as chains, or the last
items are long, another order may save some per cent. With remembered durations the whole session can be played in
milliseconds, by the dispatcher itself, so changes of a few ranks at a time are tried, and kept if it ends sooner: a
local search over priority lists. What is found keeps most of what it saves when durations differ by some per cent from
those of last time. It is done when the first items have been sent, so that workers are busy meanwhile.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Hashable, Sequence
from time import monotonic

from pytest_expops.plugin.scheduling._board import Board
from pytest_expops.plugin.scheduling._dispatch import Dispatcher
from pytest_expops.plugin.scheduling._graph_view import GraphView
from pytest_expops.plugin.scheduling._priorities import Priorities
from pytest_expops.plugin.scheduling._queues import WorkerQueue
from pytest_expops.plugin.scheduling.estimates import Estimates

SHARE = 0.01
"""Of the time that the session will take, so much may be spent on rehearsing."""
LONGEST = 0.5
"""And no more than so many seconds."""
PER_ITEM = 15e-6
"""Seconds that an item of a rehearsal takes, about. So many rehearsals fit in that time, on a machine that is not busy
with something else, and the same order is found every time; where they take longer, the clock ends them."""
FEWEST = 20
"""With fewer there is little hope."""
KNOWN = 0.9
"""So much of the work must be of items whose durations are remembered."""
ENOUGH = 0.01
"""Other ranks than the plain ones are taken only if they save so much of the session."""
BEST = 1.002
"""What comes so close to the least that is possible is not improved further."""
CHANGED = (1, 1, 2, 3)
"""How many ranks are changed at a time."""
LESS, MORE = 0.7, 1.3
"""A rank is multiplied by something between these, or that of another item is taken."""

Begun = Sequence[Sequence[int]]
"""What each worker has in its queue, in the order in which it runs."""


class _Player:
    """Stands for xdist's object for a worker."""

    shutting_down = False

    def __init__(self) -> None:
        self.asked_for: Sequence[int] = ()

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """The queue has been told already."""

    def send_steal(self, indices: Sequence[int]) -> None:
        """Answered when everything has been sent."""
        self.asked_for = indices


class Rehearsal:
    """One play of a session in which items take what is estimated, and messages no time."""

    def __init__(self, view: GraphView, estimates: Estimates, priorities: Priorities, begun: Begun) -> None:
        self._seconds = priorities.seconds
        self._board = Board(view, estimates, priorities)
        self._queues: dict[Hashable, WorkerQueue] = {}
        self._dispatcher = Dispatcher(self._board, self._queues, filler=view.count)
        self._players: list[_Player] = []
        self._running: list[tuple[float, int, _Player]] = []
        self._started = 0
        self._now = 0.0
        for items in begun:
            player = _Player()
            queue = self._queues[player] = WorkerQueue(player)
            queue.usable = True
            self._players.append(player)
            for item in items:
                self._board.sent(item, player)
                queue.add(item, priorities.seconds[item])
        self._idle = dict.fromkeys(self._players)

    def play(self) -> float:
        """Seconds until the last item is over."""
        self._dispatcher.fill()
        self._settle()
        while self._running:
            self._now, _, player = heapq.heappop(self._running)
            queue = self._queues[player]
            item = queue.items[0]
            queue.remove(item)
            self._idle[player] = None
            self._board.over(item, player)
            self._dispatcher.fill(queue)
            self._settle()
        return self._now

    def _settle(self) -> None:
        """Idle workers begin what they have, and what is asked back is sent elsewhere."""
        while True:
            for player in list(self._idle):
                items = self._queues[player].items
                if items:
                    del self._idle[player]
                    self._started += 1
                    heapq.heappush(self._running, (self._now + self._seconds[items[0]], self._started, player))
            asked = next((player for player in self._players if player.asked_for), None)
            if asked is None:
                return
            queue = self._queues[asked]
            given = queue.give_back(asked.asked_for)
            asked.asked_for, queue.asked_back = (), False
            self._board.given_back(given)
            self._dispatcher.fill()


def improve(view: GraphView, estimates: Estimates, priorities: Priorities, begun: Begun) -> bool:
    """Change ranks, if the session is over sooner then; whether it was done. What has begun stays where it is."""
    if not begun:  # no worker is alive
        return False
    seconds, rank = priorities.seconds, priorities.rank
    work, workers = sum(seconds), len(begun)
    known = sum(seconds[node] for node in range(view.count) if view.ids[node] in estimates.history)
    allowed = min(SHARE * work / workers, LONGEST)
    tries, until = int(allowed / (PER_ITEM * max(view.count, 1))), monotonic() + allowed
    sent = {item for items in begun for item in items}
    nodes = [node for node in range(view.count) if view.kinds[node] is not None and rank[node] > 0 and node not in sent]
    if known < KNOWN * work or tries < FEWEST or len(nodes) < 2:
        return False

    def play() -> float:
        return Rehearsal(view, estimates, priorities, begun).play()

    plain = list(rank)
    first = play()
    enough = BEST * max(work / workers, *rank)
    if _search(rank, nodes, tries, until, play, first, enough) > (1 - ENOUGH) * first:
        rank[:] = plain
        return False
    priorities.factors = {node: rank[node] / plain[node] for node in nodes if rank[node] != plain[node]}
    return True


def _search(
    rank: list[float],
    nodes: list[int],
    tries: int,
    until: float,
    play: Callable[[], float],
    best: float,
    enough: float,
) -> float:
    """Change ranks of `nodes` here and there, and keep what makes the session shorter than `best` seconds.

    It ends after so many `tries`, at `until` by the monotonic clock, or where no more than `enough` seconds are left.
    """
    rng = random.Random(0)
    for _ in range(tries):
        if best <= enough or monotonic() >= until:
            break
        changed = [(node, rank[node]) for node in rng.choices(nodes, k=rng.choice(CHANGED))]
        for node, old in changed:
            rank[node] = old * rng.uniform(LESS, MORE) if rng.random() < 0.5 else rank[rng.choice(nodes)]
        seconds = play()
        if seconds < best * (1 - 1e-9):
            best = seconds
            continue
        for node, old in reversed(changed):
            rank[node] = old
    return best
