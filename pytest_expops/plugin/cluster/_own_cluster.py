"""A Dask cluster of the session's own: a scheduler and workers on this machine that nobody else can reach.

They are programs of their own, and no children of `multiprocessing`, which would import the main module again.
Each ends when its standard input does, and so does not outlive this process, however that ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.interpreter_end import ended
from pytest_expops.unpatched import UNPATCHED

SECONDS_TO_START = 60.0
SECONDS_TO_END = 5.0
_LOOPBACK = "127.0.0.1"
_MAIN = (
    "import os, sys, threading; "
    "threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start(); "
    "from distributed.cli.dask_{0} import main; main()"
)
# Without a dashboard there is a server of HTTP all the same, which tells of all tasks: at all addresses, unless told.
_LISTENS = ["--host", _LOOPBACK, "--no-dashboard", "--dashboard-address", f"{_LOOPBACK}:0"]
_NONE: Mapping[str, float] = {}
_SETTINGS = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
}


class OwnCluster:
    """One scheduler and some workers.

    Args:
        folder: for what they write; it is made.
        workers: how many.
        variables: of the environment, for workers alone.
        resources: what the first worker has.

    Raises:
        ExpopsError: they do not start.
    """

    def __init__(
        self, folder: Path, workers: int, variables: Mapping[str, str], resources: Mapping[str, float]
    ) -> None:
        folder.mkdir(mode=0o700)
        self._folder = folder
        self._programs: list[subprocess.Popen[bytes]] = []
        self.scheduler_file = folder / "scheduler.json"
        try:
            listens = ["--port", "0", "--scheduler-file", str(self.scheduler_file)]
            self._start("scheduler", listens, {})
            self._wait_for_scheduler()
            for number in range(workers):
                self.add_worker(str(number), variables, {} if number else resources)
        except BaseException:
            self.close()
            raise

    def add_worker(self, name: str, variables: Mapping[str, str], resources: Mapping[str, float] = _NONE) -> None:
        """Start another worker; see above."""
        own = ["--nthreads", "1", "--memory-limit", "0", "--name", name, "--death-timeout", "60"]
        place = ["--scheduler-file", str(self.scheduler_file), "--local-directory", str(self._folder / "dask")]
        if resources:
            own += ["--resources", " ".join(f"{what}={most!r}" for what, most in resources.items())]
        self._start("worker", [*own, *place], variables)

    def close(self) -> None:
        """End all of them."""
        for program in self._programs:
            assert program.stdin is not None
            with suppress(OSError):
                program.stdin.close()
        for program in self._programs:
            try:
                program.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self._programs.clear()

    def _start(self, what: str, arguments: list[str], variables: Mapping[str, str]) -> None:
        with open(self._folder / "log", "ab") as log:
            self._programs.append(
                subprocess.Popen(
                    [sys.executable, "-c", _MAIN.format(what), *_LISTENS, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    env={**os.environ, **_SETTINGS, "DASK_TEMPORARY_DIRECTORY": str(self._folder), **variables},
                    start_new_session=True,  # Ctrl-C is for pytest
                )
            )

    def _wait_for_scheduler(self) -> None:
        deadline = UNPATCHED.monotonic() + SECONDS_TO_START
        while not (self.scheduler_file.exists() and self.scheduler_file.stat().st_size):
            code = self._programs[0].poll()
            if code is not None or UNPATCHED.monotonic() > deadline:
                said = (self._folder / "log").read_text(encoding="utf-8", errors="replace").strip()
                last = "\n".join(said.splitlines()[-20:]) or "it printed nothing"
                how = ended(code) if code is not None else f"was not there after {SECONDS_TO_START:g} s"
                raise ExpopsError(f"the scheduler of the session's own Dask cluster {how}:\n{last}")
            UNPATCHED.sleep(0.02)
