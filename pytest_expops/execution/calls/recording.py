"""What one run of a process leaves behind besides its outputs: its steps, in call order, and its metrics."""

from __future__ import annotations

import operator
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_expops.bounds import NUMBERS
from pytest_expops.execution.seeding.task_seeds import seeded, task_seed
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.wording import shown


class StepResults(Protocol):
    """What keeps the results of steps for the rest of the process: its context."""

    def remember_step(self, name: str, result: Any) -> None:
        """Keep what the step `name` has returned."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One value. `step` numbers the readings of a series, and is None where the value is no number.

    `source` is the path of the `@step` function it was logged in, ``a/b`` if nested, and None outside steps.
    """

    name: str
    value: Any
    step: int | None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a `@step` function. `call` counts from 1 per name; `parent` is the enclosing step's path."""

    name: str
    call: int
    parent: str | None
    task_seed: int
    seconds: float
    outcome: str


class Recorder:
    """Collects the steps and metrics of the process that is running. Steps may run in threads of the process."""

    def __init__(self, process: str, seed: int, context: StepResults | None = None) -> None:
        self.process = process
        self.seed = seed
        self.context = context
        self._metrics: dict[tuple[str | None, str, int | None], Metric] = {}
        self._steps: list[Step | None] = []
        self._calls: Counter[str] = Counter()
        self._highest: dict[tuple[str | None, str], int] = {}
        self._lock = threading.Lock()
        self._open = threading.local()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The finished steps, in the order in which they were called."""
        return tuple(step for step in self._steps if step is not None)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics, in the order in which each was first logged."""
        return tuple(self._metrics.values())

    @property
    def innermost_step(self) -> str | None:
        """The name of the step that is running in this thread, if any."""
        path: list[str] = getattr(self._open, "path", [])
        return path[-1] if path else None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Seed and record one call of the step `name`."""
        with self._lock:
            self._calls[name] += 1
            call = self._calls[name]
            slot = len(self._steps)
            self._steps.append(None)
        parents: list[str] = self._open.__dict__.setdefault("path", [])
        parent = "/".join(parents) or None
        seed = task_seed(self.seed, self.process, name, call)
        started, outcome = UNPATCHED.perf_counter(), "failed"
        parents.append(name)
        try:
            with seeded(seed):
                yield
            outcome = "passed"
        finally:
            parents.pop()
            self._steps[slot] = Step(name, call, parent, seed, UNPATCHED.perf_counter() - started, outcome)

    def log_metric(self, name: str, value: Any, step: int | None) -> None:
        """Record a value that `check_metric` has passed."""
        source = "/".join(getattr(self._open, "path", ())) or None
        with self._lock:
            if type(value) in (int, float):
                highest = self._highest.get((source, name))
                if step is None:
                    step = 1 if highest is None else highest + 1
                self._highest[source, name] = step if highest is None else max(highest, step)
            else:
                step = None
            self._metrics[source, name, step] = Metric(name, value, step, source)


def check_metric(name: object, value: Any, step: object) -> tuple[str, Any, int | None]:
    """Return the arguments of `log_metric` as plain Python; numbers as int or float.

    Raises:
        TypeError: the name is no text, the step no int, or the value nothing that JSON can hold.
    """
    if not issubclass(type(name), str) or not (name := str.__str__(name)):
        raise TypeError(f"log_metric: the name of a metric is non-empty text, not {name!r}")
    number: int | None = None
    if step is not None:
        try:
            number = operator.index(step)  # type: ignore[arg-type]
        except TypeError:
            raise TypeError(f"log_metric({name!r}): step is an int or None, not {shown(step)}") from None
        if NUMBERS["step"].read(number) is None:
            raise TypeError(f"log_metric({name!r}): step is {NUMBERS['step'].expected}, not {shown(step)}")
    return name, _plain(name, value, DEEPEST), number


def _writable(metric: str, value: int) -> int:
    """Check that a float can hold a whole number, as those who read metrics expect."""
    if NUMBERS["metric"].read(value) is None:
        raise TypeError(f"log_metric({metric!r}): the value is {NUMBERS['metric'].expected}, not {shown(value)}")
    return value


DEEPEST = 100
"""A metric is a container of containers at most so often, so that any worker can read its record."""


_PLAIN: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
)


def _plain(metric: str, value: Any, deep: int) -> Any:
    """Return `value` as what JSON can hold, whatever its class says of itself; containers in containers `deep` times.

    What the class defines may raise anything.
    """
    kind = type(value)
    if kind in (float, str, type(None)):
        return value
    for plain, taken in _PLAIN:
        if issubclass(kind, plain):
            found = taken(value)
            return _writable(metric, found) if plain is int else found
    if not deep:
        raise TypeError(f"log_metric({metric!r}): the value is nested more than {DEEPEST} deep")
    if issubclass(kind, dict):
        return {str.__str__(str(key)): _plain(metric, each, deep - 1) for key, each in value.items()}
    if issubclass(kind, (list, tuple)):
        return [_plain(metric, each, deep - 1) for each in value]
    for convert in ("tolist", "numpy", "__float__"):
        if hasattr(value, convert):
            converted = getattr(value, convert)()
            if type(converted) is not kind:  # as NumPy's longdouble is: no Python number holds it
                return _plain(metric, converted, deep - 1)
    raise TypeError(f"log_metric({metric!r}): the value is a number or what JSON can hold, not {kind.__qualname__}")


# One process runs at a time in an interpreter, but it may log from threads of its own, which a ContextVar
# would not reach.
_current: Recorder | None = None


def current() -> Recorder | None:
    """Return the recorder of the process that is running in this interpreter, if any."""
    return _current


def innermost_step() -> str | None:
    """Return the name of the step that is running in this thread, if any."""
    return _current.innermost_step if _current is not None else None


def log_metric(name: object, value: Any, step: object = None) -> None:
    """Check a metric and, while a process is running, record it.

    Raises:
        TypeError: as `check_metric`.
    """
    checked = check_metric(name, value, step)
    if _current is not None:
        _current.log_metric(*checked)


@contextmanager
def recording_to(recorder: Recorder) -> Iterator[Recorder]:
    """Make `recorder` the current one."""
    global _current
    previous, _current = _current, recorder
    try:
        yield recorder
    finally:
        _current = previous
