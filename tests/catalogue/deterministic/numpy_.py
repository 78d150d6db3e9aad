"""Arrays whose layout, padding, mask or unused memory is another, and whose elements are the same."""

from __future__ import annotations

import numpy as np

from pytest_expops.core import process, step


@process()
def fill_empty(frame):
    """np.empty, every element of which is then written"""
    table = np.empty((len(frame), 2))
    table[:, 0], table[:, 1] = frame["age"], frame["income"]
    return {"table": table}


@process()
def return_views(frame):
    """Views, reversed and strided, of larger buffers"""
    table = frame[["age", "income", "visits"]].to_numpy()
    return {"reversed": table[::-1], "strided": table[::3, 1], "broadcast": np.broadcast_to(table[0], (4, 3))}


@step()
def laid_out(values):
    # As libraries do that pick a layout by what is at hand; here by the hash seed.
    return np.asfortranarray(values) if hash("layout") % 2 else np.ascontiguousarray(values)


@process()
def choose_layout(frame):
    """The same elements in C or in Fortran order"""
    return {"table": laid_out(frame[["age", "income", "visits"]].to_numpy())}


@process()
def mask_values(frame):
    """A masked array with whatever was in memory under the mask"""
    data = np.empty(len(frame))
    hidden = frame["visits"].to_numpy() > 3
    data[~hidden] = frame["income"].to_numpy()[~hidden]
    return {"income": np.ma.array(data, mask=hidden).compressed()}


@process()
def pad_records(frame):
    """A structured array with padding between its fields"""
    records = np.empty(len(frame), dtype=np.dtype([("visits", "i1"), ("income", "f8")], align=True))
    records["visits"], records["income"] = frame["visits"], frame["income"]
    return {"records": records}


@process()
def hold_objects(frame):
    """An array of objects, held by their addresses"""
    return {"rows": np.array([{city} for city in frame["city"]], dtype=object)}


@process()
def sort_stably(frame):
    """Rows with ties, sorted stably"""
    return {"order": np.argsort(frame["rating"].to_numpy(), kind="stable")}


@process()
def solve_small_system(frame):
    """Linear algebra by a library with threads, on a matrix too small for them"""
    features = frame[["age", "income", "visits"]].to_numpy(dtype=float)
    return {"inverse": np.linalg.inv(features.T @ features), "values": np.linalg.svd(features)[1]}
