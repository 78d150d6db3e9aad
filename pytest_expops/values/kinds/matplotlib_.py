"""Matplotlib's figures by the artists in them and their data, less what serves drawing and interaction."""

from __future__ import annotations

from pytest_expops.values.kinds.bookkeeping import leaving_out

handler_for = leaving_out(
    {
        # Which transforms depend on this one, by their addresses, and whether what they keep must be computed anew.
        "matplotlib.transforms.TransformNode": dict.fromkeys(("_parents", "_invalid")),
        # Who is to be called when something happens, and by which number in this interpreter.
        "matplotlib.cbook.CallbackRegistry": dict.fromkeys(
            ("_cid_gen", "_func_cid_map", "_pickled_cids", "callbacks", "exception_handler")
        ),
        "matplotlib.artist.Artist": dict.fromkeys(
            ("_axobservers", "_callbacks", "_remove_method", "_stale", "stale_callback")
        ),
        # `_localaxes` has the axes in the order in which they were made; `_axstack`, in the order of their last use.
        "matplotlib.figure.FigureBase": dict.fromkeys(("_axstack", "_canvas_callbacks")),
        # Which of pyplot's figures it is, and by which numbers it listens to the mouse.
        "matplotlib.figure.Figure": dict.fromkeys(
            ("_button_pick_id", "_number", "_restore_to_pylab", "_scroll_pick_id")
        ),
        # Gives the next category its number; `_mapping` has those of the categories that there are.
        "matplotlib.category.UnitData": {"_counter": None},
    }
)
