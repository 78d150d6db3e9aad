"""Files behind a URL of fsspec: opened once, asked with a limit of time, and no secret of the URL in what is said."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pytest_expops.errors import ExpopsError
from pytest_expops.urls import USER, shown_url
from pytest_expops.wording import MOST_WITHIN, cut_middle, kind_of, text_of

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
_OBJECTS = frozenset(_PACKAGES) - {"http"}
"""Protocols of stores that have no folders, and write an object whole or not at all."""
_Result = TypeVar("_Result")


class RemoteRefused(ExpopsError):
    """A URL at which nothing can be kept."""


class RequestFailed(Exception):
    """A request failed by `error`; None where it took longer than its limit."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error


class RemoteFiles:
    """Files below one URL. Methods that name a path ask the server, and belong into the request of `ask`."""

    def __init__(self, url: str, **options: Any) -> None:
        """Open what is at a URL; it is not asked yet.

        Args:
            url: a URL of fsspec.
            options: of the file system, as fsspec has them.

        Raises:
            RemoteRefused: fsspec or what it needs for such a URL is not installed, or there is no such URL.
        """
        self.url = shown_url(url)
        self._secrets = _secrets_of(url)
        scheme = urlsplit(url).scheme
        try:
            import fsspec  # type: ignore[import-untyped] # it ships no types
        except ImportError:
            hint = "to install it: pip install 'pytest-expops[remote]'"
            raise RemoteRefused(f"{self.url} needs fsspec, which cannot be imported here", hint=hint) from None
        try:
            self.system, self._root = fsspec.core.url_to_fs(url, **options)
        except ImportError as error:
            package = _PACKAGES.get(scheme, "")
            hint = f"to install it: pip install {package}" if package else self.worded(error)
            raise RemoteRefused(f"{self.url} needs {package or 'a package'} besides fsspec", hint=hint) from None
        except Exception as error:  # each protocol raises what it likes
            raise RemoteRefused(f"{self.url} is no URL that fsspec can use ({self.worded(error)})") from None

    @property
    def protocols(self) -> set[str]:
        """The names that fsspec has for the outermost file system of the URL."""
        return {self.system.protocol} if isinstance(self.system.protocol, str) else {*self.system.protocol}

    def path(self, *parts: str) -> str:
        """Return the path of what lies below the URL."""
        return "/".join((self._root, *parts))

    def ask(self, request: Callable[[], _Result], limit: float) -> _Result:
        """Return what a request gives, which goes on in vain where it takes longer than `limit` seconds.

        Raises:
            RequestFailed: it fails, by whatever it raises, or takes too long.
        """
        results: list[_Result] = []
        errors: list[BaseException] = []

        def asked() -> None:
            try:
                results.append(request())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=asked, name="expops-remote", daemon=True)
        thread.start()
        thread.join(limit)
        if thread.is_alive():
            raise RequestFailed(None)
        if errors:
            raise RequestFailed(errors[0])
        return results[0]

    def listed(self, folder: str) -> list[str]:
        """Return the paths of the JSON files in a folder; of none where there is no such folder."""
        try:
            return sorted(str(each) for each in self.system.ls(folder, detail=False) if str(each).endswith(".json"))
        except FileNotFoundError:
            return []

    def read(self, path: str) -> bytes | None:
        """Return what a small file holds; None where there is none."""
        try:
            return bytes(self.system.cat_file(path))
        except FileNotFoundError:
            return None

    def got(self, path: str, target: Path) -> bool:
        """Bring a file; whether there is one."""
        try:
            self.system.get_file(path, str(target))
        except FileNotFoundError:
            return False
        return True

    def removed(self, folder: str) -> bool:
        """Remove all that is in a folder; True."""
        with suppress(FileNotFoundError):
            self.system.rm(folder, recursive=True)
        return True

    def put(self, path: str, source: Path, *, again: bool = False) -> None:
        """Put a file there, unless one of its size is; or `again`, in place of whatever is."""
        # One of another size was cut short, where a server does not write a file whole or not at all.
        if not again and self.system.exists(path) and self.system.size(path) == source.stat().st_size:
            return
        if not self.protocols & _OBJECTS:
            self.system.makedirs(os.path.dirname(path), exist_ok=True)
        if "file" in self.protocols:
            temporary = f"{path}.{secrets.token_hex(8)}.part"
            self.system.put_file(str(source), temporary)
            os.replace(temporary, path)
        elif "memory" in self.protocols:  # which shows others what is not whole yet
            self.system.pipe_file(path, source.read_bytes())
        else:
            self.system.put_file(str(source), path)

    def worded(self, error: BaseException) -> str:
        """Return ``ValueError: what it says``, without the secrets of the URL: servers repeat them."""
        text = text_of(error)
        for secret in self._secrets:
            text = text.replace(secret, "...")
        return f"{kind_of(error)}: {cut_middle(shown_url(text), MOST_WITHIN)}"


def _secrets_of(url: str) -> list[str]:
    """Return what of a URL is never to be shown, the longest first."""
    user = "".join(USER.findall(url)).removesuffix("@")
    found = {user, *user.split(":", 1), *(value for _, value in parse_qsl(urlsplit(url).query))}
    return sorted((each for each in found | {*map(unquote, found)} if len(each) > 3), key=len, reverse=True)
