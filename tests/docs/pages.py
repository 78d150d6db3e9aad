"""The pages with commands and their outputs, and how an output is made anew.

A page says by HTML comments, which are not shown, what belongs together::

    <!-- files: slopes -->              the block below is a file of the project `slopes`; its first line names it
    <!-- file: slopes models/model.py
    ...                                 a file that is not shown; the comment ends on a line of its own
    -->
    <!-- run: slopes; only: NAME -->    the command below is run there; the text block after it is what it prints

`run` takes more, each after a semicolon: ``only: ITEM`` keeps the failure of one item; ``numbers vary``:
they are not compared; ``from: TEXT`` keeps what
follows from the first line that contains it; ``to: TEXT`` ends before the next line that contains it; ``replace: OLD ->
NEW`` edits every file of the project before (may be repeated). The project `example` is a copy of `example_project`. A
text block with an output that cannot be made so stands below ``<!-- not run: REASON -->``.

`python -m tests.docs.regenerate` writes every output anew.
"""

from __future__ import annotations

import functools
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "example_project" / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_FILES = re.compile(r"<!-- files: (?P<project>\w+) -->\n+```\w+\n(?P<text># (?P<path>\S+)\n.*?)^```", re.M | re.S)
_HIDDEN = re.compile(r"<!-- file: (?P<project>\w+) (?P<path>\S+)\n(?P<text>.*?)^-->", re.M | re.S)
_RUN = re.compile(
    r"<!-- run: (?P<how>[^\n]*) -->\n+(?P<command>```console\n(?P<commands>[^`]*?)^```\n)"
    r"(?P<gap>\n*)(?P<output>```text\n(?P<text>.*?)^```\n)?",
    re.M | re.S,
)

_HEADER = re.compile(
    r"=+ test session starts =+$|platform |rootdir: |configfile: |testpaths: |plugins: |cachedir: |created: "
)


@dataclass(frozen=True)
class Run:
    """A command of a page, and what is shown of its output."""

    page: Path
    start: int
    end: int
    project: str
    command: str
    shown: str
    only: str = ""
    begin: str = ""
    stop: str = ""
    edits: tuple[tuple[str, str], ...] = ()
    varies: bool = False

    @property
    def name(self) -> str:
        """For ids of tests: the page and the line."""
        text = self.page.read_text(encoding="utf-8")
        return f"{self.page.relative_to(ROOT)}:{text.count(chr(10), 0, self.start) + 1}"

    def is_shown(self, output: str) -> bool:
        """Whether the page shows this output, but for what is another in every run."""
        return alike(self.shown, output, varies=self.varies)

    def output(self) -> str:
        """What the command prints now, cut as the page says."""
        return self.cut(_printed(self.project, self.command, self.edits))

    def cut(self, printed: str) -> str:
        """The part of an output that the page shows."""
        lines = [line.rstrip() for line in printed.splitlines() if not _HEADER.match(line)]
        if self.only:
            heading = re.compile(rf"_+ {re.escape(self.only)} _+")
            first = next(place for place, line in enumerate(lines) if heading.fullmatch(line))
            after = lines[first + 1 :]
            length = next(
                (place for place, line in enumerate(after) if re.match(r"_{3,} |={3,} |- ", line)), len(after)
            )
            lines = lines[first : first + 1 + length]
        if self.begin:
            lines = lines[next(place for place, line in enumerate(lines) if self.begin in line) :]
        if self.stop:
            lines = lines[: next(place for place, line in enumerate(lines) if place and self.stop in line)]
        return "\n".join(lines).strip("\n") + "\n"


def runs(page: Path) -> Iterator[Run]:
    """Every command of a page whose output is shown."""
    text = page.read_text(encoding="utf-8")
    for found in _RUN.finditer(text):
        project, *more = [each.strip() for each in found["how"].split(";")]
        varies = "numbers vary" in more
        more = [each for each in more if each != "numbers vary"]
        said = [each.partition(": ")[::2] for each in more]
        words = {key: value for key, value in said if key != "replace"}
        edits = tuple(
            (old, new) for key, value in said if key == "replace" for old, _, new in [value.partition(" -> ")]
        )
        assert words.keys() <= {"only", "from", "to"}, f"{page}: {found['how']}"
        commands = [line[2:] for line in found["commands"].splitlines() if line.startswith("$ pytest")]
        assert len(commands) == 1, f"{page}: one `$ pytest` command is expected in a block that is run"
        yield Run(
            page,
            found.start("output") if found["output"] else found.end("command"),
            found.end("output") if found["output"] else found.end("command"),
            project,
            commands[0],
            found["text"] or "",
            words.get("only", ""),
            words.get("from", ""),
            words.get("to", ""),
            tuple(edits),
            varies,
        )


def write_project(name: str, folder: Path) -> None:
    """The files of a project, from all pages that show any of it."""
    if name == "example":
        shutil.copytree(ROOT / "example_project", folder, dirs_exist_ok=True)
        return
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in (*_FILES.finditer(text), *_HIDDEN.finditer(text)):
            if found["project"] == name:
                path = folder / found["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(found["text"], encoding="utf-8")


@functools.cache
def _printed(project: str, command: str, edits: tuple[tuple[str, str], ...]) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / project
        folder.mkdir()
        write_project(project, folder)
        for old, new in edits:
            files = [path for path in folder.rglob("*") if path.suffix in {".py", ".yaml"}]
            changed = [path for path in files if old in path.read_text(encoding="utf-8")]
            assert changed, f"nothing in the project {project} reads {old!r}"
            for path in changed:
                path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "CI", "BUILD_"))
        }
        words = shlex.split(command, comments=True)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *words],
            cwd=folder,
            env={**environment, "COLUMNS": "80", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.stdout


_NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?|[-+]?\d+e[-+]?\d+")


def alike(one: str, other: str, *, varies: bool = False) -> bool:
    """Whether two outputs are the same but for times, who ran what, rulers, and the last digits of numbers.

    Where numbers vary, since they are drawn from an unseeded generator, say, they do not count at all.
    """
    one, other = masked(one, varies=varies), masked(other, varies=varies)
    if _NUMBER.sub("N", one) != _NUMBER.sub("N", other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return varies or all(math.isclose(float(ours), float(theirs), rel_tol=1e-3) for ours, theirs in pairs)


def masked(text: str, *, varies: bool = False) -> str:
    """A text without what is another in every run, besides numbers."""
    text = re.sub(r"on \d+ workers?, busy .*", "on N workers", text)
    text = re.sub(r"(?ms)^compared \d+ with .*?(?=^\S)", "compared with the lock file\n", text)
    text = re.sub(r"diagnosed in \d+ runs, [\d.]+ s", "diagnosed in N runs", text)
    text = re.sub(r"in [\d.]+ ?s\b", "in TIME", text)
    text = re.sub(r"PYTHONHASHSEED=\d+", "PYTHONHASHSEED=N", text)
    text = re.sub(r" ?\(\d+:\d\d:\d\d\)|0x[0-9a-f]+", "", text)
    if varies:
        text = re.sub(r"(first run|replay): +.*", r"\1: VALUE", text)
        text = re.sub(r"\[\d+\] differs first", "[N] differs first", text)
    text = re.sub(r"[=_]{3,}", "===", text)
    text = re.sub(r"(?m)^[.sx]+( +\[ *\d+%\])?$", "...", text)
    text = re.sub(r"(?m)(^\.\.\.\n)+", "...\n", text)
    return re.sub(r" +", " ", text).strip()
