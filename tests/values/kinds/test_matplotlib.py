"""Matplotlib: a figure is its artists and their data, however many figures there are (S7.2)."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_expops.values.comparison import compare
from tests.values.kinds.models import figure

pytest.importorskip("matplotlib")


def test_which_of_pyplots_figures_it_is_does_not_count() -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    made = []
    try:
        for _ in range(2):
            shown, axes = plt.subplots()
            axes.plot([1, 2])
            shown.canvas.mpl_connect("button_press_event", print)
            made.append(shown)
        assert made[0].number != made[1].number
        assert compare(*made) == ()
    finally:
        plt.close("all")


def test_data_and_texts_count() -> None:
    plain, moved, titled = figure(0), figure(0), figure(0)
    line = moved.axes[0].lines[0]
    line.set_ydata(np.array([1.0, 2.0, np.nextafter(3.0, 4.0)]))
    titled.axes[0].set_title("loss")
    assert "value._localaxes[0]._children[0]._yorig[2]" in [each.path for each in compare(plain, moved)]
    assert "value._localaxes[0].title._text" in [each.path for each in compare(plain, titled)]
