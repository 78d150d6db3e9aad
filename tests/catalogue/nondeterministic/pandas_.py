"""Tables whose rows, columns or values come in an order, or at a time, that nobody has chosen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
import pandas as pd

from pytest_expops.core import process, step


@step()
def best_by_rating(frame):
    rows = {(row.city, row.rating) for row in frame.itertuples()}  # culprit
    unique = pd.DataFrame(list(rows), columns=["city", "rating"])  # culprit
    return unique.sort_values("rating", ascending=False).head(10)


@process()
def take_top_rows(frame):
    """The top of a sorted table whose ties stand as a set gave them

    cause: hashseed
    """
    best = best_by_rating(frame)
    return {"top": best.reset_index(drop=True)}


@process()
def merge_on_a_set(frame):
    """Rows joined in the order of a set of keys

    cause: hashseed
    """
    prices = pd.DataFrame({"city": sorted(set(frame["city"])), "price": range(frame["city"].nunique())})
    wanted = pd.DataFrame({"city": list({city for city in frame["city"] if len(city) > 3})})  # culprit
    return {"joined": wanted.merge(prices, on="city", how="left")}


@process()
def sample_with_own_generator(frame):
    """A sample by a generator made on the spot

    cause: entropy
    """
    sample = frame.sample(30, random_state=np.random.default_rng())  # culprit
    return {"sample": sample.sort_index()}


@process()
def age_rows(frame):
    """Ages in days from pandas' own clock

    cause: clock
    """
    age = pd.Timestamp.now() - pd.to_datetime(frame["joined"])  # culprit
    return {"age": age.dt.total_seconds() / 86_400}


def summary(frame, city):
    rows = frame[frame["city"] == city]
    for _ in range(3):
        rows = rows.sort_values(["income", "age"])
    return pd.DataFrame({"city": [city], "income": [rows["income"].median()]})


@process()
def concatenate_as_completed(frame):
    """Parts made by threads and put together as they come

    cause: threads
    """
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(summary, frame, city) for city in sorted(set(frame["city"])) * 3]
        parts = [future.result() for future in as_completed(futures)]  # culprit
    return {"table": pd.concat(parts, ignore_index=True)}


@process()
def encode_columns(frame):
    """Indicator columns in the order of a set of categories

    cause: hashseed
    """
    columns = [f"city={city}" for city in set(frame["city"])]  # culprit
    indicators = pd.get_dummies(frame["city"], prefix="city", prefix_sep="=")
    return {"indicators": indicators[columns].to_numpy(), "count": len(columns)}


@process()
def categorise(frame):
    """Category codes in the order of a set

    cause: hashseed
    """
    cities = pd.Categorical(frame["city"], categories=list(set(frame["city"])))  # culprit
    return {"codes": cities.codes}
