"""Many small values of one shape or of several, shared, cyclic and of subclasses, for what works on them as tables."""

from __future__ import annotations

import collections
import math
from typing import Any

from hypothesis import strategies as st

from tests.values.samples import Pair, Point, Slotted


class Number(float):
    """A float that is no float by its exact type."""


class Text(str):
    __slots__ = ()


class Guarded:
    """An object that says itself what its state is."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __getstate__(self) -> dict[str, Any]:
        return {"x": self.x, "more": 1}


class Named(Point):
    pass


ATOMS = st.one_of(
    st.sampled_from([0.0, -0.0, math.nan, 1.0, 2.5, math.inf]),
    st.sampled_from([0, 1, -1, 128, 2**63, -(2**80), True, False, None]),
    st.sampled_from(["", "a", "b", "ä", "\ud800", b"", b"a", Text("a"), Number(1.0), 1j, ...]),
)
COLUMNS = [
    st.sampled_from([0.0, -0.0, 1.5, math.nan, -math.nan]),
    st.sampled_from([0.0, -0.0, 1.5]),
    st.integers(-300, 300),
    st.sampled_from([True, False]),
    st.sampled_from(["a", "b", "c d"]),
    st.none(),
    st.sampled_from([b"a", b"b"]),
    st.sampled_from([1, 1.0, True, None]),
]
KEYS = st.sampled_from(["a", "b", "x", "y", Text("a"), "__reduce__"])


@st.composite
def rows(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> list[Any]:
    """A list of values of one shape, whose columns are mostly of one type; sometimes one more value."""
    count = draw(st.integers(2, 7))
    width = draw(st.integers(0, 3))
    columns = [
        draw(st.lists(draw(st.sampled_from([*COLUMNS, inner])), min_size=count, max_size=count)) for _ in range(width)
    ]
    names = draw(st.lists(KEYS, min_size=width, max_size=width, unique=True))
    others = [Text(name) if draw(st.booleans()) else name for name in names] if draw(st.booleans()) else names
    kind = draw(st.sampled_from(["dict", "list", "tuple", "point", "named", "pair", "guarded", "slotted", "mixed"]))
    made = [_made(kind, names if index else others, [column[index] for column in columns]) for index in range(count)]
    if draw(st.booleans()):
        made.insert(draw(st.integers(0, count)), draw(inner))
    if draw(st.booleans()):
        made.append(made[draw(st.integers(0, len(made) - 1))])
    return made


def _made(kind: str, names: list[str], cells: list[Any]) -> Any:
    if kind in ("dict", "mixed"):
        pairs = list(zip(names, cells, strict=True))
        return dict(pairs if kind == "dict" or not cells or cells[0] else reversed(pairs))
    if kind in ("list", "tuple"):
        return list(cells) if kind == "list" else tuple(cells)
    if kind == "pair":
        return Pair(cells[0] if cells else None, cells[1:])
    if kind in ("guarded", "slotted"):
        return (Guarded if kind == "guarded" else Slotted)(cells)
    point = (Point if kind == "point" else Named)()
    vars(point).update(zip([name.strip("_") if name.startswith("_") else name for name in names], cells, strict=True))
    return point


@st.composite
def _knotted(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    """Values that hold each other: any of them may be put into any other."""
    made = draw(rows(inner))
    holders: list[Any] = [made, *(each for each in made if type(each) in (list, dict))]
    for _ in range(draw(st.integers(1, 4))):
        holder, held = draw(st.sampled_from(range(len(holders)))), draw(st.sampled_from(range(len(holders))))
        if type(holders[holder]) is dict:
            holders[holder]["a"] = holders[held]
        else:
            holders[holder].append(holders[held])
    return made


def _more(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        rows(inner),
        st.dictionaries(st.one_of(KEYS, st.integers(0, 2), st.sampled_from([1.5, None])), inner, max_size=4),
        st.lists(inner, max_size=4).map(collections.deque),
        st.sets(KEYS, max_size=3),
    )


TREES = st.recursive(ATOMS, _more, max_leaves=12)
TABLES = rows(TREES)
KNOTS = _knotted(TREES)
