"""A lock file is replaced whole or not at all, by one session at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_expops.verdicts.baseline.lock_file_text import LockError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other sessions from writing the lock files in the folder of `path`; leaves no file behind.

    Raises:
        LockError: there is no such folder.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _refused(path, error) from None
    try:
        with contextlib.suppress(OSError):  # a file system without locks: better unguarded than never
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_lock(path: Path, text: str) -> None:
    """Put `text` in the place of the lock file, whole or not at all; a link stays one.

    Raises:
        LockError: the disk refuses.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(OSError):  # where nothing can be written, nothing can be removed either
            temporary.unlink(missing_ok=True)
        raise _refused(path, error) from None


def _refused(path: Path, error: OSError) -> LockError:
    message = f"{path}: the lock file cannot be written: {error.strerror or error}"
    hint = f"nothing was changed; make sure that there is space, and that you may write to `{path.parent}`"
    return LockError(message, path=path, hint=hint)
