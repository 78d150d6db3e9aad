"""`process_adjlist`: NetworkX adjacency-list text, each name with its place in the file (S1.3).

Read here rather than by `networkx.parse_adjlist`, which forgets lines and columns; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_expops.errors import Location
from pytest_expops.pipeline.document import Broken, Document, ListNode, Node, Scalar
from pytest_expops.pipeline.reading import Reader, is_null


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the adjacency list."""

    name: str
    location: Location


@dataclass(frozen=True, slots=True)
class Adjacency:
    """The names and edges (source, target) in the order written, each as often as written."""

    mentions: tuple[Mention, ...] = ()
    edges: tuple[tuple[Mention, Mention], ...] = ()


def read_adjacency(node: Node | None, document: Document, reader: Reader) -> Adjacency:
    """Read the text of a block, or a list of such lines."""
    mentions: list[Mention] = []
    edges: list[tuple[Mention, Mention]] = []
    for line in _lines(node, document, reader):
        mentions += line
        edges += [(line[0], target) for target in line[1:]]
    return Adjacency(tuple(mentions), tuple(edges))


def _lines(node: Node | None, document: Document, reader: Reader) -> Iterator[list[Mention]]:
    if node is None or isinstance(node, Broken) or is_null(node):
        return
    for part in node.items if isinstance(node, ListNode) else (node,):
        if not isinstance(part, Scalar) or is_null(part):
            expected = "lines of text: a source and its targets, separated by spaces"
            reader.wrong(part, "process_adjlist", expected, "write `process_adjlist: |` and the lines below it")
        elif _is_folded(part, document):
            message = "`process_adjlist` runs over several lines that YAML joins into one; expected a literal block"
            reader.error(
                message, part.location, key="process_adjlist", hint="write `process_adjlist: |` and the lines below it"
            )
        else:
            for number, text in enumerate(part.text.split("\n")):
                names = list(re.finditer(r"\S+", text.split("#", 1)[0]))
                if names:
                    place = _placer(part, number, text, document)
                    yield [Mention(each.group(), place(each.start())) for each in names]


def _is_folded(part: Scalar, document: Document) -> bool:
    """Whether line ends of the source were lost, as in every style but the literal one."""
    if part.style == "|":
        return False
    first = part.location.line - 1 + (part.style == ">")
    return sum(bool(line.strip()) for line in document.lines[first : part.last_line]) > 1 and _spans_lines(part)


def _spans_lines(part: Scalar) -> bool:
    return part.last_line > part.location.line


@dataclass(frozen=True, slots=True)
class _Placer:
    """Turns an offset in a line of text into its place in the file; without `column`, all stand at one place."""

    base: Location
    column: int | None

    def __call__(self, offset: int) -> Location:
        if self.column is None:
            return self.base
        return Location(self.base.path, self.base.line, self.column + offset)


def _placer(part: Scalar, number: int, text: str, document: Document) -> _Placer:
    """Where line `number` of a scalar stands; found by looking, for indentation and escapes are not in the events."""
    begin = part.location
    index = begin.line - 1 + (number + 1 if part.style in "|>" and part.style else number)
    line = document.lines[index] if index < len(document.lines) else ""
    start = line.find(text, begin.column - 1 if index == begin.line - 1 else 0)
    if start < 0:
        return _Placer(begin, None)
    return _Placer(Location(begin.path, index + 1, 1), start + 1)
