"""The laws of S3 and of aggregation, over whatever the public strategies draw: held against NumPy and pandas."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops import ExpandedPipeline, ExpandedProcess, expand, load_config
from pytest_expops.execution.calls.inputs import receive
from pytest_expops.execution.calls.partitioning import Partition, partition
from pytest_expops.pipeline.model import DataSplit
from pytest_expops.strategies import frames, partition_sizes
from tests.hypothesis_profiles import examples
from tests.strategies.configs import DrawnConfig, pipelines

pytestmark = pytest.mark.filterwarnings("ignore::pytest_expops.EmptyPartitionWarning")


@settings(max_examples=examples(40))
@given(frame=frames(), data=st.data())
def test_partitions_are_those_of_array_split_and_concat_gives_the_frame_back(
    frame: pd.DataFrame, data: st.DataObject
) -> None:
    """S3.3: rows, order, dtypes and index labels, for either spelling of the sizes."""
    size = data.draw(partition_sizes(len(frame)))
    parts = partition(frame, DataSplit(size if isinstance(size, int) else tuple(size)), process="load")
    cuts = size if isinstance(size, int) else np.cumsum(size)[:-1]
    for part, rows in zip(parts, np.array_split(np.arange(len(frame)), cuts), strict=True):
        # Taken by position, an index of dates forgets that it is regular.
        pd.testing.assert_frame_equal(part, frame.iloc[rows], check_freq=False)
    # pandas 3 gives the joined labels of type object the dtype `str`; the labels are the same.
    joined = pd.concat(parts)
    pd.testing.assert_frame_equal(joined, frame, check_freq=False, check_index_type=False)
    assert list(joined.index) == list(frame.index)
    assert joined.dtypes.equals(frame.dtypes)


@settings(max_examples=examples(40))
@given(rows=st.lists(st.integers(), max_size=12), data=st.data())
def test_arrays_lists_and_tuples_are_split_alike(rows: list[int], data: st.DataObject) -> None:
    """S3.2, S3.3: the type makes no difference to which rows go where."""
    size = data.draw(partition_sizes(len(rows)))
    split = DataSplit(size if isinstance(size, int) else tuple(size))
    array = np.array(rows, dtype=object)
    expected = [
        part.tolist() for part in np.array_split(array, size if isinstance(size, int) else np.cumsum(size)[:-1])
    ]
    for value in (rows, tuple(rows), array, pd.Series(array)):
        assert [list(part) for part in partition(value, split, process="load")] == expected


class Loader:
    """Gives of each upstream process its name, and notes which partition of it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Partition | None]] = []

    def __call__(self, name: str, part: Partition | None = None, /) -> dict[str, Any]:
        self.asked.append((name, part))
        return {"from": name}


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=pipelines())
def test_an_aggregation_receives_each_result_of_the_merged_layers_under_its_key(
    tmp_path: Path, drawn: DrawnConfig
) -> None:
    """S5.4: `data1`, `data2`, ... outside, `seed40`, ... inside, in the order of the config; all else arrives plain."""
    expanded = expand(load_config(drawn.write(tmp_path)))
    for each in expanded.processes.values():
        loader = Loader()
        for part in receive(each, expanded, loader):
            keys = merged_keys(each, part.upstream, expanded)
            found = flat(part.whole(), len(keys))
            assert list(found) == list(itertools.product(*keys))
            outputs = flat(part.by_key()["from"], len(keys))
            assert {path: {"from": name} for path, name in outputs.items()} == found
        assert {name for name, _ in loader.asked} == set(each.upstream)
        for name, part in loader.asked:
            # A partition is asked of the splitter itself, and of nobody else (S3.4).
            assert (part is not None) == (expanded[name].process.split_data is not None)


def merged_keys(each: ExpandedProcess, upstream: str, expanded: ExpandedPipeline) -> list[list[str]]:
    """The keys of each layer that is merged between two processes, outermost first."""
    process, incoming, carried = each.process, expanded.incoming[each.process.name], expanded.outgoing[upstream]
    processes = expanded.pipeline.processes
    keys = []
    if process.aggregates.data and incoming.data and carried.data == incoming.data:
        split = processes[incoming.data[-1]].split_data
        assert split is not None
        keys.append([f"data{number + 1}" for number in range(split.count)])
    if process.aggregates.seeds and incoming.seeds and carried.seeds == incoming.seeds:
        fan = processes[incoming.seeds[-1]].split_seeds
        assert fan is not None
        keys.append([f"seed{seed}" for seed in fan.seeds])
    return keys


def flat(value: Any, depth: int) -> dict[tuple[str, ...], Any]:
    """Nested dicts as one, by path."""
    if depth == 0:
        return {(): value}
    return {(key, *path): leaf for key, inner in value.items() for path, leaf in flat(inner, depth - 1).items()}
