"""`--expops-vary`: what a plain replay cannot show, and who is accused when it is varied."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Project

SEEDS = {"start": {"seed_parallelism": {"seeds": [7]}}}

SCRIPT = """
    import datetime
    import os
    import tempfile
    from pathlib import Path

    import numpy as np

    from pytest_expops.core import process

    COUNT = []

    @process()
    def start(data):
        return {"words": ["ant", "bee", "cat"]}

    @process()
    def timezone(data):
        return {"hour": datetime.datetime.fromtimestamp(0).hour}

    @process()
    def clock(data):
        return {"today": datetime.datetime.now(datetime.timezone.utc).date().isoformat()}

    @process()
    def listing(data):
        return {"names": os.listdir("parts")}

    @process()
    def tmpdir(data):
        return {"folder": tempfile.gettempdir()}

    @process()
    def environment(data):
        return {"width": os.environ.get("COLUMNS")}

    @process()
    def order(data):
        # Alone, it always finds the list empty.
        COUNT.append(1)
        return {"count": len(COUNT)}

    @process()
    def leave(data):
        COUNT.append(0)
        return {}

    @process()
    def steady(data):
        utc = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "note").write_text(str(datetime.date.today()), encoding="utf-8")
            found = len(os.listdir(folder))
        print(os.environ.get("COLUMNS"), os.getpid(), tempfile.gettempdir())
        table = np.zeros((3, 3))
        return {"hour": utc.hour, "names": sorted(os.listdir("parts")), "found": found, "table": table}
"""

SOURCES = {
    "timezone": "timezone",
    "clock": "clock",
    "listing": "cwd-listing-order",
    "tmpdir": "tmpdir",
    "environment": "env",
}


def write(project: Project, *names: str) -> None:
    project.write("\n".join(f"start {name}" for name in (*names, "steady")), SCRIPT, SEEDS)
    for name in "abcdef":
        path = project.root / "parts" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.touch()


def causes(project: Project, name: str) -> list[str]:
    (path,) = project.root.glob(f"kept/session-1/*/verdicts/{name}_seed7.json")
    return [each["source"] for each in json.loads(path.read_text(encoding="utf-8"))["diagnosis"]["causes"]]


@pytest.mark.parametrize("name", SOURCES)
def test_each_source_shows_when_it_is_varied_and_only_then(project: Project, name: str) -> None:
    write(project, *SOURCES)
    assert project.run().where("failed") == set()
    outcome = project.run(f"--expops-vary={SOURCES[name]}")
    assert outcome.where("failed") == {f"{name}_seed7[replay]"}
    message = outcome.message(f"{name}_seed7[replay]")
    assert f", and with another {SOURCES[name]}, and the second run differs from the first" in message
    assert f" --expops-vary={SOURCES[name]} " in message


@pytest.mark.slow
def test_what_is_varied_all_at_once_is_told_apart(project: Project) -> None:
    write(project, *SOURCES)
    outcome = project.run("--expops-vary=all", "--expops-artifacts=kept", diagnose=True)
    assert outcome.where("failed") == {f"{name}_seed7[replay]" for name in SOURCES}
    assert {name: causes(project, name) for name in SOURCES} == {name: [source] for name, source in SOURCES.items()}


def test_another_order_shows_what_a_process_leaves_behind(project: Project) -> None:
    project.write("start order\norder leave", SCRIPT, SEEDS)
    assert project.run().where("failed") == set()
    outcome = project.run("--expops-vary=order", "--expops-artifacts=kept", diagnose=True)
    assert outcome.where("failed") == {"order_seed7[replay]"}
    assert causes(project, "order") == ["state"]
    message = outcome.message("order_seed7[replay]")
    assert "why:    what an earlier process left behind\n" in message
    assert "in fresh modules, 5 of 5 replays agree; after other processes, 0 of 5\n" in message


def test_nothing_is_varied_on_a_second_run_of_the_same_process_by_itself(project: Project) -> None:
    """The replays of one number are varied alike in every session, so that a verdict can be repeated."""
    write(project, "tmpdir", "listing")
    told = {
        "\n".join(project.run("--expops-vary=cwd-listing-order").message("listing_seed7[replay]").splitlines()[:12])
        for _ in range(2)
    }
    assert len(told) == 1
