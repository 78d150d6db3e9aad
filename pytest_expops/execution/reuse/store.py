"""Where results are kept for later sessions: a folder that is private to its user, for several sessions at a time.

::

    entries/KEY/VARIANT.json    one kept result; a checksum, and its HMAC where there is a key for that
    artifacts/DIGEST            stored outputs, as in the folder of a session
    latest/NAME.json            what was last known of a process: the parts of its kept result, or why it was not kept

Everything is written beside its place and moved there. What is cut short or damaged is not used, and removed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_expops.errors import ExpopsError, StorageTrouble
from pytest_expops.execution.records import file_name
from pytest_expops.execution.reuse._made_from import key_of
from pytest_expops.execution.reuse.entry import Entry
from pytest_expops.execution.reuse.remote import CUT, EXCHANGED, FOREIGN, LOST, MOVED, RemoteStore
from pytest_expops.execution.seals import Seals
from pytest_expops.execution.whole_files import link_or_copy, sha256_of
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.storage.store import Artifact, ArtifactStore

FOLDER = ".expops_cache"
"""The name of the folder, beside the config."""
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file marks a folder of results that pytest-expops keeps for later sessions (https://bford.info/cachedir/).\n"
)


class CacheRefused(ExpopsError):
    """The folder cannot be used for results."""


class ResultStore:
    """Kept results in one folder. `key` is the secret by which entries are signed; empty where there is none.

    What the folder lacks is looked for in the `remote` store, if there is one, and what is kept is put there too.
    """

    def __init__(self, folder: Path, key: bytes = b"", remote: RemoteStore | None = None) -> None:
        """Make the folder, or take it over.

        Raises:
            CacheRefused: it cannot be made or written, or belongs to another user, or others may write in it.
        """
        self.folder = folder
        self.remote = remote
        self._key = key
        self._seals = Seals(key)
        self._fetched: set[str] = set()
        try:
            self._make()
            self.artifacts = ArtifactStore(folder / "artifacts")
        except ExpopsError as error:
            raise CacheRefused(error.message, hint=error.hint) from error
        except OSError as error:
            raise CacheRefused(f"{folder} cannot be made or written ({error.strerror or error})") from error
        self.damaged: list[str] = []
        """What was found to be cut short or damaged, with what was wrong."""

    def _make(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.stat()
        if hasattr(os, "getuid") and found.st_uid != os.getuid():
            hint = "what is kept is executed when it is read; choose a folder of your own"
            raise CacheRefused(f"{self.folder} belongs to user {found.st_uid}, expected {os.getuid()}", hint=hint)
        if stat.S_IMODE(found.st_mode) & 0o022:
            hint = f"what is kept is executed when it is read; if you trust what is in it: chmod -R go-w {self.folder}"
            raise CacheRefused(f"others than its owner may write in {self.folder}", hint=hint)
        for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _TAG)):
            path = self.folder / name
            if not path.exists():
                path.write_text(text, encoding="utf-8")
        for name in ("entries", "latest"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    def entries(self, key: str) -> Iterator[Entry]:
        """Yield what is kept under a key, the latest first, then what is elsewhere. What is damaged is removed."""
        folder = self.folder / "entries" / key
        paths = [path for path in folder.glob("*.json") if not path.name.startswith(".")]
        yield from self._of(key, sorted(paths, key=_last_used, reverse=True))
        if self.remote is not None and key not in self._fetched:
            self._fetched.add(key)
            yield from self._of(key, self._fetch(key, self.remote))

    def _of(self, key: str, paths: Iterable[Path]) -> Iterator[Entry]:
        for path in paths:
            entry = self._entry(path)
            if entry is not None and key_of(entry.parts) == key:
                yield entry
            elif entry is not None and self.remote is not None:
                self.remote.leave(f"{key}/{path.name}", MOVED)

    def put(self, key: str, entry: Entry, source: ArtifactStore) -> None:
        """Keep a result whose artifacts are in `source`.

        Raises:
            StorageTrouble: the disk refuses.
        """
        try:
            for artifact in entry.artifacts:
                link_or_copy(source.path_of(artifact), self.artifacts.path_of(artifact))
            if self._key:
                contents = {each.digest: sha256_of(self.artifacts.path_of(each)) for each in entry.artifacts}
                entry = replace(entry, contents=contents)
            path = self._path(key, entry)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _write(path, self._seals.put(json.dumps(entry.to_json(), separators=(",", ":"))))
        except OSError as error:
            raise StorageTrouble(f"a result cannot be kept in {self.folder} ({error.strerror or error})") from error
        if self.remote is not None and not self.remote.read_only:
            for artifact in entry.artifacts:
                self.remote.put_artifact(artifact.digest, self.artifacts.path_of(artifact))
            self.remote.put_entry(key, path.name, path)

    def take(self, key: str, entry: Entry, target: ArtifactStore) -> bool:
        """Put the artifacts of an entry into `target`; False, and it is removed, where one is damaged or lost."""
        for artifact in entry.artifacts:
            try:
                if self.remote is not None and not self._bring(artifact, entry, self.remote):
                    self._path(key, entry).unlink(missing_ok=True)
                    return False
                self._verify(artifact, entry)
                link_or_copy(self.artifacts.path_of(artifact), target.path_of(artifact))
            except (StorageTrouble, OSError) as error:
                self._remove_damaged(self._path(key, entry), str(error))
                with suppress(OSError):
                    self.artifacts.path_of(artifact).unlink()
                return False
        with suppress(OSError):
            os.utime(self._path(key, entry))  # least recently used go first
        return True

    def _verify(self, artifact: Artifact, entry: Entry) -> None:
        """See that an artifact is what was stored.

        Raises:
            StorageTrouble: it is not, or there is none.
        """
        path = self.artifacts.path_of(artifact)
        self.artifacts.data(artifact, verify=True)
        # The digest of an artifact is no cryptographic one: another content of the same digest can be made.
        if self._key and sha256_of(path) != entry.contents.get(artifact.digest):
            raise StorageTrouble(f"{path}: its content is not the one that was signed")

    def _bring(self, artifact: Artifact, entry: Entry, remote: RemoteStore) -> bool:
        """Bring an artifact that is not here. Only what was signed gets its place, where other workers link it."""
        path = self.artifacts.path_of(artifact)
        if path.exists():
            return True
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        found = remote.fetch(artifact.digest, temporary)
        if found and sha256_of(temporary) == entry.contents.get(artifact.digest):
            os.replace(temporary, path)
            return True
        temporary.unlink(missing_ok=True)
        if found is not None:
            remote.leave(artifact.digest, EXCHANGED if found else LOST)
        return False

    def _fetch(self, key: str, remote: RemoteStore) -> Iterator[Path]:
        """Bring the entries under a key that are not here and are signed with our secret; yield where they lie."""
        folder = self.folder / "entries" / key
        known = {path.name for path in folder.glob("*.json")}
        for name, data in remote.entries(key, known):
            problem = self._seals.problem(data.decode("utf-8", "replace"))
            if _ENTRY_NAME(name) is None or problem is not None:
                remote.leave(f"{key}/{name}", CUT if problem else FOREIGN)
                continue
            with suppress(OSError):
                folder.mkdir(mode=0o700, exist_ok=True)
                _write(folder / name, data.decode())
                yield folder / name

    def salt(self, key: str) -> str:
        """Return what is mixed into the digests of variables of one result, so that they tell nobody a short value."""
        return hmac.new(self._key, f"salt {key}".encode(), hashlib.sha256).hexdigest()[:16]

    def forget(self, key: str) -> None:
        """Remove all that is kept under a key, also where several machines share it if that may be written."""
        if self.remote is not None:
            self.remote.forget(key)
        shutil.rmtree(self.folder / "entries" / key, ignore_errors=True)

    def latest(self, pipeline: str, name: str) -> Mapping[str, Any] | None:
        """Return what was noted last of a process; None where nothing was, or it is damaged."""
        try:
            found = json.loads(self._latest(pipeline, name).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def note(self, pipeline: str, name: str, what: Mapping[str, Any]) -> None:
        """Note what is known of a process; one that cannot be written is no harm."""
        with suppress(OSError):
            _write(self._latest(pipeline, name), json.dumps(what))

    def shrink(self, most: int) -> int:
        """Remove least recently used entries, and artifacts of none, until at most `most` bytes are left.

        Returns:
            How many entries were removed.
        """
        entries = sorted(self.folder.glob("entries/*/*.json"), key=_last_used, reverse=True)
        sizes = {path.name: path.stat().st_size for path in self.artifacts.root.iterdir()}
        if sum(sizes.values()) + sum(path.stat().st_size for path in entries) <= most:
            return 0
        total, kept, removed = 0, set[str](), 0
        for path in entries:
            entry = self._entry(path)
            if entry is None:
                continue
            new = {each.digest for each in entry.artifacts} - kept
            size = path.stat().st_size + sum(sizes.get(each, 0) for each in new)
            if total + size > most:
                path.unlink(missing_ok=True)
                with suppress(OSError):
                    path.parent.rmdir()
                removed += 1
                continue
            total += size
            kept |= new
        now = UNPATCHED.time()
        for name in sizes.keys() - kept:
            path = self.artifacts.root / name
            # Another session may just be about to write the entry that it is of.
            with suppress(OSError):
                if removed or now - path.stat().st_mtime > _HOUR:
                    path.unlink()
        return removed

    def _entry(self, path: Path) -> Entry | None:
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._remove_damaged(path, str(error))
            return None
        problem = self._seals.problem(text)
        if problem is None:
            try:
                return Entry.from_json(json.loads(text.partition("\n")[2]))
            except (ValueError, KeyError, TypeError, AttributeError, ExpopsError, RecursionError) as error:
                problem = f"it is not what was written ({type(error).__name__})"
        if problem:
            self._remove_damaged(path, problem)
        return None

    def _remove_damaged(self, path: Path, problem: str) -> None:
        self.damaged.append(f"{path}: {problem}")
        with suppress(OSError):
            path.unlink()

    def _path(self, key: str, entry: Entry) -> Path:
        return self.folder / "entries" / key / f"{entry.variant}.json"

    def _latest(self, pipeline: str, name: str) -> Path:
        return self.folder / "latest" / f"{file_name(f'{pipeline}::{name}')}.json"


_HOUR = 3600.0
_ENTRY_NAME = re.compile(r"[0-9a-f]{32}\.json").fullmatch


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
    os.replace(temporary, path)
