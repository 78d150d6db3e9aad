"""What is advised against a cause wherever it was met, in terms of what is run: only a process has a context, say."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_expops.pipeline.model import Checked
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.findings import Cause, Place

_STATE = "keep state in what is returned or written, not in modules; set a library's options where they are used"
_ALONE = "let the test make what it needs, in a fixture say, and others put back what they change, as by `monkeypatch`"
_FUNCTION = {
    "files": "return what the file holds, or write to a folder that is made for each call",
    "imports": "draw them in the function, which is seeded, and not while a module is imported",
    "state": _STATE,
}
_TEST = {
    "files": "write to `tmp_path`, which is empty for each run",
    "generators": "seed them: by `@pytest.mark.reproducible(seeds=[1])`, or in a fixture",
    "imports": "draw in a function or a fixture, where it can be seeded, and not while the module is imported",
    "order": _ALONE,
    "state": _ALONE,
    "tmpdir": "record what the file holds, not where it lies; write to a path of the project's own",
}
_PROGRAM = {
    "files": "write to `{out}`, which is empty for each run, or remove the file at the start",
    "imports": "draw them when the generators have been seeded",
    "state": _STATE,
    "tmpdir": "write what the file holds, not where it lies; write to a path of the project's own",
}
_OF: Mapping[Checked | None, Mapping[str, str]] = {"function": _FUNCTION, "test": _TEST, "program": _PROGRAM}


def against(cause: Cause, place: Place | None, checked: Checked | None) -> str:
    """Return what helps against a cause; `checked` is None for a process, and `place` is where the runs part."""
    known = _OF.get(checked, {})
    if checked == "test" and cause.source == "generators" and place is not None and place.function == "<module>":
        return known["imports"]
    return known.get(cause.source, cause.remedy)


def against_files(checked: Checked | None) -> str:
    """Return what helps against files that are read back."""
    return _OF.get(checked, {}).get("files", SOURCES["files"].remedy)
