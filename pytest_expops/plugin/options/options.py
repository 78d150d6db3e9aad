"""The command line and the ini file become one frozen `Options`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_expops.bounds import NUMBERS, bytes_of
from pytest_expops.plugin.options.baseline import (
    BaselineOptions,
    add_baseline_options,
    alternatives,
    read_baseline_options,
    refuse_writing_in_ci,
)
from pytest_expops.plugin.options.cache import CacheOptions, add_cache_options, read_cache_options
from pytest_expops.plugin.options.changed import add_changed_option
from pytest_expops.plugin.options.engine import EngineOptions, add_engine_options, read_engine_options
from pytest_expops.plugin.options.given import Given, given, ini_source, ini_value, option_source
from pytest_expops.plugin.options.replay_tests import add_replay_tests_option
from pytest_expops.plugin.options.report import ReportOptions, add_report_options, read_report_options
from pytest_expops.wording import cut_to_a_line, did_you_mean, short_path

REPLAY_MODES = ("all", "seeded", "none")
SCHEDULES = ("graph", "xdist")
PROGRESS = ("auto", "on", "off")
UNDECIDED = ("skip", "fail", "pass")
GRAPH_FORMATS = ("text", "mermaid", "dot")
SWITCH = ("on", "off")
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
    "files",
)
"""The sources that a replay can vary; named here too, as this module is loaded by sessions that have no pipeline."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for.

    `configs` are absolute; those `on_demand` are collected only where pytest's own arguments lead to them (an ini entry
    should not turn `pytest tests/test_one.py` into a run of the pipeline). `tolerances` are lines, not read yet.
    `in_place` is whether nothing is isolated, as somebody debugs.
    """

    configs: tuple[Path, ...]
    on_demand: bool
    replay: str
    replays: int
    artifacts: Path | None
    reports: ReportOptions
    cache: CacheOptions
    vary: tuple[str, ...]
    diagnose: bool
    diagnose_timeout: float
    timeout: float
    memory_limit: int
    isolate: bool
    in_place: bool
    tolerances: tuple[Given, ...]
    schedule: str
    memory: int
    progress: str
    undecided: str
    baseline: BaselineOptions
    engine: EngineOptions


def add_options(parser: pytest.Parser) -> None:
    """Add the options in one group; each ``--expops-x`` has an ini twin ``expops_x``.

    None has argparse's `choices`: it could not say where a value came from.
    """
    group = parser.getgroup("expops", "pipelines as tests (pytest-expops)")
    group.addoption(
        "--expops-config",
        action="append",
        metavar="PATH",
        help="config file of a pipeline, whose processes are collected as tests; may be given several times",
    )
    add_changed_option(parser, group)
    _add_replay_options(group)
    add_replay_tests_option(parser, group)
    add_baseline_options(parser, group)
    add_cache_options(parser, group)
    add_engine_options(parser, group)
    _add_running_options(parser, group)
    group.addoption(
        "--expops-graph",
        metavar=alternatives(GRAPH_FORMATS),
        help="print the graph of the pipeline in this format and exit; nothing is run",
    )
    _add_ini_twins(parser)


def _add_replay_options(group: pytest.OptionGroup) -> None:
    """Add how processes are replayed, and what is done about those that differ."""
    group.addoption(
        "--expops-replay",
        metavar=alternatives(REPLAY_MODES),
        help="which processes are replayed, that is, run again in a fresh interpreter and compared with their first "
        "run: all that have a function (all, the default), those under a seed layer (seeded), or none",
    )
    group.addoption(
        "--expops-replays",
        metavar="N",
        help="how many times each of these processes is replayed, each time with another PYTHONHASHSEED (default 1)",
    )
    group.addoption(
        "--expops-vary",
        metavar="SOURCES",
        help="what else differs between a replay and the first run, separated by commas: "
        f"{', '.join(VARIABLE)}; or all. hashseed (another PYTHONHASHSEED) is always varied",
    )
    group.addoption(
        "--expops-diagnose",
        metavar=alternatives(SWITCH),
        help="when a replay differs, find out where and why: the process is run a few more times, traced, and with the "
        "sources of variation held fixed one after the other (default on)",
    )
    group.addoption(
        "--expops-diagnose-timeout",
        metavar="SECONDS",
        help="how long the diagnosis of one process may take (default 120)",
    )


def _add_running_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add what a session keeps, shows, and runs in which order."""
    group.addoption(
        "--expops-timeout",
        metavar="SECONDS",
        help="how long a run of a process may take, its first and each replay, where the config does not say "
        "(`timeout: SECONDS`); one that takes longer fails, and the session goes on (default 0: no limit)",
    )
    group.addoption(
        "--expops-memory-limit",
        metavar="SIZE",
        help="how much memory a run of a process may take, its first and each replay, where the config does not say "
        "(`memory: SIZE`): a number of bytes, or one with K, M, G or T; one that gets no more fails, and the session "
        "goes on (default 0: no limit)",
    )
    group.addoption(
        "--expops-isolate",
        action="store_const",
        const="on",
        help="make the first run of each process in a child of its own, so that nothing that it leaves in its "
        "interpreter reaches another process; a process may say for itself (`isolate: true` or `false`)",
    )
    group.addoption(
        "--expops-artifacts",
        metavar="DIR",
        help="keep the outputs and records of this session in a new folder under DIR (default: they are kept in a "
        "temporary folder, which is removed at the end)",
    )
    add_report_options(parser, group)
    group.addoption(
        "--expops-memory",
        metavar="SIZE",
        help="how much memory each worker may use to keep objects that are split into partitions, so that they are not "
        "read again for each partition: a number of bytes, or one with K, M or G (default 256M; 0 keeps none)",
    )
    group.addoption(
        "--expops-schedule",
        metavar=alternatives(SCHEDULES),
        help="which scheduler gives workers their next process under `-n` with `--dist load` or `--dist worksteal`: "
        "ours, which knows what depends on what (graph, the default), or that of pytest-xdist (xdist)",
    )
    group.addoption(
        "--expops-undecided",
        metavar=alternatives(UNDECIDED),
        help="what happens to the check of a stability claim (reproducibility.stability in the config) when there are "
        "too few seeds to decide it: skip (the default), fail or pass",
    )
    group.addoption(
        "--expops-progress",
        metavar=alternatives(PROGRESS),
        help="whether the last line of the terminal shows the progress of the pipelines: on a terminal, but not in CI "
        "or with -q or -s (auto, the default), on every terminal (on), or never (off)",
    )


def _add_ini_twins(parser: pytest.Parser) -> None:
    """Add the ini options; the defaults are here, as an option that is not given falls back to its twin."""
    parser.addini("expops_config", "like --expops-config, relative to the ini file", type="paths", default=[])
    parser.addini("expops_replay", "like --expops-replay", default="all")
    parser.addini("expops_replays", "like --expops-replays", default="1")
    parser.addini("expops_vary", "like --expops-vary", default="")
    parser.addini("expops_diagnose", "like --expops-diagnose", default="on")
    parser.addini("expops_timeout", "like --expops-timeout", default="0")
    parser.addini("expops_memory_limit", "like --expops-memory-limit", default="0")
    parser.addini("expops_isolate", "like --expops-isolate: on or off", default="off")
    parser.addini("expops_diagnose_timeout", "like --expops-diagnose-timeout", default="120")
    parser.addini(
        "expops_tolerance",
        "how far replays may differ from the first run, for what has no tolerance in its config; one line each, "
        "`PROCESS: rtol=NUMBER atol=NUMBER` or `PROCESS.KEY: ...` for one output, with * for every process",
        type="linelist",
        default=[],
    )
    parser.addini("expops_artifacts", "like --expops-artifacts, relative to the ini file", default="")
    parser.addini("expops_memory", "like --expops-memory", default="256M")
    parser.addini("expops_schedule", "like --expops-schedule", default="graph")
    parser.addini("expops_undecided", "like --expops-undecided", default="skip")
    parser.addini("expops_progress", "like --expops-progress", default="auto")
    parser.addini("expops_graph", "like --expops-graph", default="")


def wanted(config: pytest.Config) -> bool:
    """Return whether any pipeline is configured; cheap, for sessions that have none."""
    return bool(config.getoption("expops_config") or _ini_configs(config))


def graph_format(config: pytest.Config) -> str | None:
    """Return the format of ``--expops-graph``, or None if no graph is asked for.

    Raises:
        pytest.UsageError: There is no such format, or no pipeline is configured.
    """
    asked = given(config, "expops_graph")
    if not asked.value:
        return None
    output = asked.one_of(GRAPH_FORMATS)
    if not wanted(config):
        raise asked.refused("needs a pipeline, and none is configured; give --expops-config PATH")
    return output


def read_options(config: pytest.Config) -> Options:
    """Return the options of this session.

    Raises:
        pytest.UsageError: A value cannot be used.
    """
    configs, baseline = tuple(dict.fromkeys(_configs(config))), read_baseline_options(config)
    if configs:
        refuse_writing_in_ci(config, baseline)
    engine = read_engine_options(config, _ini_folder(config)) if configs else EngineOptions()
    return Options(
        configs=configs,
        on_demand=not config.getoption("expops_config"),
        replay=given(config, "expops_replay").one_of(REPLAY_MODES),
        replays=given(config, "expops_replays").number("replays"),
        schedule=given(config, "expops_schedule").one_of(SCHEDULES),
        progress=given(config, "expops_progress").one_of(PROGRESS),
        undecided=given(config, "expops_undecided").one_of(UNDECIDED),
        memory=_bytes(given(config, "expops_memory"), "memory"),
        tolerances=tuple(_tolerance_lines(config)),
        artifacts=_artifacts(config),
        reports=read_report_options(config, _ini_folder(config)),
        cache=read_cache_options(config, _ini_folder(config), elsewhere=engine.name != "local"),
        baseline=baseline,
        engine=engine,
        vary=_sources(given(config, "expops_vary")),
        diagnose=given(config, "expops_diagnose").one_of(SWITCH) == "on",
        diagnose_timeout=given(config, "expops_diagnose_timeout").number("diagnose_timeout"),
        timeout=given(config, "expops_timeout").number("timeout"),
        memory_limit=_bytes(given(config, "expops_memory_limit"), "memory_limit"),
        isolate=given(config, "expops_isolate").one_of(SWITCH) == "on",
        in_place=bool(config.getoption("usepdb", False) or config.getoption("trace", False)),
    )


def absolute(path: Path) -> Path:
    """Return a path as pytest makes those of its arguments absolute: as they are written, symbolic links and all."""
    return Path(os.path.abspath(path))


def _configs(config: pytest.Config) -> Iterator[Path]:
    option = "--expops-config"
    written = config.getoption("expops_config")
    if written:
        source = option_source(config, option)
        paths = {each: absolute(config.invocation_params.dir / each) for each in written}
    else:
        source = ini_source(config, "expops_config")
        folder = _ini_folder(config)
        paths = {short_path(path, folder): absolute(path) for path in _ini_configs(config)}
    for text, path in paths.items():
        if not path.is_file():
            raise Given(option, text, source).refused("is not a file")
        yield path


def _ini_configs(config: pytest.Config) -> list[Path]:
    return [Path(path) for path in ini_value(config, "expops_config", "a list of paths")]


def _ini_folder(config: pytest.Config) -> Path:
    return config.inipath.parent if config.inipath else config.rootpath


def _tolerance_lines(config: pytest.Config) -> Iterator[Given]:
    source = ini_source(config, "expops_tolerance")
    for line in ini_value(config, "expops_tolerance", "a list of lines"):
        yield Given("expops_tolerance", line, f"the line `{cut_to_a_line(line)}` in {source}")


def _sources(asked: Given) -> tuple[str, ...]:
    """Return the sources of a comma list, without `hashseed`, which is varied anyway."""
    names = [name.strip() for name in asked.value.split(",") if name.strip()]
    for name in names:
        if name not in VARIABLE and name != "all":
            near = did_you_mean(name, VARIABLE)
            meant = f"; {near}" if near else ""
            raise asked.refused(f"is not one of {', '.join(VARIABLE)}, all{meant}", found=name)
    chosen = VARIABLE if "all" in names else names
    return tuple(name for name in VARIABLE if name in chosen and name != "hashseed")


def _bytes(asked: Given, name: str) -> int:
    """Return the number of bytes of ``256M`` and the like, within the bounds of `NUMBERS` under this name, or 0."""
    size = bytes_of(asked.value)
    if size is None:
        raise asked.refused("is not a number of bytes such as 256M, 2G or 0")
    if size and NUMBERS[name].read(size) is None:
        raise asked.refused(f"is not {NUMBERS[name].expected}")
    return int(size)


def _artifacts(config: pytest.Config) -> Path | None:
    asked = given(config, "expops_artifacts")
    if not asked.value:
        return None
    on_command_line = config.getoption("expops_artifacts") is not None
    folder = Path((config.invocation_params.dir if on_command_line else _ini_folder(config)) / asked.value)
    if not next(each for each in (folder, *folder.parents) if each.exists()).is_dir():
        raise asked.refused("is not a folder, and cannot be made one")
    return folder
