"""The part of XPath 1.0 that probe paths are written in: steps, `*`, names, and predicates on attributes.

`/pipeline/process`, `//*[@name='train']`, `//*[@partition='p1']/*[@seed='41']/*[contains(@name, 'train')]`; predicates
may be joined by `and`, `or`, `not(...)`, and paths by `|`. Where a tree has no other nodes than elements, what is
selected is what XPath 1.0 says (https://www.w3.org/TR/xpath-10/).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"\s*(?:(?P<slash>//?)|(?P<text>'[^']*'|\"[^\"]*\")|(?P<name>[A-Za-z_][\w.-]*)|(?P<sign>!=|[*@\[\]()=,|]))"
)


@dataclass(eq=False, slots=True)
class Element:
    """A node of a tree: its tag, attributes and children."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        """Yield the element and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()


class XPathError(ValueError):
    """A path that cannot be read; the message says where and why."""


Test = Callable[[Element], bool]


@dataclass(frozen=True, slots=True)
class _Step:
    deep: bool
    test: Test


class XPath:
    """A path, read once, that selects elements from any number of trees.

    Raises:
        XPathError: `text` is none, or uses what is not supported here.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parser = _Parser(text)
        self._paths = parser.union()
        self.literals = tuple(parser.literals)
        """The texts in quotes, in order."""

    def select(self, root: Element) -> list[Element]:
        """Return the elements selected in the tree under `root`, each once, in document order."""
        document = Element("", children=[root])
        found: dict[int, Element] = {}
        for path in self._paths:
            current: Iterable[Element] = [document]
            for step in path:
                current = list(_take(current, step))
            found.update((id(each), each) for each in current)
        return [each for each in root.walk() if id(each) in found]


def _take(current: Iterable[Element], step: _Step) -> Iterator[Element]:
    seen: set[int] = set()
    for each in current:
        # `//x` is short for `/descendant-or-self::node()/x`: any element below.
        below = (child for parent in each.walk() for child in parent.children) if step.deep else iter(each.children)
        for child in below:
            if id(child) not in seen and step.test(child):
                seen.add(id(child))
                yield child


class _Parser:
    """Recursive descent over the tokens of one path."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.literals: list[str] = []
        self.tokens: list[tuple[str, str, int]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise XPathError(f"`{text}` cannot be read from `{text[position:].strip()[:20]}` on")
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind], match.start(kind)))
            position = match.end()
        self.next = 0

    def union(self) -> list[list[_Step]]:
        paths = [self.path()]
        while self.took("|"):
            paths.append(self.path())
        if self.next < len(self.tokens):
            raise self.error("the end, or `/`")
        return paths

    def path(self) -> list[_Step]:
        steps = []
        while self.next < len(self.tokens) and self.tokens[self.next][0] == "slash":
            deep = self.advance() == "//"
            steps.append(_Step(deep, self.node()))
        if not steps:
            raise self.error("`/` or `//`")
        return steps

    def node(self) -> Test:
        if self.took("*"):
            tests: list[Test] = []
        else:
            tag = self.expect("name", "`*` or the name of an element")
            tests = [lambda each: each.tag == tag]
        while self.took("["):
            tests.append(self.disjunction())
            self.require("]")
        return _all(tests)

    def disjunction(self) -> Test:
        tests = [self.conjunction()]
        while self.took("or"):
            tests.append(self.conjunction())
        return _any(tests)

    def conjunction(self) -> Test:
        tests = [self.condition()]
        while self.took("and"):
            tests.append(self.condition())
        return _all(tests)

    def condition(self) -> Test:
        if self.took("("):
            inner = self.disjunction()
            self.require(")")
            return inner
        if self.took("@"):
            return self.comparison(self.expect("name", "the name of an attribute"))
        function = self.expect("name", "`@`, `(`, `not`, `contains` or `starts-with`")
        if function not in ("not", "contains", "starts-with"):
            self.next -= 1
            raise self.error("`@`, `(`, `not`, `contains` or `starts-with`")
        self.require("(")
        if function == "not":
            inner = self.disjunction()
            self.require(")")
            return lambda each: not inner(each)
        self.require("@")
        name = self.expect("name", "the name of an attribute")
        self.require(",")
        text = self.literal()
        self.require(")")
        # A missing attribute is the empty text to both functions.
        if function == "contains":
            return lambda each: text in each.attributes.get(name, "")
        return lambda each: each.attributes.get(name, "").startswith(text)

    def comparison(self, name: str) -> Test:
        if self.took("="):
            wanted = self.literal()
            return lambda each: each.attributes.get(name) == wanted
        if self.took("!="):
            other = self.literal()
            return lambda each: name in each.attributes and each.attributes[name] != other
        return lambda each: name in each.attributes

    def literal(self) -> str:
        text = self.expect("text", "a text in quotes")[1:-1]
        self.literals.append(text)
        return text

    def took(self, word: str) -> bool:
        if self.next < len(self.tokens) and self.tokens[self.next][1] == word:
            self.next += 1
            return True
        return False

    def require(self, word: str) -> None:
        if not self.took(word):
            raise self.error(f"`{word}`")

    def expect(self, kind: str, what: str) -> str:
        if self.next < len(self.tokens) and self.tokens[self.next][0] == kind:
            return self.advance()
        raise self.error(what)

    def advance(self) -> str:
        self.next += 1
        return self.tokens[self.next - 1][1]

    def error(self, expected: str) -> XPathError:
        at = self.tokens[self.next][2] if self.next < len(self.tokens) else len(self.text)
        rest = self.text[at:].strip()
        found = f"`{rest[:20]}`" if rest else "the end"
        return XPathError(f"`{self.text}`: {found} at character {at + 1}; expected {expected}")


def _all(tests: list[Test]) -> Test:
    return lambda each: all(test(each) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda each: any(test(each) for test in tests)
