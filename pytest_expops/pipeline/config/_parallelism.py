"""How a process splits and aggregates: `data_parallelism`, `seed_parallelism` and both spellings of aggregation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_expops.errors import Location
from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import BrokenNode, ListNode, MapEntry, MapNode, Scalar, YamlNode, describe
from pytest_expops.pipeline.config._reading import LabelledEntry, Reader, is_null
from pytest_expops.pipeline.model import Aggregates, DataSplit, SeedSplit

_SIZE = "a positive whole number of partitions, or a list of row counts"
_SEEDS = "a whole number, or a list of them"


@dataclass(frozen=True, slots=True)
class Parallelism:
    """What a process declares of S3 to S5."""

    split_data: DataSplit | None
    split_seeds: SeedSplit | None
    aggregates: Aggregates


def read_parallelism(body: MapNode, reader: Reader) -> Parallelism:
    """Read the parallel keys of one process."""
    data = _section(body, "data_parallelism", vocabulary.DATA_PARALLELISM, reader)
    seeds = _section(body, "seed_parallelism", vocabulary.SEED_PARALLELISM, reader)
    return Parallelism(
        _split_data(body, data, reader),
        _split_seeds(body, seeds, reader),
        Aggregates(
            data=_aggregates(body, "data", data, reader),
            seeds=_aggregates(body, "seed", seeds, reader),
        ),
    )


def _section(body: MapNode, key: str, known: frozenset[str], reader: Reader) -> Mapping[object, MapEntry] | None:
    """The entries under `key`: a map, YAML's list of one-key maps, or for seeds the bare value (S3.1, S4.1)."""
    entry = body.entries.get(key)
    if entry is None or isinstance(entry.value, BrokenNode):
        return None
    value = entry.value
    wanted = ", ".join(f"`{name}`" for name in sorted(known, reverse=True))
    if isinstance(value, MapNode) and value.entries:
        entries: Mapping[object, MapEntry] = value.entries
    elif isinstance(value, ListNode) and value.items and all(isinstance(item, MapNode) for item in value.items):
        entries = _joined(value, reader)
    elif key == "seed_parallelism" and not is_null(value) and not isinstance(value, MapNode):
        return {"seeds": MapEntry(entry.key, value)}
    else:
        hint = f"write `{key}: {{size: {value.text}}}`" if isinstance(value, Scalar) and not is_null(value) else None
        reader.wrong(value, key, f"a map of {wanted}", hint)
        return None
    for name, inner in entries.items():
        if name not in known:
            hint = vocabulary.did_you_mean(inner.key.text, known)
            message = f"nothing reads the key `{inner.key.text}` of `{key}`; it has no effect"
            reader.warn(message, inner.key.location, key=inner.key.text, hint=hint)
    needed = "size" if key == "data_parallelism" else "seeds"
    if needed not in entries and "aggregation" not in entries:
        near = [inner.key.text for inner in entries.values() if vocabulary.nearest(inner.key.text, [needed])]
        hint = f"did you mean `{needed}` where `{near[0]}` stands?" if near else None
        message = f"`{key}` has neither `{needed}` nor `aggregation`; expected one of them, or both"
        reader.error(message, entry.key.location, key=key, hint=hint)
    return entries


def _joined(value: ListNode, reader: Reader) -> dict[object, MapEntry]:
    joined: dict[object, MapEntry] = {}
    for item in value.items:
        assert isinstance(item, MapNode)
        for name, entry in item.entries.items():
            if name in joined:
                message = f"`{entry.key.text}` is given twice; first at {joined[name].key.location}"
                reader.error(message, entry.key.location, key=entry.key.text, hint="remove one of the two")
            else:
                joined[name] = entry
    return joined


def _split_data(body: MapNode, entries: Mapping[object, MapEntry] | None, reader: Reader) -> DataSplit | None:
    if not entries:
        return None
    name = entries.get("data_name")
    data_name = "data"
    if name is not None and not is_null(name.value):
        data_name = reader.text(name.value, "data_name", "the name of the output to split") or data_name
    if "size" not in entries:
        if name is not None:
            reader.warn("`data_name` has no effect without `size`", name.key.location, key="data_name")
        return None
    size = _size(entries["size"].value, reader)
    if size is None:
        return None
    return DataSplit(size, data_name, body.entries["data_parallelism"].key.location)


def _size(node: YamlNode, reader: Reader) -> int | tuple[int, ...] | None:
    if not isinstance(node, ListNode):
        number = reader.integer(node, "size", _SIZE)
        if number is not None and number < 1:
            reader.wrong(node, "size", _SIZE)
            return None
        return number
    if not node.items:
        reader.wrong(node, "size", _SIZE)
        return None
    counts = [_row_count(item, reader) for item in node.items]
    known = tuple(count for count in counts if count is not None)
    return known if len(known) == len(counts) else None


def _row_count(node: YamlNode, reader: Reader) -> int | None:
    expected = "a row count in each place: a whole number, zero or more"
    number = reader.integer(node, "size", expected)
    if number is not None and number < 0:
        reader.wrong(node, "size", expected)
        return None
    return number


def _split_seeds(body: MapNode, entries: Mapping[object, MapEntry] | None, reader: Reader) -> SeedSplit | None:
    if not entries or "seeds" not in entries:
        return None
    node = entries["seeds"].value
    location = body.entries["seed_parallelism"].key.location
    if not isinstance(node, ListNode):
        seed = reader.integer(node, "seeds", _SEEDS)
        return None if seed is None else SeedSplit((seed,), location)
    if not node.items:
        reader.wrong(node, "seeds", _SEEDS)
        return None
    first: dict[int, Location] = {}
    for item in node.items:
        seed = reader.integer(item, "seeds", "a whole number in each place")
        if seed is None:
            continue
        if seed in first:
            message = f"the seed {describe(item).removeprefix('the number ')} is given twice; first at {first[seed]}"
            reader.error(message, item.location, key="seeds", hint="remove one of the two")
        else:
            first[seed] = item.location
    return SeedSplit(tuple(first), location) if len(first) == len(node.items) else None


def _aggregates(body: MapNode, kind: str, entries: Mapping[object, MapEntry] | None, reader: Reader) -> bool:
    """Whether one kind is aggregated: `KIND_parallelism: {aggregation: ...}` or `KIND_aggregation: ...`."""
    key = f"{kind}_aggregation"
    found = []
    if entries and "aggregation" in entries:
        found.append(LabelledEntry(f"{kind}_parallelism.aggregation", entries["aggregation"]))
    if key in body.entries:
        found.append(LabelledEntry(key, body.entries[key]))
    found = [each for each in found if not is_null(each.value)]
    readable = [each for each in found if reader.truth(each.value, each.label) is not None]
    agreed = reader.agreed(readable)
    return agreed is not None and isinstance(agreed.value, Scalar) and agreed.value.plain is True
