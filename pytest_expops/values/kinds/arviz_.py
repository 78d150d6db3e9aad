"""ArviZ's `InferenceData` by its groups, which are data sets of xarray, less when it was made."""

from __future__ import annotations

from pytest_expops.values.kinds.bookkeeping import leaving_out, without_keys

handler_for = leaving_out(
    {"arviz.data.inference_data.InferenceData": {"_attrs": without_keys("created_at", "sampling_time")}}
)
