"""What `torch.save` wrote is judged by its tensors, and run only if it is trusted (S7.2)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.values.files.content import content_of
from tests.values.files.judging import Judge

pytestmark = pytest.mark.ml
torch: Any = pytest.importorskip("torch")


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def _saved(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("trusted", [False, True])
def test_tensors_are_named_and_compared_by_element(judge: Judge, trusted: bool) -> None:
    one, other = ({"step": 1, "w": torch.tensor([1.0, value])} for value in (2.0, 2.5))
    assert judge.same("m.pt", _saved(one), _saved(one, _use_new_zipfile_serialization=False), trusted=trusted)
    assert judge.paths("m.pth", _saved(one), _saved(other), trusted=trusted) == ["files['m.pth']['w'][1]"]


def test_a_module_is_read_only_if_it_is_trusted(judge: Judge) -> None:
    torch.manual_seed(1)
    one, other = _saved(torch.nn.Linear(2, 1)), _saved(torch.nn.Linear(2, 1))
    assert judge.paths("m.pt", one, one, trusted=True) == []
    assert any("weight" in path for path in judge.paths("m.pt", one, other, trusted=True))
    assert judge.paths("m.pt", one, other) == ["files['m.pt']"]


def test_what_a_file_says_is_run_only_if_it_is_trusted(tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "m.pt"
    path.write_bytes(_saved({"a": Touches(marker)}))
    content_of(path)
    assert not marker.exists()
    content_of(path, trusted=True)
    assert marker.exists()
