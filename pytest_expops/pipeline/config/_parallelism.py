"""How a process splits and aggregates: `data_parallelism`, `seed_parallelism` and both spellings of aggregation."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from pytest_expops.bounds import NUMBERS
from pytest_expops.errors import Location
from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import BrokenNode, ListNode, MapEntry, MapNode, Scalar, YamlNode, describe
from pytest_expops.pipeline.config._reading import Reader, entries_of, is_null
from pytest_expops.pipeline.model import Aggregates, DataSplit, SeedSplit
from pytest_expops.wording import did_you_mean, nearest

_PARTITIONS, _ROWS, _SEED_BOUNDS = NUMBERS["partitions"], NUMBERS["rows"], NUMBERS["seed"]
_SIZE = f"{_PARTITIONS.expected}, or a list of row counts"
_SCOPES = ("downstream", "self")
_SEEDS = f"{_SEED_BOUNDS.expected}, or a list of them"


@dataclass(frozen=True, slots=True)
class Parallelism:
    """What a process declares of S3 to S5."""

    split_data: DataSplit | None
    split_seeds: SeedSplit | None
    aggregates: Aggregates


@dataclass(frozen=True, slots=True)
class _SectionKind:
    """One of the two sections: its key, the keys in it, and which of them says how to split."""

    key: str
    known: frozenset[str]
    split_by: str


_DATA = _SectionKind("data_parallelism", vocabulary.DATA_PARALLELISM, "size")
_SEED = _SectionKind("seed_parallelism", vocabulary.SEED_PARALLELISM, "seeds")


def read_parallelism(body: MapNode, reader: Reader) -> Parallelism:
    """Read the parallel keys of one process."""
    data, seeds = _section(body, _DATA, reader), _section(body, _SEED, reader)
    return Parallelism(
        _split_data(body, data, reader),
        _split_seeds(body, seeds, reader),
        Aggregates(
            data=_aggregates(body, "data", data, reader),
            seeds=_aggregates(body, "seed", seeds, reader),
        ),
    )


def _section(body: MapNode, kind: _SectionKind, reader: Reader) -> MapNode | None:
    """Return a section as one map, noting what is wrong with it; None where there is none that can be read."""
    entry = body.entries.get(kind.key)
    if entry is None or isinstance(entry.value, BrokenNode):
        return None
    section = _as_map(entry.value, entry.key, kind, reader)
    if section is None:
        _refuse_shape(entry.value, kind, reader)
        return None
    reader.warn_of_unknown_keys(section, kind.known, f"of `{kind.key}`")
    _require_a_purpose(section, entry.key, kind, reader)
    return section


def _as_map(value: YamlNode, key: Scalar, kind: _SectionKind, reader: Reader) -> MapNode | None:
    """Return what stands under the key of a section as a map, in whichever spelling it is (S3.1, S4.1).

    ``{seeds: [1, 2]}`` and ``[{seeds: [1, 2]}, {aggregation: true}]`` are maps, the latter YAML's list of one-key maps.
    ``[1, 2]`` are the seeds themselves, under `seed_parallelism`. An empty map, and nothing at all, are no section.
    """
    if isinstance(value, MapNode):
        return value if value.entries else None
    if isinstance(value, ListNode) and value.items and all(isinstance(item, MapNode) for item in value.items):
        return _joined(value, reader)
    if kind is _SEED and not is_null(value):
        return MapNode(value.location, {"seeds": value.plain}, {"seeds": MapEntry(key, value)})
    return None


def _refuse_shape(value: YamlNode, kind: _SectionKind, reader: Reader) -> None:
    """Note that a section is no map; ``data_parallelism: 3`` most likely means ``{size: 3}``."""
    wanted = ", ".join(f"`{name}`" for name in sorted(kind.known - {"scope"}, reverse=True))
    hint = None
    if isinstance(value, Scalar) and not is_null(value):
        hint = f"write `{kind.key}: {{{kind.split_by}: {value.text}}}`"
    reader.wrong(value, kind.key, f"a map of {wanted}", hint)


def _require_a_purpose(section: MapNode, key: Scalar, kind: _SectionKind, reader: Reader) -> None:
    """Note that a section neither splits nor aggregates; of ``{sise: 3}`` that `size` is meant."""
    if kind.split_by in section.entries or "aggregation" in section.entries:
        return
    near = [inner.key.text for inner in section.entries.values() if nearest(inner.key.text, [kind.split_by])]
    hint = f"did you mean `{kind.split_by}` where `{near[0]}` stands?" if near else None
    message = f"`{kind.key}` has neither `{kind.split_by}` nor `aggregation`; expected one of them, or both"
    reader.error(message, key.location, key=kind.key, hint=hint)


def _joined(value: ListNode, reader: Reader) -> MapNode:
    """Return a list of maps as one map, noting keys that are given twice."""
    joined: dict[Hashable, MapEntry] = {}
    for item in value.items:
        assert isinstance(item, MapNode)
        for name, entry in item.entries.items():
            if name in joined:
                message = f"`{entry.key.text}` is given twice; first at {joined[name].key.location}"
                reader.error(message, entry.key.location, key=entry.key.text, hint="remove one of the two")
            else:
                joined[name] = entry
    return MapNode(value.location, {name: entry.value.plain for name, entry in joined.items()}, joined)


def _split_data(body: MapNode, section: MapNode | None, reader: Reader) -> DataSplit | None:
    if section is None:
        return None
    name = section.entries.get("data_name")
    data_name = "data"
    if name is not None and not is_null(name.value):
        data_name = reader.text(name.value, "data_name", "the name of the output to split") or data_name
    if "size" not in section.entries:
        if name is not None:
            reader.warn("`data_name` has no effect without `size`", name.key.location, key="data_name")
        return None
    size = _size(section.entries["size"].value, reader)
    if size is None:
        return None
    return DataSplit(size, data_name, body.entries["data_parallelism"].key.location)


def _size(node: YamlNode, reader: Reader) -> int | tuple[int, ...] | None:
    if not isinstance(node, ListNode):
        partitions: int | None = reader.number(node, "size", _PARTITIONS, _SIZE)
        return partitions
    if not node.items:
        reader.wrong(node, "size", _SIZE)
        return None
    expected = f"a row count in each place: {_ROWS.expected}"
    counts = [reader.number(item, "size", _ROWS, expected) for item in node.items]
    known = tuple(count for count in counts if count is not None)
    return known if len(known) == len(counts) else None


def _split_seeds(body: MapNode, section: MapNode | None, reader: Reader) -> SeedSplit | None:
    if section is None:
        return None
    of_itself = _is_of_itself(section, reader)
    if "seeds" not in section.entries:
        return None
    node = section.entries["seeds"].value
    location = body.entries["seed_parallelism"].key.location
    if not isinstance(node, ListNode):
        seed = reader.number(node, "seeds", _SEED_BOUNDS, _SEEDS)
        return None if seed is None else SeedSplit((seed,), of_itself, location)
    if not node.items:
        reader.wrong(node, "seeds", _SEEDS)
        return None
    seeds = _different_seeds(node, reader)
    return SeedSplit(seeds, of_itself, location) if len(seeds) == len(node.items) else None


def _is_of_itself(section: MapNode, reader: Reader) -> bool:
    """Return whether `scope: self` stands beside the seeds; nothing, and `downstream`, is what ExpOps does (S4.4)."""
    scope = section.entries.get("scope")
    if scope is None or is_null(scope.value):
        return False
    if "seeds" not in section.entries:
        reader.warn("`scope` has no effect without `seeds`", scope.key.location, key="scope")
    expected = "`downstream`, or `self` to duplicate the process itself too"
    text = reader.text(scope.value, "scope", expected)
    if text is not None and text not in _SCOPES:
        reader.wrong(scope.value, "scope", expected, did_you_mean(text, _SCOPES))
    return text == "self"


def _different_seeds(node: ListNode, reader: Reader) -> tuple[int, ...]:
    """Return the seeds of a list; what is no seed, or is given twice, is noted and left out."""
    first: dict[int, Location] = {}
    for item in node.items:
        seed = reader.number(item, "seeds", _SEED_BOUNDS, f"{_SEED_BOUNDS.expected} in each place")
        if seed is None:
            continue
        if seed in first:
            message = f"the seed {describe(item).removeprefix('the number ')} is given twice; first at {first[seed]}"
            reader.error(message, item.location, key="seeds", hint="remove one of the two")
        else:
            first[seed] = item.location
    return tuple(first)


def _aggregates(body: MapNode, kind: str, section: MapNode | None, reader: Reader) -> bool:
    """Return whether one kind is aggregated: `KIND_parallelism: {aggregation: ...}` or `KIND_aggregation: ...`."""
    key = f"{kind}_aggregation"
    found = [*entries_of(section, f"{kind}_parallelism.", "aggregation"), *entries_of(body, "", key)]
    readable = [each for each in found if reader.truth(each.value, each.label) is not None]
    agreed = reader.agreed(readable)
    return agreed is not None and isinstance(agreed.value, Scalar) and agreed.value.plain is True
