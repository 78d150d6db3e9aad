"""Typed readers of located values: each returns a value of its type, or notes what was found instead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_expops.bounds import Bounds
from pytest_expops.errors import Location
from pytest_expops.pipeline.config._document import (
    BrokenNode,
    ListNode,
    MapEntry,
    MapNode,
    Scalar,
    YamlNode,
    describe,
    same,
)
from pytest_expops.pipeline.problems import Problems

# A number to people and to YAML 1.2; a text to YAML 1.1, which wants a dot and a signed exponent.
_NUMBER_TO_PEOPLE = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d{1,3}")


@dataclass(frozen=True, slots=True)
class LabelledEntry:
    """An entry under the name by which messages speak of it, such as `model.parameters.pipeline`."""

    label: str
    entry: MapEntry

    @property
    def value(self) -> YamlNode:
        return self.entry.value

    @property
    def location(self) -> Location:
        return self.entry.key.location


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads values of one process, or (`process` is None) of the config at large, noting what is wrong."""

    problems: Problems
    process: str | None = None

    def error(self, message: str, at: Location | None, *, key: str | None = None, hint: str | None = None) -> None:
        self.problems.error(self._of(message), at, process=self.process, key=key, hint=hint)

    def warn(self, message: str, at: Location | None, *, key: str | None = None, hint: str | None = None) -> None:
        self.problems.warn(self._of(message), at, process=self.process, key=key, hint=hint)

    def _of(self, message: str) -> str:
        return f"process `{self.process}`: {message}" if self.process else message

    def wrong(self, node: YamlNode, key: str, expected: str, hint: str | None = None) -> None:
        """Note that `key` is this node where something else was expected."""
        if not isinstance(node, BrokenNode):
            self.error(
                f"`{key}` is {describe(node)}; expected {expected}",
                node.location,
                key=key,
                hint=hint or yaml_surprise(node),
            )

    def suggested(self, word: str, known: Collection[str]) -> str | None:
        """Return ``did you mean ...?``, unless so much is mistyped in this config that it would take too long."""
        return self.problems.suggestions.did_you_mean(word, known)

    def warn_of_unknown_keys(self, node: MapNode | None, known: Collection[str], where: str = "") -> None:
        """Warn of each key of a map that nothing reads; `where` says which map it is (``of `model` ``)."""
        for key, entry in node.entries.items() if node is not None else ():
            if key not in known:
                text = entry.key.text
                message = f"nothing reads the key `{text}`{where and f' {where}'}; it has no effect"
                self.warn(message, entry.key.location, key=text, hint=self.suggested(text, known))

    def refuse_key(self, key: Scalar, label: str, known: Collection[str]) -> None:
        """Note that the map under `label` has a key that cannot be there."""
        message = f"`{label}` has the key `{key.text}`; expected any of {', '.join(known)}"
        self.error(message, key.location, key=key.text, hint=self.suggested(key.text, known))

    def number(self, node: YamlNode, key: str, bounds: Bounds, expected: str | None = None) -> Any:
        """Read a number within bounds, None otherwise; `1e-6` counts, although YAML 1.1 takes it for a text.

        `expected` is what messages expect, if that is more than the number.
        """
        if isinstance(node, Scalar):
            plain = float(node.text) if not bounds.whole and reads_as_number(node) else node.plain
            number = bounds.read(plain)
            if number is not None:
                return number
        self.wrong(node, key, expected or bounds.expected)
        return None

    def truth(self, node: YamlNode, key: str) -> bool | None:
        if isinstance(node, Scalar) and isinstance(node.plain, bool):
            return node.plain
        self.wrong(node, key, "true or false")
        return None

    def text(self, node: YamlNode, key: str, expected: str = "a text") -> str | None:
        if isinstance(node, Scalar) and isinstance(node.plain, str) and node.plain.strip():
            return node.plain
        self.wrong(node, key, expected)
        return None

    def section(self, parent: MapNode | None, key: str) -> MapNode | None:
        """Return the map under `key`; None, without complaint, where there is none or where it was left empty."""
        entry = parent.entries.get(key) if parent is not None else None
        if entry is None or is_null(entry.value):
            return None
        if isinstance(entry.value, MapNode):
            return entry.value
        self.wrong(entry.value, key, "a map")
        return None

    def agreed(
        self, found: Sequence[LabelledEntry], alike: Callable[[YamlNode, YamlNode], bool] | None = None
    ) -> LabelledEntry | None:
        """Return the first of several spellings of one thing; note where another says something else (S1.2)."""
        if not found:
            return None
        alike = alike or (lambda one, other: same(one.plain, other.plain))
        first, *others = found
        for other in others:
            unread = isinstance(first.value, BrokenNode) or isinstance(other.value, BrokenNode)
            if not unread and not alike(first.value, other.value):
                message = f"`{other.label}` contradicts `{first.label}` at {first.location}"
                if describe(first.value) != describe(other.value):
                    message += f": {describe(other.value)} here, {describe(first.value)} there"
                self.error(message, other.location, key=other.label, hint="keep one of the two")
        return first


def is_null(node: YamlNode) -> bool:
    return isinstance(node, Scalar) and node.plain is None


def entries_of(node: MapNode | None, prefix: str, *keys: str) -> list[LabelledEntry]:
    """Return those of `keys` that a map holds and that are not left empty, labelled by `prefix` + key."""
    if node is None:
        return []
    present = [(key, node.entries[key]) for key in keys if key in node.entries]
    return [LabelledEntry(f"{prefix}{key}", entry) for key, entry in present if not is_null(entry.value)]


def reads_as_number(node: Scalar) -> bool:
    """Return whether this is a number to its author, and a text to YAML 1.1: unquoted, such as `1e-3`."""
    looks = isinstance(node.plain, str) and node.style == "" and _NUMBER_TO_PEOPLE.fullmatch(node.text)
    return bool(looks) and math.isfinite(float(node.text))


def _with_a_dot(node: Scalar) -> str:
    """Return the number as YAML 1.1 writes it."""
    written = repr(float(node.text))
    return written if "." in written else written.replace("e", ".0e")


def yaml_surprise(node: YamlNode) -> str | None:
    """Return a hint on what YAML 1.1 makes of values such as `on` and `1e-3`, which few expect."""
    if isinstance(node, Scalar) and node.style == "":
        if isinstance(node.plain, bool) and node.text.lower() not in ("true", "false"):
            return f'YAML reads `{node.text}` as {str(node.plain).lower()}; write "{node.text}" for the text'
        if reads_as_number(node):
            return f"YAML 1.1 reads `{node.text}` as a text; write {_with_a_dot(node)} for the number"
    return None


def parameters(reader: Reader, found: LabelledEntry) -> dict[str, Any]:
    """Read the map of parameters under `found`, as plain data; each must have a text for its name."""
    if not isinstance(found.value, MapNode):
        reader.wrong(found.value, found.label, "a map of parameter names to values")
        return {}
    named: dict[str, Any] = {}
    for name, entry in found.value.entries.items():
        if isinstance(name, str):
            named[name] = entry.value.plain
        else:
            message = f"the name of a parameter is {describe(entry.key)}; expected a text"
            reader.error(message, entry.key.location, key=entry.key.text, hint=f'write "{entry.key.text}"')
    warn_of_texts_like_numbers(reader, found.value)
    return named


def warn_of_texts_like_numbers(reader: Reader, node: YamlNode) -> None:
    """Warn of `lr: 1e-3`, which reaches the function as the text "1e-3" (as it does in ExpOps)."""
    match node:
        case Scalar() if reads_as_number(node):
            written = _with_a_dot(node)
            message = f"`{node.text}` is a text to YAML 1.1, not a number"
            reader.warn(message, node.location, hint=f'write {written} for the number, "{node.text}" for the text')
        case ListNode():
            for item in node.items:
                warn_of_texts_like_numbers(reader, item)
        case MapNode():
            for entry in node.entries.values():
                warn_of_texts_like_numbers(reader, entry.value)
