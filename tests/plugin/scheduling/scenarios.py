"""Random scenarios. All draws go through one `random.Random`, which may be Hypothesis's, or seeded."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pytest_expops.plugin.scheduling._graph_view import Need
from pytest_expops.plugin.scheduling.parts import Part
from tests.plugin.scheduling.scenario import Moment, Scenario

CONFIG = "configs/project_config.yaml"
LENGTHS = (0.0, 0.001, 0.01, 0.05, 0.3, 1.0, 3.0)
"""Seconds: of nothing, of what is worth sending along, and of what is not."""


def random_scenario(rng: Random, largest: int = 30) -> Scenario:
    """A graph, workers, and what goes wrong."""
    drawn = _random_graph(rng, rng.choice([each for each in (1, 2, 3, 8, 30, 120, 300) if each <= largest]))
    ids, count = drawn.ids, len(drawn.ids)
    workers = rng.choice((1, 2, 3, 4, 8))
    horizon = sum(drawn.seconds) / workers + 1.0
    troubled = rng.random() < 0.7
    deadliness = rng.choice((0.0, 0.02, 0.3)) if troubled else 0.0
    kills = [(rng.uniform(0, horizon), rng.randrange(8)) for _ in range(rng.choice((0, 1, 4)) if troubled else 0)]
    deadly = {
        index: (rng.choice(list(Moment)), rng.choice((1, 2, 99))) for index in range(count) if rng.random() < deadliness
    }
    # The first of them rarely, as nothing is run then.
    first_odd = rng.choice((0, workers, workers, workers)) if workers > 1 and rng.random() < 0.2 else workers * 2
    return Scenario(
        ids=ids,
        graph=drawn.graph,
        seconds=drawn.seconds,
        workers=workers,
        history=_random_history(rng, drawn),
        kills=tuple(kills),
        deadly=deadly,
        reruns=rng.choice((0, 1, 2)),
        late_reruns=rng.random() < 0.2,
        failing=frozenset(index for index in range(count) if rng.random() < 0.1),
        gives_some=rng.random() < 0.5,
        maxfail=rng.choice((0, 0, 0, 1, 2)),
        max_restart=rng.choice((None, None, 0, 2)),
        collects={number: _odd_ids(rng, ids, number) for number in range(first_odd, workers * 2)},
        boot=tuple(rng.choice((0.1, 0.5, 2.0)) for _ in range(3)),
        latency=rng.choice((0.0, 0.0005, 0.02, 0.2)),
        jitter=rng.choice((0.0, 1.0, 20.0)),
        controller=rng.choice((0.0, 0.0, 0.0001, 0.05)),
        seed=rng.randrange(1000),
    )


def _odd_ids(rng: Random, ids: tuple[str, ...], number: int) -> tuple[str, ...]:
    """One test more than others have; or nothing, as it is with an error of usage."""
    return (*ids, f"test_odd.py::on_{number}") if rng.random() < 0.7 else ()


@dataclass(frozen=True)
class _Drawn:
    ids: tuple[str, ...]
    graph: dict[str, Need]
    seconds: tuple[float, ...]


def _random_graph(rng: Random, count: int) -> _Drawn:
    """Chains, fans, checks, ordinary tests and tests that wait for items; some of it deselected, or shuffled."""
    ordinary, near = rng.choice((0.0, 0.2, 0.6, 1.0)), rng.random() < 0.7
    graph: dict[str, Need] = {}
    ids: list[str] = []
    processes: list[str] = []
    for number in range(count):
        draw = rng.random()
        if draw < ordinary:
            ids.append(f"test_{rng.randrange(3)}.py::test_{number}")
            if processes and rng.random() < 0.2:
                graph[ids[-1]] = Need((rng.choice(processes),))
        elif draw > 0.8 and processes:
            checked = rng.choice(processes)
            ids.append(f"{checked}[check{number}]")
            graph[ids[-1]] = Need((checked,), kind=f"{graph[checked].kind}[replay]", part=graph[checked].part)
        else:
            from_which = processes[-4:] if near else processes
            upstream = rng.sample(from_which, min(len(from_which), rng.choice((0, 1, 1, 1, 2, 3, 30))))
            ids.append(f"{CONFIG}::process{number}")
            processes.append(ids[-1])
            part = rng.choice((None, Part(1), Part(2), Part(3, 4.0)))
            graph[ids[-1]] = Need(tuple(upstream), kind=f"kind{rng.randrange(5)}", part=part)
    length = rng.choice((None, *LENGTHS))
    deselected = rng.choice((0.0, 0.0, 0.3, 0.8))
    kept = [each for each in ids if rng.random() >= deselected] or ids[:1]
    if rng.random() < 0.4:
        rng.shuffle(kept)
    seconds = tuple((rng.choice(LENGTHS) if length is None else length) * rng.uniform(0.5, 1.5) for _ in kept)
    return _Drawn(tuple(kept), graph, seconds)


def _random_history(rng: Random, drawn: _Drawn) -> dict[str, float]:
    """None, right, or wrong, of all or some."""
    share = rng.choice((0.0, 0.5, 1.0))
    right = rng.random() < 0.5
    return {
        node_id: seconds if right else rng.choice(LENGTHS)
        for node_id, seconds in zip(drawn.ids, drawn.seconds, strict=True)
        if rng.random() < share
    }
