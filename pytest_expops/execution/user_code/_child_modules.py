"""Lets the child processes of a process import its script, by the name that the script has here.

What `joblib` or `multiprocessing` sends to a child it spawns names the module of each function. The child knows no
finder of ours, but it gets the import path; so a folder on that path holds, for each script, a module of its name which
loads the script in its own place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_TEMPLATE = """\
# Written by pytest-expops for child processes; loads {script}
import sys

sys.path += [entry for entry in {import_path!r} if entry not in sys.path]

from pytest_expops.execution.user_code.scripts import install_aliases, script_spec

install_aliases()
__spec__ = script_spec(__name__, {script!r}, {package!r})
__package__ = {package!r}
__file__ = {script!r}
__spec__.loader.exec_module(sys.modules[__name__])
"""


def write_child_modules(folder: Path, scripts: Mapping[str, tuple[Path, str]], import_path: list[str]) -> None:
    """Write a module to `folder` for each script, by module name; several processes may do so at once.

    Args:
        folder: where the modules go.
        scripts: each script with the package that it is part of, empty for none.
        import_path: what the scripts find modules in.
    """
    folder.mkdir(exist_ok=True)  # in the folder of a session that is there
    for name, (script, package) in scripts.items():
        target = folder / f"{name}.py"
        text = _TEMPLATE.format(script=str(script), package=package, import_path=import_path)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            temporary = folder / f".{name}.{os.getpid()}"
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, target)
