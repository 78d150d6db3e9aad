"""What a process may declare besides its function and its splits: renamings, metrics, a component, a chart's probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_expops.errors import Location


@dataclass(frozen=True, slots=True)
class Renames:
    """Other names for what goes in and out.

    `inputs` maps the name that the function or component uses to the upstream key that it gets; `outputs` maps a
    key that it returns to the key under which downstream finds it.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeclaredMetric:
    """A metric that the config declares: a key of the result as it is, or a function of inputs and outputs.

    Exactly one of `from_result` and `function` is given. `inputs` maps arguments of the function to keys, `parameters`
    its other arguments to values.
    """

    name: str
    from_result: str | None = None
    function: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class IterativeLogging:
    """Have an estimator that trains in iterations log a reading for each, under `metric_name`."""

    metric_name: str


@dataclass(frozen=True, slots=True)
class ComponentRef:
    """A built-in process by name, ``LIBRARY.OPERATION``: `sklearn.train_test_split`."""

    library: str
    operation: str
    iterative_logging: IterativeLogging | None = None
    location: Location | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """As in a config: ``LIBRARY.OPERATION``."""
        return f"{self.library}.{self.operation}"


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart reads: `probes` maps its own keys to probe paths. A dynamic chart is drawn by a browser."""

    probes: Mapping[str, str] = field(default_factory=dict)
    dynamic: bool = False
