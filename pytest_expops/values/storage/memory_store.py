"""A store that keeps values in memory, in the same encoding as on disk, for runs that are to leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import xxhash

from pytest_expops.values.storage.codec import encode
from pytest_expops.values.storage.store import Artifact, ArtifactStore


class MemoryStore(ArtifactStore):
    """Gives artifacts that hold their own bytes, whatever their size. So it need not keep them, nor has it a folder."""

    def __init__(self) -> None:
        self.root = Path("memory")

    def put(self, value: object, path: str = "value") -> Artifact:
        """Encode a value.

        Args:
            value: any value; it is only read.
            path: where the value stands, such as ``outputs['model']``, for the error.

        Raises:
            StoreError: the value cannot be stored.
        """
        data = encode(value, path).to_bytes()
        return Artifact(xxhash.xxh3_128_hexdigest(data), len(data), data)
