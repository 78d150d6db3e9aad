"""The in-memory pipeline: what both spellings of a config become. Frozen, and without behaviour of its own."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pytest_expops.errors import Location, Problem
from pytest_expops.pipeline.declarations import Chart, ComponentRef, DeclaredMetric, Renames

__all__ = [
    "Aggregates",
    "CallRule",
    "Checked",
    "CodeRef",
    "DataSplit",
    "ExpandedPipeline",
    "ExpandedProcess",
    "FunctionCheck",
    "Kind",
    "Layers",
    "Location",
    "Pipeline",
    "Process",
    "Property",
    "SeedClaims",
    "SeedSplit",
    "Tolerance",
    "module_of",
]


class CallRule(enum.Enum):
    """How the calling style of a function is settled, once its signature is known (S2.2)."""

    CLASSIC_FIRST = "classic first"
    """Called classically if it declares only classic names, else by name."""
    BY_NAME_FIRST = "by name first"
    """Called by name, unless it declares only classic names of which none is an upstream key or a parameter."""


class Kind(enum.Enum):
    """What a process is."""

    FUNCTION = "function"
    CHART = "chart"
    COMPONENT = "component"
    """Made by a library of components instead of a script."""
    CALL = "call"
    """A function that a test hands over with its arguments, without a config."""
    PASS_THROUGH = "pass-through"
    """A functionless split (S1.2): the script's function of its name if there is one, else its merged inputs."""


@dataclass(frozen=True, slots=True)
class CodeRef:
    """A function by name in a script, or in a module that can be imported.

    `script` is a key of `Pipeline.scripts`, or the dotted name of a module and a colon, which no key ends in.
    """

    script: str
    function: str
    location: Location | None = field(default=None, compare=False)

    @property
    def module(self) -> str:
        """The dotted name of the module; empty for a function of a script."""
        return module_of(self.script)


def module_of(script: str) -> str:
    """Return the dotted name of the module that `CodeRef.script` stands for; empty where it is the key of a script."""
    return script[:-1] if script.endswith(":") else ""


@dataclass(frozen=True, slots=True)
class DataSplit:
    """A split of rows into partitions: a number of partitions, or the row count of each (S3.1)."""

    size: int | tuple[int, ...]
    data_name: str = "data"
    location: Location | None = field(default=None, compare=False)

    @property
    def count(self) -> int:
        """The number of partitions."""
        return self.size if isinstance(self.size, int) else len(self.size)


@dataclass(frozen=True, slots=True)
class SeedSplit:
    """A fan-out over random seeds, in config order (S4.1); of the process itself too, where `of_itself` (S4.4)."""

    seeds: tuple[int, ...]
    of_itself: bool = False
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Which kinds of layer a process merges: the latest of each (S5.3)."""

    data: bool = False
    seeds: bool = False

    def __bool__(self) -> bool:
        return self.data or self.seeds


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Two numbers are close if ``|expected - obtained| <= atol + rtol * |expected|`` (as `numpy.isclose`)."""

    rtol: float = 0.0
    atol: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether it grants nothing."""
        return self.rtol == 0.0 and self.atol == 0.0


@dataclass(frozen=True, slots=True)
class SeedClaims:
    """What is claimed of one metric of a process over its seeds.

    `metric` is a logged one, ``step_name/metric`` where it is logged in a `@step`, or a scalar output, ``key`` or
    ``key.subkey``. `bounds` are by name, such as ``max_std``. They hold for each ``partition``, or for the means over
    ``all``; with `confidence`, together with every other claim of the config. `better`, ``higher`` or ``lower``, has
    the seeds compared with the baseline's, where differences up to `margin` do not matter.
    """

    metric: str
    bounds: Mapping[str, float]
    over: Literal["partition", "all"] = "partition"
    confidence: float = 0.95
    better: Literal["higher", "lower"] | None = None
    margin: float = 0.0
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Property:
    """A law that is checked on a process, with options for the function of that name in `pytest_expops.laws`."""

    law: str
    options: Mapping[str, Any] = field(default_factory=dict)
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Process:
    """One process as configured; `upstream` are base names, sorted, so that writing order cannot matter.

    `parameters` are the process's own; the runner lays them over the pipeline's. `tolerances` maps an output key to
    its tolerance, ``None`` standing for every other key. `nondeterministic` is the reason for which differences
    between replays are expected (S7.3), `not_replayed` the reason for which it is not to be replayed at all (S7.1).
    `timeout` is how many seconds a run may take (S7.4), and `memory` how many bytes (S7.6). `resources`
    are what a worker of a cluster must have to run it, by name. `isolate` is whether its first run has a child
    of its own (S7.8). `stability` is what is claimed of its metrics over seeds, and `properties`
    are the laws that it is to keep. `chart` is what a chart reads, and None for what is none; a chart may be made by a
    component too.
    """

    name: str
    code: CodeRef
    upstream: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    split_data: DataSplit | None = None
    split_seeds: SeedSplit | None = None
    aggregates: Aggregates = Aggregates()
    kind: Kind = Kind.FUNCTION
    call_rule: CallRule = CallRule.CLASSIC_FIRST
    tolerances: Mapping[str | None, Tolerance] = field(default_factory=dict)
    nondeterministic: str | None = None
    not_replayed: str | None = None
    timeout: float | None = None
    memory: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    isolate: bool | None = None
    renames: Renames = field(default_factory=Renames)
    metrics: tuple[DeclaredMetric, ...] = ()
    component: ComponentRef | None = None
    chart: Chart | None = None
    stability: tuple[SeedClaims, ...] = ()
    properties: tuple[Property, ...] = ()
    location: Location | None = field(default=None, compare=False)


Checked = Literal["function", "test", "program"]
"""What is checked without a config: it is not called as a process is, and has no context, say."""


@dataclass(frozen=True, slots=True)
class FunctionCheck:
    """How a function is checked that a test hands over: plain data, from which every interpreter makes its pipeline.

    `source` is the file of the `function`. `folders` are where the user's own code is, the project's root first;
    `directory` is where it runs. `modules` are names and files of modules that are not found on the import path. The
    streams are seeded with each of the `seeds`, or with `seed` where there are none; if that is None, with nothing:
    they start somewhere else in each run, as in a program of its own. The first of the `seed_names` that the function
    has as a parameter gets the seed. `what` is checked decides which advice fits.

    Of a test, `test_files` are the conftest files above it, and its own; `rewritten` the packages whose assertions
    pytest rewrites when it imports them; `earlier` the tests that were run before its first run in the same
    interpreter, and `others` those that are run before a replay which varies the order. Both are processes of the
    pipeline.
    """

    name: str
    function: str
    source: str
    folders: tuple[str, ...]
    directory: str
    seed: int | None = 42
    seeds: tuple[int, ...] = ()
    rtol: float = 0.0
    atol: float = 0.0
    modules: tuple[tuple[str, str], ...] = ()
    seed_names: tuple[str, ...] = ()
    what: Checked = "function"
    test_files: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole config. `root`, `workspace` and `working_directory` are absolute (S1.1).

    `scripts` maps a key to the path as written, resolved against root, then workspace, where such a file exists, else
    against root. `processes` is keyed and sorted by name. `warnings` are problems that do not prevent a run.
    `document` is the whole config as plain data, for `context.global_config`. A pipeline that was made of a `check` has
    no config; `path` is its root then.
    """

    path: Path
    root: Path
    workspace: Path
    working_directory: Path
    scripts: Mapping[str, Path]
    base_seed: int
    parameters: Mapping[str, Any]
    processes: Mapping[str, Process]
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    check: FunctionCheck | None = None

    @property
    def project_id(self) -> str:
        """The name of the root folder, as in ExpOps."""
        return self.root.name


@dataclass(frozen=True, slots=True)
class Layers:
    """The open layers at a point of the pipeline, outermost first: the names of the processes that split."""

    data: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpandedProcess:
    """One process at one partition and seed.

    `partitions` counts from 1, one number per open data layer, outermost first; `seeds` holds one seed per open seed
    layer, outermost first. `upstream` are expanded names.
    """

    name: str
    process: Process
    partitions: tuple[int, ...]
    seeds: tuple[int, ...]
    upstream: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExpandedPipeline:
    """Every expanded process by name, in topological order.

    `layers` has, by base name, the layers that a process stands in (after what it aggregates, with the seeds that it
    has for itself); `incoming` those that reach it (before); `outgoing` those that its downstream stands in (after what
    it splits). `warnings` are those
    that only expansion can see (S4.4, S5.3).
    """

    pipeline: Pipeline
    processes: Mapping[str, ExpandedProcess]
    layers: Mapping[str, Layers]
    incoming: Mapping[str, Layers]
    outgoing: Mapping[str, Layers]
    warnings: tuple[Problem, ...] = ()

    def __getitem__(self, name: str) -> ExpandedProcess:
        return self.processes[name]

    def __len__(self) -> int:
        return len(self.processes)

    def of(self, base_name: str) -> tuple[ExpandedProcess, ...]:
        """Return the expanded processes of one configured process, in topological order."""
        return tuple(each for each in self.processes.values() if each.process.name == base_name)

    def ancestors(self, name: str) -> set[str]:
        """Return every expanded process upstream of `name`, near and far."""
        found: set[str] = set()
        waiting = [*self[name].upstream]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += self[each].upstream
        return found
