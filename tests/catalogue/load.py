"""What the processes of the catalogue are fed: a table of customers, their reviews, and two parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pytest_expops.core import process

CITIES = ["Lyon", "Oslo", "Porto", "Turin", "Ghent", "Brno", "Malmo", "Graz", "Cork", "Split", "Tartu", "Vigo"]
WORDS = "good bad late fast slow cheap great poor kind rude broken perfect small large heavy light soft hard warm cold"
MORE = "new old clean dirty easy safe loud quiet fresh stale"


@process()
def load():
    """A frame of 240 rows, 40 reviews of 8 words, and a learning rate; the same in every interpreter."""
    draws = np.random.default_rng(7)
    age = draws.integers(18, 80, 240)
    income = draws.normal(40.0, 12.0, 240)
    visits = draws.poisson(3.0, 240)
    days = draws.integers((1, 1), (13, 29), (240, 2))
    frame = pd.DataFrame(
        {
            "user": [f"user-{number:04d}" for number in range(240)],
            "city": draws.choice(CITIES, 240),
            "age": age,
            "income": income,
            "visits": visits,
            "tenure": draws.gamma(2.0, 3.0, 240),
            "clicks": draws.normal(0.3 * visits, 1.0),
            "rating": draws.integers(1, 6, 240),
            "joined": [f"2024-{month:02d}-{day:02d}T09:30:00" for month, day in days],
            "bought": (0.05 * age + 0.03 * income - visits + draws.normal(0.0, 1.0, 240) > 0.5).astype(int),
        }
    )
    reviews = [" ".join(words) for words in draws.choice(f"{WORDS} {MORE}".split(), (40, 8))]
    return {"frame": frame, "reviews": reviews, "learning_rate": 0.1}
