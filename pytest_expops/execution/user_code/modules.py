"""Modules by name: which file one has, of which package a script is part, and what to write where neither is found."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_expops.pipeline.files import DISK, Disk
from pytest_expops.wording import nearest


def module_file(folder: Path, parts: Sequence[str], files: Disk = DISK) -> Path | None:
    """Return the file of a module below `folder`: a source, or else a compiled one."""
    stem = folder.joinpath(*parts)
    for path in ((stem.with_name(f"{stem.name}.py"),) if parts else ()) + (stem / "__init__.py",):
        if files.is_file(path):
            return path
    compiled = [*importlib.machinery.EXTENSION_SUFFIXES, *importlib.machinery.BYTECODE_SUFFIXES] if parts else []
    return next((path for each in compiled if files.is_file(path := stem.with_name(stem.name + each))), None)


def file_of(name: str) -> Path | None:
    """Return the file of a module without importing it; None where it has none, or is not found on the import path."""
    top, *rest = name.split(".")
    spec = _spec(top)
    if spec is None:
        return None
    if rest:
        folders = spec.submodule_search_locations or ()
        return next((found for each in folders if (found := module_file(Path(each), rest))), None)
    return Path(spec.origin) if spec.has_location and spec.origin else None


def base_of(name: str) -> str | None:
    """Return the folder from which the top-level package or module of `name` is imported; None where it has none."""
    spec = _spec(name.partition(".")[0])
    if spec is None:
        return None
    place = next(iter(spec.submodule_search_locations or ()), spec.origin if spec.has_location else None)
    return os.path.dirname(os.path.realpath(place)) if place else None


def _spec(top: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):  # a module that was put into `sys.modules` by hand has no spec
        return None


def nearest_module(name: str) -> str | None:
    """Return the module of the nearest name on the import path, where the first parts of `name` are there."""
    folders: Iterable[str] = [each for each in sys.path if isinstance(each, str)]
    parts = name.split(".")
    for index, part in enumerate(parts):
        there = {each.name for each in pkgutil.iter_modules([*folders])} | {*_folders_in(folders)}
        if part in there:
            folders = [os.path.join(each, part) for each in folders if os.path.isdir(os.path.join(each, part))]
            continue
        near = nearest(part, sorted(there))
        return ".".join([*parts[:index], near, *parts[index + 1 :]]) if near else None
    return None


def _folders_in(folders: Iterable[str]) -> list[str]:
    """Return the folders without an `__init__.py`: each may be a namespace package."""
    return [
        path.name
        for folder in folders
        if os.path.isdir(folder)
        for path in Path(folder).iterdir()
        if path.name.isidentifier() and path.is_dir()
    ]


def package_of(script: Path, import_path: Iterable[str]) -> str:
    """Return the package that a script is part of, which can be imported; empty where there is none.

    A folder is a package where it has an `__init__.py`, as the folder of each package above it has.
    """
    folder = script.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return ".".join(script.parent.relative_to(folder).parts) if str(folder) in import_path else ""


def importable_as(script: Path, import_path: Iterable[str]) -> str | None:
    """Return the dotted name by which a script in a folder of the import path can be imported, as part of a package."""
    for folder in import_path:
        if script.is_relative_to(folder):
            parts = script.relative_to(folder).with_suffix("").parts
            if len(parts) > 1 and all(each.isidentifier() for each in parts):
                return ".".join(parts)
    return None
