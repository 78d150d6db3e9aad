"""What a worker tells the controller of an item of ours, in one message instead of six.

xdist sends each report by itself, written out value by value in Python, and so is it read; for a process that does next
to nothing that takes as long as pytest itself does. So a worker holds back what it has to tell until the next item
starts, or it is about to wait, or it has something else to tell; and then sends all of it as one message of bytes,
plain data that is written and read in C. The controller takes the message apart before xdist sees it, so the calls that
xdist makes are the same, in the same order.

That an item starts, or has failed, is told at once, as ever, so that it is known even if the worker dies in the next
moment. Of other items than ours everything is told at once; and of all items, where either side is not as we know it.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pytest_expops.plugin.items.base import OwnItem

NAME = "expops_messages"
"""Of the message, and of what the controller puts into a worker's input to say that it takes such messages."""
HELD = frozenset({"testreport", "logfinish", "runtest_protocol_complete"})
"""What xdist's worker tells of an item after it has started."""

Event = tuple[str, dict[str, Any]]
"""The name of one of xdist's messages and its arguments."""


class NotPlain(pickle.PicklingError):
    """A message holds something else than what Python writes as literals."""


class _Writer(pickle.Pickler):
    def reducer_override(self, obj: object) -> Any:
        """Called for whatever is no None, bool, int, float, text, bytes, list, tuple, dict or set, exactly."""
        raise NotPlain(type(obj).__qualname__)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Called where the bytes name anything at all."""
        raise pickle.UnpicklingError(f"{module}.{name} in a message of plain data")


def packed(events: Sequence[Event]) -> bytes:
    """Messages as bytes; raises NotPlain if they hold anything but plain data."""
    file = io.BytesIO()
    _Writer(file, protocol=4).dump(events)
    return file.getvalue()


def unpacked(data: bytes) -> Sequence[Event]:
    """What was packed; raises pickle.UnpicklingError, and makes nothing, if the bytes name a class or function."""
    events: Sequence[Event] = _Reader(io.BytesIO(data)).load()
    return events


class Outbox:
    """Stands before `sendevent` of xdist's worker, which has the queue of what it is to run, in `torun`."""

    def __init__(self, interactor: Any, items: Sequence[pytest.Item]) -> None:
        self._interactor = interactor
        self._send: Callable[..., None] = interactor.sendevent
        self._items = items
        self._holding = False
        self._held: list[Event] = []
        # xdist answers from another thread when it is asked to give items back.
        self._lock = threading.Lock()

    def sendevent(self, name: str, **arguments: Any) -> None:
        """In place of xdist's own."""
        with self._lock:
            if name == "logstart":
                self._holding = isinstance(self._items[self._interactor.item_index], OwnItem)
            if not (self._holding and name in HELD):
                self._flush((name, arguments))
                return
            self._held.append((name, arguments))
            if name == "testreport":
                urgent = arguments["data"].get("outcome") == "failed"
            else:
                # Asked under our lock: who takes items out of the queue sends an answer after that, and either finds
                # here what is held, or is seen here to have emptied the queue.
                urgent = name == "runtest_protocol_complete" and self._waits()
            if urgent:
                self._flush()

    def _waits(self) -> bool:
        """Whether there is nothing behind the next item: that one is not started before there is."""
        torun = self._interactor.torun
        if not hasattr(torun, "lock"):
            # Before xdist 3.7: a queue of the standard library, and another one after items were given back.
            return bool(torun.empty())
        with torun.lock() as queue:
            return not queue

    def _flush(self, *last: Event) -> None:
        events, self._held = [*self._held, *last], []
        if len(events) > 1:
            try:
                data = packed(events)
            except NotPlain:
                pass  # xdist says what is wrong with it, or knows how to send it
            else:
                self._send(NAME, data=data)
                return
        for name, arguments in events:
            self._send(name, **arguments)


class OutboxHooks:
    """Registered in a worker whose controller takes such messages."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Put the outbox in its place, if this is the worker that we know."""
        for plugin in session.config.pluginmanager.get_plugins():
            if all(hasattr(plugin, name) for name in ("sendevent", "run_one_test", "torun")):
                if hasattr(plugin.torun, "lock") or hasattr(plugin.torun, "empty"):
                    plugin.sendevent = Outbox(plugin, session.items).sendevent
                return


def accept(node: Any) -> None:
    """Have the controller's side of a worker take such messages, before it starts."""
    process: Callable[[Any], None] | None = getattr(node, "process_from_remote", None)
    if process is None:
        return

    def process_all(event: Any) -> None:
        events = [event]
        if isinstance(event, tuple) and event[0] == NAME:
            # What cannot be taken apart is xdist's to complain of, as of any message that it does not know.
            with contextlib.suppress(pickle.UnpicklingError):
                events = list(unpacked(event[1]["data"]))
        for each in events:
            process(each)

    node.process_from_remote = process_all
    node.workerinput[NAME] = True
