"""What the child processes of a replay are told: to hold or watch what their parent does, and where to note it.

A forked child has all of its parent's stand-ins. One that starts anew is told by what `multiprocessing` and loky send
it first, or, as a Python program of its own, by a `sitecustomize` on its import path.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_expops.execution import scratch
from pytest_expops.execution.seeding.import_hook import loaded_module
from pytest_expops.replay.nondeterminism._origins import Origin
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism._submissions import Submissions
from pytest_expops.replay.nondeterminism.base import NATURAL, Conditions, Mode, Watcher

_SPAWNING = ("multiprocessing.spawn", "loky.backend.spawn", "joblib.externals.loky.backend.spawn")
_KEPT = ("loky.reusable_executor", "joblib.externals.loky.reusable_executor")
_PACKAGE = str(Path(__file__).parents[3])
_CODE = """\
import sys
if {package!r} not in sys.path:
    sys.path.append({package!r})
from pytest_expops.replay.nondeterminism._child_side import begin
begin({told!r})
"""
_SITE = """\
import importlib.machinery, importlib.util, os, sys
sys.path[:] = [entry for entry in sys.path if entry != {folder!r}]
found = importlib.machinery.PathFinder.find_spec("sitecustomize")
if found is not None and found.loader is not None:
    sys.modules["sitecustomize"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(sys.modules["sitecustomize"])
os.environ.pop("PYTHONPATH")
os.environ.update({path!r})
exec(os.environ.pop({variable!r}))
"""
"""Stands before another module of that name, which comes first, and takes itself from path and environment."""
_VARIABLE = "PYTEST_EXPOPS_CHILD"


class _Sent:
    """Runs where it is unpickled, before anything else that the child is sent."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self._code,)


@contextmanager
def informed_children(conditions: Conditions, watcher: Watcher, submissions: Submissions) -> Iterator[None]:
    """Let child processes hold and watch the operating system's randomness as their parent does."""
    setting = conditions.get("entropy", NATURAL)
    if setting.mode is not Mode.HELD and not watcher.watching:
        yield
        return
    folder = str(scratch.new_folder("notes"))
    told = {"setting": setting.to_json(), "watching": watcher.watching, "notes": folder}
    _end_kept()
    children = _Children(told, folder, submissions)
    watcher.notes = folder
    try:
        libraries = dict.fromkeys(_SPAWNING, children.patch_spawn)
        with patching(libraries) as patches:
            patches.wrap(subprocess.Popen, "__init__", children.start)
            yield
        _end_kept()
        watcher.read_notes()
        if setting.mode is Mode.HELD and (silent := children.programs - watcher.programs):
            watcher.escape("entropy", "programs in child processes that do not take part", silent)
    finally:
        watcher.notes = None
        scratch.remove(Path(folder))


def _end_kept() -> None:
    """End child processes that loky keeps: those of another replay were told something else, or nothing."""
    for name in _KEPT:
        executor = getattr(loaded_module(name), "_executor", None)
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)


class _Children:
    """The stand-ins, and how many Python programs were told; options of theirs may keep them from hearing it."""

    def __init__(self, told: Mapping[str, Any], folder: str, submissions: Submissions) -> None:
        self.programs = 0
        self._lock = threading.Lock()
        self._told = told
        self._folder = folder
        self._submissions = submissions

    def patch_spawn(self, patches: Patches, module: ModuleType) -> None:
        patches.wrap(module, "get_preparation_data", self._prepare)

    def _prepare(self, original: Callable[..., dict[str, Any]], *args: Any, **kwargs: Any) -> dict[str, Any]:
        data = original(*args, **kwargs)
        origin = self._submissions.submitted("process")
        # What starts others, and runs nothing itself, is asked for data to preload; it does not pass ours on.
        if origin is None or args[:1] == ("ignore",):
            return data
        return {"expops": _Sent(self._code(origin)), **data}

    def start(self, original: Callable[..., None], child: Any, args: Any, *others: Any, **kwargs: Any) -> None:
        origin = self._submissions.submitted("process") if _is_python(args) else None
        if origin is None or others:
            original(child, args, *others, **kwargs)
            return
        self.programs += 1
        given = kwargs.get("env")
        if given is not None:
            kwargs["env"] = {**given, **self._variables(given, origin)}
            original(child, args, **kwargs)
            return
        # It inherits the variables themselves, of which `os.environ` need not have all.
        with self._lock:
            changed = self._variables(os.environ, origin)
            for name, value in changed.items():
                os.putenv(name, value)
            try:
                original(child, args, **kwargs)
            finally:
                for name in changed:
                    os.putenv(name, os.environ[name]) if name in os.environ else os.unsetenv(name)

    def _variables(self, environment: Mapping[str, str], origin: Origin) -> dict[str, str]:
        before = environment.get("PYTHONPATH")
        # Below a folder of its own for each search path that is to be put back.
        folder = tempfile.mkdtemp(dir=self._folder)
        text = _SITE.format(folder=folder, path={"PYTHONPATH": before} if before else {}, variable=_VARIABLE)
        (Path(folder) / "sitecustomize.py").write_text(text, encoding="utf-8")
        path = folder if not before else f"{folder}{os.pathsep}{before}"
        return {"PYTHONPATH": path, _VARIABLE: self._code(origin, is_program=True)}

    def _code(self, origin: Origin, *, is_program: bool = False) -> str:
        told = {**self._told, "origin": list(origin), "is_program": is_program}
        return _CODE.format(package=_PACKAGE, told=json.dumps(told))


@functools.cache
def _python_names() -> frozenset[str]:
    return frozenset({os.path.realpath(sys.executable), sys.executable})


def _is_python(args: Any) -> bool:
    if not isinstance(args, list | tuple) or not args:
        return False
    program = os.fsdecode(args[0])
    return program in _python_names() or os.path.basename(program).startswith("python")
