"""What every test of files starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.values.files.judging import Judge


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)
