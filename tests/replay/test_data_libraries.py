"""A library that only the data needs is imported once for many replays, unless the project may have set it up."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay._import_server import CAN_FORK
from pytest_expops.replay.request import Request
from pytest_expops.verdicts.replay import replay_conditions
from tests.conftest import Project
from tests.replay.installed import Installed

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="replays are forked on Linux only")

LIBRARY = """
    import os

    IMPORTED_IN = os.getpid()

    class Frame:
        pass
"""
SCRIPT = """
    import os
    {head}

    def load(data):
        import framelib
        return {{"frame": framelib.Frame()}}

    def train(data):
        import sys
        frame = data["load"]["frame"]
        return {{"imported in": sys.modules["framelib"].IMPORTED_IN, "process": os.getpid()}}
"""


class Setup(Installed):
    """A project whose data is of a library that its script does not import."""

    def write(self, head: str = "") -> None:
        self.project.write("load train\n", SCRIPT.format(head=head))
        folder = self.project.root / "session" / "1-project_config"
        folder.mkdir(parents=True)
        self.session = PipelineSession(expand(load_config(self.project.root / Project.config)), folder)

    def replay(self) -> dict[str, Any]:
        replay = self.pool.replay(self.session, "train", Request(1, replay_conditions(1, ())))
        return self.session.load(replay.record)


@pytest.fixture
def setup(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    found = Setup(project, monkeypatch, "framelib", LIBRARY)
    yield found
    found.pool.close()
    sys.modules.pop("framelib", None)


def imported_before(outputs: dict[str, Any]) -> bool:
    return bool(outputs["imported in"] != outputs["process"])


def test_it_is_imported_once_after_the_first_replay(setup: Setup) -> None:
    setup.write()
    first, *others = [setup.replay() for _ in range(4)]
    assert not imported_before(first)
    assert all(map(imported_before, others))
    assert len({each["process"] for each in others}) == 3


def test_it_is_left_to_each_replay_where_the_script_sets_a_variable(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMELIB_MODE", "")
    monkeypatch.delenv("FRAMELIB_MODE")  # and after the test again
    setup.write("os.environ['FRAMELIB_MODE'] = 'slow'")
    assert not any(imported_before(setup.replay()) for _ in range(3))


def test_it_is_left_to_each_replay_where_it_starts_a_thread(setup: Setup) -> None:
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    setup.library(thread + textwrap.dedent(LIBRARY))
    setup.write()
    assert not any(imported_before(setup.replay()) for _ in range(4))


def test_what_is_not_installed_is_imported_by_each_replay(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    own = setup.project.root / "lib"
    own.mkdir()
    (setup.installed / "framelib.py").rename(own / "framelib.py")
    monkeypatch.syspath_prepend(str(own))
    monkeypatch.setenv("PYTHONPATH", str(own), prepend=os.pathsep)
    setup.write()
    assert not any(imported_before(setup.replay()) for _ in range(3))
