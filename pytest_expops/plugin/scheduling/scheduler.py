"""GraphScheduling: xdist's scheduler for items that wait for each other.

xdist's worker asks for the next index before it runs the one it has, so a worker with one index in its queue does not
begin. Every batch therefore ends with a filler, an item that does nothing (`filler.py`), and these hold:

1. An item is sent only if all that it waits for is over, or ahead of it in the queue of the same worker.
2. What is sent begins without further messages.
3. An item is over when its protocol has ended, whatever came of it, or when its worker has died of it.
4. After every event, no live worker is empty while something is ready.
5. `tests_finished` means that every item is over.

So while anything is unfinished, something is running, or the first unfinished item in topological order is ready (1, 3)
and is sent (4) and begins (2): nothing can hang.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_expops.plugin.scheduling._board import Board
from pytest_expops.plugin.scheduling._dispatch import Dispatcher
from pytest_expops.plugin.scheduling._graph_view import GraphView, Need
from pytest_expops.plugin.scheduling._priorities import Priorities
from pytest_expops.plugin.scheduling._queues import WorkerQueue
from pytest_expops.plugin.scheduling.estimates import Estimates


class GraphScheduling:
    """Implements xdist's `Scheduling` protocol.

    Of a worker's node it uses what other schedulers use: `shutting_down`, `shutdown`, `send_runtest_some` and
    `send_steal`.
    """

    def __init__(
        self,
        config: Any,
        log: Any,
        *,
        graph: Callable[[Sequence[str]], Mapping[str, Need]],
        workers: int,
        history: Mapping[str, float] | None = None,
        report_difference: Callable[[Any, Sequence[str], Any, Sequence[str]], None] | None = None,
    ) -> None:
        """Make the scheduler of a session.

        Args:
            config: That of pytest.
            log: xdist's producer of debug messages.
            graph: Gives, for the collected node ids, what waits for what.
            workers: How many begin the session.
            history: The seconds that items took last time, by node id.
            report_difference: Called with the nodes and collections of two workers, where the collections differ.
        """
        self.config = config
        self.log = log
        self.estimates = Estimates(history)
        self.collection: list[str] | None = None
        self._graph = graph
        self._number = workers
        self._report_difference = report_difference or (lambda *_: None)
        self._collections: dict[Any, list[str]] = {}
        self._workers: dict[Any, WorkerQueue] = {}
        self._board: Board | None = None
        self._dispatcher: Dispatcher | None = None
        self._index: dict[str, int] = {}
        self._started: set[str] = set()
        self._ended: set[str] = set()

    # What xdist calls.

    @property
    def nodes(self) -> list[Any]:
        """The workers that are up."""
        return list(self._workers)

    @property
    def collection_is_completed(self) -> bool:
        """Whether as many workers have collected as the session began with."""
        return len(self._collections) >= self._number

    @property
    def tests_finished(self) -> bool:
        """Whether every item is over (or none can be run)."""
        return self.collection_is_completed and not self.has_pending

    @property
    def has_pending(self) -> bool:
        """Whether any item is not over."""
        return self._board is not None and self._board.unfinished > 0

    def add_node(self, node: Any) -> None:
        """A worker is up, and collects."""
        self._workers[node] = WorkerQueue(node)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """A worker has collected; one that comes later must have collected what is being run."""
        if self.collection is not None and list(collection) != self.collection:
            other = next(each for each, ids in self._collections.items() if ids == self.collection)
            self._report_difference(other, self.collection, node, list(collection))
            node.shutdown()
            return
        self._collections[node] = list(collection)
        self._workers[node].usable = True

    def schedule(self) -> None:
        """All have collected: send the first items. Also when a worker has come later."""
        if self.collection is not None:
            self.release_crashed()
            self._fill()
        elif self._all_collected_alike():
            self._begin(next(iter(self._collections.values())))

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """The protocol of an item has ended on a worker."""
        board = self._board
        if board is None or item_index >= board.view.count:  # the filler
            return
        worker = self._workers[node]
        worker.remove(item_index)
        self._forget(item_index)
        board.release_crashed()
        board.over(item_index, node)
        self._fill(worker)

    def mark_test_pending(self, item: str) -> None:
        """A plugin wants an item run again, of whose run a worker died."""
        if self._board is not None:
            self._board.wanted_again(self._index[item])
            self._fill()

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        """A worker gives back what it was asked for, or nothing if it had started any of it."""
        worker = self._workers.get(node)
        if worker is not None and self._board is not None:
            worker.asked_back = False
            self._board.given_back(worker.give_back(indices))
            self._fill()

    def remove_node(self, node: Any) -> str | None:
        """A worker is gone; the node id of the item that it died of, if it was at one.

        An item is blamed only if the worker said that it has started, and has not said that it has ended. Raises
        KeyError for a worker that never was up, which xdist expects.
        """
        worker = self._workers.pop(node)
        board = self._board
        if board is None:
            return None
        board.release_crashed()
        queued = worker.give_back(list(worker.items))
        blamed = None
        if queued and self._id(queued[0]) in self._started:
            first = queued.pop(0)
            if self._id(first) in self._ended:
                board.over(first, node)
            else:
                blamed = self._id(first)
                board.crashed(first)
            self._forget(first)
        board.given_back(queued)
        self._fill()
        return blamed

    # What the controller's hooks call besides.

    def started(self, node_id: str) -> None:
        """A worker has said that it starts an item."""
        self._started.add(node_id)

    def ended(self, node_id: str) -> None:
        """A worker has said that it has ended an item, and has reported everything of it."""
        self._ended.add(node_id)

    def measured(self, node_id: str, seconds: float) -> None:
        """An item has done its work, all of it, in so many seconds."""
        index = self._index.get(node_id)
        if index is None or self._board is None:
            return
        view = self._board.view
        moved = self.estimates.learn(view.kinds[index], view.parts[index], seconds)
        if moved and view.kinds[index] is not None and node_id not in self.estimates.history:
            self._board.priorities.stale = True

    def release_crashed(self) -> None:
        """Nobody wants the items again that workers died of: whoever waits for them may start, and will skip."""
        if self._board is not None and self._board.release_crashed():
            self._fill()

    def _begin(self, collection: list[str]) -> None:
        """Set up the board and send the first items."""
        self.collection = collection
        for index, node_id in enumerate(collection):
            self._index.setdefault(node_id, index)
        view = GraphView(collection, self._graph(collection))
        self._board = Board(view, self.estimates, Priorities(view, self.estimates))
        self._dispatcher = Dispatcher(self._board, self._workers, filler=len(collection))
        self._fill()

    def _fill(self, worker: WorkerQueue | None = None) -> None:
        if self._dispatcher is not None:
            self._dispatcher.fill(worker)

    def _id(self, index: int) -> str:
        assert self.collection is not None
        return self.collection[index]

    def _forget(self, index: int) -> None:
        self._started.discard(self._id(index))
        self._ended.discard(self._id(index))

    def _all_collected_alike(self) -> bool:
        (first, ids), *others = self._collections.items()
        alike = True
        for node, collection in others:
            if collection != ids:
                alike = False
                self._report_difference(first, ids, node, collection)
        return alike
