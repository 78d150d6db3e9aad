"""scikit-learn's estimators by their state, less times, the folder of a cache, and an address.

The table that `cross_validate` returns, and `cv_results_` once it is taken out of its search, are plain dicts of the
user's: there the times are judged.
"""

from __future__ import annotations

from pytest_expops.values.kinds.bookkeeping import leaving_out, without_keys

_CACHE = {"memory": None}
"""Where fitted steps or trees are cached; a cache changes no result."""

handler_for = leaving_out(
    {
        # The address of the stop words, kept to check them only once.
        "sklearn.feature_extraction.text._VectorizerMixin": {"_stop_words_id": None},
        "sklearn.model_selection._search.BaseSearchCV": {
            "cv_results_": without_keys("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"),
            "refit_time_": None,
        },
        "sklearn.pipeline.Pipeline": _CACHE,
        "sklearn.cluster._agglomerative.AgglomerativeClustering": _CACHE,
        "sklearn.cluster._hdbscan.hdbscan.HDBSCAN": _CACHE,
        # Names that were renamed, for a warning; pickling forgets them.
        "sklearn.utils._bunch.Bunch": {"_deprecated_key_to_warnings": None},
    }
)
