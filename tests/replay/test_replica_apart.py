"""A replay shares an interpreter with no other process of the user's, though libraries are imported once for many."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pytest_expops.errors import ReplicaDied
from pytest_expops.execution.records import Outcome
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay._import_server import CAN_FORK
from pytest_expops.replay.request import Replay, Request
from pytest_expops.verdicts.replay import replay_conditions
from tests.conftest import Project
from tests.replay.installed import Installed

LIBRARY = """
    import os, random

    IMPORTED_IN = os.getpid()
    MODE = os.environ.get("LIBRARY_MODE", "plain")
    stream = random.Random(7)
    options = {}
"""
TWO = """
    import fakelib

    def first(data):
        {begin}
        fakelib.options["digits"] = 2
        return {{"drawn": fakelib.stream.random()}}

    def second(data):
        {begin}
        return {{"drawn": fakelib.stream.random(), "digits": fakelib.options.get("digits")}}
"""
ONE = """
    {head}
    import fakelib

    def train(data):
        import os
        {body}
        return {{"imported in": fakelib.IMPORTED_IN, "process": os.getpid(), "value": {value}}}
"""
forking = pytest.mark.skipif(not CAN_FORK, reason="replays are forked on Linux only")


class Setup(Installed):
    """A project beside a library that is installed in a folder of its own."""

    def write(self, *, head: str = "", body: str = "pass", value: str = "None") -> None:
        self.project.write("train\n", ONE.format(head=head, body=body, value=value))

    def replay(self, *, number: int = 1, fresh: bool = False) -> Replay:
        folder = self.project.root / "session" / "1-project_config"
        folder.mkdir(parents=True, exist_ok=True)
        self.session = PipelineSession(expand(load_config(self.project.root / Project.config)), folder)
        request = Request(number, replay_conditions(1, ()))
        return self.pool.replay(self.session, "train", request, fresh=fresh)

    def outputs(self, **how: Any) -> dict[str, Any]:
        replay = self.replay(**how)
        assert replay.record.outcome is Outcome.PASSED, replay.record.failure
        return self.session.load(replay.record)


@pytest.fixture
def setup(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    found = Setup(project, monkeypatch, "fakelib", LIBRARY)
    yield found
    found.pool.close()
    sys.modules.pop("fakelib", None)


def test_what_a_process_leaves_in_a_library_is_found_by_the_replay_of_the_next(setup: Setup) -> None:
    setup.project.write("first second", TWO.format(begin="pass"))
    outcome = setup.project.run("-n0", "--expops-replay=all", subprocess=True)
    assert outcome.items["first[replay]"] == "passed", outcome.text
    assert outcome.items["second[replay]"] == "failed", outcome.text
    assert "outputs['drawn']" in outcome.text
    assert "outputs['digits']" in outcome.text


def test_processes_that_begin_with_a_library_as_it_was_match(setup: Setup) -> None:
    begin = "fakelib.stream.seed(7); fakelib.options.clear()"
    setup.project.write("first second", TWO.format(begin=begin))
    outcome = setup.project.run("-n0", "--expops-replay=all", subprocess=True)
    assert outcome.items == dict.fromkeys(["first", "first[replay]", "second", "second[replay]"], "passed"), (
        outcome.text
    )


def test_one_replay_leaves_nothing_to_the_next(setup: Setup) -> None:
    setup.write(value="fakelib.stream.random()")
    one, other = setup.outputs(), setup.outputs()
    assert one["process"] != other["process"]
    assert one["value"] == other["value"]


@forking
def test_a_library_is_imported_once_for_many_replays(setup: Setup) -> None:
    setup.write()
    one, other = setup.outputs(), setup.outputs()
    assert one["imported in"] == other["imported in"]
    assert one["imported in"] not in (one["process"], other["process"])


def test_or_anew_where_that_is_asked(setup: Setup) -> None:
    setup.write()
    found = setup.outputs(fresh=True)
    assert found["imported in"] == found["process"]


def test_without_forking_each_replay_has_a_new_interpreter(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_expops.replay._replica.CAN_FORK", False)
    setup.write(value="fakelib.stream.random()")
    found = [setup.outputs() for _ in range(2)]
    assert all(each["imported in"] == each["process"] for each in found)
    assert found[0]["process"] != found[1]["process"]
    assert found[0]["value"] == found[1]["value"]


def test_a_library_finds_the_variables_that_the_script_sets_before_it(setup: Setup) -> None:
    setup.write(head='import os; os.environ["LIBRARY_MODE"] = "careful"', value="fakelib.MODE")
    assert [setup.outputs()["value"] for _ in range(2)] == ["careful", "careful"]


@pytest.mark.parametrize(
    "holds",
    [
        "import threading; t = threading.Thread(target=threading.Event().wait, daemon=True); t.start()",
        "r, w = os.pipe()",
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)",
        "os.path.exists('tried') or open('tried', 'x').close() or exit('not at first')",
    ],
    ids=["thread", "pipe", "child", "error"],
)
def test_a_library_that_does_not_bear_a_fork_is_imported_by_each_replay(setup: Setup, holds: str) -> None:
    setup.library(f"{textwrap.dedent(LIBRARY)}{holds}\n")
    setup.library("import os\nIMPORTED_IN = os.getpid()\n", "bearable")
    setup.write(head="import bearable", value="bearable.IMPORTED_IN")
    for _ in range(2):
        found = setup.outputs()
        assert found["imported in"] == found["process"]
        if CAN_FORK:
            assert found["value"] != found["process"], "imported before, and once"


@forking
def test_a_replay_that_dies_takes_no_other_with_it(setup: Setup) -> None:
    die = "if os.path.exists('dies'): os.kill(os.getpid(), {})"
    setup.write(body=die.format(int(signal.SIGSEGV)))
    before = setup.outputs()
    (setup.project.root / "dies").touch()
    with pytest.raises(ReplicaDied, match="SIGSEGV"):
        setup.replay()
    (setup.project.root / "dies").unlink()
    assert setup.outputs()["imported in"] == before["imported in"], "of the same interpreter"


def test_a_process_that_leaves_without_an_answer_is_said_to(setup: Setup) -> None:
    setup.write(body="print('last words'); os._exit(0)")
    with pytest.raises(ReplicaDied, match="ended with exit status 0; the last it printed:\nlast words"):
        setup.replay()


@forking
def test_what_a_replay_has_started_ends_with_it(setup: Setup) -> None:
    start = "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])"
    setup.write(body=start, value="child.pid")
    left = setup.outputs()["value"]
    _wait_for_the_end_of(left)


@forking
def test_children_end_with_the_interpreter_that_was_killed(setup: Setup) -> None:
    body = """
        from pathlib import Path
        import time
        Path('reached').write_text(f'{os.getppid()} {os.getpid()}')
        if Path('waits').exists(): time.sleep(100)
    """
    setup.write(body=textwrap.indent(textwrap.dedent(body), " " * 8).strip())
    (setup.project.root / "waits").touch()
    errors: list[BaseException] = []

    def replay() -> None:
        try:
            setup.replay()
        except ReplicaDied as error:
            errors.append(error)

    thread = Thread(target=replay)
    thread.start()
    reached = setup.project.root / "reached"
    deadline = time.monotonic() + 60
    while not (reached.exists() and len(reached.read_text().split()) == 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    server, child = map(int, reached.read_text().split())
    os.kill(server, signal.SIGKILL)
    _wait_for_the_end_of(child)
    thread.join(30)
    assert len(errors) == 1
    assert "was killed by SIGKILL" in str(errors[0])


@forking
def test_forked_replays_find_objects_at_other_addresses(setup: Setup) -> None:
    """A result that depends on `id()` differs between two replays of one interpreter too."""
    body = "things = [object() for _ in range(12)]"
    setup.write(body=body, value="sorted(range(12), key=lambda number: id(things[number]))")
    assert len({tuple(setup.outputs()["value"]) for _ in range(3)}) == 3


def _wait_for_the_end_of(process: int) -> None:
    deadline = time.monotonic() + 30
    while _is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(process)


def _is_alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
