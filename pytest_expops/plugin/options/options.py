"""The command line and the ini file become one frozen `Options`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.plugin.options.baseline import BaselineOptions, add_baseline_options, read_baseline_options
from pytest_expops.wording import did_you_mean

REPLAY_MODES = ("seeded", "all", "none")
SCHEDULES = ("graph", "xdist")
PROGRESS = ("auto", "on", "off")
UNDECIDED = ("skip", "fail", "pass")
GRAPH_FORMATS = ("text", "mermaid", "dot")
VARIABLE = (
    "hashseed",
    "threads",
    "timezone",
    "locale",
    "cwd-listing-order",
    "clock",
    "tmpdir",
    "order",
    "env",
    "gc",
    "memory",
    "host",
)
"""The sources that a replay can vary; named here too, as this module is loaded by sessions that have no pipeline."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for. `configs` are absolute; those `on_demand` are collected only where pytest's own
    arguments lead to them (an ini entry should not turn `pytest tests/test_one.py` into a run of the pipeline)."""

    configs: tuple[Path, ...]
    on_demand: bool
    replay: str
    replays: int
    artifacts: Path | None
    vary: tuple[str, ...] = ()
    diagnose: bool = True
    diagnose_timeout: float = 120.0
    tolerances: tuple[str, ...] = ()
    schedule: str = "graph"
    memory: int = 256 << 20
    progress: str = "auto"
    undecided: str = "skip"
    baseline: BaselineOptions = field(default_factory=BaselineOptions)


def add_options(parser: pytest.Parser) -> None:
    """One group; each ``--expops-x`` has an ini twin ``expops_x``."""
    group = parser.getgroup("expops", "pipelines as tests (pytest-expops)")
    group.addoption(
        "--expops-config",
        action="append",
        metavar="PATH",
        help="a pipeline config whose processes are collected as tests; may be repeated",
    )
    _add_replay_options(group)
    add_baseline_options(parser, group)
    group.addoption(
        "--expops-artifacts",
        metavar="DIR",
        help="keep outputs and records of this session in a new folder under DIR (default: a temporary folder, removed "
        "at the end)",
    )
    group.addoption(
        "--expops-memory",
        metavar="SIZE",
        help="how many bytes of partitions a worker (and each interpreter that replays for it) keeps of split objects, "
        "lists and text, as a number with K, M or G after it (default 256M); 0: none, so that each partition is read "
        "with all others",
    )
    group.addoption(
        "--expops-schedule",
        choices=SCHEDULES,
        help="who chooses what a worker runs next, under `-n` with `--dist load` or `worksteal`: the scheduler that "
        "knows the graph of processes (graph, the default), or pytest-xdist's own (xdist)",
    )
    group.addoption(
        "--expops-undecided",
        choices=UNDECIDED,
        help="what becomes of the check of a claim over seeds (reproducibility.stability) that so few seeds cannot "
        "decide: it is skipped (skip, the default), fails (fail) or passes (pass)",
    )
    group.addoption(
        "--expops-progress",
        choices=PROGRESS,
        help="whether a line at the bottom of the terminal tells how far the pipelines are: where somebody seems to "
        "watch (auto, the default: not in CI, with -q or with -s), on every terminal (on), or never (off)",
    )
    group.addoption(
        "--expops-graph",
        choices=GRAPH_FORMATS,
        help="print the expanded pipeline in this format and exit",
    )
    parser.addini("expops_config", "as --expops-config; relative to the ini file", type="paths", default=[])
    parser.addini("expops_replay", "as --expops-replay", default="seeded")
    parser.addini("expops_replays", "as --expops-replays", default="1")
    parser.addini("expops_vary", "as --expops-vary", default="")
    parser.addini("expops_diagnose", "as --expops-diagnose", default="on")
    parser.addini("expops_diagnose_timeout", "as --expops-diagnose-timeout", default="120")
    parser.addini(
        "expops_tolerance",
        "how far replays may differ where a config does not say, a line each: `PROCESS: rtol=NUMBER atol=NUMBER` or "
        "`PROCESS.KEY: ...`, with * for every process",
        type="linelist",
        default=[],
    )
    parser.addini("expops_artifacts", "as --expops-artifacts; relative to the ini file", default="")
    parser.addini("expops_memory", "as --expops-memory", default="256M")
    parser.addini("expops_schedule", "as --expops-schedule", default="graph")
    parser.addini("expops_undecided", "as --expops-undecided", default="skip")
    parser.addini("expops_progress", "as --expops-progress", default="auto")
    parser.addini("expops_graph", "as --expops-graph", default="")


def _add_replay_options(group: pytest.OptionGroup) -> None:
    """How processes are replayed, and what becomes of those that differ."""
    group.addoption(
        "--expops-replay",
        choices=REPLAY_MODES,
        help="which processes are run again in a fresh interpreter and compared: those under a seed layer (seeded, "
        "the default), all, or none",
    )
    group.addoption(
        "--expops-replays",
        metavar="N",
        help="how many times each of them is replayed, each time under another PYTHONHASHSEED (default 1)",
    )
    group.addoption(
        "--expops-vary",
        metavar="SOURCES",
        help="what else a replay finds otherwise than the first run, as a comma list of "
        f"{', '.join(VARIABLE)}; or all (hashseed, another PYTHONHASHSEED, is always varied)",
    )
    group.addoption(
        "--expops-diagnose",
        choices=("on", "off"),
        help="whether a replay that differs is run again, traced and with one source of variation after the other held "
        "fixed, to say where and why it differs (default on)",
    )
    group.addoption(
        "--expops-diagnose-timeout",
        metavar="SECONDS",
        help="the time that the diagnosis of one process may take (default 120)",
    )


def wanted(config: pytest.Config) -> bool:
    """Whether any pipeline is configured; cheap, for sessions that have none."""
    return bool(config.getoption("expops_config") or config.getini("expops_config"))


def graph_format(config: pytest.Config) -> str | None:
    """The format of ``--expops-graph``, if it was asked for.

    Raises:
        pytest.UsageError: the ini file asks for a format that there is not.
    """
    value = config.getoption("expops_graph") or config.getini("expops_graph") or None
    if value is not None and value not in GRAPH_FORMATS:
        raise pytest.UsageError(f"expops_graph: {value!r} is not one of {', '.join(GRAPH_FORMATS)}")
    return value


def read_options(config: pytest.Config) -> Options:
    """The options of this session.

    Raises:
        pytest.UsageError: a value is not one that the option takes.
    """
    directory = config.invocation_params.dir
    given = [directory / path for path in config.getoption("expops_config") or ()]
    configs = given or [Path(path) for path in config.getini("expops_config")]
    return Options(
        configs=tuple(dict.fromkeys(absolute(path) for path in configs)),
        on_demand=not given,
        replay=_choice(config, "expops_replay", REPLAY_MODES),
        replays=_count(config.getoption("expops_replays") or config.getini("expops_replays")),
        schedule=_choice(config, "expops_schedule", SCHEDULES),
        progress=_choice(config, "expops_progress", PROGRESS),
        undecided=_choice(config, "expops_undecided", UNDECIDED),
        memory=_bytes(config.getoption("expops_memory") or config.getini("expops_memory")),
        tolerances=tuple(config.getini("expops_tolerance")),
        artifacts=_artifacts(config),
        baseline=read_baseline_options(config),
        vary=_sources(config.getoption("expops_vary") or config.getini("expops_vary")),
        diagnose=_switch(config.getoption("expops_diagnose") or config.getini("expops_diagnose")),
        diagnose_timeout=_seconds(
            config.getoption("expops_diagnose_timeout") or config.getini("expops_diagnose_timeout")
        ),
    )


def _choice(config: pytest.Config, name: str, choices: tuple[str, ...]) -> str:
    value: str = config.getoption(name) or config.getini(name)
    if value not in choices:
        raise pytest.UsageError(f"{name}: {value!r} is not one of {', '.join(choices)}")
    return value


def absolute(path: Path) -> Path:
    """As pytest makes the paths of its arguments absolute: as they are written, symbolic links and all."""
    return Path(os.path.abspath(path))


def _count(value: Any) -> int:
    try:
        count = int(value)
    except ValueError:
        count = 0
    if count < 1:
        raise pytest.UsageError(f"--expops-replays: expected a whole number of at least 1, got {value!r}")
    return count


def _sources(value: str) -> tuple[str, ...]:
    """The sources of a comma list, without `hashseed`, which is varied anyway."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        if name not in VARIABLE and name != "all":
            near = did_you_mean(name, VARIABLE)
            meant = f"; {near}" if near else ""
            raise pytest.UsageError(f"--expops-vary: {name!r} is none of {', '.join(VARIABLE)}, all{meant}")
    chosen = VARIABLE if "all" in names else names
    return tuple(name for name in VARIABLE if name in chosen and name != "hashseed")


def _switch(value: str) -> bool:
    if value not in ("on", "off"):
        raise pytest.UsageError(f"expops_diagnose: {value!r} is neither on nor off")
    return value == "on"


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise pytest.UsageError(f"--expops-diagnose-timeout: expected a number of seconds, got {value!r}")
    return seconds


def _bytes(value: str) -> int:
    """The number of bytes of ``256M`` and the like; K is 1024."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMG]?)(?:i?B)?", value.strip(), re.IGNORECASE)
    if found is None:
        raise pytest.UsageError(f"--expops-memory: expected a number of bytes such as 256M, 2G or 0, got {value!r}")
    return int(float(found[1]) * 1024 ** " KMG".index(found[2].upper() or " "))


def _artifacts(config: pytest.Config) -> Path | None:
    given = config.getoption("expops_artifacts")
    if given:
        return Path(config.invocation_params.dir / given)
    from_ini = config.getini("expops_artifacts")
    if not from_ini:
        return None
    base = config.inipath.parent if config.inipath else config.rootpath
    return Path(base / from_ini)
