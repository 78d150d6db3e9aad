"""The `reproducibility` section: the base seed, how exactly each process must repeat, and what is claimed over seeds.

(S1.2, S7.2, S7.3)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pytest_expops.bounds import NUMBERS
from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import BrokenNode, MapEntry, MapNode, YamlNode, describe
from pytest_expops.pipeline.config._properties import mentioned, read_properties
from pytest_expops.pipeline.config._reading import Reader, entries_of, is_null
from pytest_expops.pipeline.config.stability import read_claims
from pytest_expops.pipeline.config.validation import ProcessMention
from pytest_expops.pipeline.model import Property, SeedClaims, Tolerance
from pytest_expops.wording import did_you_mean

T = TypeVar("T")

BASE_SEED = 42
"""The base seed where the config gives none, as in ExpOps."""

_SHAPE = "a map of `rtol` and `atol`, or of output keys to such maps"
_WHAT = {
    "nondeterministic": "reasons, as texts",
    "properties": "laws",
    "stability": "maps of metrics to bounds",
    "tolerance": "tolerances",
}


@dataclass(frozen=True, slots=True)
class Reproducibility:
    """What the section says; the maps are by base name of a process, `mentions` every name with its place."""

    base_seed: int = BASE_SEED
    tolerances: Mapping[str, Mapping[str | None, Tolerance]] = field(default_factory=dict)
    nondeterministic: Mapping[str, str] = field(default_factory=dict)
    stability: Mapping[str, tuple[SeedClaims, ...]] = field(default_factory=dict)
    properties: Mapping[str, tuple[Property, ...]] = field(default_factory=dict)
    mentions: tuple[ProcessMention, ...] = ()


def read_reproducibility(section: MapNode | None, reader: Reader) -> Reproducibility:
    """Read the section; every part of it may be missing."""
    if section is None:
        return Reproducibility()
    reader.warn_of_unknown_keys(section, vocabulary.REPRODUCIBILITY, "of `reproducibility`")
    mentions: list[ProcessMention] = []

    def by_process(key: str, read: Callable[[YamlNode, str, Reader], T]) -> dict[str, T]:
        """Return what `read` makes of the entry of each process under `key`; note their names."""
        found = {}
        for name, entry in _by_process(section, key, reader):
            mentions.append(ProcessMention(f"reproducibility.{key}", name, entry.key.location))
            found[name] = read(entry.value, f"{key}.{name}", reader)
        return found

    tolerances = by_process("tolerance", _tolerances)
    reasons = by_process("nondeterministic", _reason)
    claims = by_process("stability", read_claims)
    laws = by_process("properties", read_properties)
    mentions += [mention for each in laws.values() for mention in mentioned(each)]
    return Reproducibility(_base_seed(section, reader), tolerances, reasons, claims, laws, tuple(mentions))


def _reason(node: YamlNode, label: str, reader: Reader) -> str:
    return reader.text(node, label, "the reason, as a text, why its results may differ") or ""


def _base_seed(section: MapNode, reader: Reader) -> int:
    found = reader.agreed(entries_of(section, "reproducibility.", "random_seed", "seed"))
    seed = reader.number(found.value, found.label, NUMBERS["seed"]) if found else None
    return BASE_SEED if seed is None else seed


def _by_process(section: MapNode, key: str, reader: Reader) -> list[tuple[str, MapEntry]]:
    entry = section.entries.get(key)
    if entry is None or is_null(entry.value):
        return []
    if not isinstance(entry.value, MapNode):
        reader.wrong(entry.value, key, f"a map of process names to {_WHAT[key]}")
        return []
    return [(inner.key.text, inner) for inner in entry.value.entries.values()]


def _tolerances(node: YamlNode, label: str, reader: Reader) -> dict[str | None, Tolerance]:
    """Read `{rtol, atol}` for every output key, `{KEY: {rtol, atol}}` for some; of both together, the latter win."""
    if not isinstance(node, MapNode) or not node.entries:
        reader.wrong(node, label, _SHAPE)
        return {}
    whole: dict[str, MapEntry] = {}
    tolerances: dict[str | None, Tolerance] = {}
    for entry in node.entries.values():
        text = entry.key.text
        if isinstance(entry.value, MapNode):
            tolerances[text] = _tolerance(_named(entry.value), entry.value, f"{label}.{text}", reader)
        elif text in ("rtol", "atol"):
            whole[text] = entry
        elif not isinstance(entry.value, BrokenNode):
            hint = did_you_mean(text, ("rtol", "atol"))
            reader.wrong(entry.value, f"{label}.{text}", "a map of `rtol` and `atol`", hint)
    if whole:
        tolerances[None] = _tolerance(whole, node, label, reader)
    return tolerances


def _named(node: MapNode) -> dict[str, MapEntry]:
    return {entry.key.text: entry for entry in node.entries.values()}


def _tolerance(entries: Mapping[str, MapEntry], node: YamlNode, label: str, reader: Reader) -> Tolerance:
    unknown = [entry.key for name, entry in entries.items() if name not in ("rtol", "atol")]
    for key in unknown:
        reader.refuse_key(key, label, ("rtol", "atol"))
    if not entries:
        reader.error(f"`{label}` is {describe(node)}; expected `rtol`, `atol` or both", node.location, key=label)
    amounts = {
        name: reader.number(entries[name].value, f"{label}.{name}", NUMBERS[name]) or 0.0
        for name in ("rtol", "atol")
        if name in entries
    }
    return Tolerance(**amounts)
