"""YAML text becomes a located document: safely, by events, without ever building what the text does not hold.

PyYAML's own composer recurses, expands aliases as often as they are named and forgets where keys stand; its parser
events hold all that is needed, so the tree is built here from them. Only plain tags are known.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from pytest_expops.bounds import MOST_DIGITS, UNWRITABLE
from pytest_expops.errors import Location
from pytest_expops.pipeline.config._document import BrokenNode, ListNode, MapEntry, MapNode, Scalar, YamlNode, describe
from pytest_expops.pipeline.problems import Problems
from pytest_expops.wording import cut_to_a_line

MAX_DEPTH = 100
"""Deepest nesting read; Python's recursion limit is far above it, no config comes near."""
MAX_WEIGHT = 1_000_000
"""Most values that a document may stand for, its aliases written out: a bound on "billion laughs"."""

_PREFIX = "tag:yaml.org,2002:"
_SCALAR_TAGS = {f"{_PREFIX}{name}" for name in ("null", "bool", "int", "float", "str", "binary", "timestamp")}
_MERGE = f"{_PREFIX}merge"
# libyaml where PyYAML was built with it: the same events, marks and schema, several times faster.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_TOO_LONG = f"it has more than {MOST_DIGITS:,} digits"


def _check_size(plain: Any, text: str) -> None:
    """Check that Python can write a number again, and that it is not infinite for being too large for a float.

    Raises:
        ValueError: it cannot, or is.
    """
    if isinstance(plain, int) and abs(plain) >= UNWRITABLE:
        raise ValueError(_TOO_LONG)
    if isinstance(plain, float) and math.isinf(plain) and "inf" not in text.lower():
        raise ValueError("it is beyond 1.7e308, the largest that there is; write .inf for infinity")


@dataclass(slots=True)
class _OpenCollection:
    """A list or map whose end has not been read; `children` of a map are keys and values in turn."""

    location: Location
    is_map: bool
    anchor: str | None
    broken: bool
    children: list[YamlNode] = field(default_factory=list)
    aliased: bool = False
    """Whether an alias stands anywhere in it."""


class Composer:
    """Builds the tree of one document; `compose` returns its root, or None where the text holds no document."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._schema = yaml.SafeLoader("")
        self._open: list[_OpenCollection] = []
        self._anchors: dict[str, YamlNode] = {}
        self._root: YamlNode | None = None

    def compose(self, text: str) -> YamlNode | None:
        for event in yaml.parse(text, Loader=_Parser):
            match event:
                case yaml.ScalarEvent():
                    self._attach(self._scalar(event), event.anchor)
                case yaml.AliasEvent():
                    self._attach(self._alias(event), None)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._begin(event)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case yaml.DocumentStartEvent() if self._root is not None:
                    at = self._location(event.start_mark)
                    self._problems.error("a second YAML document begins here; expected one in the file", at)
                    return self._root
        return self._root

    def _location(self, mark: Any) -> Location:
        return Location(self._problems.path, mark.line + 1, mark.column + 1)

    def _fatal(self, message: str, at: Location) -> NoReturn:
        self._problems.error(message, at)
        raise self._problems.as_error()

    def _begin(self, event: Any) -> None:
        is_map = isinstance(event, yaml.MappingStartEvent)
        location = self._location(event.start_mark)
        if len(self._open) >= MAX_DEPTH:
            self._fatal(f"lists and maps nest more than {MAX_DEPTH} deep here", location)
        expected = f"{_PREFIX}{'map' if is_map else 'seq'}"
        broken = event.tag not in (None, "!", expected)
        if broken:
            self._unknown_tag(event.tag, location)
        self._open.append(_OpenCollection(location, is_map, event.anchor, broken))

    def _end(self) -> None:
        done = self._open.pop()
        if self._open and done.aliased:
            self._open[-1].aliased = True
        node: YamlNode
        if done.broken:
            node = BrokenNode(done.location, None)
        elif done.is_map:
            node = self._map(done)
        else:
            plain = [child.plain for child in done.children]
            weight, depth = self._size(done, done.children)
            node = ListNode(done.location, plain, tuple(done.children), weight=weight, depth=depth)
        self._attach(node, done.anchor)

    def _attach(self, node: YamlNode, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node

    def _alias(self, event: yaml.AliasEvent) -> YamlNode:
        location = self._location(event.start_mark)
        if self._open:
            self._open[-1].aliased = True
        if any(each.anchor == event.anchor for each in self._open):
            self._problems.error(
                f"`*{event.anchor}` stands inside the value that it names, which would never end", location
            )
        elif event.anchor not in self._anchors:
            self._problems.error(f"`*{event.anchor}` names nothing: there is no `&{event.anchor}` above it", location)
        else:
            return self._anchors[event.anchor]
        return BrokenNode(location, None)

    def _scalar(self, event: Any) -> YamlNode:
        location = self._location(event.start_mark)
        tag = event.tag
        if tag is None or event.implicit[0]:
            tag = self._schema.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
        style = event.style if event.style in ("'", '"', "|", ">") else ""
        if tag not in _SCALAR_TAGS:
            if tag not in ("!", _MERGE, f"{_PREFIX}value"):
                self._unknown_tag(tag, location)
                return BrokenNode(location, None)
            plain: Any = event.value
        else:
            try:
                constructor = self._schema.yaml_constructors[tag]
                plain = constructor(self._schema, yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
                _check_size(plain, event.value)
            except (yaml.YAMLError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
                kind = tag.removeprefix(_PREFIX)
                reason = str(error).splitlines()[0]
                if isinstance(error, ValueError) and reason.startswith("Exceeds the limit"):  # Python's own words
                    reason = _TOO_LONG
                message = f"`{cut_to_a_line(event.value)}` reads as a YAML {kind}, but is not a valid one: {reason}"
                self._problems.error(message, location, hint="quote it, if it is meant as text")
                return BrokenNode(location, None)
        return Scalar(location, plain, event.value, style, event.end_mark.line + 1, merges=tag == _MERGE)

    def _unknown_tag(self, tag: str, location: Location) -> None:
        shown = f"!!{tag.removeprefix(_PREFIX)}" if tag.startswith(_PREFIX) else tag
        message = (
            f"the tag `{shown}` is not supported: a config is plain data (texts, numbers, truth values, lists, maps)"
        )
        self._problems.error(message, location, hint="remove the tag")

    def _map(self, done: _OpenCollection) -> MapNode:
        own: dict[Hashable, MapEntry] = {}
        merged: dict[Hashable, MapEntry] = {}
        for key, value in zip(done.children[::2], done.children[1::2], strict=True):
            if not isinstance(key, Scalar):
                if not isinstance(key, BrokenNode):
                    self._problems.error(f"a key is {describe(key)}; expected a single value", key.location)
            elif key.merges:
                self._merge(value, merged)
            elif key.plain in own:
                self._repeated(key, own[key.plain].key)
            else:
                own[key.plain] = MapEntry(key, value)
        # Merged keys come first, and give way to the map's own, as in PyYAML.
        entries = {**merged, **own}
        weight, depth = self._size(done, [entry.value for entry in entries.values()])
        plain = {name: entry.value.plain for name, entry in entries.items()}
        return MapNode(done.location, plain, entries, weight=weight, depth=depth)

    def _repeated(self, key: Scalar, first: Scalar) -> None:
        what = f"the key `{key.text}` is given twice in one map"
        if key.text != first.text:  # `1` and `on`, say: equal to Python
            what = f"the keys `{first.text}` and `{key.text}` of one map are the same to YAML"
        hint = "remove or rename one of the two"
        self._problems.error(f"{what}; first at {first.location}", key.location, key=key.text, hint=hint)

    def _merge(self, value: YamlNode, merged: dict[Hashable, MapEntry]) -> None:
        for source in value.items if isinstance(value, ListNode) else (value,):
            if isinstance(source, MapNode):
                for name, entry in source.entries.items():
                    merged.setdefault(name, entry)
            elif not isinstance(source, BrokenNode):
                self._problems.error(f"`<<` merges {describe(source)}; expected a map", source.location, key="<<")

    def _size(self, done: _OpenCollection, children: list[YamlNode]) -> tuple[int, int]:
        weight = 1 + sum(child.weight for child in children)
        depth = 1 + max((child.depth for child in children), default=0)
        if weight > MAX_WEIGHT:
            what = "with its aliases written out, this" if done.aliased else f"this {'map' if done.is_map else 'list'}"
            self._fatal(f"{what} holds more than {MAX_WEIGHT:,} values", done.location)
        if depth > MAX_DEPTH:
            self._fatal(f"with its aliases written out, this nests more than {MAX_DEPTH} deep", done.location)
        return weight, depth
