"""What is known of the workers of a cluster when a session begins: what they are like, and who may do what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.engines.asking import within
from pytest_expops.execution.engines.cluster_watch import workers_of
from pytest_expops.execution.engines.environment_check import machine, refusal
from pytest_expops.execution.engines.resources import amounts, offers
from pytest_expops.pipeline.model import Process
from pytest_expops.plugin.cluster import _tasks
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.wording import listed

POLL_SECONDS = 0.1
LATE = 10.0
"""So many seconds it is waited for a worker that has what a process needs: all may be starting at the moment."""
SOON = 5.0
"""Seconds after which a person is told what is waited for."""
MOST_NAMED = 4


@dataclass(frozen=True)
class Workers:
    """The workers by their address, with a description of each."""

    descriptions: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, client: Any, modules: list[str], patience: float, tell: Callable[[str], None]) -> Workers:
        """Ask all that are there, after waiting for the first; `tell` says that it has to be waited for.

        Raises:
            ExpopsError: there is none for so many seconds, or one has not this package.
        """
        began, told = UNPATCHED.monotonic(), False
        while not workers_of(client):
            waited = UNPATCHED.monotonic() - began
            if waited > SOON and not told:
                tell(f"the Dask cluster has no worker yet; it is waited for, at most {patience:g} s")
                told = True
            if waited > patience:
                hint = "fix: start workers, or wait longer for them: --expops-engine-timeout=SECONDS"
                raise ExpopsError(f"the Dask cluster had no worker for {patience:g} s", hint=hint)
            UNPATCHED.sleep(POLL_SECONDS)
        try:
            found = within(patience, lambda: client.run(_tasks.described, modules, on_error="return"))
        except TimeoutError as error:
            text = f"a worker of the Dask cluster does not say what it is: {error}"
            raise ExpopsError(text, hint="fix: see in Dask's logs which worker has stopped, and end it") from None
        for name, each in found.items():
            if isinstance(each, BaseException):
                hint = "fix: install pytest-expops, in the same version, where the workers run"
                raise ExpopsError(f"worker {name} cannot take part: {type(each).__name__}: {each}", hint=hint)
        return cls(found)

    def unlike(self, here: Mapping[str, Any]) -> str:
        """Return in which Python and libraries workers differ from this interpreter; nothing if in none."""
        return refusal(here, self.descriptions)

    def on_two_machines(self) -> tuple[list[str], list[str]] | None:
        """Return the workers that first runs are for, and those for replays on other machines; None if there is one.

        The machines of the processor with most workers make first runs, and all others replays. Where all have the same
        processor, each gets about half of the workers.
        """
        names: dict[str, list[str]] = {}
        processors: dict[str, str] = {}
        for name, each in self.descriptions.items():
            identity, processor = machine(each)
            names.setdefault(identity, []).append(name)
            processors.setdefault(identity, processor)
        if len(names) == 1:
            return None
        count = Counter(processors[identity] for identity in names for _ in names[identity])
        home = count.most_common(1)[0][0]
        first: list[str] = []
        replays: list[str] = []
        for identity in sorted(names, key=lambda each: -len(names[each])):
            runs_first = processors[identity] == home if len(count) > 1 else len(first) <= len(replays)
            (first if runs_first else replays).extend(names[identity])
        return first, replays


def check_resources(
    processes: Collection[Process],
    offered: Callable[[], Collection[Mapping[str, float]]],
    patience: float,
    which: str = "of the cluster",
) -> None:
    """See that for each process there is a worker that has all it needs, after waiting so many seconds for one.

    Args:
        processes: those that need something.
        offered: returns what each worker has that is there.
        patience: in seconds.
        which: which workers these are, in words.

    Raises:
        ExpopsError: there is none: nobody would ever run it.
    """
    began = UNPATCHED.monotonic()
    while (lacking := _lacking(processes, offered())) is not None:
        if UNPATCHED.monotonic() - began >= patience:
            counts = Counter(amounts(has) or "none" for has in offered())
            told = listed((f"{what} ({count} of them)" for what, count in counts.items()), MOST_NAMED)
            raise ExpopsError(
                f"`{lacking.name}` needs {amounts(lacking.resources)}, which no worker {which} has; they offer {told}",
                process=lacking.name,
                hint="fix: start a worker with it, such as `dask worker ... --resources 'GPU=1'`, or take it off "
                "`resources` in the config",
            )
        UNPATCHED.sleep(POLL_SECONDS)


def _lacking(processes: Iterable[Process], offered: Collection[Mapping[str, float]]) -> Process | None:
    """Return the first process for which there is no worker."""
    for process in processes:
        if not any(offers(has, process.resources) for has in offered):
            return process
    return None
