"""Schedulers with a planted defect each, which the laws must tell from the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from pytest_expops.plugin.scheduling._board import OVER, Board
from pytest_expops.plugin.scheduling._dispatch import Dispatcher
from pytest_expops.plugin.scheduling._graph_view import GraphView
from pytest_expops.plugin.scheduling._queues import WorkerQueue
from pytest_expops.plugin.scheduling.scheduler import GraphScheduling
from tests.plugin.scheduling.workers import Node


def _without_filler() -> Any:
    """What is sent last in a batch does not begin."""
    send = Node.send_runtest_some
    return mock.patch.object(Node, "send_runtest_some", lambda node, indices: send(node, indices[:-1]))


def _not_ready() -> Any:
    """Who waits for two is ready when one is over."""
    release = Board._release

    def hasty(board: Board, node: int) -> None:
        for child in board.view.children[node]:
            board._open[child] = 1
        release(board, node)

    return mock.patch.object(Board, "_release", hasty)


def _half_chain() -> Any:
    """An item is sent along behind one of its upstream, whatever became of the others."""

    def careless(board: Board, node: int, worker: Any) -> bool:
        return not board.state[node] and any(board.worker[each] == worker for each in board.view.parents[node])

    return mock.patch.object(Board, "may_follow", careless)


def _deselected_cut() -> Any:
    """What is not collected is left out of the graph with all that it waits for."""
    build = GraphView.__init__

    def cut(view: GraphView, ids: Sequence[str], graph: Any) -> None:
        build(view, ids, {node_id: need for node_id, need in graph.items() if node_id in ids})

    return mock.patch.object(GraphView, "__init__", cut)


def _forgets_the_dead() -> Any:
    """What a dead worker had not begun is nobody's."""
    remove = GraphScheduling.remove_node

    def forgetful(scheduler: GraphScheduling, node: Any) -> str | None:
        with mock.patch.object(Board, "given_back", return_value=None):
            return remove(scheduler, node)

    return mock.patch.object(GraphScheduling, "remove_node", forgetful)


def _blames_the_first() -> Any:
    """The first item in a dead worker's queue is blamed, whether or not it has started."""
    remove = GraphScheduling.remove_node

    def blaming(scheduler: GraphScheduling, node: Any) -> str | None:
        for item in list(scheduler._workers[node].items)[:1] if node in scheduler._workers else ():
            scheduler._started.add(scheduler._id(item))
        return remove(scheduler, node)

    return mock.patch.object(GraphScheduling, "remove_node", blaming)


def _never_blames() -> Any:
    """An item that kills its worker is given to the next."""
    return mock.patch.object(GraphScheduling, "started", return_value=None)


def _blames_the_ended() -> Any:
    """An item that has ended is blamed, because its last message has not come."""
    return mock.patch.object(GraphScheduling, "ended", return_value=None)


def _keeps_old_starts() -> Any:
    """That an item has started once is remembered when it is wanted again."""
    return mock.patch.object(GraphScheduling, "_forget", return_value=None)


def _releases_at_once() -> Any:
    """Who waits for an item that its worker died of is released before anybody could ask for it again."""

    def hasty(board: Board, node: int) -> None:
        board.over(node, None)

    return mock.patch.object(Board, "crashed", hasty)


def _serves_one() -> Any:
    """Only the worker of which something is heard is served."""
    fill = Dispatcher.fill

    def lazy(dispatcher: Dispatcher, first: WorkerQueue | None = None) -> None:
        everyone = dispatcher._workers
        if first is not None:
            dispatcher._workers = {first.node: first}
        fill(dispatcher, first)
        dispatcher._workers = everyone

    return mock.patch.object(Dispatcher, "fill", lazy)


def _ignores_late_workers() -> Any:
    """A worker that replaces another is sent nothing."""
    add = GraphScheduling.add_node_collection

    def ignoring(scheduler: GraphScheduling, node: Any, collection: Sequence[str]) -> None:
        add(scheduler, node, collection)
        if scheduler.collection is not None:
            scheduler._workers[node].usable = False

    return mock.patch.object(GraphScheduling, "add_node_collection", ignoring)


def _trusts_late_workers() -> Any:
    """A worker that replaces another is sent items whatever it has collected."""

    def trusting(scheduler: GraphScheduling, node: Any, collection: Sequence[str]) -> None:
        scheduler._collections[node] = list(collection)
        scheduler._workers[node].usable = True

    return mock.patch.object(GraphScheduling, "add_node_collection", trusting)


def _finished_when_sent() -> Any:
    """The session is over as soon as nothing is left to be sent."""

    def early(scheduler: GraphScheduling) -> bool:
        board = scheduler._board
        return board is not None and OVER in board.state and board.unfinished > 0 and not board.ready

    pending: Callable[[GraphScheduling], bool] = vars(GraphScheduling)["has_pending"].fget
    return mock.patch.object(GraphScheduling, "has_pending", property(lambda self: pending(self) and not early(self)))


def _loses_what_is_taken_back() -> Any:
    """What a worker gives back is nobody's."""

    def losing(scheduler: GraphScheduling, node: Any, indices: Sequence[int]) -> None:
        scheduler._workers[node].give_back(indices)

    return mock.patch.object(GraphScheduling, "remove_pending_tests_from_node", losing)


def _takes_all_back() -> Any:
    """What was asked back is taken for given, though the worker had begun with it."""

    def trusting(scheduler: GraphScheduling, node: Any, indices: Sequence[int]) -> None:
        worker = scheduler._workers.get(node)
        if worker is not None and scheduler._board is not None:
            worker.asked_back = False
            scheduler._board.given_back(worker.give_back(list(worker.items)))
            scheduler._fill()

    return mock.patch.object(GraphScheduling, "remove_pending_tests_from_node", trusting)


def _gives_up_the_unreachable() -> Any:
    """What could not be sent, because the worker is dead, is nobody's."""
    send = Dispatcher._send

    def losing(dispatcher: Dispatcher, worker: WorkerQueue, item: int) -> bool:
        with mock.patch.object(Board, "given_back", return_value=None):
            return send(dispatcher, worker, item)

    return mock.patch.object(Dispatcher, "_send", losing)


def _asks_for_ever() -> Any:
    """A worker is asked for what it cannot spare, again and again."""

    def greedy(queue: WorkerQueue) -> list[int]:
        queue.asked_back = False
        return list(queue.items)[:1]

    return mock.patch.object(WorkerQueue, "spare", greedy)


DEFECTS: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "without filler": (_without_filler, {"filler"}),
    "not ready": (_not_ready, {"order"}),
    "half a chain": (_half_chain, {"order"}),
    "deselected cut": (_deselected_cut, {"order"}),
    "forgets the dead": (_forgets_the_dead, {"idle", "hang"}),
    "blames the first": (_blames_the_first, {"blame"}),
    "never blames": (_never_blames, {"blame"}),
    "blames the ended": (_blames_the_ended, {"blame"}),
    "keeps old starts": (_keeps_old_starts, {"blame"}),
    "releases at once": (_releases_at_once, {"order", "finished", "idle", "once"}),
    "serves one": (_serves_one, {"idle"}),
    "ignores late workers": (_ignores_late_workers, {"idle", "hang"}),
    "trusts late workers": (_trusts_late_workers, {"collection"}),
    "finished when sent": (_finished_when_sent, {"finished"}),
    "loses what is taken back": (_loses_what_is_taken_back, {"idle", "hang"}),
    "takes all back": (_takes_all_back, {"once"}),
    "gives up the unreachable": (_gives_up_the_unreachable, {"idle", "hang"}),
    "asks for ever": (_asks_for_ever, {"messages", "hang"}),
}
"""By name: how to plant it, and the laws of which it breaks one."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    with DEFECTS[name][0]():
        yield
