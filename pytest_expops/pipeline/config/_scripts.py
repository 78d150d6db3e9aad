"""Which scripts a config names, and which function of which script each process calls (S1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import BrokenNode, MapEntry, MapNode, Scalar, YamlNode, describe
from pytest_expops.pipeline.config._reading import LabelledEntry, Reader, entries_of
from pytest_expops.pipeline.config.project import Project
from pytest_expops.pipeline.model import CodeRef, Kind
from pytest_expops.wording import listed

MAIN = "main"
"""The key that the classic spelling's only script gets."""
REPORTING = "reporting"
"""The key of the script that holds a classic config's charts."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """The scripts by key. `default` is the key that a bare function name means; None where a config names no script."""

    paths: Mapping[str, Path]
    default: str | None
    charts: str | None
    """The key that a bare chart name means."""


def read_scripts(
    top: MapNode, model_parameters: MapNode | None, reporting: MapNode | None, project: Project, reader: Reader
) -> Scripts:
    """Gather `scripts`, `custom_script_path` and `reporting.static_entrypoint`."""
    written = _script_map(top, reader)
    default = next(iter(written), None)
    for found in entries_of(model_parameters, "model.parameters.", "custom_script_path"):
        if default is None:
            default = MAIN
        _add(written, default, found, reader)
    reader.warn_of_unknown_keys(reporting, vocabulary.REPORTING, "of `reporting`")
    for found in entries_of(reporting, "reporting.", "static_entrypoint"):
        _add(written, REPORTING, found, reader)
    paths = {}
    for key, found in written.items():
        text = reader.text(found.value, found.label, "the path of a Python file")
        paths[key] = project.resolve(text or "")
    return Scripts(paths, default, REPORTING if REPORTING in paths else default)


def _script_map(top: MapNode, reader: Reader) -> dict[str, LabelledEntry]:
    entry = next(iter(entries_of(top, "", "scripts")), None)
    if entry is None:
        return {}
    if not isinstance(entry.value, MapNode):
        hint = f"write `scripts: {{main: {entry.value.text}}}`" if isinstance(entry.value, Scalar) else None
        reader.wrong(entry.value, "scripts", "a map of keys to paths", hint)
        # The complaint is made; a stand-in keeps every process from adding its own.
        return {MAIN: LabelledEntry("scripts", MapEntry(entry.entry.key, BrokenNode(entry.location, None)))}
    written = {}
    for name, inner in entry.value.entries.items():
        sign = ":" if isinstance(name, str) and ":" in name else "."
        if not isinstance(name, str) or not name or sign in name:
            what, spelling = ("colon", "MODULE:NAME` the module") if sign == ":" else ("dot", "KEY.NAME` the key")
            message = f"the key of a script is {describe(inner.key)}; expected a text without a {what}"
            hint = f'in `code: {spelling} ends at the first "{sign}"'
            reader.error(message, inner.key.location, key="scripts", hint=hint)
        else:
            written[name] = LabelledEntry(f"scripts.{name}", inner)
    return written


def _add(written: dict[str, LabelledEntry], key: str, found: LabelledEntry, reader: Reader) -> None:
    if key in written:
        reader.agreed([written[key], found])
    else:
        written[key] = found


class _Parsed(NamedTuple):
    """An entry that names a function, and what it names; None, with an error, where it cannot be read."""

    entry: LabelledEntry
    ref: CodeRef | None


def read_code(body: MapNode, own: CodeRef, scripts: Scripts, kind: Kind, is_classic: bool, reader: Reader) -> CodeRef:
    """Read the function of one process: `NAME`, `KEY.NAME` or `MODULE:NAME` in `code` or `code_function`.

    Where there is neither, it has the process's own name.

    A bare name is looked for in the script that `script: KEY` names, if it does, else in the default one.

    Args:
        body: what the config says of the process.
        own: the function of the process's own name.
        scripts: the scripts of the config.
        kind: what the process is; one that passes its inputs through needs no script.
        is_classic: whether the config is in the classic spelling.
        reader: notes what is wrong.
    """
    found = entries_of(body, "", "code", "code_function")
    # A classic chart is a function of the reporting script; in the current spelling it says so itself.
    bare = scripts.charts if kind is Kind.CHART and (is_classic or not found) else scripts.default
    beside = next(iter(entries_of(body, "", "script")), None)
    if beside is not None:
        bare = _script_key(beside, scripts, reader) or bare
    parsed = [_Parsed(each, _parse(each, bare, scripts, reader)) for each in found]
    _refuse_contradictions(parsed, beside, bare, reader)
    own = replace(own, script=bare or "")
    ref = parsed[0].ref if parsed else own
    if ref is not None and not ref.script and kind is not Kind.PASS_THROUGH:
        message = f"there is no script that could hold its function `{ref.function}`"
        hint = "add `scripts: {main: PATH}`, or in the classic spelling `model.parameters.custom_script_path: PATH`"
        reader.error(message, ref.location, key="scripts", hint=hint)
    return ref or own


def _refuse_contradictions(
    parsed: Sequence[_Parsed], beside: LabelledEntry | None, script: str | None, reader: Reader
) -> None:
    """Note where `code` and `code_function` name two functions, or one of them another script than `script: KEY`."""
    read = {id(each.entry.value): each.ref for each in parsed}

    def alike(one: YamlNode, other: YamlNode) -> bool:
        return read[id(one)] is None or read[id(other)] is None or read[id(one)] == read[id(other)]

    reader.agreed([each.entry for each in parsed], alike)
    for entry, ref in parsed:
        if beside is not None and ref is not None and ref.script != script:
            message = f"`script: {script}` and `{entry.label}: {ref.script}.{ref.function}` name two scripts"
            if ref.module:
                message = f"`script: {script}` and the module in `{entry.label}: {ref.script}{ref.function}` contradict"
            reader.error(message, beside.value.location, key="script", hint="remove `script`")


def _parse(found: LabelledEntry, bare: str | None, scripts: Scripts, reader: Reader) -> CodeRef | None:
    expected = "the name of a function, KEY.NAME with the key of a script, or MODULE:NAME"
    text = reader.text(found.value, found.label, expected)
    if text is None:
        return None
    if ":" in text:
        return _parse_module(text, found, reader)
    head, dot, tail = text.partition(".")
    key, function = (head, tail) if dot else (bare or "", text)
    if not function.isidentifier() or (dot and not key):
        reader.wrong(found.value, found.label, expected)
        return None
    if dot and not _is_there(key, found, scripts, reader):
        return None
    return CodeRef(key, function, found.value.location)


def _parse_module(text: str, found: LabelledEntry, reader: Reader) -> CodeRef | None:
    """Read `MODULE:NAME`. Whether there is such a module only the import system can tell, which is asked later."""
    module, _, function = text.partition(":")
    if all(part.isidentifier() for part in (*module.split("."), function)):
        return CodeRef(f"{module}:", function, found.value.location)
    expected = "MODULE:NAME with the dotted name of a module, one colon, and the name of a function in it"
    hint = None
    if "/" in module or module.endswith(".py"):
        dotted = module.removesuffix(".py").strip("./").replace("/", ".").removeprefix("src.")
        hint = f"a module is written without folders: `{dotted}:{function}`"
    elif "." in function and not module:
        hint = f"did you mean `{function.replace('.', ':', 1)}`?"
    reader.wrong(found.value, found.label, expected, hint)
    return None


def _script_key(found: LabelledEntry, scripts: Scripts, reader: Reader) -> str | None:
    """Return what `script: KEY` names; None, with an error, where there is no such script."""
    key = reader.text(found.value, found.label, "the key of a script")
    return key if key is not None and _is_there(key, found, scripts, reader) else None


def _is_there(key: str, found: LabelledEntry, scripts: Scripts, reader: Reader) -> bool:
    """Return whether there is a script under `key`; if not, note that `found` names none."""
    if key in scripts.paths:
        return True
    there = listed(scripts.paths, 8, quote="`") or "none"
    written = found.value.text if isinstance(found.value, Scalar) else key
    message = f"`{found.label}: {written}` names the script `{key}`, which does not exist; the scripts are: {there}"
    hint = reader.suggested(key, scripts.paths)
    reader.error(message, found.value.location, key=found.label, hint=hint)
    return False
