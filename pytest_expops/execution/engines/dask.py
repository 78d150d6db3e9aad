"""The engine of a Dask cluster: each run and each verdict is a task of one importable function, and only names travel.

What a task has made is in a store that all reach. So a result that Dask loses is looked up there, and never made again:
before a worker begins to run a process it leaves a claim in the store, and a process whose claim is there without a
record has died with its worker. Dask is given no retries, and its own suspicions of tasks that waited behind the one
that a worker died of are not believed: what has no claim was not begun, and is given to Dask once more.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from pytest_expops.errors import ReplayError, StorageTrouble
from pytest_expops.execution.engines.asking import within
from pytest_expops.execution.engines.base import NOBODY, EngineLost, OwnerLost, Work, WorkLost, WorkRefused
from pytest_expops.execution.engines.cluster_watch import ClusterWatch
from pytest_expops.execution.engines.resources import amounts, offers
from pytest_expops.execution.last_records import crashed, lost
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.unpatched import UNPATCHED

_POLL_SECONDS = 0.2
_MOST_ATTEMPTS = 20
"""So often a task that was never begun is given to Dask again."""
_LET_GO = 50
"""So many results Dask is told at a time to forget: a message for each would cost more than all else of it."""
CANCEL_SECONDS = 15.0
"""So long to wait for what runs on workers to end."""


class Made(Protocol):
    """What workers have made, by the store."""

    def record(self, work: Work) -> RunRecord | None:
        """Return the record of a run that has ended; None if there is none."""

    def tell(self, work: Work) -> None:
        """Print what its process has printed, and warn of what it warned of."""

    def verdict(self, work: Work) -> Mapping[str, Any] | None:
        """Return a verdict; None if there is none."""

    def owner(self, work: Work) -> str | None:
        """Return the worker that has begun with it; None if none has."""

    def settle(self, record: RunRecord, work: Work) -> None:
        """Have workers know the record of a run that has left none."""


@dataclass
class _Task:
    """What is known of one work that was given to Dask."""

    future: Any
    attempt: int = 0
    over: bool = False
    lost: str = ""
    """Why there is no result, where there is none."""


@dataclass(frozen=True, slots=True)
class Submission:
    """How work is given to Dask: the function, what it is called with before the work, and what a work needs.

    `group` returns the name that works of one kind have in common, which is another in each session. Dask learns by it
    how long such a work takes; and where there are many that need little it gives each to a worker that is free, not to
    the one that has what they need. `needs` returns what must have ended before, `resources` what a worker must have,
    `workers` those that may do it (any, if empty).
    """

    function: Callable[..., Any]
    ticket: Mapping[str, Any]
    arguments: Callable[[Work], tuple[Any, ...]]
    group: Callable[[Work], str]
    needs: Callable[[Work], Sequence[Work]]
    resources: Callable[[Work], Mapping[str, float]] = field(default=lambda _: {})
    workers: Callable[[Work], Sequence[str]] = field(default=lambda _: ())


class DaskEngine:
    """Has the workers of a cluster make runs and verdicts.

    Args:
        client: a `distributed.Client`.
        submission: how work is given to it.
        made: where what was made is found.
        stop: ends what runs on the workers for this session, and waits for it; may raise what it likes.
        release: called at the end, after the client has been closed.
        patience: so many seconds it is waited for a worker where none is connected.
        waiting: called again and again while something is waited for.
    """

    def __init__(
        self,
        client: Any,
        submission: Submission,
        made: Made,
        *,
        stop: Callable[[], None] = lambda: None,
        release: Callable[[], None] = lambda: None,
        patience: float = 300.0,
    ) -> None:
        self.waiting: Callable[[], None] = lambda: None
        self._client = client
        self._submission = submission
        self._made = made
        self._stop = stop
        self._release = release
        self._patience = patience
        self._watch = ClusterWatch(client, patience)
        self._tasks: dict[Work, _Task] = {}
        self._news: queue.SimpleQueue[tuple[Work, int]] = queue.SimpleQueue()
        self._later: list[tuple[Work, int]] = []
        """News that nobody could make anything of while there was no connection."""
        self._ended: list[Work] = []
        self._lost: EngineLost | None = None
        self._unneeded: list[Any] = []
        """Futures of what is over, which Dask still keeps."""
        self._demanding: set[Work] = set()
        """What not every worker may do, and is not over."""
        self._stuck: dict[Work, float] = {}
        """What could begin, but for a worker that may do it, and since when."""

    def begin(self, work: Iterable[Work]) -> None:
        """Give all of it to Dask at once, upstream first."""
        for each in work:
            if each not in self._tasks:
                self._submit(each)

    def ended(self, seconds: float) -> list[Work]:
        """Return what has ended since this was asked last, after waiting at most so long for something.

        Raises:
            EngineLost: the scheduler is gone, no worker has been connected for too long, or the store is not read.
        """
        if self._lost is not None:
            raise self._lost
        try:
            self._wait(UNPATCHED.monotonic() + seconds)
        except EngineLost as lost:
            self._lost = lost
            raise
        found, self._ended = self._ended, []
        return found

    def run(self, work: Work) -> RunRecord:
        """Wait for a first run, and return its record.

        Raises:
            EngineLost: there will be none.
        """
        task = self._over(work)
        with self._reading():
            record = self._made.record(work)
            self._made.tell(work)
            if record is not None:
                return record
            return lost(work.name, self._made.owner(work) or NOBODY, task.lost or "nothing is left of it")

    def verdict(self, work: Work) -> Mapping[str, Any]:
        """Wait for a verdict, and return it.

        Raises:
            EngineLost: there will be none.
            ReplayError: it could not be found; the worker has died, say.
        """
        task = self._over(work)
        with self._reading():
            found = self._made.verdict(work)
        if found is None:
            why, start = task.lost or "its worker has left no verdict", f"`{work.name}` could not be replayed: "
            raise ReplayError(start + why.removeprefix(start), process=work.name)
        return found

    def cancel(self) -> None:
        """Have Dask forget what has not ended, and end what workers have for this session; wait until it has ended."""
        open_ = [task.future for task in self._tasks.values() if not task.over]
        if self._watch.is_connected():
            with suppress(Exception):  # the scheduler is gone: workers end what they do when they notice
                within(CANCEL_SECONDS, lambda: self._client.cancel(open_, force=True))
            with suppress(Exception):  # a worker is: it does the same
                within(CANCEL_SECONDS, self._stop)

    def close(self) -> None:
        """Let go of the cluster; one that was started for this session ends."""
        self._tasks.clear()
        self._unneeded.clear()
        try:
            with suppress(Exception):  # it is gone
                within(2 * CANCEL_SECONDS, lambda: self._client.close(timeout=CANCEL_SECONDS))
        finally:
            self._release()

    def _submit(self, work: Work, attempt: int = 0) -> None:
        submission = self._submission
        needed = [task.future for each in submission.needs(work) if (task := self._tasks.get(each)) and not task.over]
        future = self._client.submit(
            submission.function,
            submission.ticket,
            *submission.arguments(work),
            *needed,
            key=(submission.group(work), work.name, attempt),
            pure=False,
            retries=0,
            workers=list(submission.workers(work)) or None,
            resources=dict(submission.resources(work)) or None,
            priority=0 if work.replays else 1,
        )
        self._tasks[work] = _Task(future, attempt)
        if submission.workers(work) or submission.resources(work):
            self._demanding.add(work)
        future.add_done_callback(lambda _: self._news.put((work, attempt)))

    def _over(self, work: Work) -> _Task:
        """Wait until some work is over, and return what is known of it."""
        self.begin([work])
        others: list[Work] = []
        while not self._tasks[work].over:
            others += self.ended(_POLL_SECONDS)
        self._ended = others + self._ended
        return self._tasks[work]

    def _wait(self, deadline: float) -> None:
        self._take_news(block=False)
        while not self._ended and (left := deadline - UNPATCHED.monotonic()) > 0:
            self.waiting()
            if not self._take_news(block=True, seconds=min(left, _POLL_SECONDS)):
                self._look_after_cluster()

    def _take_news(self, *, block: bool, seconds: float = 0.0) -> bool:
        """Take what Dask has told meanwhile, or tells within some seconds; return whether it has told anything."""
        told = False
        with suppress(queue.Empty):
            work, attempt = self._news.get(block, seconds or None)
            while True:
                told = True
                task = self._tasks.get(work)
                if task is not None and task.attempt == attempt and not task.over:
                    with self._reading():
                        self._take(work, task)
                work, attempt = self._news.get(False)
        return told

    def _take(self, work: Work, task: _Task) -> None:
        """Dask has done with some work: it has been made, its worker has died, or Dask has given it up."""
        if task.future.status == "finished":
            self._end(work, task)
            return
        try:
            error = self._error_of(task)
        except (ConnectionError, TimeoutError):
            self._later.append((work, task.attempt))
            return
        if isinstance(error, WorkRefused):
            raise EngineLost(error.message, hint=error.hint)
        known = error.message if isinstance(error, WorkLost) and not isinstance(error, OwnerLost) else None
        if self._is_made(work) or self._is_blocked(work):
            self._end(work, task)
        elif (owner := self._made.owner(work)) is not None:
            self._end_what_was_begun(work, task, owner, known)
        elif known is not None:
            task.lost = known
            self._end(work, task)
        elif task.attempt < _MOST_ATTEMPTS:
            self._again(work, task)
        else:
            raise EngineLost(f"Dask has given `{work.name}` up {_MOST_ATTEMPTS} times before a worker began with it")

    def _end_what_was_begun(self, work: Work, task: _Task, owner: str, known: str | None = None) -> None:
        """A worker has begun with it and left nothing, for a reason that is `known`, or as it has died."""
        if work.replays:
            task.lost = f"worker {owner} died while it replayed it" if known is None else known
        else:
            record = crashed(work.name, owner) if known is None else lost(work.name, owner, known)
            self._made.settle(record, work)
        self._end(work, task)

    def _error_of(self, task: _Task) -> BaseException | None:
        """Return what was raised on a worker; None if nothing was.

        The result of a task is never asked for: it would have to be fetched from a worker, and says nothing.

        Raises:
            ConnectionError: there is no connection, so that nothing that is known of the task can be believed.
            TimeoutError: Dask does not say.
        """
        if not self._watch.is_connected():
            raise ConnectionError
        error: BaseException | None = None
        if task.future.status == "error":
            error = task.future.exception(timeout=_POLL_SECONDS)
        return error

    def _end(self, work: Work, task: _Task) -> None:
        task.over = True
        self._demanding.discard(work)
        self._ended.append(work)
        self._unneeded.append(task.future)
        if len(self._unneeded) >= _LET_GO:
            for future in self._unneeded:
                future.release()
            self._unneeded.clear()

    def _again(self, work: Work, task: _Task) -> None:
        """Give Dask work again that no worker has begun with, and first whatever of its upstream Dask has given up."""
        for each in self._submission.needs(work):
            above = self._tasks.get(each)
            if above is not None and not above.over and above.future.status in ("error", "cancelled", "lost"):
                self._take(each, above)
        self._submit(work, task.attempt + 1)

    def _is_made(self, work: Work) -> bool:
        return (self._made.verdict(work) if work.replays else self._made.record(work)) is not None

    def _is_blocked(self, work: Work) -> bool:
        """Return whether something that it needs has ended without passing, so that nobody will ask a worker for it."""
        for each in self._submission.needs(work):
            task = self._tasks.get(each)
            if task is not None and task.over:
                record = self._made.record(each)
                if record is None or record.outcome is not Outcome.PASSED:
                    return True
        return False

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Where the store is not read, nothing can be told of anything any more.

        Raises:
            EngineLost: it is not.
        """
        try:
            yield
        except StorageTrouble as trouble:
            self._lost = EngineLost(trouble.message, hint=trouble.hint)
            raise self._lost from None

    def _look_after_cluster(self) -> None:
        """See whether there is anybody who could end something.

        Raises:
            EngineLost: there is not.
        """
        workers = self._watch.look()
        if self._watch.is_connected():
            for each in self._later:
                self._news.put(each)
            self._later.clear()
        if workers:
            self._give_up_what_is_for_nobody(workers)

    def _give_up_what_is_for_nobody(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        """End what no worker that is connected may do, once it could have begun long ago: Dask would wait on."""
        now = UNPATCHED.monotonic()
        stuck = [work for work in self._demanding if self._may_begin(work) and not self._can_be_done(work, workers)]
        self._stuck = {work: self._stuck.get(work, now) for work in stuck}
        for work in [work for work, since in self._stuck.items() if now - since > self._patience]:
            task = self._tasks[work]
            with self._reading():
                owner = self._made.owner(work)
                if owner is not None:
                    self._end_what_was_begun(work, task, owner)
                else:
                    task.lost = f"{self._nobody_for(work)} for {self._patience:g} s"
                    self._end(work, task)
            with suppress(Exception):  # who does not answer is seen to when it is asked again
                within(CANCEL_SECONDS, partial(self._client.cancel, [task.future], force=True))

    def _may_begin(self, work: Work) -> bool:
        above = [self._tasks.get(each) for each in self._submission.needs(work)]
        return all(task is None or task.over for task in above)

    def _can_be_done(self, work: Work, workers: Mapping[str, Mapping[str, Any]]) -> bool:
        among, needed = self._submission.workers(work), self._submission.resources(work)
        return any(
            (not among or name in among) and offers(each.get("resources", {}), needed) for name, each in workers.items()
        )

    def _nobody_for(self, work: Work) -> str:
        needed = amounts(self._submission.resources(work))
        what = f"had {needed}, which it needs," if needed else "been connected"
        where = "of the machines that it is for" if self._submission.workers(work) else "of the Dask cluster"
        return f"no worker {where} has {what}"
