"""Kept results behind a URL of fsspec (``s3://``, ``gs://``, ``file://``), by which several machines share them.

It stands behind a folder of one's own: what that lacks is fetched here, what is kept there is put here too. Who can
write here could have whoever reads execute what he likes, since results are pickles. So every entry is signed, with the
SHA-256 of each artifact in it, and what is not signed by the user's own key is never unpickled.

A server that fails or takes long makes no test fail: from then on the session does without it, and says so. What one
worker finds out of it, the others and the summary read in the session's folder.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from pytest_expops.errors import StorageTrouble
from pytest_expops.execution.records import JsonFolder
from pytest_expops.execution.remote_files import LIMIT, RemoteFiles, RequestFailed
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.urls import KEY_VARIABLE

FOREIGN = f"not signed with this {KEY_VARIABLE}"
MOVED, CUT, LOST, EXCHANGED = (
    "under another key than their own",
    "cut short or damaged",
    "without one of their artifacts",
    "with an artifact that is not the one that was signed",
)
"""Why a result that is kept there is not used."""
_PROBLEM, _UNUSED = "problem", "unused"
_Result = TypeVar("_Result")


class RemoteStore:
    """Entries and artifacts below one URL, as the folder of a `ResultStore` has them.

    What is found out of it is written to `notes`, by which all processes of a session know it.
    """

    def __init__(self, url: str, *, read_only: bool = False, notes: JsonFolder | None = None) -> None:
        """Raises RemoteRefused: fsspec or what it needs for such a URL is not installed, or there is no such URL."""
        self.files = RemoteFiles(url)
        self.url = self.files.url
        self.read_only = read_only
        self._notes = notes
        self._problem = ""
        self._unused: dict[str, str] = {}
        self._left = LIMIT  # that looking for entries may take, all together, as there is one for each process

    @property
    def problem(self) -> str:
        """Why it is not used any longer by any process of the session; empty while it is."""
        if not self._problem and self._notes is not None:
            with suppress(StorageTrouble):
                self._problem = (self._notes.read(_PROBLEM) or ["", "", ""])[2]
        return self._problem

    def unused(self) -> dict[str, int]:
        """Return why results that are kept there were not used, each with how many."""
        found = dict(self._unused)
        if self._notes is not None:
            with suppress(StorageTrouble):
                found |= {name: why for what, name, why in self._notes.all() if what == _UNUSED}
        return dict(Counter(found.values()))

    def told(self) -> Iterator[str]:
        """Yield what the summary says of it."""
        if self.problem:
            yield f"{self.url} was not used any longer: {self.problem}"
        unused = self.unused()
        if unused:
            parts = [f"{count} {why}" for why, count in unused.items()]
            yield f"not used of the results that are kept at {self.url}: {', '.join(parts)}"

    def leave(self, name: str, why: str) -> None:
        """Note that what is kept there under a name is not used."""
        self._unused[name] = why
        self._note(_UNUSED, name, why)

    def entries(self, key: str, known: Container[str]) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of each entry under a key that is not known by its name."""
        for path in self._asked(lambda: self.files.listed(self.files.path("entries", key)), small=True) or []:
            name = os.path.basename(path)
            data = None if name in known else self._asked(partial(self.files.read, path), small=True)
            if data is not None:
                yield name, data

    def fetch(self, digest: str, target: Path) -> bool | None:
        """Bring the file of an artifact, whatever it holds: who asks for it checks it.

        Returns:
            Whether there is one; None where the server does not tell.
        """
        return self._asked(lambda: self.files.got(self.files.path("artifacts", digest), target))

    def put_artifact(self, digest: str, source: Path) -> None:
        """Put the file of an artifact there, unless it is, and was not found to be another."""
        again = digest in self._unused
        self._asked(lambda: self.files.put(self.files.path("artifacts", digest), source, again=again))

    def put_entry(self, key: str, name: str, source: Path) -> None:
        """Put an entry there, in place of one of that name."""
        self._asked(lambda: self.files.put(self.files.path("entries", key, name), source, again=True))

    def forget(self, key: str) -> bool:
        """Remove all that is kept under a key; whether nothing is there any more."""
        return not self.read_only and bool(self._asked(lambda: self.files.removed(self.files.path("entries", key))))

    def _asked(self, request: Callable[[], _Result], *, small: bool = False) -> _Result | None:
        """Return what a request gives; None, from now on, where one fails or takes too long."""
        if self.problem:
            return None
        began = UNPATCHED.monotonic()
        try:
            return self.files.ask(request, self._left if small else LIMIT)
        except RequestFailed as failed:
            if failed.error is not None:
                self._give_up(self.files.worded(failed.error))
            else:
                what = "looking for results" if small else "a request"
                self._give_up(f"{what} took longer than {LIMIT:g} s")
            return None
        finally:
            self._left -= (UNPATCHED.monotonic() - began) if small else 0

    def _give_up(self, problem: str) -> None:
        self._problem = problem
        self._note(_PROBLEM, _PROBLEM, problem)

    def _note(self, what: str, name: str, why: str) -> None:
        if self._notes is not None:
            with suppress(StorageTrouble):  # this process knows it all the same
                self._notes.write(name, [what, name, why])
