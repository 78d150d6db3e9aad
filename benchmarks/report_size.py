"""A session of many items as a page and as data: how long each takes to write, and how large it is.

Run `python benchmarks/report_size.py [--subjects 5000] [--folder FOLDER]`. The report is made in memory: as many
expanded processes as asked for, of a pipeline with partitions and seeds, each with its item and its replay; one in
fifty differs, by one of three causes, and one in a hundred has left the baseline. Each logs a metric, and one in five
another one over 100 steps. With `--folder`, the files are kept there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pytest_expops.report.html import to_html
from pytest_expops.report.json_ import to_json
from pytest_expops.report.model import (
    AgainstBaseline,
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
    Subject,
)
from pytest_expops.verdicts.baseline.baseline import Agreement

CONFIG = "configs/project_config.yaml"
STAGES = ("prepare", "select_features", "train_model", "evaluate_model", "calibrate")
SEEDS = 10
STEPS = 100
WORKERS = 8
CAUSES = ("a generator without a seed", "the order of a set", "the clock")


def subjects(wanted: int) -> Iterator[Subject]:
    partitions = wanted // (SEEDS * len(STAGES))
    for stage, name in enumerate(STAGES):
        for partition in range(1, partitions + 1):
            for seed in range(SEEDS):
                yield subject(stage, name, partition, seed)


def subject(stage: int, name: str, partition: int, seed: int) -> Subject:
    number = (partition * SEEDS + seed) * len(STAGES) + stage
    before = f"{CONFIG}::{STAGES[stage - 1]}_{partition}_seed{seed}"
    outputs = (
        OutputFacts("frame", f"{number * 7919:032x}", 146_056, "pandas.DataFrame, shape (569, 31)"),
        OutputFacts("weights", f"{number * 104729:032x}", 4_096, "numpy.ndarray, shape (16, 32), float64"),
    )
    metrics = [MetricSeries("accuracy", (1,), (0.9 + number % 97 / 1000,), 1)]
    if stage == 2:
        losses = tuple(1 / (step + 1 + number % 13 / 10) for step in range(STEPS))
        metrics.append(MetricSeries("train_loss", tuple(range(1, STEPS + 1)), losses, STEPS))
    drifted = AgainstBaseline(Agreement.DIFFERS, "metrics['accuracy'][1]: expected 0.95, obtained 0.91", (), 1)
    return Subject(
        id=f"{CONFIG}::{name}_{partition}_seed{seed}",
        name=f"{name}_{partition}_seed{seed}",
        kind="process",
        group=name,
        config=CONFIG,
        partition=str(partition),
        seed=str(seed),
        upstream=(before,) if stage else (),
        started=1.8e9 + number * 0.12,
        seconds=0.05 + number % 11 / 100,
        worker=f"gw{number % WORKERS}",
        outputs=outputs,
        metrics=tuple(metrics),
        judgement=judgement(number),
        baseline=drifted if number % 100 == 7 else AgainstBaseline(Agreement.SAME),
        recorded=(MetricSeries("accuracy", (1,), (0.9 + number % 97 / 1000,), 1),),
    )


def judgement(number: int) -> Judgement:
    if number % 50:
        return Judgement("matched", 1, number)
    differences = tuple(
        ShownDifference(
            f"outputs['frame']['column_{each}'][0]",
            f"np.float64({number + each / 7})",
            f"np.float64({number + each / 9})",
            "569 of 569 elements differ; max |delta| = 0.101; first at [0]",
        )
        for each in range(20)
    )
    which = number // 50 % len(CAUSES) + 1
    return Judgement("differed", 1, number, (), differences, 161, differences[0].detail, f"cause-{which}", 8, 4.0)


def checks(found: list[Subject]) -> Iterator[CheckResult]:
    for each in found:
        assert each.judgement is not None
        ran = CheckResult(each.id, each.name, "process", "passed", (each.id,), file=CONFIG, line=32, worker=each.worker)
        printed = "epoch 1: loss 0.512\nepoch 2: loss 0.401"
        yield replace(ran, printed=printed, started=each.started, seconds=each.seconds + 0.02)
        again = replace(ran, id=f"{each.id}[replay]", name=f"{each.name}[replay]", kind="replay")
        again = replace(again, started=each.started + 0.2, seconds=each.seconds + 0.06)
        if each.judgement.result == "differed":
            text = "not deterministic: " + 2_000 * "x"
            again = replace(again, result="failed", gist=each.judgement.gist, text=text)
        yield again


def causes(found: list[Subject]) -> Iterator[SharedCause]:
    for number, title in enumerate(CAUSES, start=1):
        name, line = f"cause-{number}", 10 * number + 3
        own = tuple(each.id for each in found if each.judgement is not None and each.judgement.cause == name)
        around = tuple((near, f"    weights = update(weights, rows[{near}])") for near in range(line - 3, line + 4))
        where = ShownLine("models/model.py", line, "train", "variable weights", around[3][1].strip(), around)
        evidence = f"with {title} fixed, 3 of 3 replays agree; without, 0 of 3"
        why = (Explanation("entropy", title, evidence, "`seeded()`", (where,)),)
        gist = "569 of 569 elements differ; max |delta| = 0.101"
        command = f"pytest --expops-config {CONFIG} '{own[0]}[replay]'"
        yield SharedCause(name, f"{title} at models/model.py:{line}", own, own[0], gist, where, why, (), command)


def report(wanted: int) -> Report:
    found = list(subjects(wanted))
    nodes = tuple(
        GraphNode(name, "function", (STAGES[stage - 1],) if stage else (), len(found) // len(STAGES))
        for stage, name in enumerate(STAGES)
    )
    session = SessionFacts(
        "failed",
        1.8e9 - 5,
        620.0,
        "/project",
        f"pytest --expops-config {CONFIG} -n {WORKERS}",
        {"Python": "CPython 3.11.7", "numpy": "2.4.6"},
        {"platform": "Linux x86_64"},
        {"--expops-config": CONFIG},
        workers=WORKERS,
    )
    made = Report(session, (PipelineFacts(CONFIG, "42", nodes, len(found)),), tuple(found))
    return replace(made, checks=tuple(checks(found)), causes=tuple(causes(found)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=5_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    made = report(asked.subjects)
    print(f"{len(made.subjects)} expanded processes, {len(made.checks)} items")
    for name, write in (("report.html", to_html), ("report.json", to_json)):
        began = time.perf_counter()
        data = write(made)
        print(f"{name}: {time.perf_counter() - began:.2f} s, {len(data) / 1e6:.2f} MB")
        if asked.folder:
            asked.folder.mkdir(parents=True, exist_ok=True)
            (asked.folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
