"""How git is asked: by its program, without a look at what a hook of git has set.

Only its index may be written: `git diff` notes there which files it has found to be as they were.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pytest_expops.errors import RevisionError

_LOCAL = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
"""The variables that tell git where a repository and its parts are. Hooks of git run with them."""


class GitFailed(RevisionError):
    """Git ended with an error; `says` is the first line of what it said."""

    def __init__(self, output: str) -> None:
        self.says = next((line.removeprefix("fatal: ").strip() for line in output.splitlines() if line.strip()), "")
        super().__init__(f"cannot be compared with; git says: {self.says or 'nothing'}")


def ask_git(folder: Path, *words: str) -> bytes:
    """Return what git prints for these arguments in a folder.

    Raises:
        GitFailed: it ends with an error.
        RevisionError: it cannot be run.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    try:
        done = subprocess.run(
            ["git", "-C", os.fspath(folder), *words],
            env={**kept, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise RevisionError(f"cannot be compared with: git cannot be run ({error.strerror})") from None
    if done.returncode:
        raise GitFailed(done.stderr.decode("utf-8", "replace"))
    return done.stdout


def git_text(folder: Path, *words: str) -> str:
    """Return the same as text, in which the bytes of any path can stand; raises as `ask_git`."""
    return os.fsdecode(ask_git(folder, *words))


def git_list(folder: Path, *words: str) -> list[str]:
    """Return the entries of a list in which each ends with NUL; raises as `ask_git`."""
    return [each for each in git_text(folder, *words).split("\0") if each]
