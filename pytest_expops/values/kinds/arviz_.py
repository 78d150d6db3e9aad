"""ArviZ's `InferenceData` by its groups, which are data sets of xarray, less when it was made."""

from __future__ import annotations

from pytest_expops.values.kinds.bookkeeping import leaving_out
from pytest_expops.values.kinds.xarray_ import judged_attributes

handler_for = leaving_out({"arviz.data.inference_data.InferenceData": {"_attrs": judged_attributes}})
