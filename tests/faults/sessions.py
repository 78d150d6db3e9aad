"""One pytest session as a process of its own, with all that it starts: watched, ended if it hangs, and looked after."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.table import Fault, Kind

ROOT = Path(__file__).parents[2]
LIMIT = 240.0
"""So many seconds a session of a few seconds may take before it counts as hung, on a machine under load."""
GOING = 20.0
"""So many seconds what a session has started may take to end after the session has."""
ARTIFACTS = "kept"
"""The folder in a project that sessions are given for what is to be kept."""
_MARK = "EXPOPS_FAULTS_CASE"
CACHE = ".expops_cache"
"""Where results are kept for later sessions."""
_TRIAL_NAME = re.compile("[a-z0-9_]{8}")
_KEPT_BY_PYTEST = "pytest-of-*"
IGNORED_BY_SHELLS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
"""Signals that whoever starts a harness in the background may have ignored, which children inherit."""


@dataclass(frozen=True, slots=True)
class Process:
    """A living process that a session has started, or is."""

    pid: int
    command: str


@dataclass
class Watched:
    """A session that is running, or was: in the folder `project`, with its temporary files in `temporary`."""

    case: str
    project: Path
    temporary: Path
    mark: str
    process: subprocess.Popen[bytes]
    output: Path
    hung: bool = False
    before: frozenset[str] = field(default_factory=frozenset)
    began: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    @property
    def code(self) -> int:
        code: int = self.process.returncode
        return code

    def alive(self) -> list[Process]:
        """What is alive of this session: itself, its workers, and all that these started."""
        return list(marked(f"{_MARK}={self.mark}".encode()))

    def wait(self, limit: float = LIMIT) -> None:
        """Wait for the end of the session; end it if it takes longer than the limit."""
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.hung = True
            self.end()
            self.process.wait()

    def end(self) -> None:
        """Kill all that is alive of it."""
        for each in self.alive():
            kill(each.pid, signal.SIGKILL)


def started(
    case: str,
    project: Path,
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] | None = None,
    most_bytes: int | None = None,
) -> Watched:
    """Begin a session in a project's folder, whose files for a while are in a folder beside it.

    Args:
        case: what it is called.
        project: where it is begun.
        arguments: those of pytest.
        variables: more variables of its environment.
        most_bytes: how large its files may become.
    """
    temporary = project.parent / f"{project.name}-tmp"
    temporary.mkdir(exist_ok=True)
    mark = uuid.uuid4().hex
    output = project.parent / f"{project.name}-{mark[:6]}.txt"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI", "BUILD_NUMBER"))},
        _MARK: mark,
        "TMPDIR": str(temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT),
        **(variables or {}),
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments]
    before = files_of(project)
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: _as_a_shell_starts_it(most_bytes),
        )
    return Watched(case, project, temporary, mark, process, output, before=before)


def _as_a_shell_starts_it(most_bytes: int | None) -> None:
    for each in IGNORED_BY_SHELLS:
        signal.signal(each, signal.SIG_DFL)
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def marked(mark: bytes) -> Iterator[Process]:
    """Yield the living processes that have this text in the environment that they were started with."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        folder = Path("/proc", entry)
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                yield Process(int(entry), command)
        except OSError:  # it has ended, or is another user's
            continue


def kill(pid: int, number: signal.Signals) -> bool:
    """Send a signal; False if there is no such process any more."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def files_of(folder: Path) -> frozenset[str]:
    return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*"))


def faults_of(
    session: Watched, *, may_write: Callable[[str], bool], interrupted: bool = False, abrupt: bool = False
) -> Iterator[Fault]:
    """Yield what went wrong in any session, whatever it was to do: hung, something left behind, our tracebacks.

    Args:
        session: it has ended.
        may_write: of a path within the project that was not there before, whether it may be there now.
        interrupted: whether SIGINT was sent, the traceback of which says where it was met.
        abrupt: whether something has ended its interpreter, which could not clean up.
    """
    if session.hung:
        yield Fault(Kind.HUNG, session.case, f"it took more than {LIMIT:g} s; it printed:\n{_end_of(session.text)}")
    alive = _after(GOING, session.alive)
    if alive:
        listed = "\n".join(f"    {each.pid} {each.command}" for each in alive)
        yield Fault(Kind.LEFT, session.case, f"{GOING:g} s after its end there are still alive:\n{listed}")
        session.end()
    if session.code >= 0 and not session.hung and not abrupt:
        yield from _left(session, "after a session that ended by itself")
    sweep(session.temporary, session.project / ARTIFACTS)
    yield from _left(session, "after the next session has cleaned up")
    added = {each for each in files_of(session.project) - session.before if CACHE not in Path(each).parts}
    new = sorted(each for each in added if not may_write(each))
    if new:
        yield Fault(Kind.LEFT, session.case, f"the project has these new files: {', '.join(new)}")
    for each in tracebacks(session.text, interrupted=interrupted):
        yield Fault(Kind.TRACEBACK, session.case, each)


def _is_pythons_trial(path: Path) -> bool:
    """Return whether a file is the one by which `tempfile` tries whether it may write in the folder.

    It is there for some microseconds when a program first asks for that folder, pytest itself for one; whoever is
    killed just then leaves it behind.
    """
    return bool(_TRIAL_NAME.fullmatch(path.name)) and path.is_file() and path.read_bytes() in (b"", b"blat")


def _left(session: Watched, when: str) -> Iterator[Fault]:
    paths = [path for path in session.temporary.iterdir() if not path.match(_KEPT_BY_PYTEST)]
    left = [path for path in paths if not _is_pythons_trial(path)]
    if left:
        files = [str(path) for each in left for path in [each, *each.rglob("*")]][:30]
        yield Fault(Kind.LEFT, session.case, f"{when}, temporary files are left: {', '.join(files)}")


def _after(seconds: float, look: Callable[[], list[Process]]) -> list[Process]:
    """What is still alive after so many seconds; an empty list as soon as nothing is."""
    deadline = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


_SWEEP = """
import sys
from pathlib import Path
from pytest_expops.execution import scratch
scratch.remove_abandoned(scratch.left_behind([Path(sys.argv[1])]))
"""


def sweep(temporary: Path, artifacts: Path) -> None:
    """Do what the next session does at its start: remove the folders that nobody holds."""
    if any(temporary.iterdir()) or artifacts.exists():
        environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", _SWEEP, str(artifacts)], env=environment, check=True, cwd="/")


_FRAME = re.compile(r'^\s*File ".*[\\/]pytest_expops[\\/](?!core\.py)[^"]*", line \d+, in ', re.MULTILINE)
_SHORT_FRAME = re.compile(r"^\S*pytest_expops[\\/]\S+\.py:\d+: (?!KeyboardInterrupt)\S+", re.MULTILINE)
_RAISED = re.compile(r"^(?!Traceback|During|The above)\S.*$", re.MULTILINE)


def tracebacks(text: str, *, interrupted: bool = False) -> list[str]:
    """Return the first traceback with a frame of this package, and pytest's first internal error, if there are any.

    Args:
        text: what a session printed.
        interrupted: leave out those of a KeyboardInterrupt. Python prints one where SIGINT meets an interpreter that
            has not begun the session, or is about to end.
    """
    found = []
    if "INTERNALERROR" in text and not died_at_boot(text):
        found.append(text[max(0, text.index("INTERNALERROR") - 500) :][:6000])
    for at in [*_FRAME.finditer(text), *_SHORT_FRAME.finditer(text)]:
        raised = _RAISED.search(text, at.end())
        if not (interrupted and raised is not None and "KeyboardInterrupt" in raised.group()):
            found.append(text[max(0, at.start() - 1500) : at.end() + 1500])
            break
    return found


def died_at_boot(text: str) -> bool:
    """Whether pytest-xdist gave up because a worker died before it had answered it for the first time.

    The session ends with an INTERNALERROR of pytest-xdist, which is not in our hands, and says so by exit status 3.
    """
    return "INTERNALERROR" in text and "xdist/workermanage.py" in text and "in setup_node\n" in text


def _end_of(text: str) -> str:
    return text[-3000:]
