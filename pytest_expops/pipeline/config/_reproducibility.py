"""The `reproducibility` section: the base seed, how exactly each process must repeat, and what is claimed over seeds.

(S1.2, S7.2, S7.3)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_expops.errors import Location
from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import BrokenNode, MapEntry, MapNode, YamlNode, describe
from pytest_expops.pipeline.config._properties import mentioned, read_properties
from pytest_expops.pipeline.config._reading import Reader, entries_of, is_null
from pytest_expops.pipeline.config.stability import read_claims
from pytest_expops.pipeline.model import Property, SeedClaims, Tolerance
from pytest_expops.wording import did_you_mean

BASE_SEED = 42
"""The base seed where the config gives none, as in ExpOps."""

_SHAPE = "a map of `rtol` and `atol`, or of output keys to such maps"
_REASON = "the reason, as a text, why its results may differ"
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
    mentions: tuple[tuple[str, str, Location | None], ...] = ()
    """(section, process, place), for checking that these processes exist."""


def read_reproducibility(section: MapNode | None, reader: Reader) -> Reproducibility:
    """Read the section; every part of it may be missing."""
    if section is None:
        return Reproducibility()
    reader.warn_of_unknown_keys(section, vocabulary.REPRODUCIBILITY, "of `reproducibility`")
    tolerances: dict[str, Mapping[str | None, Tolerance]] = {}
    reasons: dict[str, str] = {}
    mentions: list[tuple[str, str, Location | None]] = []
    for name, entry in _by_process(section, "tolerance", reader):
        mentions.append(("reproducibility.tolerance", name, entry.key.location))
        tolerances[name] = _tolerances(entry.value, f"tolerance.{name}", reader)
    for name, entry in _by_process(section, "nondeterministic", reader):
        mentions.append(("reproducibility.nondeterministic", name, entry.key.location))
        label = f"nondeterministic.{name}"
        reasons[name] = reader.text(entry.value, label, _REASON) or ""
    claims: dict[str, tuple[SeedClaims, ...]] = {}
    for name, entry in _by_process(section, "stability", reader):
        mentions.append(("reproducibility.stability", name, entry.key.location))
        claims[name] = read_claims(entry.value, f"stability.{name}", reader)
    laws: dict[str, tuple[Property, ...]] = {}
    for name, entry in _by_process(section, "properties", reader):
        laws[name] = read_properties(entry.value, f"properties.{name}", reader)
        mentions += [("reproducibility.properties", name, entry.key.location), *mentioned(laws[name])]
    return Reproducibility(_base_seed(section, reader), tolerances, reasons, claims, laws, tuple(mentions))


def _base_seed(section: MapNode, reader: Reader) -> int:
    found = reader.agreed(entries_of(section, "reproducibility.", "random_seed", "seed"))
    seed = reader.integer(found.value, found.label) if found else None
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
        name: reader.amount(entries[name].value, f"{label}.{name}") or 0.0
        for name in ("rtol", "atol")
        if name in entries
    }
    return Tolerance(**amounts)
