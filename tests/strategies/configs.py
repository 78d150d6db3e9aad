"""Random pipelines that are valid by construction: graphs with splits and aggregations anywhere, stacks that nest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from hypothesis import strategies as st

__all__ = ["NAMES", "DrawnConfig", "Edge", "Spelling", "pipelines"]

Edge = tuple[str, str]
Spelling = Literal["classic", "current"]

# Their alphabetical order is not the topological one, and none ends in what an expanded name ends in.
NAMES = ("a", "b", "zeta", "alpha", "mid", "Beta", "größe", "x-y")
_MOST_DUPLICATES = 60
"""Of one process: so that no example takes long to expand."""


@dataclass(frozen=True, repr=False)
class DrawnConfig:
    """A config: `edges` in the order of writing, and of each process the keys of its body, spelled classically.

    Its `repr` is its YAML, so that a counterexample can be saved as it is printed.
    """

    edges: tuple[Edge, ...]
    processes: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    spelling: Spelling = "classic"

    @property
    def adjacency(self) -> str:
        """The edges as `process_adjlist`: a line for each."""
        return "".join(f"{source} {target}\n" for source, target in self.edges)

    @property
    def document(self) -> dict[str, Any]:
        """The whole config as plain data, in its spelling (S1.2)."""
        pipeline: dict[str, Any] = {"process_adjlist": _Block(self.adjacency)}
        if self.spelling == "classic":
            pipeline["processes"] = [{"name": name, **body} for name, body in self.processes.items()]
            inner = {"custom_script_path": "models/model.py", "hyperparameters": dict(self.parameters)}
            return {"model": {"parameters": {**inner, "pipeline": pipeline}}}
        pipeline["processes"] = {name: _in_current(body) for name, body in self.processes.items()}
        experiment = {"parameters": {"parameters": dict(self.parameters)}, "pipeline": pipeline}
        return {"scripts": {"main": "models/model.py"}, "experiment": experiment}

    @property
    def yaml(self) -> str:
        """The text of the config file."""
        return yaml.dump(self.document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)

    def spelled(self, spelling: Spelling) -> DrawnConfig:
        """The same pipeline in one of the two spellings."""
        return replace(self, spelling=spelling)

    def write(self, folder: Path, name: str = "project_config.yaml") -> Path:
        """Write the config file into `folder`, and return its path. Its script is not written."""
        path = folder / name
        path.write_text(self.yaml, encoding="utf-8")
        return path

    def __repr__(self) -> str:
        return f"# a drawn config\n{self.yaml}"


def pipelines(
    *, max_processes: int = len(NAMES), spelling: Spelling | None = None, allow_empty: bool = True
) -> st.SearchStrategy[DrawnConfig]:
    """Configs that load and expand without an error, with up to `max_processes` processes.

    Splits and aggregations stand anywhere, also where they have no effect and are warned of. They shrink to a single
    process without either.

    Args:
        max_processes: the most processes, 1 to 8.
        spelling: ``"classic"`` or ``"current"``; by default either.
        allow_empty: whether `size` may ask for an empty partition.

    Raises:
        ValueError: `max_processes` is out of range.
    """
    if not 1 <= max_processes <= len(NAMES):
        raise ValueError(f"pipelines: max_processes={max_processes}; expected 1 to {len(NAMES)}")
    return _pipelines(max_processes, spelling, allow_empty)


@st.composite
def _pipelines(draw: st.DrawFn, max_processes: int, spelling: Spelling | None, allow_empty: bool) -> DrawnConfig:
    names = draw(st.permutations(NAMES[: draw(st.integers(1, max_processes))]))
    stacks: dict[str, _Stacks] = {}
    edges: list[Edge] = []
    bodies: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(names):
        # Few edges a process, mostly from the ones before: long chains, along which layers stack and nest.
        near = list(names[max(0, number - 3) : number])
        chosen = draw(st.lists(st.sampled_from(near), max_size=2, unique=True)) if near else []
        sources, incoming = _nesting(chosen, stacks)
        edges += [(source, name) for source in sources]
        bodies[name] = draw(_bodies(incoming, allow_empty))
        stacks[name] = incoming.after(name, bodies[name])
    return DrawnConfig(
        edges=tuple(draw(st.permutations(edges))),
        processes={name: bodies[name] for name in draw(st.permutations(names))},
        parameters=draw(st.dictionaries(st.sampled_from(["alpha_0", "epochs", "path"]), _VALUES, max_size=2)),
        spelling=spelling if spelling is not None else draw(_SPELLINGS),
    )


_SPELLINGS: st.SearchStrategy[Spelling] = st.sampled_from(("classic", "current"))
_VALUES = st.one_of(st.integers(0, 9), st.sampled_from([0.5, "text", None, True]), st.lists(st.integers(0, 3)))


@dataclass(frozen=True)
class _Stacks:
    """The open layers behind a process, as (splitter, how many duplicates it makes), outermost first."""

    data: tuple[tuple[str, int], ...] = ()
    seeds: tuple[tuple[str, int], ...] = ()

    def nests_with(self, other: _Stacks) -> bool:
        pairs = [(self.data, other.data), (self.seeds, other.seeds)]
        return all(one[: len(two)] == two[: len(one)] for one, two in pairs)

    def longer(self, other: _Stacks) -> _Stacks:
        return _Stacks(max(self.data, other.data, key=len), max(self.seeds, other.seeds, key=len))

    @property
    def duplicates(self) -> int:
        product = 1
        for _, count in (*self.data, *self.seeds):
            product *= count
        return product

    def after(self, name: str, body: Mapping[str, Any]) -> _Stacks:
        """What stands behind a process which these stacks reach (S5.3)."""
        data, seeds = body.get("data_parallelism", {}), body.get("seed_parallelism", {})
        partitions, fan_out = data.get("size"), seeds.get("seeds")
        count = partitions if isinstance(partitions, int) else len(partitions or ())
        return _Stacks(
            (self.data[:-1] if "aggregation" in data else self.data) + (((name, count),) if count else ()),
            (self.seeds[:-1] if "aggregation" in seeds else self.seeds) + (((name, len(fan_out)),) if fan_out else ()),
        )


def _nesting(chosen: list[str], stacks: Mapping[str, _Stacks]) -> tuple[list[str], _Stacks]:
    """Those of the chosen upstream processes whose stacks nest (S5.1), and the longest of these stacks."""
    sources: list[str] = []
    incoming = _Stacks()
    for source in chosen:
        if incoming.nests_with(stacks[source]):
            sources.append(source)
            incoming = incoming.longer(stacks[source])
    return sources, incoming


@st.composite
def _bodies(draw: st.DrawFn, incoming: _Stacks, allow_empty: bool) -> dict[str, Any]:
    room = _MOST_DUPLICATES // incoming.duplicates
    data: dict[str, Any] = {}
    if room >= 3 and draw(st.integers(0, 3)) == 1:
        data["size"] = draw(st.integers(1, 3) | st.lists(st.integers(int(not allow_empty), 4), min_size=1, max_size=3))
        if draw(st.booleans()):
            data["data_name"] = "df"
    if draw(st.integers(0, 4)) == 1:
        data["aggregation"] = True
    seeds: dict[str, Any] = {}
    if room >= 9 and draw(st.integers(0, 3)) == 1:
        seeds["seeds"] = draw(st.lists(st.integers(-3, 50), min_size=1, max_size=3, unique=True))
    if draw(st.integers(0, 4)) == 1:
        seeds["aggregation"] = True
    sections = {"data_parallelism": data, "seed_parallelism": seeds}
    body = {key: section for key, section in sections.items() if section}
    if draw(st.integers(0, 4)) == 1:
        body["hyperparameters"] = draw(st.dictionaries(st.sampled_from(["alpha_0", "depth"]), _VALUES, max_size=2))
    return body


def _in_current(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a process in the current spelling (S1.2)."""
    result: dict[str, Any] = {}
    for key, value in body.items():
        if key not in ("data_parallelism", "seed_parallelism"):
            result["parameters" if key == "hyperparameters" else key] = value
            continue
        section = {name: each for name, each in value.items() if name != "aggregation"}
        if "aggregation" in value:
            result[f"{key.partition('_')[0]}_aggregation"] = value["aggregation"]
        if section:
            result[key] = section
    return result


class _Block(str):
    """Text that is written as a literal block, as the adjacency list mostly is."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Without anchors: a config that repeats a value says it twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    _Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), "|" if text else "''")
)
