"""`reproducibility.properties`: which laws are checked on which processes, and how hard each is tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_expops.bounds import NUMBERS
from pytest_expops.pipeline.config._document import BrokenNode, ListNode, MapEntry, MapNode, Scalar, YamlNode, describe
from pytest_expops.pipeline.config._reading import Reader, is_null
from pytest_expops.pipeline.config.validation import ProcessMention
from pytest_expops.pipeline.config.vocabulary import PROPERTIES
from pytest_expops.pipeline.model import Property

SHAPE = "a law, a list of laws, or a map of laws to their options"
_LAWS = ", ".join(PROPERTIES)


def read_properties(node: YamlNode, label: str, reader: Reader) -> tuple[Property, ...]:
    """Read the laws that one process is to keep, in any of the spellings; what is wrong with any is noted."""
    if isinstance(node, MapNode) and node.entries:
        found = [_with_options(entry, label, reader) for entry in node.entries.values()]
    elif isinstance(node, ListNode) and node.items:
        found = [_from_item(item, label, reader) for item in node.items]
    elif isinstance(node, Scalar) and isinstance(node.plain, str):
        found = [_from_item(node, label, reader)]
    else:
        reader.wrong(node, label, SHAPE)
        return ()
    first: dict[str, Property] = {}
    for each in found:
        if each is None:
            continue
        if each.law in first:
            message = f"`{label}` names `{each.law}` twice; first at {first[each.law].location}"
            reader.error(message, each.location, key=each.law, hint="remove one of the two")
        first.setdefault(each.law, each)
    return tuple(first.values())


def mentioned(properties: tuple[Property, ...]) -> list[ProcessMention]:
    """Return the processes that options name."""
    place = "reproducibility.properties: of"
    named = [each for each in properties if "of" in each.options]
    return [ProcessMention(place, str(each.options["of"]), each.location) for each in named]


def _from_item(node: YamlNode, label: str, reader: Reader) -> Property | None:
    """Read a law by its name, or, in a list, as a map of one law to its options."""
    if isinstance(node, MapNode) and len(node.entries) == 1:
        return _with_options(next(iter(node.entries.values())), label, reader)
    if not isinstance(node, Scalar) or not isinstance(node.plain, str):
        reader.wrong(node, label, SHAPE)
        return None
    return Property(node.plain, location=node.location) if _is_law(node, label, reader) else None


def _with_options(entry: MapEntry, label: str, reader: Reader) -> Property | None:
    if not _is_law(entry.key, label, reader):
        return None
    law, label = entry.key.text, f"{label}.{entry.key.text}"
    if is_null(entry.value):
        return Property(law, location=entry.key.location)
    if not isinstance(entry.value, MapNode):
        reader.wrong(entry.value, label, f"a map of options: any of {', '.join(sorted(PROPERTIES[law]))}")
        return None
    return Property(law, _options(entry.value, law, label, reader), entry.key.location)


def _is_law(node: Scalar, label: str, reader: Reader) -> bool:
    if node.text in PROPERTIES:
        return True
    message = f"`{label}` names {describe(node)}, which is not a law; expected any of {_LAWS}"
    reader.error(message, node.location, key=node.text, hint=reader.suggested(node.text, PROPERTIES))
    return False


def _options(node: MapNode, law: str, label: str, reader: Reader) -> Mapping[str, Any]:
    known, options = PROPERTIES[law], {}
    for entry in node.entries.values():
        name = entry.key.text
        if name not in known:
            reader.refuse_key(entry.key, label, sorted(known))
            continue
        value = _option(name, entry.value, f"{label}.{name}", reader)
        if value is not None:
            options[name] = value
    return options


def _option(name: str, node: YamlNode, label: str, reader: Reader) -> Any:
    if name in NUMBERS:
        return reader.number(node, label, NUMBERS[name])
    if name == "keys":
        return _keys(node, label, reader)
    return reader.text(node, label)


def _keys(node: YamlNode, label: str, reader: Reader) -> list[str] | None:
    items = node.items if isinstance(node, ListNode) and node.items else (node,)
    texts = [reader.text(item, label, "the key of an output, or a list of them") for item in items]
    return None if None in texts or isinstance(node, BrokenNode) else [text for text in texts if text is not None]
