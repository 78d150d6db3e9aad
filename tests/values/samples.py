"""Values that look alike and differ, values that look different and are equal, and Hypothesis strategies."""

from __future__ import annotations

import array
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import operator
import pathlib
import random
import re
import struct
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import hypothesis.extra.numpy as arrays
import numpy as np
import pandas as pd
import scipy.sparse
from hypothesis import strategies as st


@dataclasses.dataclass
class Point:
    x: Any = 0
    y: Any = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    x: Any = 0


class Pair(NamedTuple):
    first: Any
    second: Any


class OtherPair(NamedTuple):
    first: Any
    second: Any


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Level(enum.IntEnum):
    RED = 1


class Dict(dict[Any, Any]):
    pass


class Set(set[Any]):
    pass


class Text(str):
    __slots__ = ()


class Plain:
    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


def adder(amount: int) -> Callable[[int], int]:
    return lambda value: value + amount


def holder(held: Any) -> Callable[[], Any]:
    return lambda: held


def default(value: int, amount: int = 1) -> int:
    return value + amount


def generator_at(seed: int, drawn: int = 0) -> np.random.Generator:
    generator = np.random.default_rng(seed)
    generator.random(drawn)
    return generator


def python_random(seed: int) -> random.Random:
    return random.Random(seed)


NAN = float("nan")
OTHER_NAN = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_1234))[0]
LONG = list(range(100))

STAMPS = pd.date_range("2024-01-01", periods=3, name="when")
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, -0.0], "c": ["x", "y", None]})


def with_attrs(frame: pd.DataFrame, **attrs: Any) -> pd.DataFrame:
    frame = frame.copy()
    frame.attrs.update(attrs)
    return frame


# Each differs from each other one, though many are `==`.
DISTINCT: list[Any] = [
    *[None, ..., NotImplemented, 0, 0.0, -0.0, False, 0j, complex(0.0, -0.0), "", b"", bytearray(), (), [], {}, set()],
    *[frozenset(), 1, True, 1.0, 1 + 0j, "1", b"1", bytearray(b"1"), 2**70, -(2**70), -1, 255, 256, NAN, float("inf")],
    *[np.bool_(True), np.int8(1), np.int64(1), np.uint64(1), np.float32(1), np.float64(1), np.complex128(1)],
    *[np.str_("1"), np.bytes_(b"1"), np.datetime64(1, "s"), np.datetime64(1, "ms"), np.timedelta64(1, "s")],
    *[decimal.Decimal("1"), decimal.Decimal("1.0"), fractions.Fraction(1), Colour.RED, Colour.GREEN, Level.RED],
    *[(1,), [1], {1}, frozenset({1}), {1: 1}, {1: True}, {True: 1}, {"1": 1}, [[1]], [1, 1], ((1,),), [1, [1]]],
    *[Point(1), Point(True), Point(1, 1), Slotted(1), Pair(1, 2), OtherPair(1, 2), (1, 2), [1, 2], (2, 1), {1: 2}],
    *[Dict(), Dict({1: 1}), collections.OrderedDict({1: 1}), collections.OrderedDict([(1, 1), (2, 2)])],
    *[collections.OrderedDict([(2, 2), (1, 1)]), collections.Counter({1: 1}), collections.defaultdict(int, {1: 1})],
    *[collections.defaultdict(float, {1: 1}), collections.deque([1]), collections.deque([1], 5), Set({1}), Text("1")],
    *[
        LONG,
        [*LONG[:-1], 99.0],
        [*LONG, 100],
        tuple(LONG),
        [float(each) for each in LONG],
        [str(each) for each in LONG],
    ],
    *[
        [str(each).encode() for each in LONG],
        [*LONG[:-1], None],
        [*LONG[:-1], 2**70],
        ["ab", "c"] * 40,
        ["a", "bc"] * 40,
    ],
    *[range(3), range(0, 6, 2), slice(1), slice(1, 2), array.array("i", [1]), array.array("l", [1])],
    *[pathlib.Path("a"), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), uuid.UUID(int=1), re.compile("a")],
    *[re.compile("a", re.IGNORECASE), re.compile(b"a"), datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)],
    *[datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2024, 1, 1, fold=1)],
    *[datetime.timedelta(1), datetime.time(1), ValueError("a"), ValueError("b"), KeyError("a"), int, float, Point, len],
    *[operator.itemgetter(1), operator.itemgetter(2), functools.partial(int, base=2), functools.partial(int, base=3)],
    *[adder(1), adder(2), default, lambda: 0, lambda: 1, np.mean, np.add, re, functools, Point(1).__eq__],
    *[generator_at(1), generator_at(2), generator_at(1, 1), np.random.RandomState(1), np.random.RandomState(2)],
    *[python_random(1), python_random(2), memoryview(b"1"), memoryview(np.array([1.0]))],
    *[np.array(1), np.array([1]), np.array([[1]]), np.array([1.0]), np.array([1], "i4")],
    *[np.array([0.0]), np.array([-0.0]), np.array([NAN]), np.array([True]), np.array(["1"]), np.array(["1"], "U2")],
    *[np.array([b"1"]), np.array([1], dtype=object), np.array(["1"], dtype=object), np.array([[1, 2], [3, 4]])],
    *[np.array([[1, 3], [2, 4]]), np.array([1, 2, 3, 4]), np.zeros((0, 3)), np.zeros((3, 0)), np.zeros(0)],
    *[np.array([1], "M8[s]"), np.array([1], "M8[ms]"), np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])],
    *[np.array([(1, 2.0)], [("a", "i4"), ("c", "f8")]), np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2])],
    *[np.array([1], np.longdouble), np.array([1], np.longdouble) / 3, np.array([NAN], np.longdouble), np.matrix([[1]])],
    *[scipy.sparse.csr_matrix([[1.0]]), scipy.sparse.csc_matrix([[1.0]]), scipy.sparse.csr_array([[1.0]])],
    *[scipy.sparse.csr_matrix([[2.0]]), scipy.sparse.coo_matrix([[1.0]]), scipy.sparse.coo_matrix([[1]])],
    *[FRAME, FRAME[::-1], FRAME[["b", "a", "c"]], FRAME.set_index("a"), FRAME.iloc[:2], FRAME.astype({"a": "int32"})],
    *[
        FRAME.rename(columns={"a": "A"}),
        with_attrs(FRAME, source="x"),
        FRAME.fillna({"b": 1.0}),
        FRAME.astype({"c": "string[pyarrow]"}),
    ],
    *[FRAME.astype({"c": "category"}), FRAME.astype({"c": "string[python]"}), FRAME.rename_axis(index="i")],
    *[FRAME.rename_axis(columns="i"), FRAME.iloc[:0], FRAME.iloc[:, :0], pd.DataFrame(), FRAME.set_axis([0, 1, 3])],
    *[FRAME.set_axis(["a", "a", "c"], axis=1), FRAME.set_index(["a", "b"]), FRAME["a"], FRAME["b"], FRAME["c"]],
    *[FRAME["a"].rename("z"), FRAME["a"].rename(None), FRAME["a"].astype("Int64"), FRAME["a"].astype("Float64")],
    *[FRAME["a"].astype("int64[pyarrow]"), FRAME["c"].astype("string[pyarrow]"), FRAME["a"].astype(bool)],
    *[pd.Series([1, None], dtype="Int64"), pd.Series([1, 1], dtype="Int64"), pd.Series([True, None], dtype="boolean")],
    *[
        pd.Series(["a", "b"], dtype=pd.CategoricalDtype(["a", "b"])),
        pd.Series(["a", "b"], dtype=pd.CategoricalDtype(["b", "a"])),
    ],
    *[pd.Series(["a", "b"], dtype=pd.CategoricalDtype(["a", "b"], ordered=True)), pd.Series([1, "a", None, 2.0])],
    *[
        pd.Series(pd.arrays.SparseArray([0, 1])),
        pd.Series(pd.arrays.SparseArray([0, 2])),
        pd.RangeIndex(3),
        pd.Index([0, 1, 2]),
    ],
    *[pd.Index([0, 1, 2], name="n"), pd.Index(["0", "1"]), STAMPS, STAMPS.tz_localize("UTC"), STAMPS.rename("x")],
    *[STAMPS.tz_localize("Europe/Paris"), STAMPS._with_freq(None), STAMPS.as_unit("ms"), STAMPS.to_period()],
    *[STAMPS - STAMPS[0], pd.interval_range(0, 2), pd.interval_range(0, 2, closed="left"), STAMPS[0], STAMPS[1]],
    *[
        pd.Timestamp("2024-01-01", tz="UTC"),
        pd.NaT,
        pd.NA,
        pd.Timedelta(1, "D"),
        pd.Period("2024", "Y"),
        pd.Interval(0, 1),
    ],
    *[pd.MultiIndex.from_product([[1, 2], ["a"]]), pd.MultiIndex.from_product([[1, 2], ["a"]], names=["x", None])],
    *[np.dtype("f8"), np.dtype("f4"), pd.CategoricalDtype(["a"]), pd.StringDtype("python"), pd.Series([[1], [2]])],
]


def shared() -> list[Any]:
    part = [1, "a"]
    return [part, part]


def ring(length: int) -> list[Any]:
    """A list that leads back to itself through `length` lists."""
    links: list[list[Any]] = [[] for _ in range(length)]
    for index, link in enumerate(links):
        link.append(links[(index + 1) % length])
    return links[0]


def raised() -> ValueError:
    try:
        raise ValueError("a")
    except ValueError as error:
        return error


# Pairs of equal values that are not the same in memory.
EQUAL: dict[str, tuple[Any, Any]] = {
    "NaN of another payload": (NAN, OTHER_NAN),
    "NaN of another payload in an array": (np.array([1.0, NAN]), np.array([1.0, OTHER_NAN])),
    "NaN in a float32 array": (np.array([NAN], "f4"), -np.array([NAN], "f4")),
    "NaN in a part of a complex number": (np.array([complex(1, NAN)]), np.array([complex(1, OTHER_NAN)])),
    "NaN in a long list": ([NAN] * 50, [OTHER_NAN] * 50),
    "NaN as a key": ({NAN: 1}, {OTHER_NAN: 1}),
    "dict order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "nested dict order": ([{"a": {1: 2, 3: 4}}], [{"a": {3: 4, 1: 2}}]),
    "attribute order": (Plain(a=1, b=2), Plain(b=2, a=1)),
    "set order": ({0, 8, 16}, {16, 8, 0}),
    "set of strings": (set("abcdef"), set("fedcba")),
    "set subclass order": (Set([0, 8]), Set([8, 0])),
    "shared or copied": (shared(), copy.deepcopy([shared()[0], shared()[0]])),
    "shared or separate": (shared(), [[1, "a"], [1, "a"]]),
    "interned or not": ("".join(["a", "b"]), "ab"),
    "ring of one or two": (ring(1), ring(2)),
    "ring of three or six": (ring(3), ring(6)),
    "C or F order": (np.arange(12.0).reshape(3, 4), np.asfortranarray(np.arange(12.0).reshape(3, 4))),
    "view or copy": (np.arange(20)[::2], np.arange(20)[::2].copy()),
    "reversed view": (np.arange(5)[::-1], np.array([4, 3, 2, 1, 0])),
    "transposed": (np.arange(6).reshape(2, 3).T, np.array([[0, 3], [1, 4], [2, 5]])),
    "broadcast": (np.broadcast_to(1.0, (3, 2)), np.ones((3, 2))),
    "C names of integers": (np.array([1], np.longlong), np.array([1], np.int64)),
    "byte order": (np.array([1, 2], ">i8"), np.array([1, 2])),
    "byte order of fields": (np.zeros(1, [("a", ">f4")]), np.zeros(1, [("a", "f4")])),
    "padding of fields": (
        np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")])),
    ),
    "what lies under a mask": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 3], mask=[0, 1])),
    "consolidated or not": (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"a": [1]}).assign(b=2)),
    "row-major frame": (
        pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"], copy=False),
        pd.DataFrame({"a": [0.0, 2.0, 4.0], "b": [1.0, 3.0, 5.0]}),
    ),
    "slice or copy of a frame": (FRAME.iloc[1:], FRAME.iloc[1:].copy()),
    "unused levels": (
        pd.MultiIndex.from_product([[1, 2], ["a"]])[1:],
        pd.MultiIndex.from_tuples([(2, "a")]),
    ),
    "ranges of equal labels": (pd.RangeIndex(0, 5, 2), pd.RangeIndex(0, 6, 2)),
    "chunks of strings": (
        pd.concat([pd.Series(["a", None]), pd.Series(["bc"])], ignore_index=True),
        pd.Series(["a", None, "bc"]),
    ),
    "what lies under a null": (
        pd.Series([1, None], dtype="Int64"),
        pd.Series(pd.arrays.IntegerArray(np.array([1, 99]), np.array([False, True]))),
    ),
    "entries of a sparse matrix": (
        scipy.sparse.csr_matrix((np.array([1.0, 2.0]), np.array([1, 0]), np.array([0, 2]))),
        scipy.sparse.csr_matrix((np.array([2.0, 1.0]), np.array([0, 1]), np.array([0, 2]))),
    ),
    "compiled twice": (re.compile("a+"), re.compile("a+")),
    "lambdas of one source": (adder(3), adder(3)),
    "generators of one seed": (generator_at(5, 3), generator_at(5, 3)),
    "exceptions raised and not": (ValueError("a"), raised()),
    "code of other lines": (
        eval(compile("lambda x: x + 1", "one.py", "eval")),
        eval(compile("\n\nlambda x: x + 1", "two.py", "eval")),
    ),
}


def scalars() -> st.SearchStrategy[Any]:
    """Plain and NumPy scalars, dates and the like."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.text(max_size=5),
        st.binary(max_size=5),
        st.decimals(),
        st.datetimes(),
        st.datetimes(timezones=st.just(datetime.UTC)),
        st.sampled_from([np.float32(1.5), np.int16(3), np.float64("nan"), Colour.RED, Level.RED, pathlib.Path("a/b")]),
    )


def numpy_arrays() -> st.SearchStrategy[Any]:
    """Arrays of few dimensions, of any dtype but objects."""
    dtypes = st.one_of(
        arrays.scalar_dtypes(), arrays.array_dtypes(arrays.scalar_dtypes(), max_size=2, allow_subarrays=False)
    )
    return arrays.arrays(dtypes, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))


def frames() -> st.SearchStrategy[pd.DataFrame]:
    """Frames of up to six rows with columns of several dtypes."""
    columns = {
        "int": st.integers(-5, 5),
        "float": st.floats(width=32),
        "text": st.text("ab", max_size=2),
        "mixed": st.one_of(st.none(), st.integers(0, 2), st.text("a", max_size=1)),
    }
    rows = st.lists(st.fixed_dictionaries(columns), max_size=6)

    def frame(found: list[dict[str, Any]]) -> pd.DataFrame:
        made = pd.DataFrame(found, columns=list(columns))
        return made.astype({"int": "Int64", "mixed": object, "float": "float64"}).assign(
            category=made["text"].astype("category"),
            when=pd.to_datetime(made["int"].astype("int64"), unit="D", utc=True),
        )

    return rows.map(frame)


def values() -> st.SearchStrategy[Any]:
    """What pipelines return: nested containers and objects over scalars, arrays and frames."""
    keys = st.one_of(st.text(max_size=3), st.integers(), st.tuples(st.integers(0, 3), st.text(max_size=1)))
    hashable = st.one_of(st.integers(), st.text(max_size=3), st.tuples(st.integers(0, 3)), st.none())
    return st.recursive(
        st.one_of(
            scalars(), numpy_arrays(), frames(), st.sets(hashable, max_size=4), st.frozensets(hashable, max_size=4)
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(st.floats(), min_size=30, max_size=40),
            st.tuples(inner, inner),
            st.dictionaries(keys, inner, max_size=4),
            st.builds(Point, inner, inner),
            st.builds(Slotted, inner),
            st.builds(Pair, inner, inner),
            st.builds(lambda state: Plain(**state), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
        ),
        max_leaves=8,
    )
