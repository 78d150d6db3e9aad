"""The machine, the user and the process: what they are called, and what the process is numbered."""

from __future__ import annotations

import functools
import getpass
import os
import platform
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher, is_held

NUMBERS = {"getpid": 2**22 + 1, "getppid": 2**22 + 2, "get_native_id": 2**22 + 3}
"""Beyond what Linux numbers processes with, so that whoever sends a signal to one of them hits nobody."""

_CONNECTING = frozenset(
    {
        *("socket", "platform", "getpass", "asyncio", "multiprocessing", "logging", "ssl"),
        *("torch", "jax", "ray", "dask", "distributed", "pyspark"),
    }
)
"""Modules that ask one another here, or that connect to the host of that name."""


class Host(Source):
    """Varied, host and user have other names; the numbers of processes differ anyway. Held, all of them are fixed."""

    name: ClassVar[str] = "host"
    title: ClassVar[str] = "the names of host and user and the process id"
    brief: ClassVar[str] = "host, user or process id"
    catches: ClassVar[str] = "host names, user names and process ids in outputs, or in seeds made from them"
    remedy: ClassVar[str] = "leave the host, the user and the process id out of outputs, file names and seeds"
    holds_sites: ClassVar[bool] = True

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        if setting.mode is Mode.NATURAL or setting.only:
            return {}
        host, user = _names(setting)
        others = {name: user for name in ("LNAME", "USERNAME") if name in environment}
        return {"HOSTNAME": host, "USER": user, "LOGNAME": user, **others}

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        with patching() as patches:
            _patch_names(patches, setting, watcher)
            _patch_numbers(patches, setting, watcher)
            yield


def _names(setting: Setting) -> tuple[str, str]:
    """Of host and user."""
    number = setting.number if setting.mode is Mode.VARIED else 0
    return f"host-{number}", f"user-{number}"


def _patch_names(patches: Patches, setting: Setting, watcher: Watcher) -> None:
    host, user = _names(setting)

    def is_other(what: str) -> bool:
        site = watcher.saw(Host.name, what, unless=_CONNECTING)
        return site is not None if setting.mode is Mode.VARIED else is_held(setting, site)

    def say(what: str, name: str, original: Callable[[], str]) -> str:
        return name if is_other(what) else original()

    def getfqdn(original: Callable[[str], str], name: str = "") -> str:
        asks_for_own = name.strip() in ("", "0.0.0.0", "::")
        return host if asks_for_own and is_other("socket.getfqdn()") else original(name)

    def os_uname(original: Callable[[], Any]) -> Any:
        true = original()
        return type(true)((true[0], host, *true[2:])) if is_other("os.uname()") else true

    def platform_uname(original: Callable[[], Any]) -> Any:
        true = original()
        return true._replace(node=host) if is_other("platform.uname()") else true

    patches.wrap(socket, "gethostname", functools.partial(say, "socket.gethostname()", host))
    patches.wrap(socket, "getfqdn", getfqdn)
    patches.wrap(platform, "node", functools.partial(say, "platform.node()", host))
    patches.wrap(platform, "uname", platform_uname)
    patches.wrap(os, "uname", os_uname)
    patches.wrap(os, "getlogin", functools.partial(say, "os.getlogin()", user))
    patches.wrap(getpass, "getuser", functools.partial(say, "getpass.getuser()", user))


def _patch_numbers(patches: Patches, setting: Setting, watcher: Watcher) -> None:
    """Only where the project's own line asks: libraries tell by them whether they are in a child process."""

    def number(what: str, fixed: int, original: Callable[[], int]) -> int:
        return fixed if is_held(setting, watcher.saw(Host.name, what, direct=True)) else original()

    for owner, name in ((os, "getpid"), (os, "getppid"), (threading, "get_native_id")):
        patches.wrap(owner, name, functools.partial(number, f"{owner.__name__}.{name}()", NUMBERS[name]))
