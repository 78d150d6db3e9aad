"""CodeLine configs: the valid ones load and expand, the broken ones give exactly their error, both print as YAML."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from pytest_expops import ConfigError, expand, load_config
from tests.hypothesis_profiles import examples
from tests.strategies.broken import DEFECTS, BrokenConfig, broken_pipelines
from tests.strategies.configs import DrawnConfig, pipelines

T = TypeVar("T")
# Each example overwrites one file in the folder, so that it may be shared.
laws = settings(deadline=None, max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])


def drawn(strategy: st.SearchStrategy[T], condition: Callable[[T], bool], *phases: Phase, tries: int = 400) -> T:
    """An example of which `condition` holds; the smallest, if shrinking is among the phases."""
    chosen = settings(max_examples=tries, derandomize=True, database=None, deadline=None, phases=phases)
    return find(strategy, condition, settings=chosen)


def splits(config: DrawnConfig, name: str) -> bool:
    return "size" in config.processes[name].get("data_parallelism", {})


def aggregates(config: DrawnConfig, name: str) -> bool:
    return "aggregation" in config.processes[name].get("data_parallelism", {})


def fans_out(config: DrawnConfig, name: str) -> bool:
    return "seeds" in config.processes[name].get("seed_parallelism", {})


@laws
@given(config=pipelines())
def test_a_drawn_pipeline_loads_and_expands(tmp_path: Path, config: DrawnConfig) -> None:
    """S1.4, S5.1: valid by construction, in either spelling, stacks that nest included."""
    pipeline = load_config(config.write(tmp_path))
    assert {each.name: set(each.upstream) for each in pipeline.processes.values()} == {
        name: {source for source, target in config.edges if target == name} for name in config.processes
    }
    assert max(len(expand(pipeline).of(name)) for name in config.processes) <= 60


@laws
@given(config=pipelines())
def test_what_is_drawn_is_what_is_loaded(tmp_path: Path, config: DrawnConfig) -> None:
    """S1.2: both spellings of one drawn config are one pipeline, with the splits and parameters that were drawn."""
    loaded = []
    for spelling in ("classic", "current"):
        pipeline = load_config(config.spelled(spelling).write(tmp_path))  # type: ignore[arg-type]
        loaded.append([(each.split_data, each.split_seeds, each.aggregates) for each in pipeline.processes.values()])
        assert pipeline.parameters == config.parameters
        for name, body in config.processes.items():
            process, data, seeds = (
                pipeline.processes[name],
                body.get("data_parallelism", {}),
                body.get("seed_parallelism", {}),
            )
            size = process.split_data.size if process.split_data else None
            assert (list(size) if isinstance(size, tuple) else size) == data.get("size")
            assert (list(process.split_seeds.seeds) if process.split_seeds else None) == seeds.get("seeds")
            assert process.aggregates.data == ("aggregation" in data)
            assert process.aggregates.seeds == ("aggregation" in seeds)
            assert process.parameters == body.get("hyperparameters", {})
    assert loaded[0] == loaded[1]


WANTED: dict[str, Callable[[DrawnConfig], bool]] = {
    "layers of one kind, one in the other": lambda config: any(
        splits(config, one) and splits(config, other) and not aggregates(config, other) for one, other in config.edges
    ),
    "both kinds": lambda config: any(splits(config, one) and fans_out(config, two) for one, two in config.edges),
    "a split merged": lambda config: any(splits(config, one) and aggregates(config, two) for one, two in config.edges),
    "merged and split again": lambda config: any(
        splits(config, one) and splits(config, two) and aggregates(config, two) for one, two in config.edges
    ),
    "several upstream": lambda config: len({target for _, target in config.edges}) < len(config.edges),
    "several downstream": lambda config: len({source for source, _ in config.edges}) < len(config.edges),
    "row counts": lambda config: any(
        isinstance(body.get("data_parallelism", {}).get("size"), list) for body in config.processes.values()
    ),
}


def test_all_that_a_pipeline_may_have_is_drawn() -> None:
    """The strategy cannot pass its tests by drawing nothing but lone processes."""
    met: set[str] = set()

    @settings(max_examples=250, derandomize=True, database=None, phases=[Phase.generate])
    @given(config=pipelines())
    def look(config: DrawnConfig) -> None:
        met.update(name for name, holds in WANTED.items() if holds(config))

    look()
    assert met == {*WANTED}


def test_a_counterexample_is_small_and_prints_as_yaml() -> None:
    """Shrinking gives the fewest processes, and the fewest partitions, of which two things hold."""
    found = drawn(
        pipelines(spelling="classic", max_processes=3), WANTED["a split merged"], Phase.generate, Phase.shrink
    )
    assert repr(found) == (
        "# a drawn config\n"
        "model:\n"
        "  parameters:\n"
        "    custom_script_path: models/model.py\n"
        "    hyperparameters: {}\n"
        "    pipeline:\n"
        "      process_adjlist: |\n"
        "        a b\n"
        "      processes:\n"
        "      - name: a\n"
        "        data_parallelism:\n"
        "          size: 1\n"
        "      - name: b\n"
        "        data_parallelism:\n"
        "          aggregation: true\n"
    )
    assert yaml.safe_load(repr(found)) == yaml.safe_load(found.yaml)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_broken_pipeline_gives_its_one_error(tmp_path: Path, defect: str) -> None:
    """S1.4: whatever stands around the defect, there is one problem, and it is the expected one."""

    @settings(laws, max_examples=examples(8))
    @given(config=broken_pipelines(defects=[defect]))
    def law(config: BrokenConfig) -> None:
        path = config.write(tmp_path)
        with pytest.raises(ConfigError) as caught:
            expand(load_config(path))
        (problem,) = caught.value.problems
        assert re.fullmatch(config.pattern, problem.message)
        assert problem.location is not None
        assert config.defect == defect

    law()


def test_defects_of_all_kinds_are_drawn_and_printed() -> None:
    seen: dict[str, str] = {}

    @settings(derandomize=True, max_examples=examples(60), database=None)
    @given(config=broken_pipelines())
    def look(config: BrokenConfig) -> None:
        seen[config.defect] = repr(config)

    look()
    assert len(seen) > len(DEFECTS) / 2
    for defect, printed in seen.items():
        assert printed.startswith(f"# a drawn config; its defect: {defect}\nmodel:\n")


def test_bounds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="max_processes=9; expected 1 to 8"):
        pipelines(max_processes=9)
    with pytest.raises(ValueError, match=r"no such defect: \['typo'\]; expected own upstream, cycle"):
        broken_pipelines(defects=["typo"])
