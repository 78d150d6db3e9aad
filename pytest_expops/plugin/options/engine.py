"""The options about where runs and replays are made: on this machine, or on a Dask cluster."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_expops.plugin.options.baseline import alternatives
from pytest_expops.plugin.options.cache import NO_KEY, SHORTEST_KEY, SWITCH
from pytest_expops.plugin.options.given import Given, given
from pytest_expops.urls import KEY_VARIABLE, shown_url

ENGINES = ("local", "dask")
CODES = ("auto", "archive", "shared")
CHECKS = ("check", "warn")
INSECURE = (
    "is not this machine's own loopback address, and has no TLS: whoever can reach it, or read what is sent, could run "
    "anything as you. Use tls://, with the certificates in Dask's configuration (distributed.comm.tls), or allow it: "
    "--expops-insecure"
)
_PLAIN = ("tcp", "ws", "ucx", "ucxx")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OTHERS = (
    "expops_scheduler",
    "expops_store",
    "expops_code",
    "expops_engine_environment",
    "expops_engine_workers",
    "expops_engine_timeout",
    "expops_insecure",
)
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*").fullmatch


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What is asked for.

    `scheduler` is an address, a scheduler file or ``module:function``, empty for a cluster of the session's own with so
    many `workers` (0: one for each processor). `store` is a URL or an absolute path, empty for a folder of the session.
    `code` says how the project gets to workers, and `strict` whether one with other libraries is refused. `timeout` is
    in seconds. `insecure` allows a scheduler on another machine to which nothing is encrypted.
    """

    name: str = "local"
    scheduler: str = ""
    store: str = ""
    code: str = "archive"
    strict: bool = True
    workers: int = 0
    timeout: float = 300.0
    insecure: bool = False


def add_engine_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add the options and their ini twins."""
    group.addoption(
        "--expops-engine",
        metavar=alternatives(ENGINES),
        help="where processes are run and replayed: by this pytest session and the workers of `-n` (local, the "
        "default), or by the workers of a Dask cluster (dask; extra `dask`)",
    )
    group.addoption(
        "--expops-scheduler",
        metavar="ADDRESS",
        help="the Dask cluster: the address of its scheduler (tls://HOST:PORT), its scheduler file (PATH.json), or "
        "MODULE:FUNCTION, which returns a cluster (default: a cluster of the session's own on this machine)",
    )
    group.addoption(
        "--expops-store",
        metavar="URL",
        help="where the workers of a cluster put what they have made: a URL of fsspec (s3://, gs://, file://) or a "
        f"path that all see; signed with {KEY_VARIABLE} (default for the session's own cluster: a temporary folder)",
    )
    group.addoption(
        "--expops-code",
        metavar=alternatives(CODES),
        help="how workers get the project: by an archive in the store (archive), or they see it at the same path "
        "(shared); by default (auto) those of the session's own cluster see it, and others get an archive",
    )
    group.addoption(
        "--expops-engine-environment",
        metavar=alternatives(CHECKS),
        help="what happens where a worker has another Python or other libraries than this session: it is refused "
        "(check, the default), or there is a warning (warn)",
    )
    group.addoption(
        "--expops-engine-workers",
        metavar="N",
        help="how many workers the session's own cluster has (default 0: one for each processor)",
    )
    group.addoption(
        "--expops-engine-timeout",
        metavar="SECONDS",
        help="how long to wait where the cluster has no worker, or does not answer (default 300)",
    )
    group.addoption(
        "--expops-insecure",
        action="store_const",
        const="on",
        help="allow a scheduler on another machine without TLS (tcp://): whoever can reach it can have it run anything",
    )
    parser.addini("expops_engine", "like --expops-engine", default="local")
    parser.addini("expops_scheduler", "like --expops-scheduler; a path is relative to the ini file", default="")
    parser.addini("expops_store", "like --expops-store; a path is relative to the ini file", default="")
    parser.addini("expops_code", "like --expops-code", default="auto")
    parser.addini("expops_engine_environment", "like --expops-engine-environment", default="check")
    parser.addini("expops_engine_workers", "like --expops-engine-workers", default="0")
    parser.addini("expops_engine_timeout", "like --expops-engine-timeout", default="300")
    parser.addini("expops_insecure", "like --expops-insecure: on or off", default="off")


def read_engine_options(config: pytest.Config, ini_folder: Path) -> EngineOptions:
    """Return what is asked for.

    Raises:
        pytest.UsageError: a value cannot be used, or not with another one.
    """
    engine = given(config, "expops_engine")
    name = engine.one_of(ENGINES)
    scheduler, store = given(config, "expops_scheduler"), given(config, "expops_store")
    insecure = given(config, "expops_insecure").one_of(SWITCH) == "on"
    code = given(config, "expops_code").one_of(CODES)
    if code == "auto":  # workers of the session's own cluster see what it sees
        code = "archive" if scheduler.value else "shared"
    found = EngineOptions(
        name,
        _path(config, "expops_scheduler", ini_folder) if scheduler.value.endswith(".json") else scheduler.value,
        _path(config, "expops_store", ini_folder),
        code,
        given(config, "expops_engine_environment").one_of(CHECKS) == "check",
        given(config, "expops_engine_workers").number("engine_workers"),
        given(config, "expops_engine_timeout").number("engine_timeout"),
        insecure,
    )
    if name == "local":
        for other in _OTHERS:
            if config.getoption(other, None) is not None:
                raise given(config, other).refused("needs --expops-engine=dask")
        return EngineOptions()
    if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
        raise engine.refused(
            "cannot be combined with workers of pytest-xdist (-n, --dist, --tx): the workers are those of the cluster; "
            "leave `-n` out, or say -n0"
        )
    if scheduler.value:
        _see_that_it_can_be_joined(config, scheduler, found)
    if found.store and len(os.environ.get(KEY_VARIABLE, "")) < SHORTEST_KEY:
        raise Given(store.option, shown_url(store.value), store.source).refused(NO_KEY)
    return found


def _see_that_it_can_be_joined(config: pytest.Config, scheduler: Given, found: EngineOptions) -> None:
    if not (scheduler.value.endswith(".json") or is_factory(scheduler.value)):
        if not _has_port(scheduler.value):
            raise scheduler.refused("is none of HOST:PORT, PATH.json and MODULE:FUNCTION")
        if not found.insecure and is_insecure(scheduler.value):
            raise scheduler.refused(INSECURE)
    if config.getoption("expops_engine_workers") is not None and config.getoption("expops_scheduler") is not None:
        problem = "is for a cluster of the session's own, and --expops-scheduler names another one"
        raise given(config, "expops_engine_workers").refused(problem)
    if not found.store:
        raise scheduler.refused("needs a store that its workers reach too: --expops-store=URL")


def _has_port(address: str) -> bool:
    try:
        return urlsplit(_with_scheme(address)).port is not None
    except ValueError:
        return False


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"tcp://{address}"


def is_insecure(address: str) -> bool:
    """Return whether an address can be reached from other machines, and nothing that is sent there is encrypted."""
    parts = urlsplit(_with_scheme(address))
    return parts.scheme in _PLAIN and parts.hostname not in _LOOPBACK


def is_factory(scheduler: str) -> bool:
    """Return whether a scheduler is given as ``module:function``."""
    return bool(_FACTORY(scheduler)) and "://" not in scheduler


def _path(config: pytest.Config, name: str, ini_folder: Path) -> str:
    """Return what was named, a path as an absolute one: that of the ini file is relative to its folder."""
    value = given(config, name).value
    if not value or "://" in value:
        return value
    on_command_line = config.getoption(name) is not None
    return os.path.abspath((config.invocation_params.dir if on_command_line else ini_folder) / value)
