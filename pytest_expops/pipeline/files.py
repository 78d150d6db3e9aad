"""Disk as they are on the disk, and the calls by which those of another state of a project are read in their place."""

from __future__ import annotations

from pathlib import Path


class Disk:
    """The files of the disk. Another state of some of them is a subclass."""

    def is_file(self, path: Path) -> bool:
        """Return whether there is a file; False for a name that no file can have."""
        try:
            return path.is_file()
        except (OSError, ValueError):  # too long, or with a NUL in it
            return False

    def read(self, path: Path) -> bytes:
        """Return the content of a file.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        return path.read_bytes()

    def found_elsewhere(self, module: str) -> Path | None:
        """Return a source file of a top-level module that is not on the import path; on the disk none is searched."""
        return None


DISK = Disk()
