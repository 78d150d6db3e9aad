"""What is refused of the options that say where processes are run, before anything is started."""

from __future__ import annotations

import pytest

from pytest_expops.plugin.options.engine import EngineOptions, is_factory
from pytest_expops.plugin.stash import STATE
from pytest_expops.urls import KEY_VARIABLE
from tests.conftest import Project

KEY = "k" * 32


def _refusal(fan: Project, *arguments: str) -> str:
    """The only line on an option that pytest ends with."""
    outcome = fan.pytest("--expops-config", fan.config, *arguments, diagnose=True)
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in outcome.text
    (line,) = [line for line in outcome.text.splitlines() if line.startswith("ERROR: --expops-")]
    return line


def _options(pytester: pytest.Pytester, fan: Project, *arguments: str) -> EngineOptions:
    return pytester.parseconfigure("--expops-config", str(fan.config), *arguments).stash[STATE].options.engine


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("scheduler", "tls://head:8786"),
        ("store", "/there"),
        ("code", "shared"),
        ("engine-environment", "warn"),
        ("engine-workers", "2"),
        ("engine-timeout", "10"),
    ],
)
def test_an_option_of_a_cluster_is_refused_without_one(fan: Project, option: str, value: str) -> None:
    line = _refusal(fan, f"--expops-{option}={value}")
    assert line == f"ERROR: --expops-{option}: {value!r} needs --expops-engine=dask (from the command line)"


def test_a_switch_of_a_cluster_is_refused_without_one(fan: Project) -> None:
    line = _refusal(fan, "--expops-insecure")
    assert line == "ERROR: --expops-insecure: 'on' needs --expops-engine=dask (from the command line)"


@pytest.mark.parametrize("workers", ["-n2", "--dist=load"])
def test_two_kinds_of_workers_are_refused(fan: Project, workers: str) -> None:
    line = _refusal(fan, "--expops-engine=dask", workers)
    assert line == (
        "ERROR: --expops-engine: 'dask' cannot be combined with workers of pytest-xdist (-n, --dist, --tx): the "
        "workers are those of the cluster; leave `-n` out, or say -n0 (from the command line)"
    )


@pytest.mark.parametrize("address", ["tcp://head:8786", "head:8786", "ws://head:8786", "tcp://10.0.0.7:8786"])
def test_another_machine_without_tls_is_refused(fan: Project, address: str) -> None:
    line = _refusal(fan, "--expops-engine=dask", f"--expops-scheduler={address}", "--expops-store=/there")
    assert line.startswith(
        f"ERROR: --expops-scheduler: {address!r} is not this machine's own loopback address, and has no TLS: "
    )
    assert line.endswith("or allow it: --expops-insecure (from the command line)")


@pytest.mark.parametrize("address", ["head", "clusters.slurm", "tls://head", "head:port-1"])
def test_what_names_no_cluster_is_refused(fan: Project, address: str) -> None:
    line = _refusal(fan, "--expops-engine=dask", f"--expops-scheduler={address}", "--expops-store=/there")
    assert line == (
        f"ERROR: --expops-scheduler: {address!r} is none of HOST:PORT, PATH.json and MODULE:FUNCTION (from the command "
        "line)"
    )


def test_a_cluster_that_is_joined_is_not_given_a_number_of_workers(fan: Project) -> None:
    options = ["--expops-scheduler=tls://head:8786", "--expops-store=/there", "--expops-engine-workers=3"]
    line = _refusal(fan, "--expops-engine=dask", *options)
    assert line == (
        "ERROR: --expops-engine-workers: '3' is for a cluster of the session's own, and --expops-scheduler names "
        "another one (from the command line)"
    )


def test_a_cluster_that_is_joined_needs_a_store(fan: Project) -> None:
    line = _refusal(fan, "--expops-engine=dask", "--expops-scheduler=tls://head:8786")
    assert line == (
        "ERROR: --expops-scheduler: 'tls://head:8786' needs a store that its workers reach too: --expops-store=URL "
        "(from the command line)"
    )


@pytest.mark.parametrize("key", ["", "short"])
def test_a_store_needs_a_key(fan: Project, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    line = _refusal(fan, "--expops-engine=dask", "--expops-store=s3://name:hidden@bucket/runs")
    assert line.startswith("ERROR: --expops-store: 's3://bucket/runs' ")
    assert KEY_VARIABLE in line
    assert "hidden" not in line


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("address", "more"),
    [
        ("tls://head:8786", []),
        ("tcp://127.0.0.1:8786", []),
        ("tcp://localhost:8786", []),
        ("/cluster/scheduler.json", []),
        ("clusters:slurm", []),
        ("tcp://head:8786", ["--expops-insecure"]),
    ],
)
def test_what_is_allowed(pytester: pytest.Pytester, fan: Project, address: str, more: list[str]) -> None:
    arguments = ["--expops-engine=dask", f"--expops-scheduler={address}", "--expops-store=s3://bucket/runs", *more]
    found = _options(pytester, fan, *arguments)
    assert (found.name, found.scheduler, found.store) == ("dask", address, "s3://bucket/runs")
    assert is_factory(address) == (address == "clusters:slurm")


@pytest.mark.usefixtures("key")
def test_a_path_is_relative_to_where_it_is_named(pytester: pytest.Pytester, fan: Project) -> None:
    ini = pytester.mkdir("below") / "pytest.ini"
    lines = ["[pytest]", "expops_engine = dask", "expops_store = kept", "expops_scheduler = dask.json"]
    ini.write_text("\n".join(lines), encoding="utf-8")
    found = _options(pytester, fan, "-c", str(ini))
    assert (found.store, found.scheduler) == (str(ini.parent / "kept"), str(ini.parent / "dask.json"))
    found = _options(pytester, fan, "-c", str(ini), "--expops-store=kept", "--expops-scheduler=dask.json")
    assert (found.store, found.scheduler) == (str(pytester.path / "kept"), str(pytester.path / "dask.json"))


def test_the_options_of_a_cluster_in_the_ini_file_have_no_effect_without_one(
    pytester: pytest.Pytester, fan: Project
) -> None:
    pytester.makeini("[pytest]\nexpops_scheduler = tls://head:8786\nexpops_engine_workers = 3\n")
    assert _options(pytester, fan) == EngineOptions()
