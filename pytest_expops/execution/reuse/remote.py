"""Kept results behind a URL of fsspec (``s3://``, ``gs://``, ``file://``), by which several machines share them.

It stands behind a folder of one's own: what that lacks is fetched here, what is kept there is put here too. Who can
write here could have whoever reads execute what he likes, since results are pickles. So every entry is signed, with the
SHA-256 of each artifact in it, and what is not signed by the user's own key is never unpickled.

A server that fails or takes long makes no test fail: from then on the session does without it, and says so. What one
worker finds out of it, the others and the summary read in the session's folder.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pytest_expops.errors import ExpopsError, StorageTrouble
from pytest_expops.execution.records import JsonFolder
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.urls import KEY_VARIABLE, USER, shown_url
from pytest_expops.wording import MOST_WITHIN, cut_middle, kind_of, text_of

LIMIT = 60.0
"""Seconds that one request may take; and all together that look for entries, as there is one for each process."""
FOREIGN = f"not signed with this {KEY_VARIABLE}"
MOVED, CUT, LOST, EXCHANGED = (
    "under another key than their own",
    "cut short or damaged",
    "without one of their artifacts",
    "with an artifact that is not the one that was signed",
)
"""Why a result that is kept there is not used."""
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "http": "aiohttp",
}
_OBJECTS = frozenset(_PACKAGES) - {"http"}
"""Protocols of stores that have no folders, and write an object whole or not at all."""
_PROBLEM, _UNUSED = "problem", "unused"
_Result = TypeVar("_Result")


class RemoteRefused(ExpopsError):
    """A URL at which no results can be kept."""


class RemoteStore:
    """Entries and artifacts below one URL, as the folder of a `ResultStore` has them.

    What is found out of it is written to `notes`, by which all processes of a session know it.
    """

    def __init__(self, url: str, *, read_only: bool = False, notes: JsonFolder | None = None) -> None:
        """Raises RemoteRefused: fsspec or what it needs for such a URL is not installed, or there is no such URL."""
        self.url = shown_url(url)
        self.read_only = read_only
        self._notes = notes
        self._problem = ""
        self._unused: dict[str, str] = {}
        self._left = LIMIT
        self._secrets = _secrets_of(url)
        scheme = urlsplit(url).scheme
        try:
            import fsspec  # type: ignore[import-untyped] # it ships no types
        except ImportError:
            hint = "to install it: pip install 'pytest-expops[remote]'"
            raise RemoteRefused(f"{self.url} needs fsspec, which cannot be imported here", hint=hint) from None
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            package = _PACKAGES.get(scheme, "")
            hint = f"to install it: pip install {package}" if package else self._worded(error)
            raise RemoteRefused(f"{self.url} needs {package or 'a package'} besides fsspec", hint=hint) from None
        except Exception as error:  # each protocol raises what it likes
            raise RemoteRefused(f"{self.url} is no URL that fsspec can use ({self._worded(error)})") from None

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
        for path in self._asked(lambda: self._listed(f"{self._root}/entries/{key}"), small=True) or []:
            name = os.path.basename(path)
            data = None if name in known else self._asked(partial(self._read, path), small=True)
            if data is not None:
                yield name, data

    def fetch(self, digest: str, target: Path) -> bool | None:
        """Bring the file of an artifact, whatever it holds: who asks for it checks it.

        Returns:
            Whether there is one; None where the server does not tell.
        """
        return self._asked(lambda: self._got(f"{self._root}/artifacts/{digest}", target))

    def put_artifact(self, digest: str, source: Path) -> None:
        """Put the file of an artifact there, unless it is, and was not found to be another."""
        again = digest in self._unused
        self._asked(lambda: self._put(f"{self._root}/artifacts/{digest}", source, again=again))

    def put_entry(self, key: str, name: str, source: Path) -> None:
        """Put an entry there, in place of one of that name."""
        self._asked(lambda: self._put(f"{self._root}/entries/{key}/{name}", source, again=True))

    def forget(self, key: str) -> bool:
        """Remove all that is kept under a key; whether nothing is there any more."""
        return not self.read_only and bool(self._asked(lambda: self._removed(f"{self._root}/entries/{key}")))

    def _listed(self, folder: str) -> list[str]:
        try:
            return sorted(str(each) for each in self._files.ls(folder, detail=False) if str(each).endswith(".json"))
        except FileNotFoundError:
            return []

    def _read(self, path: str) -> bytes | None:
        try:
            return bytes(self._files.cat_file(path))
        except FileNotFoundError:  # removed since it was listed
            return None

    def _got(self, path: str, target: Path) -> bool:
        try:
            self._files.get_file(path, str(target))
        except FileNotFoundError:
            return False
        return True

    def _removed(self, folder: str) -> bool:
        with suppress(FileNotFoundError):
            self._files.rm(folder, recursive=True)
        return True

    def _put(self, path: str, source: Path, *, again: bool = False) -> None:
        # One of another size was cut short, where a server does not write a file whole or not at all.
        if not again and self._files.exists(path) and self._files.size(path) == source.stat().st_size:
            return
        protocols = {self._files.protocol} if isinstance(self._files.protocol, str) else {*self._files.protocol}
        if not protocols & _OBJECTS:
            self._files.makedirs(os.path.dirname(path), exist_ok=True)
        if "file" in protocols:
            temporary = f"{path}.{secrets.token_hex(8)}.part"
            self._files.put_file(str(source), temporary)
            os.replace(temporary, path)
        else:
            self._files.put_file(str(source), path)

    def _asked(self, request: Callable[[], _Result], *, small: bool = False) -> _Result | None:
        """Return what a request gives; None, from now on, where one fails or takes too long."""
        if self.problem:
            return None
        results: list[_Result] = []
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                results.append(request())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=ask, name="expops-remote", daemon=True)
        began = UNPATCHED.monotonic()
        thread.start()
        thread.join(self._left if small else LIMIT)
        self._left -= (UNPATCHED.monotonic() - began) if small else 0
        if thread.is_alive():
            took = f"looking for results took longer than {LIMIT:g} s" if small else ""
            self._give_up(took or f"a request took longer than {LIMIT:g} s")
            return None
        if errors:
            self._give_up(self._worded(errors[0]))
        return results[0] if results else None

    def _give_up(self, problem: str) -> None:
        self._problem = problem
        self._note(_PROBLEM, _PROBLEM, problem)

    def _note(self, what: str, name: str, why: str) -> None:
        if self._notes is not None:
            with suppress(StorageTrouble):  # this process knows it all the same
                self._notes.write(name, [what, name, why])

    def _worded(self, error: BaseException) -> str:
        text = text_of(error)
        for secret in self._secrets:
            text = text.replace(secret, "...")
        return f"{kind_of(error)}: {cut_middle(shown_url(text), MOST_WITHIN)}"


def _secrets_of(url: str) -> list[str]:
    """Return what of a URL is never to be shown, the longest first: servers repeat it in what they say."""
    user = "".join(USER.findall(url)).removesuffix("@")
    found = {user, *user.split(":", 1), *(value for _, value in parse_qsl(urlsplit(url).query))}
    return sorted((each for each in found | {*map(unquote, found)} if len(each) > 3), key=len, reverse=True)
