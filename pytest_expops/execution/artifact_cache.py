"""The stored outputs of processes, as one reader gets them: each its own copy, whole or with one partition of a split.

A value of plain buffers costs nothing to read: it is mapped, and a partition of it is a view. One with much in its
pickle (a column of objects, a list) is rebuilt at every reading, and the whole of it for each partition. So of such a
value the partitions are encoded at the first reading, and kept as bytes up to a limit. What is kept is never a live
object: each reader has a partition rebuilt from those bytes, as from a file.

Nothing else is kept. Opening, reading and checking a file of 5 KB takes some 20 us, and rebuilding what is in it the
same as from memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_expops.errors import StoreError
from pytest_expops.execution.calls.partitioning import Partition, row_count
from pytest_expops.execution.records import Output
from pytest_expops.values.storage.byte_cache import ByteCache
from pytest_expops.values.storage.codec import decode, pickle_size
from pytest_expops.values.storage.encoded_parts import EncodedPart, decode_part, encode_part
from pytest_expops.values.storage.store import Artifact, ArtifactStore

WORTHWHILE = 64 << 10
"""A pickle of fewer bytes is rebuilt within some milliseconds."""
DEFAULT_MEMORY = 256 << 20
"""Bytes of encoded partitions that one interpreter keeps, if nobody says otherwise."""

PartCache = ByteCache[EncodedPart]
_Whole = tuple[str, int | tuple[int, ...]]
"""The digest of an artifact, and how it is split."""


class ArtifactReader:
    """Reads what `store` holds. `cache` may be common to the readers of several stores; with a limit of 0 it is off.

    How a partition is read depends on the artifact and the split alone, never on what has been read before: a set that
    was pickled twice need not have the order of one that was pickled once, and results must not tell workers apart
    (S6.4).
    """

    def __init__(self, store: ArtifactStore, cache: PartCache) -> None:
        self.store = store
        self.cache = cache
        self._plain: set[tuple[_Whole, int | None]] = set()
        """The partitions that are taken of the whole; with None for all of them."""

    def outputs(self, stored: Mapping[str, Output], partition: Partition | None = None) -> dict[str, Any]:
        """Return a copy of the stored outputs of a run; under the key that is split only `partition`, if given.

        Raises:
            StoreError: as `ArtifactStore.get`.
            PartitionError: as `partition_at`.
        """
        return {
            key: self.partition(each.artifact, partition)
            if partition is not None and key == partition.split.data_name
            else self.store.get(each.artifact)
            for key, each in stored.items()
            if each.artifact is not None
        }

    def partition(self, artifact: Artifact, wanted: Partition) -> Any:
        """Return one partition of a stored value, as the caller's own; raises as `outputs`."""
        whole = artifact.digest, wanted.split.size
        if self.cache.most and artifact.size >= WORTHWHILE and not {(whole, None), (whole, wanted.index)} & self._plain:
            part = self.cache.get((whole, wanted.index)) or self._cut(artifact, wanted, whole)
            if part is not None:
                data = self.store.data(artifact) if part.ranges else bytearray()
                try:
                    return decode_part(part, data)
                except Exception:  # a class that cannot be pickled a second time
                    self._plain.add((whole, wanted.index))
        return wanted.of(self.store.get(artifact))

    def _cut(self, artifact: Artifact, wanted: Partition, whole: _Whole) -> EncodedPart | None:
        """Encode the partition, and those after it as far as there is room; None if it is to be taken of the whole."""
        data = memoryview(self.store.data(artifact))
        try:
            value = decode(data) if pickle_size(data) >= WORTHWHILE else None
        except StoreError:
            return None  # it will be reported with its path
        if value is None or not _divides(value, wanted, data):
            self._plain.add((whole, None))
            return None
        room = self.cache.most
        encoded: dict[int, EncodedPart] = {}
        for each in _from(wanted):
            part = encode_part(each.of(value), data)
            if part is None:
                self._plain.add((whole, each.index))
            else:
                room -= part.size
                if room < 0 and encoded:
                    break
                encoded[each.index] = part
        for index in reversed(encoded):  # those that are needed next are the last to go
            self.cache.put((whole, index), encoded[index], encoded[index].size)
        return encoded.get(wanted.index)


def _divides(value: Any, wanted: Partition, data: memoryview) -> bool:
    """Return whether a partition's pickle is about as much of the whole's as its rows are of all rows.

    If not, each repeats what is common to all (10,000 column names, say), and is rebuilt no sooner than the whole.
    """
    sizes = wanted.split.size
    largest = 0 if isinstance(sizes, int) else sizes.index(max(sizes))
    part = Partition(wanted.splitter, wanted.split, largest).of(value)
    encoded = encode_part(part, data)
    share = (row_count(part) or 0) / (row_count(value) or 1)
    return encoded is not None and encoded.size <= 2 * share * pickle_size(data)


def _from(wanted: Partition) -> Iterator[Partition]:
    """Yield all partitions, from the wanted one on: a worker mostly reads them in order."""
    count = wanted.split.count
    for step in range(count):
        yield Partition(wanted.splitter, wanted.split, (wanted.index + step) % count)
