"""gensim's models by their state, less the log of what was done to them and how long training took."""

from __future__ import annotations

from pytest_expops.values.kinds.bookkeeping import leaving_out

handler_for = leaving_out(
    {
        # Dates, versions, the platform, and texts with speeds and durations.
        "gensim.utils.SaveLoad": {"lifecycle_events": None},
        "gensim.models.word2vec.Word2Vec": {"total_train_time": None},
    }
)
