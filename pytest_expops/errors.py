"""One tree of errors, each carrying its subject as attributes, so that tools need not parse messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a text file; line and column count from 1, as editors do."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a config: where it stands, what was found and expected, and how to fix it."""

    message: str
    location: Location | None = None
    process: str | None = None
    key: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"


class ExpopsError(Exception):
    """Base of everything pytest-expops raises about a user's pipeline; `process`, `key`, `hint` name the subject."""

    def __init__(
        self, message: str, *, process: str | None = None, key: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.process = process
        self.key = key
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n    {self.hint}" if self.hint else self.message


MOST_TOLD = 50
"""So many problems of a config are in the message of a `ConfigError`; all are in its `problems`."""


class ConfigError(ExpopsError):
    """A config that cannot be run; `problems` holds every one found in that file, in the order of the file."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{path}: {count} problem{'s' if count != 1 else ''} in this pipeline config"
        more = [f"  and {count - MOST_TOLD} more"] if count > MOST_TOLD else []
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems[:MOST_TOLD]), *more]))


class ScriptError(ExpopsError):
    """A script cannot be found or imported, or lacks a function; `user_traceback` is the user's own, if any."""

    def __init__(
        self,
        message: str,
        *,
        path: Path,
        process: str | None = None,
        hint: str | None = None,
        user_traceback: str | None = None,
    ) -> None:
        super().__init__(message, process=process, hint=hint)
        self.path = path
        self.user_traceback = user_traceback

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\n{self.user_traceback}" if self.user_traceback else text


class InputError(ExpopsError):
    """The inputs of a process cannot be brought together: a name missing, or offered twice."""


class OutputError(ExpopsError):
    """What a process returned is not what a process must return (S2.3)."""


class PartitionError(ExpopsError):
    """A value cannot be split as the config says (S3.2, S3.3)."""


class ChartError(ExpopsError):
    """A chart wrote no image."""


class FingerprintError(ExpopsError):
    """A value cannot be fingerprinted soundly; `path` is its place in the output."""

    def __init__(self, message: str, *, path: str, process: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, process=process, hint=hint)
        self.path = path


class StoreError(ExpopsError):
    """A value cannot be stored, or an artifact cannot be read back."""


GONE = "is not there any more"
CHANGED = "is not as it was left"


class StorageTrouble(StoreError):
    """What was stored is missing, damaged or refused by the disk: that says nothing about what made it."""


class SessionFolderError(StorageTrouble):
    """The folder of a session, `path` in it, was removed or changed by something else while the session ran.

    What has been run cannot be told any more, so that nothing is run.
    """

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} {what}: something else removed or changed the folder of this session while it ran",
            hint="fix: find out what does (a clean-up of temporary folders, say), and run pytest again; "
            "`--expops-artifacts=FOLDER` keeps the folder in another place",
        )
        self.path = path


class CallLost(StoreError):
    """The function of a check, or an argument, cannot be rebuilt in another interpreter."""


class CheckFailed(AssertionError):
    """What was checked is not so. That is a verdict, and no trouble in finding one: tools tell the two apart by it."""


class ReplayError(ExpopsError):
    """A replay found a difference, or could not be made; `process` names what was replayed."""


class ReplicaDied(ReplayError):
    """The interpreter that replays ended without an answer; `exit_code` is negative for a signal."""

    def __init__(self, message: str, *, process: str | None = None, exit_code: int | None = None) -> None:
        super().__init__(message, process=process)
        self.exit_code = exit_code


class ReplayTimeout(ReplayError):
    """A replay took longer than the time left for it."""


class ReplayTookTooLong(ReplayError):
    """A replay ran longer than its process may."""


class ReplayTookTooMuch(ReplayTookTooLong):
    """A replay met the memory limit of its process, which the first run did not: no verdict either."""


class ProcessMemoryError(MemoryError):
    """A process got no more memory than it may take."""


class ProcessTimeout(BaseException):
    """A process ran longer than it may. No `Exception`: the process's own `except` is not to keep it from ending."""


class CopyRefused(ReplayError):
    """A process cannot be replayed in a copy of the project: it is too large, or the process writes elsewhere."""


class CodeArchiveError(ExpopsError):
    """The code of a project cannot be packed for workers, or unpacked there; `path` is relative to the project."""

    def __init__(self, message: str, *, path: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class NotReproducible(ReplayError, CheckFailed):
    """A function, test or program that was run again gave something else."""


class CheckError(ExpopsError, ValueError):
    """What is to be checked cannot be: an argument that cannot be stored, a source that there is not."""


class StabilityError(ExpopsError, ValueError):
    """A spread over seeds cannot be judged: there is no such metric, or a value is no finite number."""


class ReportError(ExpopsError):
    """A file is no report of this version, or cannot be read or written."""


class RevisionError(ExpopsError):
    """A revision of a repository cannot be compared with; the message is the rest of a sentence that names it."""


class MissingExtra(ExpopsError, ImportError):
    """Something needs a library that is installed on request only; `extra` is what to install."""

    def __init__(self, message: str, *, extra: str) -> None:
        hint = f"install it with: pip install 'pytest-expops[{extra}]'"
        super().__init__(f"{message}, which is not installed", hint=hint)
        self.extra = extra


class ExpopsWarning(UserWarning):
    """Base of the warnings of pytest-expops."""


class ConfigWarning(ExpopsWarning):
    """Something in a config that is read, or ignored, in another way than its author probably meant."""


class ReadBackWarning(ExpopsWarning):
    """A replay that matched has read a file that an earlier run of this session wrote: only the reading was checked."""


class ChangedArgumentWarning(ExpopsWarning):
    """A function that was found to be reproducible changes an argument in place."""


class NotVariedWarning(ExpopsWarning):
    """A replay could not vary what it was to vary; it was made without that."""


class NotLimitedWarning(ExpopsWarning):
    """A memory limit is asked for, and this system does not enforce it."""


class EmptyPartitionWarning(ExpopsWarning):
    """A split has fewer rows than partitions, so that some partitions are empty (S3.3)."""
