"""The records of a session: each worker appends to a file of its own, and reads on in those of the others.

A line is a record as JSON. It is handed to the operating system before the end of the process is reported, so
it survives the death of its worker. What a worker was writing as it died has no end of line, and is no record.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_expops.errors import CHANGED, GONE, SessionFolderError, StorageTrouble

SUFFIX = ".jsonl"


class Journal:
    """The file that one worker writes."""

    def __init__(self, path: Path) -> None:
        """Make the file: whoever looks for it later, and does not find it, knows that it was removed.

        Raises:
            StorageTrouble: it cannot be made.
        """
        self._path = path
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StorageTrouble(f"{path}: the file of records cannot be made ({error.strerror or error})") from error
        self._end = os.fstat(self._file).st_size
        weakref.finalize(self, os.close, self._file)

    def append(self, data: Any) -> None:
        """Write one record.

        Raises:
            StorageTrouble: the disk refuses; nothing of the record is left.
        """
        line = memoryview(_encode(data).encode("ascii") + b"\n")
        try:
            self._write(line)
        except OSError as error:
            reason = error.strerror or error
            raise StorageTrouble(
                f"{self._path}: a record of {line.nbytes} bytes cannot be written ({reason})"
            ) from error

    def _write(self, line: memoryview) -> None:
        written = 0
        try:
            while written < line.nbytes:
                written += os.write(self._file, line[written:])
        finally:
            if written == line.nbytes:
                self._end += written
            else:
                os.ftruncate(self._file, self._end)


class JournalReader:
    """Reads on where it stopped, in a file that another worker may be writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def new(self) -> Iterator[Any]:
        """Yield the records that have come since the last call, oldest first.

        Raises:
            SessionFolderError: the file is not there, or not as it was written.
            StorageTrouble: it cannot be read.
        """
        try:
            with open(self._path, "rb", buffering=0) as file:
                if file.seek(0, os.SEEK_END) < self._at:
                    raise SessionFolderError(self._path, CHANGED)
                file.seek(self._at)
                data = file.readall()
        except FileNotFoundError:
            raise SessionFolderError(self._path, GONE) from None
        except OSError as error:
            raise StorageTrouble(f"{self._path}: records cannot be read ({error.strerror or error})") from error
        end = data.rfind(b"\n") + 1
        self._at += end
        if end:
            # As one list, which takes a third of the time. JSON has no end of line within a record.
            try:
                found = json.loads(b"[%b]" % data[: end - 1].replace(b"\n", b","))
            except ValueError:
                raise SessionFolderError(self._path, CHANGED) from None
            yield from found


_encode = json.JSONEncoder(separators=(",", ":")).encode
