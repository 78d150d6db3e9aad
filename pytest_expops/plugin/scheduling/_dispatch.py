"""Which worker is sent what, and when: no worker stays empty while anything is ready."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from pytest_expops.plugin.scheduling._board import READY, Board
from pytest_expops.plugin.scheduling._queues import WorkerQueue
from pytest_expops.plugin.scheduling._ready import ReadyItems

LOW = 0.02
"""Seconds of known work. A queue with less is topped up, so that a worker need not wait for an answer every time."""
HIGH = 0.1
"""Seconds up to which it is topped up: what is in one queue cannot be run by another worker at once."""
TEST_CHUNK = 0.25
"""The same for ordinary tests, on which nothing waits and which share module fixtures."""
SLACK = 0.5
"""Of two items the less urgent may go first, for another reason, as long as the more urgent could still be begun within
this share of the time that all remaining work will take."""
MOST_QUEUED = 512
MOST_CHILDREN = 32
"""So many of the items that wait for one are looked at for the next of a chain."""


class Dispatcher:
    """Sends items of a board to workers. Every batch ends with the filler, whose index is `filler`."""

    def __init__(self, board: Board, workers: Mapping[Hashable, WorkerQueue], filler: int) -> None:
        self._board = board
        self._workers = workers
        self._filler = filler

    def fill(self, first: WorkerQueue | None = None) -> None:
        """Send to every empty worker, then top up `first`, or all; at last, share out what is queued too long."""
        self._board.refresh()
        lost = True
        while lost:  # at most once per worker that turns out to be dead
            lost = self._serve_empty() or self._top_up(first)
        if not self._board.ready and self._board.unfinished:
            self._ask_back()

    def _live(self) -> list[WorkerQueue]:
        return [worker for worker in self._workers.values() if worker.live]

    def _serve_empty(self) -> bool:
        """Serve, and return whether a worker could not be reached."""
        board = self._board
        if not board.ready:
            return False
        empty = [worker for worker in self._live() if not worker.items]
        if len(empty) > 1:
            # The best items will all start now, so each may go where its inputs were made.
            by_node = {worker.node: worker for worker in empty}
            for item in board.items.best_few(len(empty)):
                worker = by_node.get(board.maker(item))
                if worker is None or worker.items or board.state[item] != READY:
                    continue
                if not self._send(worker, item):
                    return True
        for worker in empty:
            if worker.items:
                continue
            best = self._best(worker)
            if best is None:
                return False
            if not self._send(worker, best):
                return True
        return False

    def _top_up(self, first: WorkerQueue | None) -> bool:
        """Serve, and return whether a worker could not be reached."""
        for worker in self._live() if first is None else [first]:
            if not self._board.ready:
                return False
            if not worker.live or not worker.items or worker.seconds >= LOW or len(worker.items) >= MOST_QUEUED:
                continue
            best = self._best(worker)
            if best is None:
                continue
            estimate = self._sure(best)
            if estimate is not None and estimate <= HIGH and not self._send(worker, best):
                return True
        return False

    def _best(self, worker: WorkerQueue) -> int | None:
        """Return what `worker` should run next of what is ready.

        What something waits for goes before what nothing waits for (a long check, say), as long as the latter can still
        be begun in time.
        """
        board = self._board
        slack = SLACK * board.seconds_left / max(1, len(self._live()))
        inner, leaf = self._best_of(board.items, worker, slack), self._best_of(board.leaves, worker, slack)
        if inner is None:
            return board.tests.peek(worker.node) if leaf is None else leaf
        if leaf is None:
            return inner
        rank, seconds = board.priorities.rank, board.priorities.seconds
        return inner if rank[inner] >= rank[leaf] or seconds[inner] + rank[leaf] <= slack else leaf

    def _best_of(self, ready: ReadyItems, worker: WorkerQueue, slack: float) -> int | None:
        """Return the most urgent, or one whose inputs `worker` made if the most urgent can wait so long."""
        best, near = ready.best(), ready.best_near(worker.node)
        if best is None or near is None or near == best:
            return best
        rank, seconds = self._board.priorities.rank, self._board.priorities.seconds
        # Nearly equal ranks are equal: estimates are no better than that.
        return near if rank[near] >= 0.999 * rank[best] or seconds[near] + rank[best] <= slack else best

    def _send(self, worker: WorkerQueue, item: int) -> bool:
        """Send a batch that begins with `item`; False if the worker is gone, in which case all is as before."""
        batch = self._batch(worker, item)
        try:
            worker.node.send_runtest_some([*batch, self._filler])
        except OSError:
            # The message of its death is still on the way.
            worker.usable = False
            self._board.given_back(worker.give_back(batch))
            return False
        return True

    def _batch(self, worker: WorkerQueue, item: int) -> list[int]:
        """`item` and short ones that are worth sending along, all put into the worker's queue."""
        board = self._board
        batch = [item]
        self._put(worker, item)
        limit = HIGH if board.is_ranked(item) else TEST_CHUNK
        share = board.ready // max(1, len(self._live())) + 1
        while len(batch) <= share and worker.seconds < limit:
            following = self._following(worker, batch[-1])
            estimate = None if following is None else self._sure(following)
            if following is None or estimate is None or worker.seconds + estimate > limit:
                break
            self._put(worker, following)
            batch.append(following)
        return batch

    def _following(self, worker: WorkerQueue, item: int) -> int | None:
        """Return what may be sent after `item`, of its own sort: the next of its chain, or the best that is ready."""
        board = self._board
        if not board.is_ranked(item):
            return None if board.items or board.leaves else board.tests.peek(worker.node)
        rank = board.priorities.rank
        best = self._best(worker)
        if best is not None and not board.is_ranked(best):
            best = None
        children = board.view.children[item][:MOST_CHILDREN]
        chain = [child for child in children if child < board.view.count and board.may_follow(child, worker.node)]
        if chain:
            child = max(chain, key=rank.__getitem__)
            if best is None or rank[child] >= rank[best]:
                return child
        return best

    def _put(self, worker: WorkerQueue, item: int) -> None:
        self._board.sent(item, worker.node)
        worker.add(item, self._sure(item))

    def _sure(self, item: int) -> float | None:
        view = self._board.view
        return self._board.estimates.sure(view.ids[item], view.kinds[item], view.parts[item])

    def _ask_back(self) -> None:
        """A worker is empty and nothing is ready: have the fullest give back what it has not begun.

        It happens where items take longer than was estimated, and at the end of a stage.
        """
        live = self._live()
        if all(worker.items for worker in live):
            return
        spare = max((worker.spare() for worker in live if not worker.asked_back), key=len, default=[])
        if spare:
            owner = next(worker for worker in live if worker.items and worker.items[-1] == spare[-1])
            owner.asked_back = True
            try:
                owner.node.send_steal(spare)
            except OSError:
                owner.usable = False
