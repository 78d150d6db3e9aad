"""The laws of S3 to S5, over random pipelines."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pytest_expops import ConfigError, ExpandedPipeline, expand, load_config
from pytest_expops.pipeline.model import Layers, Process
from tests.hypothesis_profiles import examples
from tests.pipeline.config.configs import classic_document, expand_document, shape
from tests.strategies.configs import DrawnConfig, pipelines

# Each example overwrites one file in the folder, so that it may be shared.
laws = settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])


def _expanded(folder: Path, drawn: DrawnConfig) -> ExpandedPipeline:
    expanded = expand(load_config(drawn.write(folder)))
    event(f"{len(expanded) > len(expanded.pipeline.processes)}: something is duplicated")
    return expanded


def _outcome(folder: Path, drawn: DrawnConfig) -> ExpandedPipeline | ConfigError:
    try:
        return expand(load_config(drawn.write(folder)))
    except ConfigError as error:
        return error


def _reordered(drawn: DrawnConfig, draw: Any) -> DrawnConfig:
    """The same pipeline with its edges and its processes in another order, and an edge written twice."""
    edges = draw(st.permutations(drawn.edges))
    names = draw(st.permutations(sorted(drawn.processes)))
    return replace(drawn, edges=(*edges, *edges[:1]), processes={name: drawn.processes[name] for name in names})


def _with_stacks_that_do_not_nest(drawn: DrawnConfig) -> DrawnConfig:
    fork = {"data_parallelism": {"size": 2}}
    edges = (*drawn.edges, ("fork", "join"), ("other", "join"))
    return replace(drawn, edges=edges, processes={**drawn.processes, "fork": fork, "other": fork, "join": {}})


def _comparable(outcome: ExpandedPipeline | ConfigError) -> list[Any]:
    """All that expansion decides; of an error all but its places."""
    if isinstance(outcome, ConfigError):
        return sorted((problem.process or "", problem.message) for problem in outcome.problems)
    return shape(outcome)


def _choices(expanded: ExpandedPipeline, layers: Layers) -> tuple[list[int], list[tuple[int, ...]]]:
    processes = expanded.pipeline.processes
    sizes = [split.count for name in layers.data if (split := processes[name].split_data)]
    seeds = [split.seeds for name in layers.seeds if (split := processes[name].split_seeds)]
    assert (len(sizes), len(seeds)) == (len(layers.data), len(layers.seeds))
    return sizes, seeds


@laws
@given(drawn=pipelines())
def test_a_process_is_duplicated_by_the_product_of_its_open_layers_in_config_order(
    tmp_path: Path, drawn: DrawnConfig
) -> None:
    """S3.1, S4.1, S5.1: partitions vary slowest, outermost first, then seeds."""
    expanded = _expanded(tmp_path, drawn)
    for base, layers in expanded.layers.items():
        sizes, seeds = _choices(expanded, layers)
        duplicates = [(each.partitions, each.seeds) for each in expanded.of(base)]
        assert len(duplicates) == math.prod(sizes) * math.prod(map(len, seeds))
        partitions = itertools.product(*(range(1, size + 1) for size in sizes))
        assert duplicates == list(itertools.product(partitions, itertools.product(*seeds)))


@laws
@given(drawn=pipelines())
def test_names_are_unique_and_spell_out_the_coordinates(tmp_path: Path, drawn: DrawnConfig) -> None:
    """S5.2."""
    expanded = _expanded(tmp_path, drawn)
    for key, each in expanded.processes.items():
        suffix = "".join(f"_{i}" for i in each.partitions) + "".join(f"_seed{seed}" for seed in each.seeds)
        assert key == each.name == each.process.name + suffix
    assert {each.process.name for each in expanded.processes.values()} == set(drawn.processes)


@laws
@given(drawn=pipelines())
def test_every_upstream_exists_once_and_comes_before(tmp_path: Path, drawn: DrawnConfig) -> None:
    """S5.5, topological; and no edge of the config is lost."""
    expanded = _expanded(tmp_path, drawn)
    before: set[str] = set()
    for each in expanded.processes.values():
        assert len(set(each.upstream)) == len(each.upstream)
        assert before.issuperset(each.upstream)
        bases = [expanded[name].process.name for name in each.upstream]
        assert [base for base, _ in itertools.groupby(bases)] == sorted(each.process.upstream)
        before.add(each.name)


@laws
@given(drawn=pipelines())
def test_layers_open_below_a_split_and_the_latest_closes_at_an_aggregation(tmp_path: Path, drawn: DrawnConfig) -> None:
    """S5.1, S5.3, told independently of the implementation, kind by kind."""
    expanded = _expanded(tmp_path, drawn)
    for base, process in expanded.pipeline.processes.items():
        above = [expanded.outgoing[name] for name in process.upstream]
        for kind, collapses, splits in _kinds(process):
            stacks = [getattr(layers, kind) for layers in above]
            incoming = getattr(expanded.incoming[base], kind)
            assert incoming == max(stacks, key=len, default=())
            assert all(incoming[: len(stack)] == stack for stack in stacks)
            standing = incoming[:-1] if collapses else incoming
            assert getattr(expanded.layers[base], kind) == standing
            assert getattr(expanded.outgoing[base], kind) == (*standing, *([base] if splits else []))


def _kinds(process: Process) -> list[tuple[str, bool, bool]]:
    return [
        ("data", process.aggregates.data, process.split_data is not None),
        ("seeds", process.aggregates.seeds, process.split_seeds is not None),
    ]


@laws
@given(drawn=pipelines())
def test_upstream_is_all_that_agrees_on_the_shared_layers(tmp_path: Path, drawn: DrawnConfig) -> None:
    """S5.1, S5.4: fewer layers are broadcast, a collapsed one comes whole and in order, all else is one to one."""
    expanded = _expanded(tmp_path, drawn)
    for each in expanded.processes.values():
        wanted = []
        for base in sorted(each.process.upstream):
            for source in expanded.of(base):
                data = zip(source.partitions, each.partitions, strict=False)
                seeds = zip(source.seeds, each.seeds, strict=False)
                if all(one == other for one, other in [*data, *seeds]):
                    wanted.append(source.name)
        assert list(each.upstream) == wanted


@laws
@given(drawn=pipelines(), data=st.data())
def test_the_order_of_writing_changes_nothing(tmp_path: Path, drawn: DrawnConfig, data: st.DataObject) -> None:
    """S5.5, S5.1: neither what is expanded, nor, but for places, what is wrong with it."""
    for config in (drawn, _with_stacks_that_do_not_nest(drawn)):
        written = [_comparable(_outcome(tmp_path, each)) for each in (config, _reordered(config, data.draw))]
        assert written[0] == written[1]


@laws
@given(drawn=pipelines())
def test_both_spellings_expand_alike(tmp_path: Path, drawn: DrawnConfig) -> None:
    """S1.2."""
    classic, current = (_comparable(_outcome(tmp_path, drawn.spelled(each))) for each in ("classic", "current"))
    assert classic == current
    assert classic


@laws
@given(drawn=pipelines())
def test_expansion_is_a_function_of_the_pipeline(tmp_path: Path, drawn: DrawnConfig) -> None:
    """S5.5: expanding twice, or from another folder, gives the same names, and hands out equal objects."""
    expanded = _expanded(tmp_path, drawn)
    assert expand(expanded.pipeline) == expanded


@pytest.mark.parametrize("seed", [1, 2])
def test_expansion_does_not_depend_on_the_hash_seed(tmp_path: Path, seed: int) -> None:
    """S5.5, across interpreters: nothing iterates a set."""
    edges = "".join(f"s{i} m\nm t{i}\n" for i in range(20)) + "m split\nsplit a b c d\n"
    document = classic_document(edges, {"split": {"seed_parallelism": {"seeds": [3, 1, 2]}}})
    here = list(expand_document(tmp_path, document).processes)
    program = "import sys, pytest_expops as p; print(*p.expand(p.load_config(sys.argv[1])).processes)"
    there = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "p.yaml")],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.split() == here
