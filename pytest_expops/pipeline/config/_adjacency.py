"""`process_adjlist`: NetworkX adjacency-list text, each name with its place in the file (S1.3).

Read here rather than by `networkx.parse_adjlist`, which forgets lines and columns; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_expops.errors import Location
from pytest_expops.pipeline.config._document import BrokenNode, Document, ListNode, Scalar, YamlNode
from pytest_expops.pipeline.config._reading import Reader, is_null


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


def read_adjacency(node: YamlNode | None, document: Document, reader: Reader) -> Adjacency:
    """Read the text of a block, or a list of such lines."""
    mentions: list[Mention] = []
    edges: list[tuple[Mention, Mention]] = []
    for line in _lines(node, document, reader):
        mentions += line
        edges += [(line[0], target) for target in line[1:]]
    return Adjacency(tuple(mentions), tuple(edges))


def _lines(node: YamlNode | None, document: Document, reader: Reader) -> Iterator[list[Mention]]:
    if node is None or isinstance(node, BrokenNode) or is_null(node):
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
            lines = part.text.split("\n")
            for text, place in zip(lines, _places(part, lines, document), strict=True):
                names = _names(text)
                if names:
                    yield [Mention(each.group(), place(each.start())) for each in names]


def _names(line: str) -> list[re.Match[str]]:
    return list(re.finditer(r"\S+", line.split("#", 1)[0]))


def _is_folded(part: Scalar, document: Document) -> bool:
    """Return whether line ends that were meant are lost, as in every style but the literal one.

    YAML writers fold long lines of the quoted and plain styles too, so there a name that stands twice in one line, as
    in ``a b b c``, must bear witness.
    """
    if part.style == "|":
        return False
    source = document.lines[part.location.line - 1 + (part.style == ">") : part.last_line]
    lines = [[each.group() for each in _names(line)] for line in part.text.split("\n") if line.strip()]
    if len(lines) >= sum(bool(line.strip()) for line in source):
        return False
    return part.style == ">" or any(len(set(names)) < len(names) for names in lines)


@dataclass(frozen=True, slots=True)
class _Place:
    """Turns an offset in a line of text into its place in the file; without `column`, all stand at one place."""

    base: Location
    column: int | None = None

    def __call__(self, offset: int) -> Location:
        if self.column is None:
            return self.base
        return Location(self.base.path, self.base.line, self.column + offset)


def _places(part: Scalar, lines: list[str], document: Document) -> Iterator[_Place]:
    """Yield where each line of a scalar stands; found by looking, as YAML's events have no indentation and no folds."""
    begin = part.location
    if part.style == "|":
        for number, text in enumerate(lines, start=begin.line):
            source = document.lines[number] if number < len(document.lines) else ""
            column = source.find(text)
            yield _Place(Location(begin.path, number + 1, 1), column + 1) if column >= 0 else _Place(begin)
        return
    index = begin.line if part.style == ">" else begin.line - 1
    for text in lines:
        found = _find(text, document, index, part) if text.strip() else None
        yield found or _Place(begin)
        index = found.base.line - 1 if found else index


def _find(text: str, document: Document, start: int, part: Scalar) -> _Place | None:
    """Return the place in the first of these source lines that holds the text, not as a part of longer words."""
    pattern = re.compile(rf"""(?<![^\s'",[]){re.escape(text)}(?![^\s'",\]])""")
    begin = part.location
    for index in range(start, min(part.last_line, len(document.lines))):
        match = pattern.search(document.lines[index], begin.column - 1 if index == begin.line - 1 else 0)
        if match:
            return _Place(Location(begin.path, index + 1, 1), match.start() + 1)
    return None
