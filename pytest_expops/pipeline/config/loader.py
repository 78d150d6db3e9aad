"""A config file becomes a pipeline: the bytes are read here, and YAML's own complaints put into our words.

The schema is checked by hand-written readers rather than by pydantic models. Half of the grammar is alternatives (two
spellings; a bare value, a map, or a list of maps), many findings depend on a second place in the file, and some are
warnings: the errors of a model's unions would have to be taken apart again for each. It also saves every worker the
import of pydantic.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import yaml

from pytest_expops.errors import Location
from pytest_expops.pipeline.config._composing import Composer
from pytest_expops.pipeline.config._dialects import read_pipeline
from pytest_expops.pipeline.config._document import BrokenNode, Document, MapNode, Scalar, describe
from pytest_expops.pipeline.files import DISK, Disk
from pytest_expops.pipeline.model import Pipeline
from pytest_expops.pipeline.problems import Problems
from pytest_expops.wording import nearest

__all__ = ["load_config", "load_document"]

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What YAML 1.1 calls printable, and a tab or line break.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def load_config(path: str | Path, files: Disk = DISK) -> Pipeline:
    """Read the pipeline config at `path`, in either spelling (S1.2).

    Nothing is imported or run, and no file but the config is opened. What does not prevent a run is in
    `Pipeline.warnings`.

    Args:
        path: where it is.
        files: what is read, and what the scripts are looked for among.

    Raises:
        ConfigError: it has every problem of the file, in its order (S1.4).
    """
    problems = Problems(Path(path))
    document = load_document(problems, files)
    pipeline = read_pipeline(document, problems, files)
    problems.raise_errors()
    return pipeline


def load_document(problems: Problems, files: Disk = DISK) -> Document:
    """Read the YAML of the file at `problems.path`.

    Raises:
        ConfigError: there is none that can be read.
    """
    text = _text(problems, files)
    lines = tuple(_LINE_BREAK.split(text))
    if bad := _UNPRINTABLE.search(text):
        at = _place(problems.path, text[: bad.start()])
        message = f"the character U+{ord(bad.group()):04X} cannot stand in a YAML file"
        problems.error(message, at, hint="remove it, or write it as an escape in double quotes")
        raise problems.as_error()
    try:
        root = Composer(problems).compose(text)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML's pure parser lets ValueError and OverflowError out of escapes such as "\UFFFFFFFF".
        _syntax_problem(error, lines, problems)
        raise problems.as_error() from None
    top = Location(problems.path, 1, 1)
    if root is None or (isinstance(root, Scalar) and root.plain is None):
        problems.error("the file is empty; expected a pipeline config", top, hint=_SMALLEST)
        raise problems.as_error()
    if not isinstance(root, MapNode):
        if not isinstance(root, BrokenNode):
            found = describe(root)
            problems.error(f"the file holds {found}; expected a map with the pipeline in it", top, hint=_SMALLEST)
        raise problems.as_error()
    return Document(problems.path, root, lines)


_SMALLEST = "the smallest one: {scripts: {main: model.py}, experiment: {pipeline: {processes: [{name: train}]}}}"


def _text(problems: Problems, files: Disk) -> str:
    path = problems.path
    try:
        data = files.read(path).removeprefix(codecs.BOM_UTF8)
    except (OSError, ValueError) as error:
        hint = None
        if isinstance(error, FileNotFoundError):
            message = "there is no such file"
            near = nearest(path.name, _siblings(path))
            hint = f"did you mean `{path.parent / near}`?" if near else None
        elif isinstance(error, IsADirectoryError):
            message = "this is a directory; expected a YAML file"
            inside = path / "configs" / "project_config.yaml"
            hint = f"did you mean `{inside}`?" if inside.is_file() else None
        else:
            message = f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
        problems.error(message, None, hint=hint)
        raise problems.as_error() from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = _place(path, data[: error.start].decode("utf-8", errors="replace"))
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        problems.error(message, at, hint="save the file in the UTF-8 encoding")
        raise problems.as_error() from None


def _siblings(path: Path) -> list[str]:
    try:
        return sorted(each.name for each in path.parent.iterdir())
    except OSError:
        return []


def _place(path: Path, before: str) -> Location:
    """Return where the text that follows `before` begins."""
    lines = _LINE_BREAK.split(before)
    return Location(path, len(lines), len(lines[-1]) + 1)


def _syntax_problem(error: Exception, lines: tuple[str, ...], problems: Problems) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        problems.error(f"this is not valid YAML: {str(error).splitlines()[0]}", Location(problems.path, 1, 1))
        return
    # libyaml places what is missing at the end of the file on the line after it.
    index = min(mark.line, len(lines) - 1)
    while index > 0 and index == len(lines) - 1 and not lines[index].strip():
        index -= 1
    column = mark.column + 1 if index == mark.line else len(lines[index]) + 1
    at = Location(problems.path, index + 1, column)
    line = lines[index]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        problems.error("the line is indented with a tab; YAML allows spaces only", at, hint="replace the tab by spaces")
        return
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context_mark", None)
    where = f" ({error.context} that begins at line {context.line + 1})" if context and error.context else ""  # type: ignore[attr-defined]
    near = f", at `{line.strip()[:60]}`" if line.strip() else ""
    problems.error(f"this is not valid YAML: {reason}{where}{near}", at)
