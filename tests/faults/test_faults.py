"""The short form of the proof: some cases of every part, of which none may show a fault.

The long form is `python -m tests.faults`, or `tox -e faults`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import parts
from tests.faults.table import explained, render

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds what is alive by /proc")


@pytest.mark.parametrize("name", parts.PARTS)
def test_nothing_hangs_is_run_twice_lost_or_left_behind(name: str, tmp_path: Path) -> None:
    if name == "dask":
        pytest.importorskip("distributed")
    rows = parts.run({name: parts.PARTS[name].few}, tmp_path, seed=0, jobs=2)
    print(render(rows))
    assert [row.tried for row in rows] == [parts.PARTS[name].few]
    assert not explained(rows)
