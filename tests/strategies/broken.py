"""Random pipelines with one defect each, and the error that it must give: for tests of what reads configs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.strategies.configs import DrawnConfig, pipelines

__all__ = ["DEFECTS", "BrokenConfig", "broken_pipelines"]


@dataclass(frozen=True, repr=False)
class BrokenConfig:
    """The text of a config that cannot be run, for one reason.

    `defect` is its kind; loading and expanding raise `ConfigError` with a single problem, whose message `pattern`
    (a regular expression) matches whole.
    """

    text: str
    defect: str
    pattern: str

    def write(self, folder: Path, name: str = "project_config.yaml") -> Path:
        """Write the config file into `folder`, and return its path."""
        path = folder / name
        path.write_text(self.text, encoding="utf-8")
        return path

    def __repr__(self) -> str:
        return f"# a drawn config; its defect: {self.defect}\n{self.text}"


def broken_pipelines(*, defects: Collection[str] | None = None) -> st.SearchStrategy[BrokenConfig]:
    """Configs with exactly one defect, of one of the kinds `defects`; by default of any in `DEFECTS`.

    They shrink to the defect and nothing else. Raises ValueError for a kind that is not known.
    """
    unknown = {*(defects or ())} - {*DEFECTS}
    if unknown or (defects is not None and not defects):
        raise ValueError(
            f"broken_pipelines: no such defect: {sorted(unknown) or 'none'}; expected {', '.join(DEFECTS)}"
        )
    chosen = DEFECTS if defects is None else [each for each in DEFECTS if each in defects]
    return st.sampled_from(chosen).flatmap(lambda defect: _broken(defect))


@st.composite
def _broken(draw: st.DrawFn, defect: str) -> BrokenConfig:
    config = draw(pipelines(max_processes=4, spelling="classic"))
    text, pattern = _DEFECTS[defect](draw, config)
    return BrokenConfig(text, defect, pattern)


Made = tuple[str, str]
"""The text of the config, and the pattern of the message."""
Body = Mapping[str, Any]


def _with(
    config: DrawnConfig, processes: Mapping[str, Body] | None = None, edges: Collection[tuple[str, str]] = ()
) -> str:
    """The config with more processes and edges; none of the names here is one that `pipelines` gives."""
    more = replace(config, edges=(*config.edges, *edges), processes={**config.processes, **(processes or {})})
    return more.yaml


def _any(draw: st.DrawFn, config: DrawnConfig) -> str:
    return draw(st.sampled_from(sorted(config.processes)))


def _cycle(draw: st.DrawFn, config: DrawnConfig) -> Made:
    known = _any(draw, config)
    first, second = sorted([known, "loop"])
    edges = [(known, "loop"), ("loop", known)]
    return _with(config, {"loop": {}}, edges), re.escape(
        f"the processes form a cycle: `{first} -> {second} -> {first}`"
    )


def _own_upstream(draw: st.DrawFn, config: DrawnConfig) -> Made:
    name = _any(draw, config)
    pattern = re.escape(f"process `{name}` is its own upstream: `{name} -> {name}`")
    return _with(config, edges=[(name, name)]), pattern


def _unknown_process(draw: st.DrawFn, config: DrawnConfig) -> Made:
    edge = draw(st.permutations([_any(draw, config), "ghost"]))
    message = "`process_adjlist` names the process `ghost`, which `processes` does not define"
    return _with(config, edges=[(edge[0], edge[1])]), re.escape(message)


def _defined_twice(draw: st.DrawFn, config: DrawnConfig) -> Made:
    name = _any(draw, config)
    # The list of processes is what the text ends with, so that one more item can be added to it.
    text = f"{config.yaml}      - name: {name}\n"
    return text, re.escape(f"process `{name}` is defined twice; first at ") + r".+:\d+:\d+"


def _in_splitter(config: DrawnConfig, body: Body, pattern: str) -> Made:
    return _with(config, {"fork": body, "leaf": {}}, [("fork", "leaf")]), pattern


def _bad_size(draw: st.DrawFn, config: DrawnConfig) -> Made:
    size = draw(st.sampled_from([0, -1, "three", 1.5, True, [], [2, -1]]))
    found = r"process `fork`: `size` is (the number|the text|the truth value|an empty list)( `.+`)?; expected .+"
    return _in_splitter(config, {"data_parallelism": {"size": size}}, found)


def _repeated_seed(draw: st.DrawFn, config: DrawnConfig) -> Made:
    seed = draw(st.integers(-2, 9))
    pattern = re.escape(f"process `fork`: the seed `{seed}` is given twice; first at ") + r".+:\d+:\d+"
    return _in_splitter(config, {"seed_parallelism": {"seeds": [seed, 77, seed]}}, pattern)


def _bad_seed(draw: st.DrawFn, config: DrawnConfig) -> Made:
    seed = draw(st.sampled_from([1.5, "one", True, None]))
    found = r"process `fork`: `seeds` is (the number|the text|the truth value|nothing)( `.+`)?; expected .+"
    return _in_splitter(config, {"seed_parallelism": {"seeds": [seed]}}, found)


_PARTITIONS: Body = {"data_parallelism": {"size": 2}}
_SEEDS: Body = {"seed_parallelism": {"seeds": [3]}}


def _stacks_do_not_nest(draw: st.DrawFn, config: DrawnConfig) -> Made:
    body, what = draw(st.sampled_from([(_PARTITIONS, "data"), (_SEEDS, "seed")]))
    edges = draw(st.permutations([("fork", "join"), ("other", "join")]))
    message = f"process `join` brings together the split `fork` and the split `other`; these {what} splits do not nest"
    return _with(config, {"fork": body, "other": body, "join": {}}, edges), re.escape(message)


def _name_of_a_duplicate(draw: st.DrawFn, config: DrawnConfig) -> Made:
    body, name = draw(st.sampled_from([(_PARTITIONS, "leaf_1"), (_SEEDS, "leaf_seed3")]))
    text = _with(config, {"fork": body, "leaf": {}, name: {}}, [("fork", "leaf")])
    return text, re.escape(f"process `{name}` has the name that a duplicate of process `leaf` gets")


def _unusable_name(draw: st.DrawFn, config: DrawnConfig) -> Made:
    name = draw(st.sampled_from(["a b", "x[1]", "x::y", "x/y", "#x"]))
    return _with(config, {name: {}}), re.escape(f"the process name {name!r} cannot be used; expected ") + ".+"


def _key_given_twice(draw: st.DrawFn, config: DrawnConfig) -> Made:
    return f"{config.yaml}model: {{}}\n", r".*`model`.*first at .+:\d+:\d+.*"


_DEFECTS: Mapping[str, Callable[[st.DrawFn, DrawnConfig], Made]] = {
    "own upstream": _own_upstream,
    "cycle": _cycle,
    "unknown process": _unknown_process,
    "process defined twice": _defined_twice,
    "size that is none": _bad_size,
    "seed given twice": _repeated_seed,
    "seed that is none": _bad_seed,
    "stacks that do not nest": _stacks_do_not_nest,
    "name of a duplicate": _name_of_a_duplicate,
    "unusable name": _unusable_name,
    "key given twice": _key_given_twice,
}
DEFECTS: tuple[str, ...] = tuple(_DEFECTS)
"""The kinds of defect that `broken_pipelines` knows."""
