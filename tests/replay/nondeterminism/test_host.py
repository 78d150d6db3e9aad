"""The names of host and user, and process ids: others when varied, fixed when held, true for libraries (S7.1)."""

from __future__ import annotations

import getpass
import os
import platform
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.replay.nondeterminism._host import NUMBERS, Host
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe, started_with

SOURCE = Host()
VARIED = Setting(Mode.VARIED, 2)
IMPORTS = "import getpass, os, platform, socket, threading\n"
HOSTS = {
    "socket.gethostname()": "socket.gethostname()",
    "socket.getfqdn()": "socket.getfqdn()",
    "platform.node()": "platform.node()",
    "platform.uname().node": "platform.uname()",
    "os.uname().nodename": "os.uname()",
    "os.uname()[1]": "os.uname()",
}
USERS = {"getpass.getuser()": "getpass.getuser()"}
IDS = {
    "os.getpid()": "os.getpid()",
    "os.getppid()": "os.getppid()",
    "threading.get_native_id()": "threading.get_native_id()",
}
PATCHED: list[tuple[Any, str]] = [
    *((socket, name) for name in ("gethostname", "getfqdn")),
    *((platform, name) for name in ("node", "uname")),
    *((os, name) for name in ("uname", "getlogin", "getpid", "getppid")),
    (getpass, "getuser"),
    (threading, "get_native_id"),
]


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    """Every function must be as it was found."""
    monkeypatch.setenv("LOGNAME", "somebody")
    before = [vars(owner)[name] for owner, name in PATCHED]
    yield Probe(tmp_path)
    assert [vars(owner)[name] for owner, name in PATCHED] == before


def _value(probe: Probe, setting: Setting, expression: str) -> Any:
    return probe.under(SOURCE, setting, f"{IMPORTS}value = {expression}")["value"]


@pytest.mark.parametrize("expression", HOSTS)
def test_the_host_has_another_name_if_varied_and_a_fixed_one_if_held(probe: Probe, expression: str) -> None:
    assert _value(probe, VARIED, expression) == "host-2"
    assert _value(probe, HELD, expression) == "host-0"
    assert _value(probe, NATURAL, expression) in (socket.gethostname(), socket.getfqdn())


@pytest.mark.parametrize("expression", USERS)
def test_the_user_has_another_name_if_varied_and_a_fixed_one_if_held(probe: Probe, expression: str) -> None:
    assert [_value(probe, each, expression) for each in (VARIED, HELD, NATURAL)] == ["user-2", "user-0", "somebody"]


def test_the_login_name_is_asked_for_without_a_terminal(probe: Probe) -> None:
    assert [_value(probe, each, "os.getlogin()") for each in (VARIED, HELD)] == ["user-2", "user-0"]


@pytest.mark.parametrize("expression", IDS)
def test_ids_are_fixed_if_held_and_never_those_of_a_process(probe: Probe, expression: str) -> None:
    assert _value(probe, HELD, expression) == NUMBERS[expression.rpartition(".")[2].removesuffix("()")]
    true = eval(expression, {"os": os, "threading": threading})
    assert [_value(probe, each, expression) for each in (NATURAL, VARIED)] == [true, true]
    with pytest.raises(ProcessLookupError):
        os.kill(_value(probe, HELD, expression), 0)


@pytest.mark.parametrize(("expression", "what"), (HOSTS | USERS | IDS).items())
def test_lines_that_ask_are_known(probe: Probe, expression: str, what: str) -> None:
    assert probe.sites(SOURCE, f"{IMPORTS}value = {expression}") == {2: {what}}


def test_what_else_is_told_of_the_machine_is_as_ever(probe: Probe) -> None:
    names = (
        "platform.uname().machine, platform.uname()[:1], platform.uname()[2:5], os.uname().sysname, platform.platform()"
    )
    text = f"{names}, socket.getfqdn('localhost'), type(os.uname()), type(platform.uname())"
    assert _value(probe, VARIED, text) == _value(probe, HELD, text) == _value(probe, NATURAL, text)


def test_libraries_find_their_own_process_and_the_true_host(probe: Probe) -> None:
    library: dict[str, Any] = {"__name__": "multiprocessing.util"}
    source = "import os, socket\ndef ask(): return os.getpid(), socket.gethostname()"
    exec(compile(source, "/lib/library.py", "exec"), library)
    expected = os.getpid(), socket.gethostname()
    assert probe.under(SOURCE, HELD, "value = ask()", ask=library["ask"])["value"] == expected
    with SOURCE.apply(HELD, probe.watcher):
        assert (os.getpid(), socket.gethostname()) == expected
    assert probe.watcher.all_sites() == {}


def test_only_the_lines_asked_for_are_held(probe: Probe) -> None:
    setting = Setting(Mode.HELD, only=(f"{probe.path.resolve()}:3",))
    found = probe.under(SOURCE, setting, "import os\na = os.getpid()\nb = os.getpid()")
    assert (found["a"], found["b"]) == (os.getpid(), NUMBERS["getpid"])
    assert started_with(SOURCE, setting, {"USER": "me"}) == {"USER": "me"}


def test_the_variables_of_the_interpreter_say_the_same() -> None:
    environment = {"USER": "me", "HOME": "/home/me", "USERNAME": "me"}
    for setting, number in ((VARIED, 2), (HELD, 0)):
        assert started_with(SOURCE, setting, environment) == {
            "HOSTNAME": f"host-{number}",
            "USER": f"user-{number}",
            "LOGNAME": f"user-{number}",
            "USERNAME": f"user-{number}",
            "HOME": "/home/me",
        }
    assert started_with(SOURCE, NATURAL, environment) == environment
