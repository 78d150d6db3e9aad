"""What a finished, or not yet finished, pipeline gives to a test: outputs and metrics by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.calls.inputs import Outputs
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.variations.variation import Sizes, Variation
from pytest_expops.execution.variations.varied_session import VariedSession
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.wording import did_you_mean, listed

if TYPE_CHECKING:
    import pandas as pd


class UnknownProcess(ExpopsError, KeyError):
    """No process of that name in the pipelines of this session."""

    __str__ = ExpopsError.__str__


class Results:
    """The run of the configured pipelines: ``expops["evaluate_1_seed40"]`` is that process's output dict.

    Asking for outputs runs whatever is needed and has not been run, here or by another worker. Each call gives a copy
    of its own. With several configs a name must be in only one of them; ``expops.config("other.yaml")`` narrows to one.
    """

    def __init__(self, sessions: Sequence[PipelineSession | VariedSession]) -> None:
        self._sessions = tuple(sessions)

    def __getitem__(self, name: str) -> Outputs:
        """Return the output dict of the expanded process `name`; a base name will do where it has not been duplicated.

        Raises:
            UnknownProcess: no such process, or it is in more than one config.
            NotPassed: it failed, or something upstream of it did.
        """
        __tracebackhide__ = True
        return self._holding(name).outputs(name)

    def __contains__(self, name: object) -> bool:
        return any(name in session.expanded.processes for session in self._sessions)

    def outputs(self, base_name: str) -> dict[str, Outputs]:
        """Return the outputs of each expanded process of a configured one, by expanded name, in topological order."""
        __tracebackhide__ = True
        session = self._configuring(base_name)
        return {each.name: session.outputs(each.name) for each in session.expanded.of(base_name)}

    def metrics(self, base_name: str) -> pd.DataFrame:
        """Return the numbers that a process logged, one row per (partition, seed, metric, step).

        Columns: `process` (expanded name, str), `partition` and `seed` (nullable Int64, or int where one has more than
        64 bits: the innermost layer's; a tuple of all layers where there are several), `metric` (str;
        ``step_name/metric`` where logged in a `@step`), `step` (int) and `value` (float). Metrics that are no numbers
        are left out.
        """
        __tracebackhide__ = True
        import pandas as pd

        session = self._configuring(base_name)
        rows: list[tuple[Any, ...]] = []
        for each in session.expanded.of(base_name):
            session.outputs(each.name)
            for metric in session.record(each.name).metrics:
                if metric.step is not None:
                    name = f"{metric.source}/{metric.name}" if metric.source else metric.name
                    place = _coordinate(each.partitions), _coordinate(each.seeds)
                    rows.append((each.name, *place, name, metric.step, float(metric.value)))
        frame = pd.DataFrame(rows, columns=["process", "partition", "seed", "metric", "step", "value"])
        for column in ("partition", "seed"):
            if frame[column].map(_fits).all():
                frame[column] = frame[column].astype("Int64")
        return frame.astype({"step": "int64", "value": "float64"})

    def run(
        self,
        upto: str | None = None,
        *,
        partitions: Mapping[str, Sizes] | None = None,
        seeds: Mapping[str, int | Iterable[int]] | None = None,
        outputs: Mapping[str, Outputs] | None = None,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        base_seed: int | None = None,
    ) -> Results:
        """Run a variation of the configured pipeline here and in memory, and return its results.

        What the variation does not touch is the session's own and is run once; the session's records and files stay as
        they are. Processes are seeded and isolated as ever, and raise here what they raise.

        Args:
            upto: a process, expanded or not: what it needs is run, and the rest when it is asked for; by default
                all that the variation touches.
            partitions: `data_parallelism.size` by process: ``{"feature_engineering": [50, 40]}``.
            seeds: `seed_parallelism.seeds` by process: ``{"train": [1, 2]}``.
            outputs: what replaces the outputs of a process, which is not run then: by process, or by expanded
                process for a single duplicate.
            parameters: hyperparameters by process, laid over its own; under ``"*"`` over those of the pipeline.
            base_seed: the seed of all processes without a seed layer.

        Raises:
            VariationError: the pipeline cannot be varied so.
            ConfigError: the varied pipeline cannot be expanded.
            NotPassed: a process that the variation leaves alone did not pass.
            UnknownProcess: there is no process `upto`, or it is in more than one config.
            Exception: whatever a varied process raises.
        """
        __tracebackhide__ = True
        variation = Variation.of(
            partitions=partitions, seeds=seeds, outputs=outputs, parameters=parameters, base_seed=base_seed
        )
        session = self._mentioning([*variation.mentioned, *([] if upto is None else [upto])])
        base = session if isinstance(session, PipelineSession) else session.base
        earlier = Variation() if isinstance(session, PipelineSession) else session.variation
        varied = VariedSession(base, variation.over(earlier))
        results = Results([varied])
        if upto is None or upto in varied.expanded.processes:
            names = varied.touched if upto is None else [upto]
        else:
            names = [each.name for each in results._configuring(upto).expanded.of(upto)]
        for name in names:
            varied.record(name)
        return results

    def _mentioning(self, names: Sequence[str]) -> PipelineSession | VariedSession:
        """Return the one pipeline that has these processes, or any of them."""
        __tracebackhide__ = True
        if len(self._sessions) == 1:
            return self._sessions[0]
        found = [
            each
            for each in self._sessions
            if any(name in each.expanded.pipeline.processes or name in each.expanded.processes for name in names)
        ]
        if len(found) == 1:
            return found[0]
        if not self._sessions or (names and not found):
            raise self._unknown(names[0] if names else "to be varied", [])
        hint = "narrow to one with expops.config('name_of_config.yaml').run(...)"
        raise UnknownProcess(f"which of the configs is to be varied? {self._paths()}", hint=hint)

    def expanded(self, base_name: str) -> ExpandedPipeline:
        """Return the expanded pipeline that has this process, as it is configured, or varied by `run`.

        Raises:
            UnknownProcess: no such process, or it is in more than one config.
        """
        __tracebackhide__ = True
        return self._configuring(base_name).expanded

    def config(self, path: str) -> Results:
        """Only the pipeline of one config, named by the end of its path.

        Raises:
            UnknownProcess: no config, or more than one, ends like that.
        """
        found = [each for each in self._sessions if str(each.expanded.pipeline.path).endswith(path)]
        if len(found) != 1:
            raise UnknownProcess(f"{len(found)} of the configs end in {path!r}: {self._paths()}")
        return Results(found)

    def _holding(self, name: str) -> PipelineSession | VariedSession:
        __tracebackhide__ = True
        found = [each for each in self._sessions if name in each.expanded.processes]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise self._ambiguous(name)
        duplicates = [each.name for session in self._sessions for each in session.expanded.of(name)]
        if duplicates:
            raise UnknownProcess(
                f"`{name}` is duplicated per partition or seed: {listed(duplicates, 8, quote='`')}",
                process=name,
                hint=f"name one of them, or use outputs({name!r}) for all",
            )
        known = [each for session in self._sessions for each in session.expanded.processes]
        raise self._unknown(name, known)

    def _configuring(self, base_name: str) -> PipelineSession | VariedSession:
        __tracebackhide__ = True
        found = [each for each in self._sessions if base_name in each.expanded.pipeline.processes]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise self._ambiguous(base_name)
        known = [each for session in self._sessions for each in session.expanded.pipeline.processes]
        raise self._unknown(base_name, known)

    def _ambiguous(self, name: str) -> UnknownProcess:
        hint = "narrow to one with expops.config('name_of_config.yaml')"
        return UnknownProcess(f"`{name}` is in several configs: {self._paths()}", process=name, hint=hint)

    def _unknown(self, name: str, known: list[str]) -> UnknownProcess:
        if not self._sessions:
            hint = "no pipeline is configured: give --expops-config PATH, or set expops_config in the ini file"
        elif name in self:
            hint = f"that is an expanded process: use expops[{name!r}]"
        else:
            hint = did_you_mean(name, known, most=3) or f"there are: {listed(known, 8, quote='`')}"
        return UnknownProcess(f"no process is called `{name}`", process=name, hint=hint)

    def _paths(self) -> str:
        return ", ".join(str(each.expanded.pipeline.path) for each in self._sessions) or "none"


def _fits(coordinate: Any) -> bool:
    """Return whether one is a single number of 64 bits, or none."""
    return not isinstance(coordinate, tuple) and (coordinate is None or abs(coordinate) < 2**63)


def _coordinate(layers: tuple[int, ...]) -> int | tuple[int, ...] | None:
    if len(layers) > 1:
        return layers
    return layers[0] if layers else None
