"""joblib's caches and cached functions by their settings, wherever the cache is."""

from __future__ import annotations

from pytest_expops.values.kinds.bookkeeping import leaving_out

_PLACE = {"location": None, "store_backend": None}

handler_for = leaving_out(
    {
        "joblib.memory.Memory": _PLACE,
        # `_func_code_info`: the source file and line of the function, which is itself judged by its code.
        "joblib.memory.MemorizedFunc": {**_PLACE, "_func_code_info": None},
    }
)
