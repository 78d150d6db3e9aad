"""What the controller and the workers of one session on a cluster tell one another, where all of them can read it.

::

    sessions/SESSION/KIND/NAME.json       a record, under a seal
    sessions/SESSION/claims/NAME.json     who runs a process, under a seal; created once, and never changed
    sessions/SESSION/artifacts/DIGEST     stored outputs
    code/DIGEST.tar.gz                    the project, by the SHA-256 of its archive; for all sessions

Nothing is locked, and nothing is unpickled here. Who else can write there can do no more than keep a session from
ending well: what is not signed by the session's key, for that very place, is not used, nor is another artifact than
was asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_expops.errors import StorageTrouble
from pytest_expops.execution.engines._local_place import LocalPlace
from pytest_expops.execution.engines._place import PlaceTrouble, StorePlace
from pytest_expops.execution.engines._remote_place import RemotePlace
from pytest_expops.execution.records import file_name
from pytest_expops.execution.remote_files import RemoteRefused
from pytest_expops.execution.seals import UNSIGNED, Seals
from pytest_expops.execution.whole_files import beside, sha256_of
from pytest_expops.urls import shown_url

_CLAIMS = "claims"
_CHANGED = "fix: find out what else writes at {url}, and run pytest again with a store of its own"


class SharedStore:
    """What the controller and the workers of one session on a cluster tell one another: records, claims, artifacts.

    What is asked of it raises `StorageTrouble` where the store does not do it.
    """

    def __init__(self, url: str, session: str, key: bytes) -> None:
        """Open the store, and see that it can be written and can keep a claim.

        Args:
            url: a URL of fsspec, or the absolute path of a folder, which is made if it is not there.
            session: the name of the session.
            key: the secret of the session, by which records and claims are signed.

        Raises:
            RemoteRefused: there is no such store, it cannot be used here, or not for claims.
            ValueError: there is no key.
        """
        if not key:
            raise ValueError("key: at least one byte is expected")
        self.url = shown_url(url)
        self._seals = Seals(key)
        self._session = session
        self._folder = f"sessions/{file_name(session)}"
        try:
            self._place = _place_at(url, f"{self._folder}/probes")
        except PlaceTrouble as problem:
            raise RemoteRefused(f"{self.url} cannot be used as a store: {problem.seen}", hint=problem.hint) from None

    def write(self, kind: str, name: str, data: Any) -> None:
        """Write a record, of what JSON can hold, in place of one that is there."""
        with self._asked(f"{kind} of `{name}`", "written"):
            self._place.write(self._path(kind, name), self._sealed(kind, name, data))

    def read(self, kind: str, name: str) -> Any | None:
        """Return what was written; None where nothing was.

        Raises:
            StorageTrouble: also where what is there was not written here by who has the session's key, or is damaged.
        """
        with self._asked(f"{kind} of `{name}`", "read"):
            found = self._place.read(self._path(kind, name))
        return None if found is None else self._opened(kind, name, found)

    def claim(self, name: str, owner: Mapping[str, Any]) -> Any | None:
        """Have a claim written by one only, of however many try.

        Returns:
            None where it is ours now, and is for nobody else; else what is written in the one that is there.
        """
        # The nonce tells our claim from another's of the same owner, where an answer of the store is lost.
        data = self._sealed(_CLAIMS, name, {"owner": dict(owner), "nonce": secrets.token_hex(16)})
        with self._asked(f"the claim of `{name}`", "made"):
            found = self._place.create(self._path(_CLAIMS, name), data)
        return None if found is None else self._opened(_CLAIMS, name, found)["owner"]

    def claimed(self, name: str) -> Any | None:
        """Return what is written in a claim; None where there is none."""
        found = self.read(_CLAIMS, name)
        return None if found is None else found["owner"]

    def put_artifact(self, digest: str, source: Path) -> str:
        """Put the file of an artifact there, unless one of its size is; return its SHA-256."""
        return self._put(f"artifact {digest}", self._artifact(digest), source)

    def get_artifact(self, digest: str, sha256: str, target: Path) -> None:
        """Bring the file of an artifact to its place, whole.

        Raises:
            StorageTrouble: also where there is none, or another than the one with that SHA-256.
        """
        self._get(f"artifact {digest}", self._artifact(digest), sha256, target)

    def put_code(self, digest: str, source: Path) -> None:
        """Put an archive of code there, which has that SHA-256, unless one of its size is."""
        self._put(f"code {digest}", _code(digest), source)

    def get_code(self, digest: str, target: Path) -> None:
        """Bring an archive of code to its place, whole; raises as `get_artifact`."""
        self._get(f"code {digest}", _code(digest), digest, target)

    def remove_session(self) -> None:
        """Remove all that is of this session; what is common to all stays."""
        with self._asked(f"session {self._session}", "removed"):
            self._place.remove(self._folder)

    def _put(self, what: str, path: str, source: Path) -> str:
        with self._asked(what, "written"):
            try:
                sha256 = sha256_of(source)
            except OSError as error:
                seen = f"{source} cannot be read here ({error.strerror or error})"
                raise PlaceTrouble(seen, f"fix: see what has become of {source}") from None
            self._place.put(path, source)
        return sha256

    def _get(self, what: str, path: str, sha256: str, target: Path) -> None:
        with self._asked(what, "read"), beside(target) as temporary:
            blocks = self._place.blocks(path)
            if blocks is None:
                raise PlaceTrouble("there is none", _CHANGED.format(url=self.url))
            try:
                if _written(temporary, blocks) != sha256:
                    seen = "it is another than the one that was put there"
                    raise PlaceTrouble(seen, _CHANGED.format(url=self.url))
                os.replace(temporary, target)
            except OSError as error:
                hint = f"fix: see that {target.parent} can be written, and has room"
                raise PlaceTrouble(f"{target} cannot be written here ({error.strerror or error})", hint) from None

    def _sealed(self, kind: str, name: str, data: Any) -> bytes:
        return self._seals.put(json.dumps(data, separators=(",", ":")), (self._session, kind, name)).encode()

    def _opened(self, kind: str, name: str, found: bytes) -> Any:
        text = found.decode("utf-8", "replace")
        problem = self._seals.problem(text, (self._session, kind, name))
        if problem == UNSIGNED:
            problem = "it is not signed with the key of this session for this place"
        if problem is not None:
            message = f"{kind} of `{name}` at {self.url} cannot be used: {problem}"
            raise StorageTrouble(message, hint=_CHANGED.format(url=self.url))
        return json.loads(text.partition("\n")[2])

    def _path(self, kind: str, name: str) -> str:
        return f"{self._folder}/{file_name(kind)}/{file_name(name)}.json"

    def _artifact(self, digest: str) -> str:
        return f"{self._folder}/artifacts/{file_name(digest)}"

    @contextmanager
    def _asked(self, what: str, done: str) -> Iterator[None]:
        try:
            yield
        except PlaceTrouble as problem:
            message = f"{what} cannot be {done} at {self.url}: {problem.seen}"
            raise StorageTrouble(message, hint=problem.hint) from None


def _written(path: Path, blocks: Iterator[bytes]) -> str:
    """Return the SHA-256 of what is written to a new file."""
    found = hashlib.sha256()
    with open(path, "xb") as file:
        for block in blocks:
            file.write(block)
            found.update(block)
    return found.hexdigest()


def _code(digest: str) -> str:
    return f"code/{file_name(digest)}.tar.gz"


def folder_of(url: str) -> str | None:
    """Return the folder that the URL of a store names, as it is written; None where it names a server."""
    if urlsplit(url).scheme not in {"", "file", "local"} or "::" in url:
        return None
    for prefix in ("file://", "local://", "file:", "local:"):
        url = url.removeprefix(prefix)
    return url


def _place_at(url: str, probe: str) -> StorePlace:
    folder = folder_of(url)
    if folder is None:
        return RemotePlace(url, probe)
    if not os.path.isabs(folder):
        raise RemoteRefused(f"{shown_url(url)} is no absolute path, and means another folder on each machine")
    return LocalPlace(os.path.normpath(folder))
