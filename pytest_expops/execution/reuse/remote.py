"""Kept results behind a URL of fsspec (``s3://``, ``gs://``, ``file://``), by which several machines share them.

It stands behind a folder of one's own: what that lacks is fetched here, what is kept there is put here too. Who can
write here could have whoever reads execute what he likes, since results are pickles. So every entry is signed, with the
SHA-256 of each artifact in it, and what is not signed by the user's own key is never unpickled.

A server that fails or takes long makes no test fail: from then on the session does without it, and says so.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pytest_expops.errors import ExpopsError
from pytest_expops.wording import worded

KEY_VARIABLE = "EXPOPS_CACHE_KEY"
"""The environment variable with the secret by which entries are signed."""
LIMIT = 60.0
"""Seconds that one request may take."""
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "http": "aiohttp",
}
_Result = TypeVar("_Result")


class RemoteRefused(ExpopsError):
    """A URL at which no results can be kept."""


class RemoteStore:
    """Entries and artifacts below one URL, as the folder of a `ResultStore` has them.

    `problem` says why it is not used any longer; empty while it is. `foreign` counts the entries that are not signed
    with the user's key.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Raises RemoteRefused: fsspec or what it needs for such a URL is not installed, or there is no such URL."""
        self.url = shown(url)
        self.read_only = read_only
        self.problem = ""
        self.foreign = 0
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
            hint = f"to install it: pip install {package}" if package else str(error)
            raise RemoteRefused(f"{self.url} needs {package or 'a package'} besides fsspec", hint=hint) from None
        except Exception as error:  # each protocol raises what it likes
            raise RemoteRefused(f"{self.url} is no URL that fsspec can use ({worded(error)})") from None

    def entries(self, key: str) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of each entry under a key."""
        paths = self._asked(lambda: self._listed(f"{self._root}/entries/{key}")) or []
        for path in paths:
            data = self._asked(lambda path=path: self._files.cat_file(path))  # type: ignore[misc] # bound at once
            if isinstance(data, bytes):
                yield os.path.basename(path), data

    def fetch(self, digest: str, target: Path) -> None:
        """Bring the file of an artifact, whatever it holds: who asks for it checks it."""
        self._asked(lambda: self._files.get_file(f"{self._root}/artifacts/{digest}", str(target)))

    def put_artifact(self, digest: str, source: Path) -> None:
        """Put the file of an artifact there, unless it is."""
        self._asked(lambda: self._put(f"{self._root}/artifacts/{digest}", source))

    def put_entry(self, key: str, name: str, source: Path) -> None:
        """Put an entry there, in place of one of that name."""
        self._asked(lambda: self._put(f"{self._root}/entries/{key}/{name}", source, again=True))

    def _listed(self, folder: str) -> list[str]:
        try:
            return sorted(str(each) for each in self._files.ls(folder, detail=False) if str(each).endswith(".json"))
        except FileNotFoundError:
            return []

    def _put(self, path: str, source: Path, *, again: bool = False) -> None:
        if not again and self._files.exists(path):
            return
        self._files.makedirs(os.path.dirname(path), exist_ok=True)
        # One object is written whole or not at all by what stores objects; in a folder, a file is moved to its place.
        if "file" in self._protocols():
            temporary = f"{path}.{os.getpid()}.part"
            self._files.put_file(str(source), temporary)
            self._files.mv(temporary, path)
        else:
            self._files.put_file(str(source), path)

    def _protocols(self) -> tuple[str, ...]:
        found = self._files.protocol
        return (found,) if isinstance(found, str) else tuple(found)

    def _asked(self, request: Callable[[], _Result]) -> _Result | None:
        """Return what a request gives; None, from now on, where one fails or takes too long."""
        if self.problem:
            return None
        results: list[Any] = []
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                results.append(request())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=ask, name="expops-remote", daemon=True)
        thread.start()
        thread.join(LIMIT)
        if thread.is_alive():
            self.problem = f"a request took longer than {LIMIT:g} s"
        elif errors:
            self.problem = worded(errors[0])
        return results[0] if results else None


def shown(url: str) -> str:
    """Return a URL without the name and the secret that may stand in it."""
    parts = urlsplit(url)
    return url.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2], 1) if "@" in parts.netloc else url
