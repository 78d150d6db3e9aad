"""The options about results of earlier sessions: where they are kept, whether they are used, how many are checked."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_expops.bounds import NUMBERS, bytes_of
from pytest_expops.plugin.options.given import Given, given
from pytest_expops.urls import KEY_VARIABLE, shown_url

OFF, REFRESH = "off", "refresh"
"""In place of a path: nothing is kept or reused; all is run, and kept anew."""
SWITCH = ("on", "off")
SHORTEST_KEY = 16
"""Characters of the secret by which results in a shared store are signed."""
NO_KEY = (
    f"is shared with others, and the environment variable {KEY_VARIABLE} has no secret of at least {SHORTEST_KEY} "
    "characters to sign results with: they are executed when they are read, so only those that are signed are used. To "
    "make one: python -c 'import secrets; print(secrets.token_hex(32))'"
)
ALL, NONE = "all", "none"
"""In place of a percentage."""


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """What is asked for.

    `folder` is None where each config has one beside it; `chosen` is whether the user named it. `off` says why nothing
    is kept or reused, if nothing is; it is empty where the user wants that. `audit` is a share, `size` in bytes. Why
    the processes `why` are not reused is to be told. `besides` is what all results depend on besides what they are made
    from. `remote` is the URL of a store that several machines share, which is only read if it is `read_only`; empty
    where there is none.
    """

    enabled: bool = False
    off: str = ""
    folder: Path | None = None
    refresh: bool = False
    audit: float = 0.02
    size: int = 2 << 30
    why: str = ""
    besides: tuple[tuple[str, str], ...] = ()
    remote: str = ""
    read_only: bool = False


def add_cache_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add the options and their ini twins."""
    group.addoption(
        "--expops-cache",
        metavar="FOLDER|URL|off|refresh",
        help="where results are kept for later sessions, which reuse them instead of running what is as it was "
        "(default: the folder .expops_cache beside the config); a URL of fsspec (s3://, gs://, file://) is shared by "
        "several machines, besides that folder; off keeps and reuses none, refresh runs all",
    )
    group.addoption(
        "--expops-cache-read-only",
        action="store_const",
        const="on",
        help="put nothing into the store at the URL of --expops-cache (so it is by itself for pull and merge requests)",
    )
    group.addoption(
        "--expops-cache-audit",
        metavar="N%|all|none",
        help="how many of the results that could be reused are run all the same, and compared with what was kept; "
        "at least one, unless none (default 2%%)",
    )
    group.addoption(
        "--expops-cache-size",
        metavar="SIZE",
        help="how much room kept results may take; those that were not used for longest are removed (default 2G)",
    )
    group.addoption(
        "--expops-why",
        metavar="NAME",
        help="say what has changed since the result of this process was last kept, and exit; nothing is run",
    )
    parser.addini("expops_cache", "like --expops-cache, relative to the ini file", default="")
    parser.addini("expops_cache_read_only", "like --expops-cache-read-only: on or off", default="off")
    parser.addini("expops_cache_audit", "like --expops-cache-audit", default="2%")
    parser.addini("expops_cache_size", "like --expops-cache-size", default="2G")
    parser.addini("expops_why", "like --expops-why", default="")


def read_cache_options(config: pytest.Config, ini_folder: Path, *, elsewhere: bool = False) -> CacheOptions:
    """Return what is asked for; nothing is kept of what is run `elsewhere`.

    Raises:
        pytest.UsageError: a value cannot be used.
    """
    asked = given(config, "expops_cache")
    audit = _share(given(config, "expops_cache_audit"))
    size = _size(given(config, "expops_cache_size"))
    why = str(given(config, "expops_why").value)
    read_only = given(config, "expops_cache_read_only").one_of(SWITCH) == "on" or is_of_a_request()
    if asked.value == OFF:
        return CacheOptions(audit=audit, size=size, why=why)
    folder, remote = None, asked.value if "://" in asked.value else ""
    if remote and len(os.environ.get(KEY_VARIABLE, "")) < SHORTEST_KEY:
        raise Given(asked.option, shown_url(remote), asked.source).refused(NO_KEY)
    if not remote and asked.value not in ("", REFRESH):
        on_command_line = config.getoption("expops_cache") is not None
        folder = Path(os.path.abspath((config.invocation_params.dir if on_command_line else ini_folder) / asked.value))
        if not next(each for each in (folder, *folder.parents) if each.exists()).is_dir():
            raise asked.refused("is not a folder, and cannot be made one")
    off = "with --expops-engine=dask" if elsewhere else _off(config)
    refresh = asked.value == REFRESH
    return CacheOptions(not off, off, folder, refresh, audit, size, why, _besides(config), remote, read_only)


def is_of_a_request() -> bool:
    """Return whether this is the CI of a pull request or a merge request: its code is not reviewed yet."""
    event = os.environ.get("GITHUB_EVENT_NAME", "")
    return event.startswith("pull_request") or bool(os.environ.get("CI_MERGE_REQUEST_IID"))


def _off(config: pytest.Config) -> str:
    """Return why nothing is to be reused in this session; empty where it may be."""
    if config.getoption("usepdb", False) or config.getoption("trace", False):
        return "for --pdb and --trace"
    if config.pluginmanager.hasplugin("_cov") or _measures_coverage():
        return "as lines are counted that run (coverage)"
    return ""


def _measures_coverage() -> bool:
    coverage = sys.modules.get("coverage")
    current = getattr(getattr(coverage, "Coverage", None), "current", None)
    return current is not None and current() is not None


def _besides(config: pytest.Config) -> tuple[tuple[str, str], ...]:
    """Return what of the session itself decides whether a process passes: which warnings are errors."""
    filters = [*config.getini("filterwarnings"), *(config.known_args_namespace.pythonwarnings or ()), *sys.warnoptions]
    return (("the warning filters", repr([str(each) for each in filters])),)


def _share(asked: Given) -> float:
    if asked.value in (ALL, NONE):
        return 1.0 if asked.value == ALL else 0.0
    try:
        share = NUMBERS["cache_audit"].read(float(asked.value.removesuffix("%")))
    except ValueError:
        share = None
    if share is None or not asked.value.endswith("%"):
        raise asked.refused(f"is not all, none, or {NUMBERS['cache_audit'].expected} with a percent sign")
    return float(share) / 100


def _size(asked: Given) -> int:
    size = bytes_of(asked.value)
    if size is None or NUMBERS["cache_size"].read(size) is None:
        raise asked.refused("is not a number of bytes such as 500M, 2G or 1T")
    return int(size)
