"""The XPath of probe paths: what it selects is what XPath 1.0 selects, and what it cannot read it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.pipeline.xpath import Element, XPath, XPathError

ATTRIBUTES = ("name", "partition", "seed")
WORDS = ("a", "b", "p1", "train")


def _element(draw: st.DrawFn, depth: int) -> Element:
    attributes = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(WORDS), max_size=2))
    element = Element(draw(st.sampled_from(["process", "step"])), attributes)
    for _ in range(draw(st.integers(0, 3)) if depth < 3 else 0):
        element.children.append(_element(draw, depth + 1))
    return element


@st.composite
def trees(draw: st.DrawFn) -> Element:
    return Element("pipeline", children=[_element(draw, 0) for _ in range(draw(st.integers(0, 3)))])


CONDITIONS = st.recursive(
    st.one_of(
        st.builds("@{}".format, st.sampled_from(ATTRIBUTES)),
        st.builds(
            "@{}{}'{}'".format, st.sampled_from(ATTRIBUTES), st.sampled_from(["=", "!=", " = "]), st.sampled_from(WORDS)
        ),
        st.builds(
            '{}(@{}, "{}")'.format,
            st.sampled_from(["contains", "starts-with"]),
            st.sampled_from(ATTRIBUTES),
            st.sampled_from(["a", "tr", ""]),
        ),
    ),
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        st.builds("not({})".format, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=4,
)
STEPS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["/", "//"]),
    st.sampled_from(["*", "process", "step", "pipeline"]),
    st.lists(st.builds("[{}]".format, CONDITIONS), max_size=2).map("".join),
)
PATHS = st.lists(st.lists(STEPS, min_size=1, max_size=3).map("".join), min_size=1, max_size=2).map("|".join)


@given(trees(), PATHS)
def test_it_selects_what_lxml_selects(tree: Element, path: str) -> None:
    etree = pytest.importorskip("lxml.etree")
    twins: dict[object, Element] = {}

    def copy(element: Element) -> object:
        twin = etree.Element(element.tag, dict(element.attributes))
        twins[twin] = element
        for child in element.children:
            twin.append(copy(child))
        return twin

    root = copy(tree)
    expected = [twins[each] for each in root.getroottree().xpath(path)]  # type: ignore[attr-defined]
    assert XPath(path).select(tree) == expected


@pytest.fixture
def tree() -> Element:
    train = Element("process", {"name": "train"}, [Element("step", {"name": "fit"})])
    return Element(
        "pipeline",
        children=[
            Element("process", {"name": "load"}),
            Element("process", {"partition": "p1"}, [Element("process", {"seed": "41"}, [train])]),
        ],
    )


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("//*[@name='train']", ["train"]),
        ("//process[@name='train']/step[@name='fit']", ["fit"]),
        ("//*[@partition='p1']/*[@seed='41']/*[@name='train']", ["train"]),
        ("//*[@partition]/*[@seed]/*[@name]", ["train"]),
        ("//*[@partition='p1']/*[@name='train']", []),
        ("/pipeline/process[@name]", ["load"]),
        ("//*[@name and not(contains(@name, 'i'))] | //step", ["load", "fit"]),
        ("//*[starts-with(@name,'tr') or @name=\"load\"]", ["load", "train"]),
    ],
)
def test_the_paths_of_the_guide(tree: Element, path: str, found: list[str]) -> None:
    assert [each.attributes.get("name") for each in XPath(path).select(tree)] == found


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("//", "`//`: the end at character 3; expected `*` or the name of an element"),
        ("//*[1]", "`//*[1]` cannot be read from `1]` on"),
        (
            "//*[last()]",
            "`//*[last()]`: `last()]` at character 5; expected `@`, `(`, `not`, `contains` or `starts-with`",
        ),
        ("//*[@name=train]", "`//*[@name=train]`: `train]` at character 11; expected a text in quotes"),
        ("//*[@name='train'", "`//*[@name='train'`: the end at character 18; expected `]`"),
        ("//*[contains(@name)]", "`//*[contains(@name)]`: `)]` at character 19; expected `,`"),
        ("//a b", "`//a b`: `b` at character 5; expected the end, or `/`"),
        ("//a]", "`//a]`: `]` at character 4; expected the end, or `/`"),
        ("name", "`name`: `name` at character 1; expected `/` or `//`"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(path: str, message: str) -> None:
    with pytest.raises(XPathError) as caught:
        XPath(path)
    assert str(caught.value) == message
