"""Modules that their names do not find are handed over by file; those that are found are not."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from pytest_expops.execution.user_code.handed_over import HandedOver, not_on_path


def test_only_a_module_that_its_name_does_not_find_is_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lost").mkdir()
    (tmp_path / "path").mkdir()
    files = {"expops_lost.unit.it": tmp_path / "lost" / "it.py", "expops_found": tmp_path / "path" / "expops_found.py"}
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    for name, file in files.items():
        file.write_text("VALUE = 3\n", encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        monkeypatch.setitem(sys.modules, name, importlib.util.module_from_spec(spec))
    lost = "expops_lost.unit.it"
    assert not_on_path([str(tmp_path)]) == ((lost, str(files[lost])),)

    monkeypatch.delitem(sys.modules, lost)
    monkeypatch.setattr(sys, "meta_path", [HandedOver([(lost, str(files[lost]))]), *sys.meta_path])
    try:
        assert importlib.import_module(lost).VALUE == 3
    finally:
        for name in (lost, "expops_lost.unit", "expops_lost"):
            sys.modules.pop(name, None)
