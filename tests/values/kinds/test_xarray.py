"""xarray: variables, coordinates and attributes by name; times only where ArviZ noted them (S7.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops.values.comparison import compare

pytestmark = pytest.mark.libraries
xarray = pytest.importorskip("xarray", reason="needs xarray (extra `libraries`)")


def _data(**changes: Any) -> Any:
    data = xarray.Dataset(
        {"heat": (("x", "t"), np.arange(6.0).reshape(2, 3))},
        coords={"x": ["a", "b"], "t": np.arange(3).astype("M8[D]")},
        attrs={"unit": "K", "created_at": "2026-01-01"},
    )
    return data.assign(**changes)


def _places(one: Any, other: Any) -> list[str]:
    return [each.path for each in compare(one, other)]


def test_elements_are_named_by_variable_and_coordinate() -> None:
    assert _places(_data(), _data()) == []
    assert _places(_data(), _data(heat=_data().heat + 1)) == ["value['heat'][0, 0]"]
    assert _places(_data(), _data().assign_coords(x=["a", "c"])) == ["value.coords['x'][1]"]
    assert _places(_data().heat, _data().heat.rename("cold")) == ["value"]
    assert _places(_data(), _data().transpose()) == ["value['heat']", "value['heat']"]
    assert _places(_data(), _data().drop_indexes("x")) == ["value.coords['x']", "value.xindexes['x']"]


def test_the_date_of_a_data_set_counts_unless_arviz_noted_it() -> None:
    assert _places(_data(), _data().assign_attrs(created_at="2026-01-02")) == ["value.attrs['created_at']"]
    drawn = [_data().assign_attrs(inference_library="pymc", created_at=day, sampling_time=day) for day in "12"]
    assert _places(*drawn) == []
    assert _places(drawn[0], drawn[1].assign_attrs(unit="C")) == ["value.attrs['unit']"]


def test_how_it_was_stored_does_not_count(tmp_path: Path) -> None:
    encoded = _data()
    encoded.heat.encoding["source"] = str(tmp_path)
    assert _places(_data(), encoded) == []


def test_trees_are_named_by_group() -> None:
    one, other = (xarray.DataTree.from_dict({"/a/b": _data(heat=_data().heat + step)}) for step in (0, 1))
    assert _places(one, other) == ["value['a']['b'].dataset['heat'][0, 0]"]
