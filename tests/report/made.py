"""Reports made by hand, for tests of what is made from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_expops.report.model import (
    CheckResult,
    Explanation,
    GraphNode,
    Judgement,
    MetricSeries,
    OutputFacts,
    PipelineFacts,
    Report,
    SessionFacts,
    SharedCause,
    ShownDifference,
    ShownLine,
    State,
    Subject,
)

CONFIG = "configs/project_config.yaml"


def session(state: State = "failed", **given: Any) -> SessionFacts:
    facts = SessionFacts(
        state=state,
        began=1_800_000_000.0,
        seconds=12.0,
        directory="/project",
        command=f"pytest --expops-config {CONFIG}",
        versions={"Python": "CPython 3.11.7"},
        machine={"platform": "Linux x86_64"},
        options={"--expops-config": CONFIG},
    )
    return replace(facts, **given)


def subject(group: str, seed: str = "", partition: str = "", **given: Any) -> Subject:
    name = "_".join(filter(None, [group, partition, f"seed{seed}" if seed else ""]))
    made = Subject(
        f"{CONFIG}::{name}",
        name,
        "process",
        group,
        CONFIG,
        partition,
        seed,
        started=1_800_000_001.0,
        seconds=0.5,
        judgement=Judgement("matched", 1),
        outputs=(OutputFacts("model", "0" * 32, 100, "list of 3"),),
    )
    return replace(made, **given)


def differs(cause: str, count: int = 1) -> Judgement:
    found = tuple(
        ShownDifference(f"outputs['model'][{number}]", str(number), str(number + 1), "value differs")
        for number in range(min(count, 20))
    )
    return Judgement("differed", 1, 7, (), found, count, "outputs['model'][0]: value differs", cause)


def cause(identity: str, *subjects: Subject, line: int = 3, **given: Any) -> SharedCause:
    around = ((line - 1, "def train():"), (line, "    rng = make()"))
    where = ShownLine("models/model.py", line, "train", "variable rng", "rng = make()", around)
    evidence = "with the clock fixed, 3 of 3 agree; without, 0 of 3"
    made = SharedCause(
        identity,
        f"the clock at models/model.py:{line}",
        tuple(each.id for each in subjects),
        subjects[0].id,
        "outputs['model'][0]: value differs",
        where,
        (Explanation("clock", "the clock", evidence, "`make(1)` in place of `make()`"),),
        command=f"pytest '{subjects[0].id}[replay]'",
    )
    return replace(made, **given)


def report(*subjects: Subject, **given: Any) -> Report:
    """A report of a chain of the subjects' processes."""
    groups = dict.fromkeys(each.group for each in subjects)
    names = list(groups)
    nodes = tuple(
        GraphNode(name, "function", tuple(names[:number][-1:]), sum(each.group == name for each in subjects))
        for number, name in enumerate(names)
    )
    checks = tuple(
        CheckResult(each.id, each.name, "process", "passed", (each.id,), started=each.started, seconds=each.seconds)
        for each in subjects
    )
    made = Report(session(), (PipelineFacts(CONFIG, "42", nodes, len(subjects)),), tuple(subjects), checks)
    return replace(made, **given)


def planted() -> Report:
    """Six seeds of one process with one mistake, in a pipeline that is sound else."""
    load = subject("load")
    trained = tuple(
        subject(
            "train",
            str(seed),
            "1",
            judgement=differs("cause-1", 40),
            upstream=(load.id,),
            metrics=(scalar("accuracy", 0.9 + seed / 100),),
        )
        for seed in range(6)
    )
    return report(load, *trained, causes=(cause("cause-1", *trained),))


def scalar(name: str, value: float | str | None) -> MetricSeries:
    return MetricSeries(name, (1,), (value,), 1)
